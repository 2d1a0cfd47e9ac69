"""Pictures made as large as they are shown, on a thread of their own; of each tile the newest wins."""

from __future__ import annotations

import logging
import math
import threading
from typing import Any

import av
from attrs import define, frozen
from av.video.reformatter import VideoReformatter
from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QImage, QTransform

from jackfield.values.media import VideoFrame

logger = logging.getLogger("jackfield.render-qt")


@frozen
class Fit:
    """How a picture fills ``width`` × ``height`` screen pixels: all of them, cut off where it must be, or whole."""

    width: int
    height: int
    whole: bool = False
    mirrored: bool = False

    def size_of(self, width: int, height: int) -> tuple[int, int]:
        """The size of a picture of this size."""
        ratios = self.width / width, self.height / height
        scale = min(ratios) if self.whole else max(ratios)
        near = math.floor if self.whole else math.ceil
        wide = max(8, near((width * scale - 0.01) / 8) * 8)  # of eight: swscale takes four times as long for odd widths
        return wide, max(2, near(height * scale - 0.01))


@frozen(eq=False)
class Picture:
    """What is painted. ``image`` reads the memory of ``memory`` and does not own it."""

    image: QImage
    fit: Fit
    memory: Any = None


class Slot(QObject):
    """Where one tile's pictures arrive. ``came`` is told on Qt's thread, once until ``taken``."""

    came = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.fit: Fit | None = None
        self.picture: Picture | None = None
        self.is_told = False
        self.reformatter = VideoReformatter()
        #: Pictures made since the beginning, and the time when the newest was captured.
        self.made = 0
        self.time_ns = 0

    def taken(self) -> Picture | None:
        """The newest picture, on Qt's thread."""
        self.is_told = False
        return self.picture


@define
class _Waiting:
    frames: dict[Slot, VideoFrame]
    is_over: bool = False


class Scaling:
    """The thread. ``put`` from any thread; it never waits."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting = _Waiting({})
        self._thread = threading.Thread(target=self._run, name="render-qt scaling", daemon=True)
        self._thread.start()

    def put(self, slot: Slot, frame: VideoFrame) -> None:
        """This is the newest of its tile."""
        with self._changed:
            self._waiting.frames[slot] = frame
            self._changed.notify()

    def forget(self, slot: Slot) -> None:
        """Nothing more of this tile."""
        with self._changed:
            self._waiting.frames.pop(slot, None)

    def stop(self, limit_s: float = 2.0) -> None:
        """The thread has ended, or goes on without anyone who waits for it."""
        with self._changed:
            self._waiting.is_over = True
            self._waiting.frames.clear()
            self._changed.notify()
        self._thread.join(limit_s)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting.frames or self._waiting.is_over)
                if self._waiting.is_over:
                    return
                slot, frame = next(iter(self._waiting.frames.items()))
                del self._waiting.frames[slot]
            fit = slot.fit
            if fit is None:
                continue
            try:
                slot.picture = fitted(frame, fit, slot.reformatter)
            except Exception:
                logger.exception("a picture could not be scaled; the next one may be")
                continue
            slot.made += 1
            slot.time_ns = frame.time_ns
            if not slot.is_told:
                slot.is_told = True
                _tell(slot)


def _tell(slot: Slot) -> None:
    try:
        slot.came.emit()
    except RuntimeError:
        logger.debug("the tile is gone")


def fitted(frame: VideoFrame, fit: Fit, reformatter: VideoReformatter) -> Picture:
    """The picture for a tile: one pass of swscale, whose memory Qt reads in place."""
    turned = frame.rotation in (90, 270)
    width, height = (frame.height, frame.width) if turned else (frame.width, frame.height)
    width, height = fit.size_of(width, height)
    if turned:
        width, height = height, width
    scaled = reformatter.reformat(frame.picture, width, height, "bgra", interpolation="BILINEAR")
    return _upright(_seen(scaled, fit), frame.rotation)


def _seen(scaled: av.VideoFrame, fit: Fit) -> Picture:
    (plane,) = scaled.planes
    memory = memoryview(plane)
    image = QImage(memory, scaled.width, scaled.height, plane.line_size, QImage.Format.Format_RGB32)
    return Picture(image, fit, (memory, plane, scaled))


def _upright(picture: Picture, rotation: int) -> Picture:
    if not rotation and not picture.fit.mirrored:
        return picture
    image = picture.image
    if rotation:
        image = image.transformed(QTransform().rotate(rotation))
    if picture.fit.mirrored:
        image = image.flipped(Qt.Orientation.Horizontal) if hasattr(image, "flipped") else image.mirrored(True, False)
    return Picture(image, picture.fit)
