"""``jackfield join``: take part in a call, and watch how it goes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import click

from jackfield.cli.frame import output
from jackfield.cli.frame.exits import Exit
from jackfield.cli.frame.group import Frame
from jackfield.cli.live import calling

if TYPE_CHECKING:
    from jackfield.session.call import CallSession

EPILOG = """
\b
Examples:
  jackfield join stand-up                          this machine's server, the best camera and microphone
  jackfield join 'https://host/join/lobby#invite=…'   a link that somebody sent
  jackfield join stand-up --camera C920 --camera none --video 640x360@15
  jackfield join stand-up --server wss://calls.example.com --seconds 60 --json
  jackfield join stand-up --watch-only --record call.mkv
  jackfield join stand-up --stats                  all that is counted, each second

SESSION is an id or a link. Ctrl-C leaves. Ends with 0 when the call was left, or ended for everybody; with 4 when the
server refused or was lost; with 1 when --check did not recognise what it saw and heard; with 130 at Ctrl-C before we
are in, or during --check.
"""


@click.command("join", epilog=EPILOG)
@click.argument("session")
@calling.options(media=True)
@click.option("--watch-only", is_flag=True, help="Send nothing: no camera, no microphone.")
@click.option("--record", "record_to", metavar="FILE", help="Keep the call in this file, or folder.")
@click.option("--seconds", type=click.FloatRange(0), help="Leave after this long.")
@click.option("--check", is_flag=True, help="Decode, and tell made-up pictures and tones from any other.")
@click.option("--check-uid", metavar="UID", help="With --check: whose media.")
@click.option("--stats", is_flag=True, help="Show all that is counted: loss, repairs, freezes, delays, the path.")
@click.option("--explain", is_flag=True, help="Say which plugin serves each role, and why.")
@click.option("--verbose", is_flag=True, help="Log what happens.")
@output.json_option
@click.pass_obj
def command(frame: Frame, /, session: str, as_json: bool, **flags: Any) -> int:
    """Take part in a call: send camera and microphone, play what comes, show each track's statistics."""
    from jackfield.cli.live import watching

    watching.log(verbose=flags["verbose"])
    settings = calling.settings(**flags)
    if flags["watch_only"]:
        settings |= {"camera": "none", "microphone": "none"}
    if flags["record_to"]:
        settings["record_to"] = flags["record_to"]
    return asyncio.run(_run(frame, session, settings, as_json, flags))


async def _run(frame: Frame, session: str, settings: dict[str, Any], as_json: bool, flags: dict[str, Any]) -> int:
    from jackfield.cli.live import watching

    config, plugins = frame.config(), frame.plugins()
    who = {name: flags[name] for name in ("server", "token", "uid", "name", "api_key")}
    lines = watching.EventLines(as_json)
    with watching.stopped_by_signals() as stop:
        async with calling.joined(
            config,
            plugins,
            session,
            settings=settings,
            stop=stop,
            prepare=lines.hear,
            **who,
        ) as call:
            quiet = watching.takes_the_terminal(call) and not as_json
            if not quiet:
                _say_joined(call, as_json, flags["explain"])
                lines.begin()
            if flags["check"]:
                return await watching.unless_stopped(_check(call, plugins, flags, as_json), stop)
            await watching.watch(call, stop, seconds=flags["seconds"], as_json=as_json, in_full=flags["stats"])
            if call.is_active:
                _say_summary(call, as_json or quiet)
                return Exit.OK
            return Exit.OK if await call.until_left() in watching.FINE else Exit.NETWORK


async def _check(call: CallSession, plugins: Any, flags: dict[str, Any], as_json: bool) -> int:
    from jackfield.cli.live.checking import Check

    check = Check(call, plugins, flags["check_uid"])
    await check.run(flags["seconds"] or 10.0)
    facts = check.facts()
    if as_json:
        output.print_json_line({"check": facts})
    else:
        for kind, found in facts.items():
            click.echo(f"{kind}: {found['decoded']} decoded; {found['text']}")
    return Exit.OK if all(found["ok"] for found in facts.values()) else Exit.FAILED


def _say_joined(call: CallSession, as_json: bool, explain: bool) -> None:
    choices = call.explain() if explain else []
    if as_json:
        facts = {"event": "session_joined", "session_id": call.session_id, "uid": call.uid, "role": call.role}
        output.print_json_line(facts | ({"explain": [str(choice) for choice in choices]} if explain else {}))
        return
    click.echo(f"in {call.session_id!r} as {call.uid} ({call.role}); Ctrl-C leaves")
    if isinstance(call.view, str):
        click.echo(f"shown at {call.view}")
    for choice in choices:
        click.echo(str(choice))


def _say_summary(call: CallSession, as_json: bool) -> None:
    from jackfield.cli.live.watching import summary

    if not as_json:
        for line in summary(call.stats()):
            click.echo(line)
