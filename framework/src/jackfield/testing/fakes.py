"""Fakes of the framework's side of each role. Their own tests check them against ``roles.py``."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from attrs import define, field

from jackfield.roles import Unwatch
from jackfield.values.errors import CallError
from jackfield.values.events import TrackSubscribed, TrackUnsubscribed
from jackfield.values.media import AudioBlock, EncodedFrame, Media, VideoFrame
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
    """Somebody in a `FakeCall`."""

    uid: str = "ada"
    name: str = "Ada"
    pid: str = "PA_1"
    sid: str = "PA_1"
    is_local: bool = False


@define(eq=False)
class FakeTrack:
    """A `RenderedTrack` that a test feeds."""

    sid: str = "TR_1"
    name: str = "camera"
    kind: Literal["audio", "video"] = "video"
    source: Literal["camera", "microphone", "screen", "screen_audio", "unknown"] = "camera"
    participant: Any = field(factory=FakeParticipant)
    codec: str = "VP8"
    keyframe_requests: int = 0
    encoded: list[Callable[[EncodedFrame], None]] = field(factory=list)
    decoded: list[Callable[[VideoFrame | AudioBlock], None]] = field(factory=list)

    def take_encoded(self, handler: Callable[[EncodedFrame], None]) -> Unwatch:
        """Every frame that is fed encoded."""
        return _taken(self.encoded, handler)

    def take_decoded(self, handler: Callable[[VideoFrame | AudioBlock], None]) -> Unwatch:
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


@define(eq=False)
class FakeCall:
    """A `RenderedCall` whose tracks come and go as a test says."""

    session_id: str = "stand-up"
    settings: Any = field(factory=SessionSettings)
    uid: str = "bob"
    joined_at: float = field(factory=time.time)
    people: dict[str, Any] = field(factory=dict)
    _tracks: list[FakeTrack] = field(factory=list)
    _listeners: dict[str, list[Callable[..., Any]]] = field(factory=dict)

    @property
    def participants(self) -> Mapping[str, Any]:
        """Everyone else, by uid."""
        return dict(self.people)

    def tracks(self) -> Sequence[FakeTrack]:
        """Tracks that are subscribed now."""
        return list(self._tracks)

    def on(self, name: str, callback: Callable[..., Any]) -> Unwatch:
        """Calls back at each such event."""
        return _taken(self._listeners.setdefault(name, []), callback)

    def emit(self, name: str, *arguments: Any) -> None:
        """Tells everyone who listens to ``name``."""
        for listener in list(self._listeners.get(name, ())):
            listener(*arguments)

    def subscribe(self, track: FakeTrack) -> FakeTrack:
        """The track is there, and ``track_subscribed`` was told."""
        self.people[track.participant.uid] = track.participant
        self._tracks.append(track)
        self.emit("track_subscribed", TrackSubscribed(track))
        return track

    def unsubscribe(self, track: FakeTrack) -> None:
        """The track is gone, and ``track_unsubscribed`` was told."""
        self._tracks.remove(track)
        self.emit("track_unsubscribed", TrackUnsubscribed(track))

    @property
    def listeners(self) -> int:
        """How many callbacks are registered."""
        return sum(map(len, self._listeners.values()))


def _taken(handlers: list[Any], handler: Any) -> Unwatch:
    handlers.append(handler)

    def stop() -> None:
        if handler in handlers:
            handlers.remove(handler)

    return stop
