"""What is sent while a source is away: a picture that says so, or silence."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import av
import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from jackfield.values.media import AUDIO_CLOCK_RATE, AudioBlock, VideoFrame

#: A still picture needs no more than this to be there for whoever comes; sound must not pause.
PICTURE_EVERY_S, SOUND_EVERY_S = 0.5, 0.02
_GROUND, _DRAWN = 40, 130


@frozen(eq=False)
class Placeholder(VideoFrame):
    """A picture of ours, in the size of what is sent: no processor touches it."""


def picture(width: int, height: int) -> VideoFrame:
    """A camera, crossed out, grey on dark grey, in the middle; in yuv420p. Takes a millisecond or two."""
    width, height = max(16, width & ~1), max(16, height & ~1)
    frame = av.VideoFrame(width, height, "yuv420p")
    for plane, ground in zip(frame.planes, (_GROUND, 128, 128), strict=True):
        pixels = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)  # type: ignore[call-overload]
        pixels[:] = ground
        if ground == _GROUND:
            drawn = _camera(min(width, height) // 5 * 2)
            top, left = (height - len(drawn)) // 2, (width - len(drawn)) // 2
            pixels[top : top + len(drawn), left : left + len(drawn)] = drawn
    return VideoFrame(frame)


def _camera(side: int) -> NDArray[np.uint8]:
    """The brightness of a square; the camera's body is six tenths of it wide."""
    at = (np.arange(side, dtype=np.float32) - side / 2) * (1.2 / max(side, 1))
    x, y = at[None, :], at[:, None]
    body = (np.abs(x + 0.12) < 0.38) & (np.abs(y) < 0.3)
    lens = (x > 0.3) & (x < 0.5) & (np.abs(y) < 0.06 + (x - 0.3) * 0.9)
    across = np.abs(x - y)
    inside = np.abs(x + y) < 1.1
    shape = ((body | lens) & ~((across < 0.11) & inside)) | ((across < 0.05) & inside)
    return np.where(shape, np.uint8(_DRAWN), np.uint8(_GROUND))


def silence() -> AudioBlock:
    """20 ms with nothing to hear."""
    return AudioBlock(np.zeros((int(AUDIO_CLOCK_RATE * SOUND_EVERY_S), 1), np.int16))


class StandIn:
    """Puts placeholders, beginning now, until `end`. Made and ended on the event loop; ``put`` is called there."""

    def __init__(self, size: tuple[int, int] | None, put: Callable[[VideoFrame | AudioBlock], object]) -> None:
        self._shown = picture(*size).picture if size is not None else None
        self._put = put
        self._task = asyncio.create_task(self._run(), name="stand in for a source")

    async def _run(self) -> None:
        every_s = SOUND_EVERY_S if self._shown is None else PICTURE_EVERY_S
        due = time.monotonic()
        while True:
            self._put(silence() if self._shown is None else Placeholder(self._shown))
            due = max(due + every_s, time.monotonic() - 1.0)
            await asyncio.sleep(due - time.monotonic())

    def end(self) -> None:
        """No more."""
        self._task.cancel()
