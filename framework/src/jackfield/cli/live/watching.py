"""A call as it goes on: a table of its tracks for people, lines of JSON for programs."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import sys
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from jackfield.cli.frame import output

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from jackfield.calls import Calls
    from jackfield.session.call import CallSession
    from jackfield.values.events import Event

Answer = TypeVar("Answer")
#: How a call may end without anything having gone wrong.
FINE = ("left", "ended", "idle")
#: Events that are told as they happen.
TOLD = (
    "participant_joined",
    "participant_left",
    "connection_lost",
    "connection_restored",
    "session_left",
    "device_lost",
    "device_restored",
    "camera_changed",
    "microphone_changed",
    "speaker_changed",
    "no_audio_input",
    "talking_while_muted",
    "encoder_changed",
    "error",
)
COLUMNS = ("who", "track", "codec", "size", "fps", "kbit/s", "lost", "jitter", "rtt", "by")
#: A narrower terminal has no room for the encoder's name, which ``--explain`` and the last lines say too.
ROOM_FOR_ALL = 96
#: Consoles with a table on them: what is said meanwhile goes above it.
_drawn_on: list[Console] = []


@contextlib.contextmanager
def stopped_by_signals() -> Iterator[asyncio.Event]:
    """An event that Ctrl-C or SIGTERM sets, so that the call is left in order."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    caught = []
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError, ValueError, RuntimeError):
            loop.add_signal_handler(number, stop.set)
            caught.append(number)
    try:
        yield stop
    finally:
        for number in caught:
            loop.remove_signal_handler(number)


async def unless_stopped(job: Coroutine[Any, Any, Answer], stop: asyncio.Event) -> Answer:
    """What the job answers. `click.Abort` when ``stop`` is set first: the job was cancelled, and has tidied up."""
    task, stopping = asyncio.create_task(job), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise click.Abort
        return task.result()
    finally:
        for each in (task, stopping):
            each.cancel()
        await asyncio.gather(task, stopping, return_exceptions=True)


def log(*, verbose: bool) -> None:
    """Warnings, or with ``verbose`` all that happens, go to stderr, above a table that is being drawn."""
    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING,
        format="%(levelname)s %(name)s: %(message)s",
        handlers=[_Stderr()],
    )


class _Stderr(logging.Handler):
    """Whatever stderr is at the moment: under a table it is one that writes above it."""

    def emit(self, record: logging.LogRecord) -> None:
        """Writes one line."""
        sys.stderr.write(self.format(record) + "\n")


def takes_the_terminal(call: CallSession) -> bool:
    """Whether a renderer draws where a command would print: nothing else is written there meanwhile."""
    return bool(getattr(call.view, "takes_the_terminal", False))


def say(line: str) -> None:
    """One line for people, above the table where there is one."""
    if _drawn_on:
        _drawn_on[-1].print(line, markup=False)
    else:
        click.echo(line)


class EventLines:
    """Prints what happens in the call, from its first event on; but nothing before `begin`."""

    def __init__(self, as_json: bool) -> None:
        self._as_json = as_json
        self._held: list[Event] | None = []
        self._error: object = None

    def hear(self, calls: Calls) -> None:
        """What happens in calls that are joined from now on."""
        for name in TOLD:
            calls.on(name, self._take)

    def begin(self) -> None:
        """What the command says first stands there: now come the events."""
        held, self._held = self._held or [], None
        for event in held:
            self._take(event)

    def _take(self, event: Event) -> None:
        if self._held is not None:
            self._held.append(event)
            return
        error = getattr(event, "error", None)
        if error is not None and error is self._error and not self._as_json:
            return  # a lost device is an error as well, and was just told of
        self._error = error
        with contextlib.suppress(OSError):  # nobody reads any more: no business of the call's
            _tell(event, self._as_json)


def _tell(event: Event, as_json: bool) -> None:
    person, error, device = (getattr(event, name, None) for name in ("participant", "error", "device"))
    facts = {"uid": person.uid if person else None, "message": getattr(event, "message", None) or None}
    if getattr(event, "ended", False):
        facts["message"] = "it is heard again"
    after_s = getattr(event, "after_s", None)
    if after_s is not None:
        facts["message"] = f"after {after_s:.1f} s" + (", joined anew" if getattr(event, "rejoined", False) else "")
    facts["device"] = f"{device.label} ({device.id})" if device else None
    facts |= {"reason": getattr(event, "reason", None), "error": str(error) if error else None}
    facts = {key: value for key, value in facts.items() if value is not None}
    if as_json:
        output.print_json_line({"event": event.name, **facts})
    elif facts == {"reason": "left"}:
        say("left the session")
    else:
        say(f"{event.name.replace('_', ' ')}" + (": " + ", ".join(map(str, facts.values())) if facts else ""))


