"""What is shown behind a person, as the planes of a picture of the camera's size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import av
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray

from jackfield_background.planes import Plane, layout, planes
from jackfield_background.segment import softened

if TYPE_CHECKING:
    from jackfield.values.media import VideoFrame

#: How many rows are left of the shorter side at the least blur above none, and at the most.
FINE, COARSE = 96, 14
#: What of the person goes into the blur around them: next to nothing, so that they have no halo.
LEAK = 0.02


class Behind(Protocol):
    """Something to be seen behind a person."""

    def planes(self, frame: VideoFrame, picture: av.VideoFrame, mask: NDArray[np.float32]) -> list[Plane]:
        """For ``frame``, whose ``picture`` is 4:2:0 and has a person where the mask is 1."""


class Blur:
    """The picture itself, with nothing in it that could be read: scaled down, blurred without the person, and up."""

    def __init__(self, level: float) -> None:
        self._rows = FINE * (COARSE / FINE) ** level
        self._down, self._masks, self._up = VideoReformatter(), VideoReformatter(), VideoReformatter()

    def planes(self, frame: VideoFrame, picture: av.VideoFrame, mask: NDArray[np.float32]) -> list[Plane]:
        """As sharp as so many rows are."""
        scale = min(1.0, self._rows / min(picture.width, picture.height))
        size = max(2, round(picture.width * scale)), max(2, round(picture.height * scale))
        small_layout = layout(picture).replace("420", "444")
        area = Interpolation.AREA
        small = self._down.reformat(picture, *size, small_layout, interpolation=area, threads=1)
        grey = av.VideoFrame.from_ndarray((mask * 255).astype(np.uint8), format="gray")
        person = planes(self._masks.reformat(grey, *size, "gray", interpolation=area, threads=1))[0]
        weight = np.float32(1 + LEAK) - person.astype(np.float32) / np.float32(255)
        values = np.stack(planes(small)).astype(np.float32) * weight
        blurred = softened(softened(values)) / softened(softened(weight))
        made = av.VideoFrame(*size, small_layout)
        made.color_range, made.colorspace = picture.color_range, picture.colorspace
        for plane, pixels in zip(planes(made), np.clip(blurred + 0.5, 0, 255), strict=True):
            plane[:] = pixels
        large = self._up.reformat(
            made, picture.width, picture.height, layout(picture), interpolation=Interpolation.BILINEAR, threads=1
        )
        return planes(large)


class Image:
    """A picture, covering the camera's, cut centrally, and turned as the camera's is."""

    def __init__(self, shown: VideoFrame) -> None:
        self._shown: NDArray[np.uint8] = shown.to_ndarray(format="rgb24")
        self._key: object = None
        self._made: av.VideoFrame | None = None

    def planes(self, frame: VideoFrame, picture: av.VideoFrame, mask: NDArray[np.float32]) -> list[Plane]:
        """Made once for each size and kind of picture."""
        key = (picture.width, picture.height, layout(picture), picture.colorspace, picture.color_range, frame.rotation)
        if self._made is None or key != self._key:
            self._made, self._key = self._covering(picture, frame.rotation), key
        return planes(self._made)

    def _covering(self, picture: av.VideoFrame, rotation: int) -> av.VideoFrame:
        turned = np.rot90(self._shown, rotation // 90)
        rows, columns = turned.shape[:2]
        height = min(rows, max(1, round(columns * picture.height / picture.width)))
        width = min(columns, max(1, round(rows * picture.width / picture.height)))
        top, left = (rows - height) // 2, (columns - width) // 2
        part = np.ascontiguousarray(turned[top : top + height, left : left + width])
        return VideoReformatter().reformat(
            av.VideoFrame.from_ndarray(part, format="rgb24"),
            picture.width,
            picture.height,
            layout(picture),
            interpolation=Interpolation.BICUBIC,
            dst_colorspace=picture.colorspace,
            dst_color_range=picture.color_range,
            threads=1,
        )
