"""Readers of what is not encoded: pictures of a known layout, Y4M, samples of sound."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import evolve
from numpy.typing import NDArray

from jackfield.media.program.reader import Instants, Unreadable
from jackfield.values.formats import PIXELS_MAX, AudioFormat, VideoFormat
from jackfield.values.media import AudioBlock, VideoFrame

if TYPE_CHECKING:
    import av

#: FFmpeg's name → of each plane, bytes in a row for each pixel of width, and rows for each of height, as divisors:
#: (2, 1, 1) is two bytes for every pixel, (1, 2, 2) one for every second pixel of every second row.
LAYOUTS: dict[str, tuple[tuple[int, int, int], ...]] = {
    "yuv420p": ((1, 1, 1), (1, 2, 2), (1, 2, 2)),
    "yuvj420p": ((1, 1, 1), (1, 2, 2), (1, 2, 2)),
    "nv12": ((1, 1, 1), (2, 2, 2)),
    "nv21": ((1, 1, 1), (2, 2, 2)),
    "yuv422p": ((1, 1, 1), (1, 2, 1), (1, 2, 1)),
    "yuvj422p": ((1, 1, 1), (1, 2, 1), (1, 2, 1)),
    "yuv444p": ((1, 1, 1), (1, 1, 1), (1, 1, 1)),
    "yuyv422": ((4, 2, 1),),
    "uyvy422": ((4, 2, 1),),
    "rgb24": ((3, 1, 1),),
    "bgr24": ((3, 1, 1),),
    "rgba": ((4, 1, 1),),
    "bgra": ((4, 1, 1),),
    "gray": ((1, 1, 1),),
}
#: FFmpeg's name of a layout of samples → numpy's; floats are from -1 to 1.
SAMPLES = {"s16le": "<i2", "s32le": "<i4", "f32le": "<f4"}
_Y4M_COLOURS = {"420": "yuv420p", "422": "yuv422p", "444": "yuv444p", "mono": "gray"}
_Y4M_LONGEST = 1024


def plane_sizes(layout: str, width: int, height: int) -> list[tuple[int, int]]:
    """Rows, and bytes in each, of every plane of a picture with nothing between."""
    return [(-(-height // down), per * -(-width // across)) for per, across, down in LAYOUTS[layout]]


def picture_of(data: memoryview, layout: str, width: int, height: int) -> av.VideoFrame:
    """A picture that owns its memory, from the planes one after the other."""
    import av

    picture, at = av.VideoFrame(width, height, layout), 0
    for plane, (rows, row) in zip(picture.planes, plane_sizes(layout, width, height), strict=True):
        into = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)  # type: ignore[call-overload]
        into[:rows, :row] = np.frombuffer(data[at : at + rows * row], np.uint8).reshape(rows, row)
        at += rows * row
    return picture


class RawPictures:
    """Pictures of one layout and size, one after the other."""

    quiet_s: float | None = None

    def __init__(self, format: VideoFormat) -> None:
        self.format = format
        sizes = plane_sizes(format.pixel_format, format.width, format.height)
        self._size = sum(rows * row for rows, row in sizes)
        self.bytes_per_s, self.items_per_s = 2.0 * self._size * format.fps, 2.0 * format.fps
        self._buffer = bytearray()
        self._instants = Instants()

    def feed(self, data: bytes, now_ns: int) -> Sequence[VideoFrame]:
        """The pictures that are whole; its instant is when the last of its bytes came."""
        self._buffer += data
        found = []
        while len(self._buffer) >= self._size:
            with memoryview(self._buffer) as whole, whole[: self._size] as one:
                picture = picture_of(one, self.format.pixel_format, self.format.width, self.format.height)
            del self._buffer[: self._size]
            found.append(VideoFrame(picture, self._instants.at(now_ns)))
        return found

    def quiet(self, now_ns: int) -> Sequence[VideoFrame]:
        """Nothing: a picture is whole when all of it is there."""
        return ()


class Y4mPictures:
    """YUV4MPEG2, which says itself how large its pictures are (``ffmpeg -f yuv4mpegpipe``, ``gst y4menc``)."""

    quiet_s: float | None = None

    def __init__(self, format: VideoFormat) -> None:
        self.format = format
        self.bytes_per_s, self.items_per_s = 400e6, 2.0 * format.fps
        self._buffer = bytearray()
        self._pictures: RawPictures | None = None
        self._size = 0

    def feed(self, data: bytes, now_ns: int) -> Sequence[VideoFrame]:
        """The pictures that are whole."""
        self._buffer += data
        found: list[VideoFrame] = []
        while (part := self._part()) is not None:
            assert self._pictures is not None
            found += self._pictures.feed(part, now_ns)
        return found

    def quiet(self, now_ns: int) -> Sequence[VideoFrame]:
        """Nothing: a picture is whole when all of it is there."""
        return ()

    def _part(self) -> bytes | None:
        """The next picture's bytes; None while they are not all there."""
        end = self._buffer.find(b"\n", 0, _Y4M_LONGEST)
        if end < 0:
            if len(self._buffer) >= _Y4M_LONGEST or (self._buffer and self._buffer[0] not in b"YF"):
                raise Unreadable(f"its output is no YUV4MPEG2: it begins with {bytes(self._buffer[:12])!r}")
            return None
        line = bytes(self._buffer[:end])
        if self._pictures is None:
            self._begin(line)
            del self._buffer[: end + 1]
            return self._part()
        if not line.startswith(b"FRAME"):
            raise Unreadable(f"its YUV4MPEG2 has {line[:12]!r} where a picture should begin")
        if len(self._buffer) < end + 1 + self._size:
            return None
        part = bytes(self._buffer[end + 1 : end + 1 + self._size])
        del self._buffer[: end + 1 + self._size]
        return part

    def _begin(self, line: bytes) -> None:
        words = line.decode("ascii", "replace").split()
        said = {word[0]: word[1:] for word in words[1:]}
        rate = re.fullmatch(r"(\d+):(\d+)", said.get("F", ""))
        colour = re.match(r"mono$|4\d\d(?!p1)", said.get("C", "420"))
        layout = _Y4M_COLOURS.get(colour[0]) if colour else None
        width, height = (int(said.get(key, "")) if said.get(key, "").isdigit() else 0 for key in "WH")
        if words[:1] != ["YUV4MPEG2"] or not 0 < width <= 16_384 or not 0 < height <= 16_384 or layout is None:
            raise Unreadable(f"its output is no YUV4MPEG2 of 8 bits: it begins with {line[:60]!r}")
        if width * height > PIXELS_MAX:
            raise Unreadable(f"its YUV4MPEG2 has pictures of {width}x{height}, and 8192x4320 are the largest")
        fps = _frame_rate(int(rate[1]), int(rate[2])) if rate else 0.0
        self.format = evolve(self.format, width=width, height=height, fps=fps or self.format.fps, pixel_format=layout)
        self._size = sum(rows * row for rows, row in plane_sizes(layout, width, height))
        self._pictures = RawPictures(self.format)
        self.items_per_s = 2.0 * self.format.fps


