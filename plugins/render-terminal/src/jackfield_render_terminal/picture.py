"""The newest picture of one track, and its pixels in the size that is asked for."""

from __future__ import annotations

import numpy as np

from jackfield.values.media import AudioBlock, VideoFrame
from jackfield_render_terminal.cells import Pixels


class Picture:
    """What one track shows. Nothing is scaled but what is to be seen, and that once."""

    def __init__(self) -> None:
        self._frame: VideoFrame | None = None
        self._scaled: tuple[VideoFrame, int, int, Pixels] | None = None

    def take(self, frame: VideoFrame | AudioBlock) -> None:
        """A newer picture."""
        if isinstance(frame, VideoFrame):
            self._frame = frame

    def forget(self) -> None:
        """There is none any more."""
        self._frame = self._scaled = None

    @property
    def size(self) -> tuple[int, int] | None:
        """Width and height, upright; None before the first."""
        frame = self._frame
        if frame is None:
            return None
        return (frame.height, frame.width) if frame.rotation in (90, 270) else (frame.width, frame.height)

    def pixels(self, width: int, height: int) -> Pixels | None:
        """The newest picture in this size, upright; None before the first."""
        frame = self._frame
        if frame is None:
            return None
        if self._scaled is not None and self._scaled[:3] == (frame, width, height):
            return self._scaled[3]
        turned = frame.rotation in (90, 270)
        asked = (height, width) if turned else (width, height)
        pixels = frame.reformatted("rgb24", *asked).to_ndarray()
        pixels = np.rot90(pixels, -frame.rotation // 90) if frame.rotation else pixels
        self._scaled = frame, width, height, pixels
        return pixels
