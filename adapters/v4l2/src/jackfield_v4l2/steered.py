"""Captures of cameras that encode, each with the abilities that this very camera has."""

from __future__ import annotations

from jackfield_v4l2.capture import Opened, V4l2Capture


class _ForcesKeyframe(V4l2Capture):
    def force_keyframe(self) -> None:
        """The camera's next picture is a keyframe. Any thread; never blocks."""
        self._ask(keyframe=True)


class _SetsBitrate(V4l2Capture):
    def set_bitrate_bps(self, bitrate_bps: int) -> None:
        """The camera aims at this bitrate. Any thread; never blocks."""
        self._ask(bitrate_bps=bitrate_bps)


class _Steered(_ForcesKeyframe, _SetsBitrate):
    pass


def capture_of(opened: Opened) -> V4l2Capture:
    """The capture, with the abilities that this camera really has."""
    if not (opened.mode.format.codec and opened.wanted.codec):
        return V4l2Capture(opened)
    steering = opened.steering
    if steering.keyframe and steering.bitrate:
        return _Steered(opened)
    if steering.keyframe:
        return _ForcesKeyframe(opened)
    return _SetsBitrate(opened) if steering.bitrate else V4l2Capture(opened)
