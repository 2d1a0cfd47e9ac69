"""Pictures cropped, turned and mirrored by FFmpeg's filters, in one pass and with no copy beside the one it takes."""

from __future__ import annotations

import logging
from fractions import Fraction
from typing import cast

import av
from av.filter import Graph
from av.filter.context import FilterContext

from jackfield.values.errors import PluginError
from jackfield.values.media import VideoFrame
from jackfield_processing.options import Crop

logger = logging.getLogger("jackfield.processing")

_TICK = Fraction(1, 90_000)
#: What turns a picture clockwise by so much (https://ffmpeg.org/ffmpeg-filters.html#transpose-1).
_TURNS: dict[int, tuple[tuple[str, str], ...]] = {
    0: (),
    90: (("transpose", "clock"),),
    180: (("hflip", ""), ("vflip", "")),
    270: (("transpose", "cclock"),),
}


class Framing:
    """One camera's framing. ``rotate`` comes on top of the rotation that a picture says it needs; what comes out is
    upright. Cropping goes by the picture as the camera gives it, mirroring by how it is seen."""

    def __init__(self, *, crop: Crop | None = None, rotate: int = 0, mirror: bool = False) -> None:
        self._crop, self._rotate, self._mirror = crop, rotate, mirror
        self._shape: tuple[int, int, str, int] | None = None
        self._graph: Graph | None = None
        self._source: FilterContext
        self._sink: FilterContext

    def process(self, frame: VideoFrame) -> VideoFrame:
        """The picture, framed."""
        picture = frame.picture
        shape = (picture.width, picture.height, picture.format.name, frame.rotation)
        try:
            if shape != self._shape:
                self._connect(picture, frame.rotation)
                self._shape = shape
            if self._graph is None:
                return frame
            self._source.push(picture)
            return VideoFrame(cast("av.VideoFrame", self._sink.pull()), frame.time_ns)
        except av.FFmpegError as exc:
            raise PluginError(f"a picture of {shape[0]}x{shape[1]} {shape[2]} cannot be framed: {exc}") from exc

    def _connect(self, picture: av.VideoFrame, rotation: int) -> None:
        steps = self._steps(picture, rotation)
        if not steps:
            self._graph = None
            return
        graph = Graph()
        graph.threads = 1
        self._source = last = graph.add_buffer(
            width=picture.width, height=picture.height, format=picture.format, time_base=_TICK
        )
        for name, arguments in steps:
            step = graph.add(name, arguments)
            last.link_to(step)
            last = step
        self._sink = graph.add("buffersink")
        last.link_to(self._sink)
        graph.configure()
        self._graph = graph

    def _steps(self, picture: av.VideoFrame, rotation: int) -> list[tuple[str, str]]:
        steps: list[tuple[str, str]] = []
        if self._crop is not None:
            steps.append(("crop", _within(self._crop, picture.width, picture.height)))
            if not self._crop.fits(picture.width, picture.height):
                logger.warning(
                    "crop %s does not fit in pictures of %dx%d: what they have of it is shown",
                    self._crop,
                    picture.width,
                    picture.height,
                )
        steps += _TURNS[(self._rotate + rotation) % 360]
        if self._mirror:
            steps.append(("hflip", ""))
        return steps

    def close(self) -> None:
        """The filters are given back."""
        self._graph, self._shape = None, None


def _within(crop: Crop, width: int, height: int) -> str:
    """The part as far as the picture has it, even in size and place, as 4:2:0 needs it."""
    left, top = max(0, min(crop.left, width - 16)) & ~1, max(0, min(crop.top, height - 16)) & ~1
    return f"{min(crop.width, width - left) & ~1}:{min(crop.height, height - top) & ~1}:{left}:{top}"
