"""``jackfield record``: keep a call in a file, without decoding or encoding it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import click

from jackfield.cli.frame import output
from jackfield.cli.frame.exits import Exit
from jackfield.cli.frame.group import Frame
from jackfield.cli.live import calling

if TYPE_CHECKING:
    from jackfield.calls import Calls

#: What a folder's name may take, with room for what file systems add.
FOLDER_BYTES = 120

EPILOG = """
\b
Examples:
  jackfield record stand-up                       into the folder stand-up, a file for each participant
  jackfield record stand-up --to /srv/calls --seconds 3600
  jackfield record 'https://host/join/lobby#invite=…' --to lobby

Records until Ctrl-C, --seconds, or the end of the call. Nothing is sent, and nothing is encoded anew. Ends with 4 when
the server was lost, or removed us: what came until then is kept; with 1 when nothing of what came could be read.
"""


@click.command("record", epilog=EPILOG)
@click.argument("session")
@click.option("--to", "record_to", type=click.Path(), metavar="PATH", help="Where to.  [default: the session's name]")
@calling.options(media=False)
@click.option("--seconds", type=click.FloatRange(0), help="Stop after this long.")
@click.option("--verbose", is_flag=True, help="Log what happens.")
@output.json_option
@click.pass_obj
def command(
    frame: Frame, /, session: str, record_to: str | None, seconds: float | None, as_json: bool, **flags: Any
) -> int:
    """Record everyone in a call, as they send it."""
    from jackfield.cli.live import watching

    watching.log(verbose=flags.pop("verbose"))
    where = record_to or _folder(session)
    settings = calling.settings(flags.pop("given"))
    settings |= {"camera": "none", "microphone": "none", "speaker": "none", "record_to": where}
    return asyncio.run(_run(frame, session, where, settings, seconds, as_json, flags))


async def _run(
    frame: Frame,
    session: str,
    where: str,
    settings: dict[str, Any],
    seconds: float | None,
    as_json: bool,
    who: dict[str, Any],
) -> int:
    from jackfield.cli.live import watching

    who["name"] = who["name"] or "recorder"
    tracks: set[str] = set()
    unread: dict[str, str] = {}
    lines = watching.EventLines(as_json)

    def prepare(calls: Calls) -> None:
        lines.hear(calls)
        calls.on("track_subscribed", lambda event: tracks.add(event.track.sid))
        calls.on("error", lambda event: unread.update(_unread(event)))

    with watching.stopped_by_signals() as stop:
        async with calling.joined(
            frame.config(),
            frame.plugins(),
            session,
            settings=settings,
            stop=stop,
            prepare=prepare,
            **who,
        ) as call:
            if not as_json:
                click.echo(f"recording {call.session_id!r} to {where}; Ctrl-C ends it")
            lines.begin()
            await watching.watch(call, stop, seconds=seconds, as_json=as_json)
            files = list(call.view or ())
            fine = call.is_active or await call.until_left() in watching.FINE
    for found in unread.values():
        click.echo(f"not recorded: {found}", err=True)
    if as_json:
        facts = {"recorded": where, "tracks": len(tracks), "files": [str(path) for path in files]}
        output.print_json_line(facts | {"unreadable": sorted(unread)})
    else:
        kept = (
            f"{_counted(len(tracks) - len(unread), 'track')} in {_counted(len(files), 'file')}" if files else "nothing"
        )
        click.echo(f"recorded {kept} to {where}")
    if not fine:
        return Exit.NETWORK
    return Exit.FAILED if unread and not files else Exit.OK


def _unread(event: Any) -> dict[str, str]:
    """Whose media could not be read, and why."""
    from jackfield.values.errors import EncryptionError

    return {event.source: event.error.message} if isinstance(event.error, EncryptionError) else {}


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _folder(session: str) -> str:
    """A folder here, named after the session, whatever that is called."""
    from jackfield import links

    name = links.parse(session).session_id if links.is_link(session) else session
    safe = "".join(character if character.isalnum() or character in "-_." else "_" for character in name)
    return safe.strip(".").encode()[:FOLDER_BYTES].decode(errors="ignore") or "_"
