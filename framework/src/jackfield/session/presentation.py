"""When a remote track's frames are presented: at once, or when their person's sound, or picture, is as far."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from jackfield.media.clock import Clock
from jackfield.media.lip_sync import Hold, LipSync
from jackfield.values.media import AudioBlock, EncodedFrame, VideoFrame

if TYPE_CHECKING:
    from jackfield.session.remote_track import RemoteTrack

#: What is captured together: a person's camera and microphone, their screen and its sound.
_TOGETHER = {"camera": "microphone", "microphone": "camera", "screen": "screen_audio", "screen_audio": "screen"}
#: Pictures that are being decoded at once, at most.
_DECODING = 32


class Presentation:
    """One track's, for those who present it to a person: pictures wait for sound, or sound for pictures, while somebody
    takes both in sync. On the event loop.

    Pictures are decoded as they come, for those too who take them at once, and wait then. ``played_after_ms``: how much
    later than its frames leave the buffer sound is heard; whoever plays it says so.
    """

    def __init__(
        self,
        track: RemoteTrack,
        clock: Clock,
        encoded: Callable[[EncodedFrame], None],
        decoded: Callable[[VideoFrame | AudioBlock], None],
    ) -> None:
        self.played_after_ms: Callable[[], float] = lambda: 0.0
        self.lip_sync = LipSync()
        self._track, self._clock = track, clock
        self._encoded, self._decoded = Hold[EncodedFrame](clock, encoded), Hold[VideoFrame | AudioBlock](clock, decoded)
        #: The arrival of what is being decoded, and when it is due.
        self._due: deque[tuple[int, int]] = deque(maxlen=_DECODING)

    def came(self, frame: EncodedFrame, *, passed_on: bool) -> None:
        """A frame came; ``passed_on``, it is presented as it is, when it is time."""
        other, hold_ns = self._other(), 0
        if self._track.kind == "audio":
            self._hear(frame, other)
        else:
            hold_ns = self._see(frame, other)
            self._due.append((frame.time_ns, self._clock.now_ns() + hold_ns))
        if passed_on:
            self._encoded.put(frame, hold_ns)

    def show(self, media: VideoFrame | AudioBlock) -> None:
        """A frame was decoded, and is presented when it is time."""
        due_ns = next((due_ns for time_ns, due_ns in self._due if time_ns == media.time_ns), 0)
        self._decoded.put(media, due_ns - self._clock.now_ns() if due_ns else 0)

    def clear(self, *, decoded_only: bool = False) -> None:
        """Nobody takes it in sync any more."""
        self._decoded.clear()
        if not decoded_only:
            self._encoded.clear()
            self._due.clear()
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
        """The track that was captured together with this one, where somebody takes it in sync."""
        source = _TOGETHER.get(self._track.source)
        tracks = self._track.participant.tracks.values()
        return next((each for each in tracks if each.source == source and each.is_presented and not each.muted), None)
