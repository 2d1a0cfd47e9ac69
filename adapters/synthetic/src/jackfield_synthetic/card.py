"""The test card: colour bars, a mark that moves, and the barcode. Made in yuv420p, with no conversion on the way."""

from __future__ import annotations

import time
from collections.abc import Callable

import av
import numpy as np
from attrs import evolve
from numpy.typing import NDArray

from jackfield.values.formats import VideoFormat
from jackfield.values.media import VideoFrame
from jackfield_synthetic.barcode import Reading, Stamp, luma

#: Grey, yellow, cyan, green, magenta, red, blue at 75 %, in BT.601 (Y, U, V).
_BARS = ((180, 128, 128), (162, 44, 142), (131, 156, 44), (112, 72, 58), (84, 184, 198), (65, 100, 212), (35, 212, 114))
_BAR_SHARE = (13, 20)
_MARK_BRIGHTNESS = 235


class CardSource:
    """Makes the pictures of one card: the background once, and per picture a copy, the mark, and the barcode."""

    def __init__(self, number: int, format: VideoFormat, *, clock_ns: Callable[[], int] = time.monotonic_ns) -> None:
        width, height = max(64, format.width & ~1), max(36, format.height & ~1)
        fps = min(120.0, max(1.0, format.fps))
        self.format = evolve(format, width=width, height=height, fps=fps, pixel_format="yuv420p", codec=None)
        self.period_ns = round(1_000_000_000 / fps)
        self._number = number
        self._clock_ns = clock_ns
        self._counter = 0
        self._stamp = Stamp(width, height)
        self._background = background(number, width, height)

    def take(self, due_ns: int) -> VideoFrame:
        """The picture of this moment."""
        picture = av.VideoFrame(self.format.width, self.format.height, "yuv420p")
        for plane, pixels in zip(picture.planes, self._background, strict=True):
            whole = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)  # type: ignore[call-overload]
            whole[:, : plane.width] = pixels
        time_ns = self._clock_ns()
        bright = luma(picture)
        self._mark(bright)
        self._stamp.write(bright, Reading(self._number, self._counter, time_ns))
        self._counter += 1
        return VideoFrame(picture, time_ns)

    def close(self) -> None:
        """Nothing is held."""

    def _mark(self, bright: NDArray[np.uint8]) -> None:
        """A square that crosses the bars in two seconds."""
        height, width = bright.shape
        side = height // 10
        way = width - side
        step = self._counter * way // round(2 * self.format.fps) % (2 * way)
        left = step if step < way else 2 * way - step
        bright[height // 4 : height // 4 + side, left : left + side] = _MARK_BRIGHTNESS


def background(number: int, width: int, height: int) -> tuple[NDArray[np.uint8], ...]:
    """Bars above black, as three planes; each card's bars begin with another colour."""
    planes = []
    bars = np.roll(np.array(_BARS, np.uint8), -number, axis=0)
    for index, black in enumerate((16, 128, 128)):
        across, down = (width, height) if index == 0 else (width // 2, height // 2)
        plane = np.full((down, across), black, np.uint8)
        plane[: down * _BAR_SHARE[0] // _BAR_SHARE[1]] = bars[np.arange(across) * len(bars) // across, index]
        planes.append(plane)
    return tuple(planes)
