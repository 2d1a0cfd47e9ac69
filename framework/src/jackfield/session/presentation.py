"""When a remote track's frames are decoded: at once, or when their person's sound, or picture, is as far."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from jackfield.media.clock import Clock
from jackfield.media.lip_sync import Hold, LipSync
from jackfield.values.media import EncodedFrame

if TYPE_CHECKING:
    from jackfield.session.remote_track import RemoteTrack

#: What is captured together: a person's camera and microphone, their screen and its sound.
_TOGETHER = {"camera": "microphone", "microphone": "camera", "screen": "screen_audio", "screen_audio": "screen"}


class Presentation:
    """One track's. Pictures wait for sound only while somebody takes both decoded. On the event loop.

    ``played_after_ms``: how much later than its frames leave the buffer sound is heard; whoever plays it says so.
    """

    def __init__(self, track: RemoteTrack, clock: Clock, decode: Callable[[EncodedFrame], None]) -> None:
        self.played_after_ms: Callable[[], float] = lambda: 0.0
        self.lip_sync = LipSync()
        self._track, self._clock = track, clock
        self._hold = Hold(clock, decode)

    def put(self, frame: EncodedFrame) -> None:
        """A frame came, and is decoded when it is time."""
        other = self._other()
        if self._track.kind == "audio":
            self._hear(frame, other)
            self._hold.put(frame, 0)
        else:
            self._hold.put(frame, self._see(frame, other))

    def clear(self) -> None:
        """Nobody takes it any more."""
        self._hold.clear()
        self.lip_sync.forget()

    def _hear(self, frame: EncodedFrame, pictures: RemoteTrack | None) -> None:
        sync = pictures.presentation.lip_sync if pictures is not None else None
        held_ns = self._track.receiver.hold_sound(sync.sound_hold_ns if sync is not None else 0)
        if sync is not None and frame.captured_ns is not None:
            heard_ns = self._clock.now_ns() + round(self.played_after_ms() * 1e6)
            sync.heard(heard_ns, frame.captured_ns, held_ns)

    def _see(self, frame: EncodedFrame, sound: RemoteTrack | None) -> int:
        if sound is None:
            self.lip_sync.forget()
        elif frame.captured_ns is not None:
            self.lip_sync.seen(self._clock.now_ns(), frame.captured_ns)
        return self.lip_sync.picture_hold_ns

    def _other(self) -> RemoteTrack | None:
        """The track that was captured together with this one, where somebody takes it decoded."""
        source = _TOGETHER.get(self._track.source)
        tracks = self._track.participant.tracks.values()
        return next((each for each in tracks if each.source == source and each.is_decoded and not each.muted), None)
