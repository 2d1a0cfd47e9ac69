"""The structures are the kernel's: sizes and requests beside those that its own header gives."""

from __future__ import annotations

import ctypes
import sys

import pytest
from jackfield_v4l2 import structs

# Printed by a C program with linux/videodev2.h and linux/uvcvideo.h of 6.1, on x86-64; the same on every 64-bit Linux.
SIZES = {
    "Capability": 104, "FormatDescription": 64, "Format": 208, "PixFormat": 48, "PixFormatMplane": 192,
    "PlaneFormat": 20, "RequestBuffers": 20, "Buffer": 88, "Plane": 64, "StreamParm": 204, "FrameSize": 44,
    "FrameInterval": 52, "QueryExtControl": 232, "QueryMenu": 44, "ExtControl": 20, "ExtControls": 32, "Event": 136,
    "EventSubscription": 32, "DvTimings": 132, "Input": 80, "ExtensionQuery": 16,
}  # fmt: skip
REQUESTS = {
    "QUERYCAP": 0x80685600, "ENUM_FMT": 0xC0405602, "G_FMT": 0xC0D05604, "S_FMT": 0xC0D05605, "REQBUFS": 0xC0145608,
    "QUERYBUF": 0xC0585609, "QBUF": 0xC058560F, "DQBUF": 0xC0585611, "STREAMON": 0x40045612, "STREAMOFF": 0x40045613,
    "G_PARM": 0xC0CC5615, "S_PARM": 0xC0CC5616, "ENUM_FRAMESIZES": 0xC02C564A, "ENUM_FRAMEINTERVALS": 0xC034564B,
    "QUERY_EXT_CTRL": 0xC0E85667, "QUERYMENU": 0xC02C5625, "G_EXT_CTRLS": 0xC0205647, "S_EXT_CTRLS": 0xC0205648,
    "DQEVENT": 0x80885659, "SUBSCRIBE_EVENT": 0x4020565A, "QUERY_DV_TIMINGS": 0x80845663, "S_DV_TIMINGS": 0xC0845657,
    "ENUMINPUT": 0xC050561A, "G_INPUT": 0x80045626, "QUERYSTD": 0x8008563F, "S_STD": 0x40085618, "XU_QUERY": 0xC0107521,
}  # fmt: skip
OFFSETS = {
    ("Format", "fmt"): 8, ("Buffer", "timestamp"): 24, ("Buffer", "m"): 64, ("Buffer", "length"): 72,
    ("Event", "u"): 8, ("Input", "capabilities"): 60, ("ExtensionQuery", "data"): 8, ("QueryMenu", "u"): 8,
    ("ExtControls", "controls"): 24, ("QueryExtControl", "minimum"): 40, ("PixFormatMplane", "num_planes"): 180,
}  # fmt: skip
ON_64_BIT = pytest.mark.skipif(sys.maxsize < 1 << 32, reason="a 64-bit Linux. To run it: use one")


@ON_64_BIT
@pytest.mark.parametrize(("name", "size"), SIZES.items())
def test_a_structure_has_the_kernels_size(name: str, size: int) -> None:
    """One octet more or less, and the kernel refuses the request or writes past the end."""
    assert ctypes.sizeof(getattr(structs, name)) == size


@ON_64_BIT
@pytest.mark.parametrize(("name", "number"), REQUESTS.items())
def test_a_request_has_the_kernels_number(name: str, number: int) -> None:
    """It is made of the structure's size, so it is right only with it."""
    assert getattr(structs, name) == number


@ON_64_BIT
@pytest.mark.parametrize(("where", "offset"), OFFSETS.items())
def test_a_field_stands_where_the_kernel_looks(where: tuple[str, str], offset: int) -> None:
    """Unions and packing put fields where C puts them."""
    name, field = where
    assert getattr(getattr(structs, name), field).offset == offset


def test_every_request_that_is_spoken_is_checked_here() -> None:
    """A request that is added without its number is missed."""
    named = {name for name, value in vars(structs).items() if name.isupper() and isinstance(value, int)}
    assert {name for name in named if getattr(structs, name) > 0xFFFFFF and name in structs.NAMES.values()} >= set(
        REQUESTS
    )


def test_layouts_are_named_by_four_letters() -> None:
    """As people read them, the big-endian ones marked."""
    assert structs.fourcc("YUYV") == 0x56595559
    assert structs.fourcc_name(structs.fourcc("Y16 ", big_endian=True)) == "Y16 -BE"
