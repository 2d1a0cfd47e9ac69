"""What of a source's pictures an encoder gets: which of them, in which size, and what goes on to smaller layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from jackfield.media.libav.scaling import Scaler
from jackfield.session.adaptation import Adaptation
from jackfield.values.media import VideoFrame


class Below(NamedTuple):
    """The next smaller layer: what stands before its encoder, and where its pictures wait."""

    shaper: Shaper
    put: Callable[[VideoFrame], object]


class Shaper:
    """Stands before one encoder, on its thread. Sound passes by it.

    ``scale`` is what this layer is of the pictures that come in; the layer ``below`` gets what it has made of them, so
    that each size is made once, from the next larger one. While ``paused`` nothing is encoded here.
    """

    def __init__(self, adaptation: Adaptation, *, scale: float = 1.0, below: Below | None = None) -> None:
        self.adaptation = adaptation
        self.paused = False
        self._scale, self._below = scale, below
        self._scaler, self._smaller = Scaler(), Scaler()
        self._count = 0

    @property
    def needs_pictures(self) -> bool:
        """Whether this layer or a smaller one is sent."""
        return not self.paused or (self._below is not None and self._below.shaper.needs_pictures)

    def apply(self, frame: VideoFrame) -> VideoFrame | None:
        """The picture to encode; None for one that is not."""
        if not self.needs_pictures:
            return None
        if self._scale != 1.0:
            frame = self._scaler.scaled(frame, self._scale)
        if self._below is not None and self._below.shaper.needs_pictures:
            self._below.put(frame)
        if self.paused:
            return None
        step = self.adaptation.step(frame.width, frame.height, frame.time_ns)
        self._count += 1
        if self._count % step.every:
            return None
        return frame if step.scale == 1.0 else self._smaller.scaled(frame, step.scale)
