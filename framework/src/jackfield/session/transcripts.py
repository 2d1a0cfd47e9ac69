"""What everybody in a call says, as text, and its way to everybody: text streams, as LiveKit's agents send them."""

from __future__ import annotations

import asyncio
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from attrs import frozen

from jackfield.plugins import Engine
from jackfield.roles import Unwatch, Words
from jackfield.session.chat import CAPTIONS_TOPIC, FINAL, SEGMENT, TRACK, Captions
from jackfield.session.opening import aside
from jackfield.session.own_media import OwnMedia
from jackfield.session.participant import Participant
from jackfield.session.publication import Publication
from jackfield.session.remote_track import RemoteTrack
from jackfield.session.scribe import Said, Scribe
from jackfield.values.errors import CallError, NetworkError
from jackfield.values.events import Transcription
from jackfield.values.media import AudioBlock

#: Pieces that wait for the network; a newer word on a piece takes the older one's place.
WAITING = 50
#: After the network was not there, and how long the last words may take.
AGAIN_S, LAST_S = 0.5, 1.0

_Track = RemoteTrack | Publication


@frozen
class _Line:
    """A piece that is to be sent: its name, whose track it is of, and what was said."""

    id: str
    track: _Track
    words: Words


class Transcripts:
    """The scribes of a call, from `open` to `close`. Used on the event loop.

    ``call`` is the `CallSession`; ``failed`` is told what goes wrong, and by whose doing.
    """

    def __init__(
        self, call: Any, own: OwnMedia, captions: Captions, engine: Engine, failed: Callable[[CallError, str], None]
    ) -> None:
        self.engine = engine
        self._call, self._own, self._captions, self._failed = call, own, captions, failed
        self._loop = asyncio.get_running_loop()
        self._name = secrets.token_hex(4)
        self._scribes: dict[_Track, Scribe] = {}
        self._lock = threading.Lock()
        self._unwatches: dict[_Track | None, list[Unwatch]] = {}
        self._lines: OrderedDict[str, _Line] = OrderedDict()
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._sending: asyncio.Task[None] | None = None
        self._ending: set[asyncio.Task[None]] = set()
        self._refused = self._is_open = self._is_closing = False

    def open(self) -> None:
        """Everybody is heard from now on."""
        call, self._is_open = self._call, True
        self._unwatches[None] = [
            call.on("track_subscribed", lambda event: self._add(event.track)),
            call.on("track_unsubscribed", lambda event: self._remove(event.track)),
            call.on("participant_audio_muted", lambda event: self._muted(event.participant)),
            call.on("audio_muted", lambda event: self._muted(call.local)),
        ]
        for track in call.tracks():
            self._add(track)
        self._own.heard = self._heard_us
        self._sending = asyncio.create_task(self._send_all(), name="captions")

    # --- whom we hear
    def _add(self, track: RemoteTrack) -> None:
        if track.kind != "audio" or track.source != "microphone" or track in self._scribes:
            return
        scribe = self._scribe(track, track.participant.uid)

        def heard(media: Any) -> None:
            if scribe is not None and isinstance(media, AudioBlock) and not track.muted:
                scribe.hear(media)

        self._unwatches[track] = [track.take_decoded(heard, synced=False)]

    def _remove(self, track: RemoteTrack) -> None:
        self._deafen(track)
        with self._lock:
            scribe = self._scribes.pop(track, None)
        if scribe is not None:
            task = asyncio.create_task(aside(scribe.end), name=f"end transcribing {track.sid}")
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)

    def _deafen(self, track: _Track | None) -> None:
        for unwatch in self._unwatches.pop(track, ()):
            unwatch()

    def _heard_us(self, publication: Publication, block: AudioBlock) -> None:
        """A block of ours goes out; on the thread that encodes it."""
        if publication.source == "microphone":
            scribe = self._scribe(publication, self._call.uid)
            if scribe is not None:
                scribe.hear(block)

    def _scribe(self, track: _Track, name: str) -> Scribe | None:
        """Theirs; None where everything is over."""
        with self._lock:
            scribe = self._scribes.get(track)
            if scribe is None and not self._is_closing:
                scribe = self._scribes[track] = Scribe(
                    name,
                    self.engine,
                    lambda said: self._on_loop(lambda: self._told(track, said)),
                    lambda error: self._on_loop(lambda: self._failed(error, "transcription")),
                )
            return scribe

    def _muted(self, person: Participant) -> None:
        with self._lock:
            theirs = [scribe for track, scribe in self._scribes.items() if self._speaker(track) is person]
        for scribe in theirs:
            scribe.pause()

    def _speaker(self, track: _Track) -> Participant:
        speaker: Participant = self._call.local if isinstance(track, Publication) else track.participant
        return speaker

    def _on_loop(self, call: Callable[[], None]) -> None:
        with suppress(RuntimeError):  # the loop is closed: the process is ending
            self._loop.call_soon_threadsafe(call)

    # --- what was said
    def _told(self, track: _Track, said: Sequence[Said]) -> None:
        if not self._is_open:
            return
        for each in said:
            name = f"{self._name}-{track.sid or 'own'}-{each.key}"
            line = Transcription(name, self._speaker(track), each.words.text, each.words.final, self.engine.language)
            self._captions.tell(line, self._call.local)
            self._lines[name] = _Line(name, track, each.words)
        while len(self._lines) > WAITING:
            self._lines.popitem(last=False)
        self._idle.clear()
        self._wake.set()

    async def _send_all(self) -> None:
        while True:
            if not self._lines:
                self._idle.set()
                self._wake.clear()
                await self._wake.wait()
            name, line = self._lines.popitem(last=False)
            try:
                await self._send(line)
            except NetworkError:
                await self._wait_with(name, line)
            except CallError as error:
                if not self._refused:
                    self._refused = True
                    self._failed(error, "transcription")

    async def _wait_with(self, name: str, line: _Line) -> None:
        """The connection is being restored: what is said for good waits for it, unless there is a newer word."""
        if line.words.final and name not in self._lines:
            self._lines[name] = line
            self._lines.move_to_end(name, last=False)
        await asyncio.sleep(AGAIN_S)

    async def _send(self, line: _Line) -> None:
        attributes = {SEGMENT: line.id, FINAL: "true" if line.words.final else "false", TRACK: line.track.sid}
        await self._call.send_text(line.words.text, topic=CAPTIONS_TOPIC, attributes=attributes)

    # --- the end
    async def close(self, *, at_once: bool = False) -> None:
        """Nobody is heard any more, and no thread is left; what was said still goes out, but for ``at_once``."""
        self._own.heard = None
        for track in list(self._unwatches):
            self._deafen(track)
        with self._lock:
            scribes, self._scribes, self._is_closing = list(self._scribes.values()), {}, True
        ends = [aside(lambda scribe=scribe: scribe.end(at_once=at_once)) for scribe in scribes]  # type: ignore[misc]
        await asyncio.gather(*ends, *self._ending, return_exceptions=True)
        await asyncio.sleep(0)  # what they told last is on the loop
        if not at_once:
            with suppress(TimeoutError):
                async with asyncio.timeout(LAST_S):
                    await self._idle.wait()
        self._is_open = False
        if self._sending is not None:
            self._sending.cancel()
            await asyncio.gather(self._sending, return_exceptions=True)
