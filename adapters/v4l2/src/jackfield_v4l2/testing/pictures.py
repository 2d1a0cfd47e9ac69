"""What fake cameras see: eight colour bars, as vivid's, in any layout and codec."""

from __future__ import annotations

from fractions import Fraction
from functools import cache

import av
import numpy as np

from jackfield_v4l2.pixels import H264, LAYOUTS, MJPEG

#: White, yellow, cyan, green, magenta, red, blue, black at 75 %: red, green, blue of each bar.
BARS = tuple((191 * (i & 2 == 0), 191 * (i & 4 == 0), 191 * (i & 1 == 0)) for i in range(8))


@cache
def bars(width: int, height: int) -> av.VideoFrame:
    """The bars, as rgb24."""
    picture = np.zeros((height, width, 3), np.uint8)
    for number, colour in enumerate(BARS):
        picture[:, number * width // 8 : (number + 1) * width // 8] = colour
    return av.VideoFrame.from_ndarray(picture, format="rgb24")


def content(code: int, width: int, height: int, *, keyframe: bool, padding: int = 0) -> list[bytes]:
    """One picture as a driver lays it out: the octets of each memory plane."""
    if code in MJPEG:
        return [_jpeg(width, height)]
    if code in H264:
        return [_h264(width, height)[0 if keyframe else 1]]
    return list(_raw(code, width, height, padding))


@cache
def _raw(code: int, width: int, height: int, padding: int) -> tuple[bytes, ...]:
    layout = LAYOUTS[code]
    picture = bars(width, height).reformat(format=layout.pixel_format)
    planes = [_rows(picture, number, padding) for number in range(len(picture.planes))]
    if layout.swapped:
        planes[1], planes[2] = planes[2], planes[1]
    return tuple(planes) if layout.buffers > 1 else (b"".join(planes),)


def _rows(picture: av.VideoFrame, number: int, padding: int) -> bytes:
    plane = picture.planes[number]
    octets, line = bytes(plane), plane.line_size
    wide = stride(picture.format.name, picture.width, number)
    more = bytes(stride_padding(picture, number, padding))
    return b"".join(octets[row * line : row * line + wide] + more for row in range(plane.height))


def stride_padding(picture: av.VideoFrame, number: int, padding: int) -> int:
    """What each row of a plane is longer by, where those of the first are longer by ``padding``."""
    if number == 0 or len(picture.planes) == 1:
        return padding
    across = picture.planes[number].width * (2 if len(picture.planes) == 2 else 1)
    return padding * across // picture.width


def stride(pixel_format: str, width: int, plane: int = 0) -> int:
    """Octets of one row of a plane, with none to spare."""
    picture = av.VideoFrame(width, 16, pixel_format)
    bits = picture.format.bits_per_pixel if len(picture.planes) == 1 else 8
    padded = picture.format.padded_bits_per_pixel if len(picture.planes) == 1 else 8
    across = picture.planes[plane].width * (2 if len(picture.planes) == 2 and plane == 1 else 1)
    return across * max(bits, padded) // 8


@cache
def _jpeg(width: int, height: int) -> bytes:
    context = av.CodecContext.create("mjpeg", "w")
    assert isinstance(context, av.VideoCodecContext)
    context.width, context.height, context.pix_fmt = width, height, "yuvj422p"
    context.time_base, context.bit_rate = Fraction(1, 30), 8_000_000
    picture = bars(width, height).reformat(format="yuvj422p")
    return bytes(context.encode(picture)[0])


@cache
def _h264(width: int, height: int) -> tuple[bytes, bytes]:
    """An IDR picture with its parameter sets, and one that builds on it."""
    context = av.CodecContext.create("libx264", "w")
    assert isinstance(context, av.VideoCodecContext)
    context.width, context.height, context.pix_fmt = width, height, "yuv420p"
    context.time_base = Fraction(1, 30)
    context.options = {"preset": "ultrafast", "tune": "zerolatency", "x264-params": "repeat-headers=1:annexb=1"}
    picture = bars(width, height).reformat(format="yuv420p")
    first = bytes(context.encode(picture)[0])
    return first, bytes(context.encode(picture)[0])
