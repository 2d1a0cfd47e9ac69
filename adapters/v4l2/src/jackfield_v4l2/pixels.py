"""V4L2's raw layouts (videodev2.h, "Pixel format FOURCC") and FFmpeg's names for the same memory."""

from __future__ import annotations

from attrs import frozen

from jackfield_v4l2.structs import fourcc


@frozen
class Layout:
    """One raw layout: FFmpeg's name, and where V4L2's memory is otherwise arranged than FFmpeg's.

    ``swapped``: the plane of Cr comes before that of Cb. ``buffers``: each plane lies in memory of its own.
    """

    code: int
    pixel_format: str
    swapped: bool = False
    buffers: int = 1


_PACKED = {
    "YUYV": "yuyv422", "YVYU": "yvyu422", "UYVY": "uyvy422", "VUYA": "vuya", "VUYX": "vuyx",
    "YUV4": "ayuv", "AYUV": "ayuv", "XYUV": "ayuv",
    "GREY": "gray", "Y10 ": "gray10le", "Y12 ": "gray12le", "Y16 ": "gray16le",
    "RGB1": "rgb8",
    "R444": "rgb444le", "AR12": "rgb444le", "XR12": "rgb444le", "AB12": "bgr444le", "XB12": "bgr444le",
    "RGBO": "rgb555le", "AR15": "rgb555le", "XR15": "rgb555le", "RGBQ": "rgb555be",
    "AB15": "bgr555le", "XB15": "bgr555le",
    "RGBP": "rgb565le", "RGBR": "rgb565be",
    "RGB3": "rgb24", "BGR3": "bgr24",
    "BGR4": "bgr0", "XR24": "bgr0", "AR24": "bgra",
    "RGB4": "0rgb", "BX24": "0rgb", "BA24": "argb",
    "XB24": "rgb0", "AB24": "rgba", "RX24": "0bgr", "RA24": "abgr",
}  # fmt: skip
_PACKED_BIG_ENDIAN = {"Y16 ": "gray16be", "AR15": "rgb555be", "XR15": "rgb555be"}
_PLANAR = {
    "NV12": "nv12", "NV21": "nv21", "NV16": "nv16", "NV24": "nv24", "NV42": "nv42",
    "YU12": "yuv420p", "422P": "yuv422p",
}  # fmt: skip
_PLANAR_SWAPPED = {"YV12": "yuv420p"}
#: Layouts of the multi-planar interface alone: planes in buffers of their own.
_SEPARATE = {
    "NM12": ("nv12", 2, False), "NM21": ("nv21", 2, False), "NM16": ("nv16", 2, False),
    "YM12": ("yuv420p", 3, False), "YM21": ("yuv420p", 3, True), "YM16": ("yuv422p", 3, False),
    "YM61": ("yuv422p", 3, True), "YM24": ("yuv444p", 3, False), "YM42": ("yuv444p", 3, True),
}  # fmt: skip

_ALL = (
    *(Layout(fourcc(name), form) for name, form in (_PACKED | _PLANAR).items()),
    *(Layout(fourcc(name, big_endian=True), form) for name, form in _PACKED_BIG_ENDIAN.items()),
    *(Layout(fourcc(name), form, swapped=True) for name, form in _PLANAR_SWAPPED.items()),
    *(Layout(fourcc(name), form, swapped, buffers) for name, (form, buffers, swapped) in _SEPARATE.items()),
)
LAYOUTS = {layout.code: layout for layout in _ALL}

MJPEG = frozenset({fourcc("MJPG"), fourcc("JPEG")})
H264 = frozenset({fourcc("H264")})
#: What image sensors give before any processing: SBGGR8 … SRGGB16, packed or not.
BAYER = frozenset(
    fourcc(name)
    for name in (
        *("BA81", "GBRG", "GRBG", "RGGB", "BG10", "GB10", "BA10", "RG10", "pBAA", "pGAA", "pgAA", "pRAA"),
        *("aBA8", "aGA8", "agA8", "aRA8", "bBA8", "bGA8", "BD10", "bRA8", "BG12", "GB12", "BA12", "RG12"),
        *("pBCC", "pGCC", "pgCC", "pRCC", "BG14", "GB14", "GR14", "RG14", "pBEE", "pGEE", "pgEE", "pREE"),
        *("BYR2", "GB16", "GR16", "RG16"),
    )
)
