"""The recordings of one server: begun and ended by those who may, one for a session at a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Final, Protocol

import attrs
from attrs import define

from jackfield import tokens
from jackfield.log_limit import limited_logger
from jackfield.rtc.link import ignore
from jackfield.server import happenings
from jackfield.server.happenings import Listener
from jackfield.server.recording.kept import Kept, Recording, new_recording
from jackfield.server.recording.running import Order, Recorder, RecorderProcess
from jackfield.values.errors import NetworkError, NotAllowed

logger = limited_logger("jackfield.server")

#: Whoever began it shows this, with the recording's id, to everybody in the call.
MARK: Final = "jackfield.recording"
#: At once, on one server. Each takes a process of about 80 MB and, for a call of four, a twentieth of a core.
MOST: Final = 8


class Sessions(Protocol):
    """What recording needs of whoever holds the sessions."""

    async def mark(self, session_id: str, uid: str, attributes: Mapping[str, str]) -> bool:
        """Everybody sees these attributes on them; "" takes one away. False: they are not in the session.
        `NetworkError` where that cannot be told."""

    async def remove(self, session_id: str, uid: str) -> None:
        """They are in the session no more, if they were."""


Begin = Callable[[Order], Awaitable[Recorder]]


@define
class _Running:
    """One that goes on."""

    recording: Recording
    recorder: Recorder
    watch: asyncio.Task[None] | None = None


class Recordings:
    """What is recorded now. ``kept`` None: this server records nothing.

    ``signing_key`` makes the recorders' tokens, and ``url`` is where they join, on this machine.
    """

    def __init__(
        self,
        kept: Kept | None,
        signing_key: tuple[str, str],
        url: Callable[[], str],
        sessions: Sessions,
        *,
        fingerprint: str | None = None,
        told: Listener = ignore,
        begin: Begin = RecorderProcess.started,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.kept = kept
        self._key, self._url, self._fingerprint = signing_key, url, fingerprint
        self._sessions, self._begin, self._clock, self._told = sessions, begin, clock, told
        self._running: dict[str, _Running] = {}
        self._starting: set[Recorder] = set()
        #: Places that are taken, and not recording yet.
        self._beginning = 0
        self._turns: dict[str, asyncio.Lock] = {}

    def of(self, session_id: str) -> Recording | None:
        """The recording of this session that goes on."""
        running = self._running.get(session_id)
        return running.recording if running else None

    async def start(self, session_id: str, uid: str) -> Recording:
        """This session is recorded, from now on or already; it was ``uid`` who asked, and is in it."""
        kept = self._kept()
        async with self._turn(session_id):
            if running := self._running.get(session_id):
                return running.recording
            if len(self._running) + self._beginning >= MOST:
                raise NetworkError(f"this server records {MOST} sessions and takes no more; end one, then try again")
            self._beginning += 1
            try:
                if not await self._sessions.mark(session_id, uid, {MARK: ""}):
                    raise NotAllowed("who records a session is in it: join it first")
                running = await self._begun(kept, new_recording(session_id, uid, self._clock()))
            finally:
                self._beginning -= 1
            return running.recording

    async def stop(self, session_id: str) -> Recording:
        """This session is recorded no more, and the files are whole. `NotAllowed` where it was not."""
        self._kept()
        async with self._turn(session_id):
            running = self._running.get(session_id)
            if running is None:
                raise NotAllowed("this session is not being recorded")
            await self._end(running)
            return running.recording

    async def close(self) -> None:
        """Every recording has ended, and its files are whole."""
        running, starting = list(self._running.values()), list(self._starting)
        await asyncio.gather(*map(self._end, running), *(recorder.stop() for recorder in starting))

    def _kept(self) -> Kept:
        if self.kept is None:
            raise NotAllowed("this server records nothing: it was started with --no-recording")
        return self.kept

    def _turn(self, session_id: str) -> asyncio.Lock:
        """Starts and stops of one session happen one after the other."""
        self._turns = {name: lock for name, lock in self._turns.items() if lock.locked() or name in self._running}
        return self._turns.setdefault(session_id, asyncio.Lock())

    async def _begun(self, kept: Kept, recording: Recording) -> _Running:
        try:
            folder = await asyncio.to_thread(kept.open, recording)
        except OSError as exc:
            logger.error("nothing can be recorded in %s: %s", kept.folder, exc)
            raise NetworkError(
                f"this server cannot write recordings ({exc.strerror}); its operator has to mend that"
            ) from exc
        token = tokens.mint_recorder_token(*self._key, recording.session_id, recording.id, clock=self._clock)
        recorder = await self._begin(Order(self._url(), token, str(folder), self._fingerprint))
        self._starting.add(recorder)
        try:
            await recorder.begun()
            if not await self._sessions.mark(recording.session_id, recording.started_by, {MARK: recording.id}):
                raise NotAllowed("who records a session is in it: join it first")
        except BaseException as error:
            await recorder.stop()
            await self._note(recording, str(getattr(error, "message", "cancelled")))
            raise
        finally:
            self._starting.discard(recorder)
        logger.info("recording %s has begun", recording.id)
        self._tell(recording)
        running = self._running[recording.session_id] = _Running(recording, recorder)
        running.watch = asyncio.create_task(self._watched(running), name=recording.id)
        return running

    async def _watched(self, running: _Running) -> None:
        reason = await running.recorder.ended()
        recording = running.recording
        if self._running.get(recording.session_id) is running:
            del self._running[recording.session_id]
        if reason not in ("stopped", "over"):
            logger.warning("recording %s ended: %s", recording.id, reason)
        running.recording = await self._note(recording, reason)
        self._tell(running.recording)
        await self._sessions.remove(recording.session_id, recording.id)  # who was killed took no leave
        with suppress(NetworkError):
            await self._sessions.mark(recording.session_id, recording.started_by, {MARK: ""})

    def _tell(self, recording: Recording) -> None:
        times = recording.started_at, recording.ended_at, recording.reason
        self._told(happenings.Kept(recording.session_id, recording.id, recording.started_by, *times))

    async def _note(self, recording: Recording, reason: str) -> Recording:
        ended = attrs.evolve(recording, ended_at=self._clock(), reason=reason)
        try:
            await asyncio.to_thread(self._kept().write, ended)
        except OSError as exc:
            logger.error("what is known of recording %s cannot be written: %s", recording.id, exc)
        return ended

    async def _end(self, running: _Running) -> None:
        await running.recorder.stop()
        if running.watch is not None:
            await running.watch
