"""When a frame belongs in the file."""

from __future__ import annotations

from jackfield.values.media import AUDIO_CLOCK_RATE, VIDEO_CLOCK_RATE, EncodedFrame

#: A sender whose clock is off by more than this from when its frames arrive has started anew.
_JUMP_NS = 2_000_000_000


class Timeline:
    """One track's times, in milliseconds from the file's beginning.

    Distances between frames are the sender's, by RTP timestamp: even, where arrival is not. The first frame stands
    where it arrived, and so does the first after a jump; that is what keeps sound and picture together.
    """

    def __init__(self, began_ns: int) -> None:
        self._began_ns = began_ns
        self._anchor: tuple[int, int] | None = None
        self._last_ms = -1

    def place(self, frame: EncodedFrame) -> int:
        """The frame's time, always later than that of the frame before."""
        at_ns = self._at(frame)
        if self._anchor is None or abs(at_ns - frame.time_ns) > _JUMP_NS:
            self._anchor = (frame.rtp_timestamp or 0, frame.time_ns)
            at_ns = frame.time_ns
        self._last_ms = max(self._last_ms + 1, (at_ns - self._began_ns) // 1_000_000)
        return self._last_ms

    def _at(self, frame: EncodedFrame) -> int:
        if frame.rtp_timestamp is None or self._anchor is None:
            return frame.time_ns
        rate = AUDIO_CLOCK_RATE if frame.codec == "opus" else VIDEO_CLOCK_RATE
        return self._anchor[1] + (frame.rtp_timestamp - self._anchor[0]) * 1_000_000_000 // rate
