"""What a driver's buffer holds, made into media of our own: nothing made here points into the driver's memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import av
from av.video.plane import VideoPlane
from av.video.reformatter import VideoReformatter

from jackfield.media.h264 import IDR, SLICE, ParameterSets, nal_types, sps_of
from jackfield.values.formats import VideoFormat
from jackfield.values.media import EncodedFrame, Media, VideoFrame
from jackfield_v4l2.pixels import LAYOUTS, Layout
from jackfield_v4l2.stream import Shape

#: What encoders take, and so what a picture is converted to, once.
ENCODED_FROM = "yuv420p"
_END_OF_IMAGE = b"\xff\xd9"
#: A camera that ends none of so many pictures in a row, each of which can be read, is one that never does.
_NEVER_ENDS = 30
_MPEG, _JPEG = 1, 2  # av.video.reformatter.ColorRange


def layout_for(wanted: VideoFormat) -> str:
    """The layout that raw pictures leave in: the one wished for; MJPEG names a mode of the camera, not a layout."""
    return wanted.pixel_format if wanted.pixel_format not in ("", "mjpeg") else ENCODED_FROM


class Damaged(Exception):
    """Why this one picture cannot be used; the next one may."""


class Unpacks(Protocol):
    """Makes media of filled buffers. Used by one thread at a time."""

    def take(self, parts: Sequence[memoryview], time_ns: int) -> Media | None:
        """One picture; None where the buffer holds none yet. `Damaged` says why there is none."""


def unpacker(shape: Shape, mode: VideoFormat, wanted: VideoFormat) -> Unpacks:
    """What suits the mode and the wish: encoded as it is, decoded, or raw in the layout that was asked for."""
    if mode.codec:
        return Units(shape.width, shape.height) if wanted.codec else Decoded("h264", ENCODED_FROM)
    output = layout_for(wanted)
    if mode.pixel_format == "mjpeg":
        return Jpegs(output)
    return Raw(shape, LAYOUTS[shape.code], output)


class Raw:
    """Raw pictures: copied out of the driver's memory once, and converted once."""

    def __init__(self, shape: Shape, layout: Layout, output: str) -> None:
        self._shape, self._layout, self._output = shape, layout, output
        self._reformatter = VideoReformatter()

    def take(self, parts: Sequence[memoryview], time_ns: int) -> VideoFrame:
        """See `Unpacks`."""
        picture = av.VideoFrame(self._shape.width, self._shape.height, self._layout.pixel_format)
        if self._shape.full_range:
            picture.color_range = _JPEG
        self._fill(picture, parts)
        return VideoFrame(self._reformatter.reformat(picture, format=self._output, threads=1), time_ns)

    def _fill(self, picture: av.VideoFrame, parts: Sequence[memoryview]) -> None:
        planes = list(picture.planes)
        if self._layout.swapped:
            planes[1], planes[2] = planes[2], planes[1]
        rest = parts[0]
        for number, plane in enumerate(planes):
            if self._layout.buffers > 1:
                rest = parts[number]
                stride = self._shape.strides[number]
            else:
                stride = _stride(picture, self._shape.strides[0], number)
            rest = rest[_copy(rest, stride, plane) :]


def _stride(picture: av.VideoFrame, first: int, number: int) -> int:
    """V4L2 gives the stride of the first plane; the others' follow from their width ("Planar YUV formats")."""
    if number == 0:
        return first
    # interleaved chroma has two octets where planar chroma has one
    across = picture.planes[number].width * (2 if len(picture.planes) == 2 else 1)
    return first * across // picture.width


def _copy(source: memoryview, stride: int, plane: VideoPlane) -> int:
    """Copies one plane, and answers how many octets it took in the driver's memory."""
    target = memoryview(plane)
    height, line = plane.height, plane.line_size
    if stride == line:
        size = min(len(target), stride * height)
        if len(source) < size:
            raise Damaged(f"{len(source)} octets came, {size} were due")
        target[:size] = source[:size]
        return size
    wide = min(stride, line)
    if len(source) < stride * (height - 1) + wide:
        raise Damaged(f"{len(source)} octets came, {stride * height} were due")
    for row in range(height):
        target[row * line : row * line + wide] = source[row * stride : row * stride + wide]
    return stride * height


class Decoded:
    """Pictures that the camera encodes and the call wants raw."""

    def __init__(self, codec: str, output: str) -> None:
        self._codec = codec
        self._context = self._opened()
        self._output = output
        self._reformatter = VideoReformatter()

    def take(self, parts: Sequence[memoryview], time_ns: int) -> VideoFrame | None:
        """See `Unpacks`."""
        packet = av.Packet(parts[0])  # type: ignore[arg-type]  # any buffer; it is copied
        try:
            pictures = self._context.decode(packet)
        except av.FFmpegError as error:
            self._context = self._opened()  # some decoders never recover
            raise Damaged(f"{self._codec} cannot be decoded: {error}") from error
        if not pictures:
            return None
        if pictures[-1].is_corrupt:
            raise Damaged(f"{self._codec} was decoded with errors")
        return VideoFrame(self._converted(pictures[-1]), time_ns)

    def _converted(self, picture: av.VideoFrame) -> av.VideoFrame:
        return self._reformatter.reformat(picture, format=self._output, dst_color_range=_MPEG, threads=1)

    def _opened(self) -> av.VideoCodecContext:
        context = av.CodecContext.create(self._codec, "r")
        assert isinstance(context, av.VideoCodecContext)
        context.thread_count = 1  # a thread more is a picture of delay more
        context.flags |= av.codec.context.Flags.low_delay
        return context


class Jpegs(Decoded):
    """MJPEG. A picture that was cut short decodes without an error, so its end is looked for."""

    def __init__(self, output: str) -> None:
        super().__init__("mjpeg", output)
        self._endless = 0

    def take(self, parts: Sequence[memoryview], time_ns: int) -> VideoFrame | None:
        """See `Unpacks`."""
        ended = _is_ended(parts[0])
        if ended:
            self._endless = 0
        elif self._endless < _NEVER_ENDS:
            super().take(parts, time_ns)  # raises where it cannot be read either
            self._endless += 1
            raise Damaged("a JPEG picture was cut short")
        return super().take(parts, time_ns)


def _is_ended(data: memoryview) -> bool:
    """Whether the end marker stands at the end; drivers and cameras pad with zeros behind it."""
    tail = bytes(data[-4096:]).rstrip(b"\0")
    return tail.endswith(_END_OF_IMAGE)


class Units:
    """H.264 as the camera gives it: one access unit a buffer, joinable at each keyframe."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self._sets = ParameterSets()
        self._before = b""

    def take(self, parts: Sequence[memoryview], time_ns: int) -> EncodedFrame | None:
        """See `Unpacks`. A buffer with parameter sets alone waits for the picture they belong to."""
        data, self._before = self._before + bytes(parts[0]), b""
        types = nal_types(data)
        if not types:
            raise Damaged("no NAL unit is in it")
        if not any(SLICE <= kind <= IDR for kind in types):
            self._before = data
            return None
        unit = self._sets.whole(data)
        sps = sps_of(unit) if IDR in types else None
        if sps is not None:
            self.width, self.height = sps.width, sps.height
        return EncodedFrame(unit, "H264", IDR in types, time_ns, width=self.width, height=self.height)
