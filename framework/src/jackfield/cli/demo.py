"""``jackfield demo``: a whole call on this machine, and a link where a browser joins it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from jackfield.cli.frame import output
from jackfield.cli.frame.exits import Exit
from jackfield.cli.frame.group import Frame
from jackfield.cli.live import calling

if TYPE_CHECKING:
    from jackfield.calls import Calls
    from jackfield.session.call import CallSession
    from jackfield.values.people import Place

EPILOG = """
\b
Examples:
  jackfield demo                        until Ctrl-C; open the printed link in a browser
  jackfield demo --seconds 10           ends by itself, after a second process received picture and sound
  jackfield demo --lan                  other machines join too, over https
  jackfield demo --camera C920 --video 640x360@15

An embedded server and a participant with the best camera and microphone found; made-up ones where there are none.
Ends with 0 when all went well; with --seconds, with 1 when what the second process received was not what was sent.
"""

UID = "jackfield"
#: What the second process must have received: so many pictures a second of the rate that was aimed at, so much sound.
LEAST_SHARE = 0.5
START_TIMEOUT_S = 30.0
END_TIMEOUT_S = 10.0


@click.command("demo", epilog=EPILOG)
@click.option("--seconds", type=click.FloatRange(1), help="End by itself, and check what a second process received.")
@click.option("--lan", is_flag=True, help="Open to the local network, over https.")
@click.option("--session", default="demo", show_default=True, help="The session's id.")
@click.option("--port", type=click.IntRange(0, 65535), help="TCP port.  [default: 7880, else any that is free]")
@calling.media_options
@click.option("--verbose", is_flag=True, help="Log what happens.")
@output.json_option
@click.pass_obj
def command(frame: Frame, /, session: str, as_json: bool, **flags: Any) -> int:
    """Run the whole thing: server, participant, statistics, and the link where a browser joins."""
    from jackfield.cli.live import watching

    watching.log(verbose=flags["verbose"])
    return asyncio.run(_run(frame, session, calling.settings(**flags), as_json, flags))


async def _run(frame: Frame, session: str, settings: dict[str, Any], as_json: bool, flags: dict[str, Any]) -> int:
    from jackfield.calls import Calls
    from jackfield.cli.live import watching
    from jackfield.tokens import check_session_id

    plugins = frame.plugins()
    plugins.raise_for_errors()
    check_session_id(session)
    with watching.stopped_by_signals() as stop:
        async with (
            _server(session, flags, stop) as started,
            Calls(_place(started), plugins=plugins, remember=False) as calls,
        ):
            _say(started, session, as_json)
            lines = watching.EventLines(as_json)
            lines.hear(calls)
            await calls.login(UID, name="Jackfield demo")
            call = await watching.unless_stopped(_joined(calls, session, settings), stop)
            _say_devices(call, as_json)
            lines.begin()
            if flags["seconds"] is None:
                await watching.watch(call, stop, seconds=None, as_json=as_json)
                return Exit.OK if stop.is_set() or await call.until_left() in ("left", "ended") else Exit.NETWORK
            return await _checked(call, started, flags["seconds"], stop, as_json)


async def _joined(calls: Calls, session: str, settings: dict[str, Any]) -> CallSession:
    return await calls.join_session(session_id=session, settings=settings)


# --- the server -----------------------------------------------------------------------------------------------------
@contextlib.asynccontextmanager
async def _server(session: str, flags: dict[str, Any], stop: asyncio.Event) -> AsyncIterator[dict[str, Any]]:
    """The embedded server in a process of its own, and what it says of itself."""
    from jackfield.cli.live.watching import unless_stopped

    port = _free(7880) if flags["port"] is None else _free(flags["port"], must=True)
    arguments = ["serve", "--json", "--session", session, "--port", str(port), "--drain-seconds", "0"]
    arguments += ["--udp-port", "0", *(["--lan"] if flags["lan"] else [])]
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "jackfield",
        *arguments,
        env={**os.environ, **_keys()},
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        yield await unless_stopped(_started(child), stop)
    finally:
        await _ended(child)


def _keys() -> dict[str, str]:
    """This machine's own keys, whatever is configured for other servers."""
    from jackfield import state

    keys = state.development_keys()
    return {"JACKFIELD_KEYS": f"{keys.api_key}: {keys.api_secret}", "JACKFIELD_LOGIN_KEY": keys.login_key}


async def _started(child: asyncio.subprocess.Process) -> dict[str, Any]:
    from jackfield.values.errors import NetworkError

    assert child.stdout is not None
    try:
        async with asyncio.timeout(START_TIMEOUT_S):
            line = await child.stdout.readline()
        found: dict[str, Any] = json.loads(line)
    except (TimeoutError, ValueError) as exc:
        raise NetworkError("the demo's server did not start; what it said is above") from exc
    return found