async def watch(
    call: CallSession,
    stop: asyncio.Event,
    *,
    seconds: float | None,
    as_json: bool,
    in_full: bool = False,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Shows the call each second, until it ends, ``seconds`` have passed or ``stop`` is set; ``in_full``: with all
    that is counted."""
    end = None if seconds is None else clock() + seconds
    left = asyncio.ensure_future(call.until_left())
    stopping = asyncio.ensure_future(stop.wait())
    try:
        taken = takes_the_terminal(call) and not as_json
        with contextlib.nullcontext(_nothing) if taken else _screen(as_json, in_full) as show:
            while not left.done() and not stopping.done() and (end is None or clock() < end):
                wait = 1.0 if end is None else max(0.0, min(1.0, end - clock()))
                await asyncio.wait({left, stopping}, timeout=wait, return_when=asyncio.FIRST_COMPLETED)
                if call.is_active:
                    show(call)
    finally:
        left.cancel()
        stopping.cancel()


def _nothing(call: CallSession) -> None: ...


@contextlib.contextmanager
def _screen(as_json: bool, in_full: bool) -> Iterator[Callable[[CallSession], None]]:
    if as_json:
        yield lambda call: output.print_json_line({"stats": call.stats()})
        return
    from jackfield.cli.live.figures import figures

    screen = output.console()
    if not screen.is_terminal:
        yield (lambda call: screen.print(figures(call, width=screen.width))) if in_full else (lambda call: None)
        return
    from rich.live import Live

    drawn: Callable[..., Any] = figures if in_full else table

    with Live(console=screen, auto_refresh=False, transient=True) as live:
        _drawn_on.append(screen)
        try:
            yield lambda call: live.update(drawn(call, width=screen.width), refresh=True)
        finally:
            _drawn_on.remove(screen)


def table(call: CallSession, *, width: int = ROOM_FOR_ALL) -> Table:
    """The call's tracks, ours first, a line each however narrow the terminal is."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    found = call.stats()
    people = "alone" if found["participants"] == 1 else f"{found['participants']} participants"
    away = " · reconnecting" if found["connection"]["state"] == "reconnecting" else ""
    title = Text(f"{call.session_id} · {people}{away}")
    shown = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    columns = COLUMNS if width >= ROOM_FOR_ALL else COLUMNS[:-1]
    for column in columns:
        is_text = column in ("who", "track", "codec", "by")
        shown.add_column(
            column, justify="left" if is_text else "right", no_wrap=column not in ("who", "track"), overflow="ellipsis"
        )
    tracks: list[tuple[str, Mapping[str, Any]]] = [("you", track) for track in found["publications"]]
    tracks += [(whose(track, found["tracks"]), track) for track in found["tracks"]]
    for who, track in tracks:
        shown.add_row(*(Text(cell) for cell in row(who, track)[: len(columns)]))
    return shown


def whose(track: Mapping[str, Any], others: Sequence[Mapping[str, Any]]) -> str:
    """Whose track it is: their name, and their uid too where another has that name."""
    uid, name = track["uid"], track.get("participant") or track["uid"]
    shared = any(other["uid"] != uid and other.get("participant") == name for other in others)
    return f"{name} ({uid})" if shared and name != uid else name


def row(who: str, track: Mapping[str, Any]) -> list[str]:
    """One track's cells. The round trip is measured by whoever sends, so that of remote tracks is theirs to know."""
    video = track["kind"] == "video"
    width, height = track.get("frameWidth", 0), track.get("frameHeight", 0)
    packets, lost = track.get("packetsReceived", track.get("packetsSent", 0)), track.get("packetsLost", 0)
    share = 100 * lost / (packets + lost) if packets and lost > 0 else 0.0
    return [
        who,
        track.get("name") or track["source"],
        track.get("codec", ""),
        f"{width}x{height}" if video and width else "",
        f"{track.get('framesPerSecond', 0):.0f}" if video else "",
        "off" if track.get("muted") else f"{track.get('bitrate', 0) / 1000:.0f}",
        f"{share:.1f} %",
        f"{1000 * track.get('jitter', 0):.1f} ms",
        f"{1000 * (track.get('roundTripTime') or 0):.1f} ms" if "packetsSent" in track else "",
        _by(track),
    ]


def _by(track: Mapping[str, Any]) -> str:
    """Who encoded one of our tracks; "passthrough" where its source did."""
    by: str = track.get("encoderImplementation", "")
    sends_as_it_is = not by and "encoderImplementation" in track and track["kind"] == "video"
    return "passthrough" if sends_as_it_is else by


def line(who: str, track: Mapping[str, Any]) -> str:
    """One track as a line of words."""
    cells = dict(zip(COLUMNS, row(who, track), strict=True))
    first = " ".join(filter(None, (cells[name] for name in ("who", "track", "codec", "size"))))
    words = {"fps": "{} fps", "kbit/s": "{} kbit/s", "lost": "{} lost", "jitter": "jitter {}", "rtt": "rtt {}"}
    rest = ["off"] if track.get("muted") else [words[name].format(cells[name]) for name in words if cells[name]]
    return ", ".join([first, *rest, *filter(None, [cells["by"]])])


def summary(call_stats: Mapping[str, Any]) -> list[str]:
    """The last state of each track, a line each."""
    lines = [line("sent", track) for track in call_stats["publications"]]
    others = call_stats["tracks"]
    return lines + [line(f"from {whose(track, others)}:", track) for track in others]
