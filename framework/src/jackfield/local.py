"""This machine's own server, as a client sees it: found where it runs, else started as a process of its own.

Processes that look at the same moment do so one after the other (a file lock), so that all of them meet in one server.
It outlives who started it, and ends when nobody has been in a call for a while.
"""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO, Final

from attrs import frozen

from jackfield import own_python, runtime, state
from jackfield.values.errors import NetworkError, SettingsError
from jackfield.values.findings import Finding
from jackfield.values.people import Place

logger = logging.getLogger("jackfield.local")

START_S: Final = 30.0
IDLE_S: Final = 60.0
_POLL_S: Final = 0.05
#: A server that somebody runs by hand, and that has just ended, is given so long to be there again.
_RETURN_S: Final = 5.0


class _Server(subprocess.Popen[bytes]):
    """Outlives whoever started it, so that its running at our end is nothing to warn of."""

    def __del__(self) -> None: ...


#: Servers that this process started, so that they are reaped once they have ended.
_children: list[_Server] = []


@frozen
class LocalServer:
    """This machine's own server. ``started``: it was not there before. ``said`` tells a person what was done.

    ``join_url`` is its address for people, on other machines too where it is open to them. ``run_by_hand``: somebody
    runs it until they stop it, and it does not end by itself.
    """

    place: Place
    pid: int
    started: bool
    join_url: str
    said: str
    run_by_hand: bool = False


class OwnServer:
    """This machine's own server, for one call. Where the call has to come back to one that somebody runs by hand, that
    is waited for: it is theirs to start again, and another in its place would take its port and its people."""

    def __init__(self) -> None:
        self._may_start = True

    async def place(self) -> Place:
        """Where it is now; started where there is none and it is ours to start, else `NetworkError`."""
        found = await local_server(start=self._may_start)
        self._may_start = not found.run_by_hand
        return found.place


async def local_place(*, start: bool = True) -> Place:
    """The place of this machine's own server, which runs from now on. `NetworkError` when it does not, and why."""
    return (await local_server(start=start)).place


async def local_server(
    *,
    start: bool = True,
    idle_s: float | None = None,
    timeout_s: float = START_S,
    program: Sequence[str] = (sys.executable, "-m", "jackfield"),
    clock: Callable[[], float] = time.monotonic,
) -> LocalServer:
    """This machine's own server, found or (with ``start``) started; waits ``timeout_s`` seconds at most.

    A server started here ends ``idle_s`` seconds after the last participant left (default: 60 s, or
    ``JACKFIELD_LOCAL_IDLE_S``); ``program`` is what serves there.
    """
    until = clock() + timeout_s
    if start:
        await _ended_or_back(until, clock)
    async with _turn(until, clock):
        record, started = await _found(), False
        if record is None:
            if not start:
                raise NetworkError("no server runs on this machine; start one with `jackfield serve`, or name its url")
            record, started = await _start(program, idle_s, until, clock), True
    url, said = record.join_url or record.url, _said(record, started)
    found = LocalServer(_place(record), record.pid, started, url, said, run_by_hand=not record.idle_s)
    logger.info("%s", found.said)
    return found


async def _ended_or_back(until: float, clock: Callable[[], float]) -> None:
    """A server that somebody runs by hand, and that lets its calls end, is waited for, as these calls do: another in
    its place would take its port and its people. With no lock, which it needs to be found again."""
    record = runtime.read()
    if record is None or record.idle_s or not await runtime.drains(record):
        return
    logger.info("the server at %s is being shut down: it is waited for", record.url)
    gone_at: float | None = None
    while clock() < (until if gone_at is None else min(until, gone_at + _RETURN_S)):
        there = runtime.read()
        if there is not None and there.instance != record.instance:
            return
        if gone_at is None and await runtime.health(record) is None:
            gone_at = clock()
        await asyncio.sleep(_POLL_S)


@asynccontextmanager
async def _turn(until: float, clock: Callable[[], float]) -> AsyncIterator[None]:
    """While it lasts, no other process looks for, starts or ends this machine's server."""
    while True:
        with state.try_lock(runtime.LOCK) as held:
            if held:
                yield
                return
        if clock() >= until:
            raise NetworkError("another process has been starting this machine's server for too long; try again")
        await asyncio.sleep(_POLL_S)


async def _found() -> runtime.RuntimeRecord | None:
    for child in list(_children):
        if child.poll() is not None:
            _children.remove(child)
    record = runtime.read()
    if record is None:
        return None
    if await runtime.answers(record):
        return record
    logger.info("the server that was at %s (pid %d) is gone", record.url, record.pid)
    runtime.remove(record.instance)
    return None


async def _start(
    program: Sequence[str], idle_s: float | None, until: float, clock: Callable[[], float]
) -> runtime.RuntimeRecord:
    if idle_s is None:
        idle_s = _configured_idle_s()
    log = state.directory() / "server.log"
    state.write_private(log, b"")
    with log.open("ab") as output:
        child = _spawn([*program, "serve", "--local", "--idle-seconds", f"{idle_s:g}"], output)
    _children.append(child)
    try:
        while child.poll() is None:
            record = runtime.read()
            if record is not None and await runtime.answers(record):
                return record
            if clock() >= until:
                raise NetworkError(f"this machine's server did not answer in time; its words are in {log}")
            await asyncio.sleep(_POLL_S)
    except BaseException:  # the lock is given back: whoever comes next starts a server of their own
        child.terminate()
        raise
    raise NetworkError(f"this machine's server could not be started: {_last_words(log)}", details={"log": str(log)})


def _configured_idle_s() -> float:
    text = os.environ.get("JACKFIELD_LOCAL_IDLE_S", "")
    try:
        return max(0.0, float(text)) if text else IDLE_S
    except ValueError:
        finding = Finding("error", "JACKFIELD_LOCAL_IDLE_S", f"found {text!r}", "give seconds, as a number")
        raise SettingsError([finding]) from None


def _spawn(command: Sequence[str], output: IO[bytes]) -> _Server:
    """A process that hears no Ctrl-C meant for us. Its arguments hold no secret: it reads the same state directory."""
    return _Server(
        command,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        cwd=state.directory(),
        env=own_python.environment(),
        start_new_session=True,
    )


def _last_words(log: Path) -> str:
    lines = [line.strip() for line in (state.read_private(log) or b"").decode(errors="replace").splitlines()]
    told = [line for line in lines if line]
    return told[-1] if told else "it ended without a word"


def _place(record: runtime.RuntimeRecord) -> Place:
    keys = state.development_keys()
    return Place(record.url, keys.api_key, keys.api_secret, keys.login_key, record.fingerprint)


def _said(record: runtime.RuntimeRecord, started: bool) -> str:
    done = "started this machine's own server" if started else "using this machine's own server"
    ends = f"; it ends {record.idle_s:g} s after the last participant has left" if record.idle_s else ""
    if record.fingerprint:
        others = "other machines join with the link that `jackfield serve --lan` printed, or `jackfield invite`"
    else:
        others = "for other machines run `jackfield serve --lan` here, and open the link that it prints there"
    return f"{done} at {record.url} (pid {record.pid}{ends}); {others}"