async def _ended(child: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        # Not one that it is to come back from: browsers in its call are told that it is over.
        child.send_signal(signal.SIGTERM if os.name == "nt" else signal.SIGINT)
    try:
        async with asyncio.timeout(END_TIMEOUT_S):
            await child.communicate()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            child.kill()
        await child.wait()


def _free(wanted: int, *, must: bool = False) -> int:
    """The port, where nobody has it; else 0 or, where it ``must`` be this one, `SettingsError`."""
    import socket

    from jackfield.server.settings import one_mistake

    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError as exc:
            if must:
                raise one_mistake("port", f"{wanted}: {exc.strerror}", "name another, or leave --port out") from exc
            return 0
    return wanted


def _place(started: dict[str, Any]) -> Place:
    from jackfield import state
    from jackfield.values.people import Place

    keys = state.development_keys()
    return Place(started["url"], keys.api_key, keys.api_secret, keys.login_key, started.get("fingerprint"))


# --- what is said ---------------------------------------------------------------------------------------------------
def _say(started: dict[str, Any], session: str, as_json: bool) -> None:
    if as_json:
        output.print_json_line({"server": started})
        return
    for warning in started.get("warnings", ()):
        click.echo(warning, err=True)
    click.echo(f"server at {started['url']}, media on UDP {started['udp_port']}")
    click.echo(f"join {session!r} from a browser:\n")
    for link in started["links"]:
        click.echo(f"  {link}\n")
    if started.get("fingerprint"):
        output.self_signed(started["fingerprint"], started["links"][0])


def _say_devices(call: CallSession, as_json: bool) -> None:
    for publication in call.publications:
        device = publication.device
        facts = {"source": publication.source, "device": device.id if device else "", "codec": publication.codec}
        if as_json:
            output.print_json_line({"publishes": facts | {"encoder": publication.encoder}})
        else:
            by = f", {publication.codec} by {publication.encoder}" if publication.encoder else ""
            click.echo(f"{publication.source}: {device.label if device else ''} ({facts['device']}){by}")


# --- the second process ---------------------------------------------------------------------------------------------
async def _checked(
    call: CallSession, started: dict[str, Any], seconds: float, stop: asyncio.Event, as_json: bool
) -> int:
    """A second process joins and decodes; what it received is held against what was sent."""
    from jackfield.cli.live import watching

    second = await _second_process(call.session_id, started, seconds)
    watched = asyncio.create_task(watching.watch(call, stop, seconds=None, as_json=as_json))
    try:
        async with asyncio.timeout(seconds + START_TIMEOUT_S):
            said, _ = await watching.unless_stopped(second.communicate(), stop)
    except TimeoutError:
        said = b""
    finally:
        stop.set()
        await watched
        if second.returncode is None:
            second.kill()
            await second.wait()
    sent = call.stats()["publications"]
    received = _received(said)
    wrong = _compare(call, received, seconds)
    if as_json:
        output.print_json_line({"received": received, "sent": sent, "ok": not wrong, "wrong": wrong})
    else:
        _say_received(received, sent, wrong)
    return Exit.FAILED if wrong else Exit.OK


async def _second_process(session: str, started: dict[str, Any], seconds: float) -> asyncio.subprocess.Process:
    """A participant that only receives. Its token goes through its environment, not through the list of processes."""
    from jackfield import tokens

    place = _place(started)
    token = tokens.mint_call_token(
        *(place.api_key or "", place.api_secret or ""),
        uid="second-process",
        name="Second process",
        session_id=session,
        role="participant",
        url=place.url,
    )
    environment = {**os.environ, "JACKFIELD_TOKEN": token.token, "JACKFIELD_URL": place.url or ""}
    if place.fingerprint:
        environment["JACKFIELD_SERVER_FINGERPRINT"] = place.fingerprint
    arguments = ["join", session, "--watch-only", "--speaker", "none", "--check", "--check-uid", UID, "--json"]
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "jackfield",
        *arguments,
        "--seconds",
        str(seconds),
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,
    )


def _received(said: bytes) -> dict[str, Any]:
    """The check's line among what the second process said."""
    for line in reversed(said.decode(errors="replace").splitlines()):
        with contextlib.suppress(ValueError):
            found = json.loads(line)
            if isinstance(found, dict) and "check" in found:
                check: dict[str, Any] = found["check"]
                return check
    return {}


def _compare(call: CallSession, received: dict[str, Any], seconds: float) -> list[str]:
    """What did not arrive as it was sent, in words."""
    from jackfield.roles import Verifies

    if not received:
        return ["the second process received nothing"]
    wish, wrong = call.settings.video_wish, []
    made_up = {driver.name for driver in call.drivers if isinstance(driver, Verifies)}
    least = {"video": LEAST_SHARE * wish.fps * seconds, "audio": LEAST_SHARE * 50 * seconds}
    for publication in call.publications:
        found, device = received[publication.kind], publication.device
        if found["decoded"] < least[publication.kind]:
            wrong.append(f"{publication.source}: {found['decoded']} decoded, {least[publication.kind]:.0f} expected")
        if device is not None and device.plugin in made_up and not found["ok"]:
            wrong.append(f"{publication.source}: not recognised ({found['text']})")
    return wrong


def _say_received(received: dict[str, Any], sent: Sequence[Mapping[str, Any]], wrong: list[str]) -> None:
    from jackfield.cli.live.watching import line

    for track in sent:
        click.echo(line("sent    ", track))
    for kind, found in received.items():
        size = f" {found['width']}x{found['height']}" if kind == "video" else ""
        click.echo(f"received {kind}{size}: {found['decoded']} decoded; {found['text']}")
    for each in wrong:
        click.echo(f"wrong    {each}", err=True)
    if not wrong:
        click.echo("all of it arrived, in another process")
