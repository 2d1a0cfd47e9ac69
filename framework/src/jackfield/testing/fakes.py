"""Fakes of the framework's side of each role. Their own tests check them against ``roles.py``."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Literal

from attrs import define, field

from jackfield.roles import Unwatch, Words
from jackfield.values.errors import CallError, PluginError
from jackfield.values.events import NetworkQuality
from jackfield.values.media import AudioBlock, EncodedFrame, Media, VideoFrame
from jackfield.values.people import Role
from jackfield.values.settings import SessionSettings


class FakeSink:
    """A `CaptureSink` that keeps what it is given."""

    def __init__(self) -> None:
        self.media: list[Media] = []
        self.errors: list[CallError] = []
        self._changed = threading.Condition()

    def deliver(self, media: Media) -> None:
        """Keeps one frame or block."""
        with self._changed:
            self.media.append(media)
            self._changed.notify_all()

    def fail(self, error: CallError) -> None:
        """Keeps the error."""
        with self._changed:
            self.errors.append(error)
            self._changed.notify_all()

    def wait(self, count: int, limit_s: float = 5.0) -> list[Media]:
        """What arrived, once there are ``count`` frames, an error, or the limit is over."""
        with self._changed:
            self._changed.wait_for(lambda: len(self.media) >= count or bool(self.errors), limit_s)
            return list(self.media)


@define(eq=False)
class FakeParticipant:
    """A `RenderedPerson`, where a test needs one without a call."""

    uid: str = "ada"
    name: str = "Ada"
    pid: str = "PA_1"
    sid: str = "PA_1"
    is_local: bool = False
    avatar: str = ""
    role: Role = "participant"
    audio_muted: bool = False
    video_paused: bool = False
    is_presenting: bool = False
    is_pinned: bool = False
    is_speaking: bool = False
    audio_level: float = 0.0
    raised_hand_at: float | None = None
    is_recording: bool = False
    network_quality: NetworkQuality = "unknown"


@define(eq=False)
class FakeTrack:
    """A `RenderedTrack` that a test feeds."""

    sid: str = "TR_1"
    name: str = "camera"
    kind: Literal["audio", "video"] = "video"
    source: Literal["camera", "microphone", "screen", "screen_audio", "unknown"] = "camera"
    participant: Any = field(factory=FakeParticipant)
    codec: str = "VP8"
    muted: bool = False
    keyframe_requests: int = 0
    encoded: list[Callable[[EncodedFrame], None]] = field(factory=list)
    decoded: list[Callable[[VideoFrame | AudioBlock], None]] = field(factory=list)

    def take_encoded(self, handler: Callable[[EncodedFrame], None], *, synced: bool = False) -> Unwatch:
        """Every frame that is fed encoded."""
        return _taken(self.encoded, handler)

    def take_decoded(self, handler: Callable[[VideoFrame | AudioBlock], None], *, synced: bool = True) -> Unwatch:
        """Every frame that is fed decoded."""
        return _taken(self.decoded, handler)

    def request_keyframe(self) -> None:
        """Counts the request."""
        self.keyframe_requests += 1

    def feed(self, media: Media) -> None:
        """Hands one frame to whoever takes its kind."""
        if isinstance(media, EncodedFrame):
            for take_encoded in list(self.encoded):
                take_encoded(media)
        else:
            for take_decoded in list(self.decoded):
                take_decoded(media)


def _taken(handlers: list[Any], handler: Any) -> Unwatch:
    handlers.append(handler)

    def stop() -> None:
        if handler in handlers:
            handlers.remove(handler)

    return stop


@define(eq=False)
class FakeProcessor:
    """An `AudioProcessor`, `VideoProcessor` and `DetectsSpeech` that keeps what it is given.

    ``add`` is added to each sample. From its ``raises``-th call on it raises; from its ``shortens``-th on it answers
    with a block too short.
    """

    add: int = 0
    likely: float = 0.0
    raises: int | None = None
    shortens: int | None = None
    closed: bool = False
    near: list[AudioBlock] = field(factory=list)
    far: list[AudioBlock | None] = field(factory=list)
    delays_ms: list[int] = field(factory=list)
    frames: list[VideoFrame] = field(factory=list)

    def process(self, media: Any, far: AudioBlock | None = None, delay_ms: int = 0) -> Any:
        """A block with ``add`` added, or the picture as it came."""
        if isinstance(media, VideoFrame):
            self.frames.append(media)
            self._fail(len(self.frames))
            return media
        self.near.append(media)
        self.far.append(far)
        self.delays_ms.append(delay_ms)
        self._fail(len(self.near))
        short = self.shortens is not None and len(self.near) >= self.shortens
        return AudioBlock(media.samples[: -1 if short else None] + self.add, media.rate, media.time_ns)

    def _fail(self, calls: int) -> None:
        if self.raises is not None and calls >= self.raises:
            raise RuntimeError("it was told to fail")

    def speech(self) -> float:
        """``likely``."""
        return self.likely

    def close(self) -> None:
        """Says so."""
        self.closed = True


@define(eq=False)
class FakeProcessorFactory:
    """A `ProcessorFactory` of `FakeProcessor`, unsuited, absent or failing as it is told. It opens ``gives``, or a new
    one each time."""

    name: str
    kind: Literal["audio", "video"] = "audio"
    rank: int = 50
    does: tuple[str, ...] = ("echo_cancellation",)
    refuses: str | None = None
    lacking: str | None = None
    fails: Exception | None = None
    gives: FakeProcessor | None = None
    opened: list[FakeProcessor] = field(factory=list)

    def unsuited(self, what: str, device: Any, settings: SessionSettings) -> str | None:
        """``refuses``."""
        return self.refuses

    def probe(self) -> str | None:
        """``lacking``."""
        return self.lacking

    def open(self, what: Any, device: Any, settings: SessionSettings) -> FakeProcessor:
        """A processor, or the error that it was told of."""
        if self.fails is not None:
            raise self.fails
        self.opened.append(self.gives or FakeProcessor())
        return self.opened[-1]


def _set() -> threading.Event:
    made = threading.Event()
    made.set()
    return made


@define(eq=False)
class FakeTranscriber:
    """A `Transcriber` that takes loud sound for speech, and tells how many blocks of it there were.

    What follows ``quiet`` blocks of less is another piece. While ``holds`` is clear, `hear` does not come back; from
    its ``raises``-th call on it raises.
    """

    language: str = "en-US"
    quiet: int = 20
    raises: int | None = None
    holds: threading.Event = field(factory=_set)
    closed: bool = False
    calls: int = 0
    segment: int = 0
    _loud: int = 0
    _silent: int = 0
    _began_ns: int = 0
    _last_ns: int = 0

    def hear(self, block: AudioBlock) -> list[Words]:
        """Words at each tenth loud block, and at the end of a piece."""
        while not self.holds.wait(0.01) and not self.closed:
            pass
        self.calls += 1
        if self.raises is not None and self.calls >= self.raises:
            raise RuntimeError("it was told to fail")
        self._last_ns = block.time_ns
        if int(abs(block.samples.astype(int)).max()) > 500:
            self._began_ns = self._began_ns if self._loud else block.time_ns
            self._loud, self._silent = self._loud + 1, 0
            return [self._words(final=False)] if self._loud % 10 == 0 else []
        self._silent += 1
        return self.finish() if self._silent == self.quiet else []

    def finish(self) -> list[Words]:
        """The piece that is open, if one is."""
        if not self._loud:
            return []
        words = self._words(final=True)
        self.segment, self._loud = self.segment + 1, 0
        return [words]

    def _words(self, *, final: bool) -> Words:
        return Words(self.segment, f"{self._loud} loud blocks", final, self._began_ns, self._last_ns)

    def close(self) -> None:
        """Says so."""
        self.closed = True


@define(eq=False)
class FakeTranscriberFactory:
    """A `TranscriberFactory` of `FakeTranscriber`, absent or failing as it is told; ``opened`` keeps what it opened."""

    name: str = "fake"
    rank: int = 50
    rate: int = 16_000
    languages: tuple[str, ...] = ("en-US",)
    lacking: str | None = None
    fails: Exception | None = None
    raises: int | None = None
    holds: threading.Event = field(factory=_set)
    opened: list[FakeTranscriber] = field(factory=list)

    def probe(self) -> str | None:
        """``lacking``."""
        return self.lacking

    def open(self, language: str) -> FakeTranscriber:
        """A transcriber, or the error that it was told of."""
        if self.fails is not None:
            raise self.fails
        if language not in self.languages:
            raise PluginError(f"{self.name} does not understand {language}; it understands {', '.join(self.languages)}")
        self.opened.append(FakeTranscriber(language, raises=self.raises, holds=self.holds))
        return self.opened[-1]