def _frame_rate(count: int, seconds: int) -> float:
    """Pictures in a second; 0 where that is not known, as a header may say, or nothing that one waits for."""
    is_rate = count and seconds and seconds <= 10 * count
    return min(count, 1000 * seconds) / seconds if is_rate else 0.0


class Samples:
    """Interleaved samples, given on as int16 in blocks of ``ptime_ms``; each instant is that of its first sample."""

    quiet_s: float | None = None

    def __init__(self, format: AudioFormat, layout: str = "s16le") -> None:
        self.format = format
        self._type = np.dtype(SAMPLES[layout])
        self._per_s = format.rate * format.channels * self._type.itemsize
        samples = format.rate * format.ptime_ms // 1000
        self._size = samples * format.channels * self._type.itemsize
        self.bytes_per_s, self.items_per_s = 2.0 * self._per_s, 2000.0 / format.ptime_ms
        self._buffer = bytearray()
        self._instants = Instants()

    def feed(self, data: bytes, now_ns: int) -> Sequence[AudioBlock]:
        """The blocks that are whole."""
        self._buffer += data
        found = []
        while len(self._buffer) >= self._size:
            began_ns = now_ns - len(self._buffer) * 1_000_000_000 // self._per_s
            samples = _as_int16(np.frombuffer(bytes(self._buffer[: self._size]), self._type))
            del self._buffer[: self._size]
            shaped = samples.reshape(-1, self.format.channels)
            found.append(AudioBlock(shaped, self.format.rate, self._instants.at(began_ns)))
        return found

    def quiet(self, now_ns: int) -> Sequence[AudioBlock]:
        """Nothing: what is less than a block waits."""
        return ()


def _as_int16(samples: NDArray[Any]) -> NDArray[np.int16]:
    if samples.dtype.kind == "f":
        samples = np.clip(np.nan_to_num(samples), -1.0, 1.0) * 32767.0
    elif samples.dtype.itemsize == 4:
        samples = samples.astype(np.int32) >> 16
    found: NDArray[np.int16] = samples.astype(np.int16)
    return found
