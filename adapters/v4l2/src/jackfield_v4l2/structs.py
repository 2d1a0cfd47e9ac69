"""Structures, requests and constants of linux/videodev2.h and linux/uvcvideo.h, as far as this adapter speaks them.

A request's number holds the size of its structure; a test compares both with the kernel's own header.
"""

from __future__ import annotations

import ctypes
from ctypes import c_char, c_int32, c_int64, c_long, c_uint8, c_uint16, c_uint32, c_uint64, c_ulong

WRITE, READ = 1, 2
MAX_PLANES = 8


class Capability(ctypes.Structure):
    """struct v4l2_capability."""

    _fields_ = [
        ("driver", c_char * 16),
        ("card", c_char * 32),
        ("bus_info", c_char * 32),
        ("version", c_uint32),
        ("capabilities", c_uint32),
        ("device_caps", c_uint32),
        ("reserved", c_uint32 * 3),
    ]


class FormatDescription(ctypes.Structure):
    """struct v4l2_fmtdesc."""

    _fields_ = [
        ("index", c_uint32),
        ("type", c_uint32),
        ("flags", c_uint32),
        ("description", c_char * 32),
        ("pixelformat", c_uint32),
        ("mbus_code", c_uint32),
        ("reserved", c_uint32 * 3),
    ]


class PixFormat(ctypes.Structure):
    """struct v4l2_pix_format."""

    _fields_ = [
        ("width", c_uint32),
        ("height", c_uint32),
        ("pixelformat", c_uint32),
        ("field", c_uint32),
        ("bytesperline", c_uint32),
        ("sizeimage", c_uint32),
        ("colorspace", c_uint32),
        ("priv", c_uint32),
        ("flags", c_uint32),
        ("ycbcr_enc", c_uint32),
        ("quantization", c_uint32),
        ("xfer_func", c_uint32),
    ]


class PlaneFormat(ctypes.Structure):
    """struct v4l2_plane_pix_format."""

    _pack_ = 1
    _fields_ = [("sizeimage", c_uint32), ("bytesperline", c_uint32), ("reserved", c_uint16 * 6)]


class PixFormatMplane(ctypes.Structure):
    """struct v4l2_pix_format_mplane."""

    _pack_ = 1
    _fields_ = [
        ("width", c_uint32),
        ("height", c_uint32),
        ("pixelformat", c_uint32),
        ("field", c_uint32),
        ("colorspace", c_uint32),
        ("plane_fmt", PlaneFormat * MAX_PLANES),
        ("num_planes", c_uint8),
        ("flags", c_uint8),
        ("ycbcr_enc", c_uint8),
        ("quantization", c_uint8),
        ("xfer_func", c_uint8),
        ("reserved", c_uint8 * 7),
    ]


class _FormatUnion(ctypes.Union):
    # the pointer stands for those of v4l2_window: it gives the union its alignment
    _fields_ = [("pix", PixFormat), ("pix_mp", PixFormatMplane), ("raw", c_uint8 * 200), ("align", c_ulong)]


class Format(ctypes.Structure):
    """struct v4l2_format."""

    _fields_ = [("type", c_uint32), ("fmt", _FormatUnion)]


class RequestBuffers(ctypes.Structure):
    """struct v4l2_requestbuffers."""

    _fields_ = [
        ("count", c_uint32),
        ("type", c_uint32),
        ("memory", c_uint32),
        ("capabilities", c_uint32),
        ("flags", c_uint8),
        ("reserved", c_uint8 * 3),
    ]


class _PlaneUnion(ctypes.Union):
    _fields_ = [("mem_offset", c_uint32), ("userptr", c_ulong), ("fd", c_int32)]


class Plane(ctypes.Structure):
    """struct v4l2_plane."""

    _fields_ = [
        ("bytesused", c_uint32),
        ("length", c_uint32),
        ("m", _PlaneUnion),
        ("data_offset", c_uint32),
        ("reserved", c_uint32 * 11),
    ]


class TimeValue(ctypes.Structure):
    """struct timeval."""

    _fields_ = [("tv_sec", c_long), ("tv_usec", c_long)]


class _TimeCode(ctypes.Structure):
    _fields_ = [("type", c_uint32), ("flags", c_uint32), ("fields", c_uint8 * 8)]


class _BufferUnion(ctypes.Union):
    _fields_ = [("offset", c_uint32), ("userptr", c_ulong), ("planes", ctypes.POINTER(Plane)), ("fd", c_int32)]


class Buffer(ctypes.Structure):
    """struct v4l2_buffer."""

    _fields_ = [
        ("index", c_uint32),
        ("type", c_uint32),
        ("bytesused", c_uint32),
        ("flags", c_uint32),
        ("field", c_uint32),
        ("timestamp", TimeValue),
        ("timecode", _TimeCode),
        ("sequence", c_uint32),
        ("memory", c_uint32),
        ("m", _BufferUnion),
        ("length", c_uint32),
        ("reserved2", c_uint32),
        ("request_fd", c_int32),
    ]


class Fraction(ctypes.Structure):
    """struct v4l2_fract."""

    _fields_ = [("numerator", c_uint32), ("denominator", c_uint32)]


class _CaptureParm(ctypes.Structure):
    _fields_ = [
        ("capability", c_uint32),
        ("capturemode", c_uint32),
        ("timeperframe", Fraction),
        ("extendedmode", c_uint32),
        ("readbuffers", c_uint32),
        ("reserved", c_uint32 * 4),
    ]


class _ParmUnion(ctypes.Union):
    _fields_ = [("capture", _CaptureParm), ("raw", c_uint8 * 200)]


class StreamParm(ctypes.Structure):
    """struct v4l2_streamparm."""

    _fields_ = [("type", c_uint32), ("parm", _ParmUnion)]


class _Size(ctypes.Structure):
    _fields_ = [("width", c_uint32), ("height", c_uint32)]


class _SizeSteps(ctypes.Structure):
    _fields_ = [(f"{which}_{side}", c_uint32) for side in ("width", "height") for which in ("min", "max", "step")]


class _SizeUnion(ctypes.Union):
    _fields_ = [("discrete", _Size), ("stepwise", _SizeSteps)]


class FrameSize(ctypes.Structure):
    """struct v4l2_frmsizeenum."""

    _fields_ = [
        ("index", c_uint32),
        ("pixel_format", c_uint32),
        ("type", c_uint32),
        ("u", _SizeUnion),
        ("reserved", c_uint32 * 2),
    ]


class _IntervalSteps(ctypes.Structure):
    _fields_ = [("min", Fraction), ("max", Fraction), ("step", Fraction)]


class _IntervalUnion(ctypes.Union):
    _fields_ = [("discrete", Fraction), ("stepwise", _IntervalSteps)]


class FrameInterval(ctypes.Structure):
    """struct v4l2_frmivalenum."""

    _fields_ = [
        ("index", c_uint32),
        ("pixel_format", c_uint32),
        ("width", c_uint32),
        ("height", c_uint32),
        ("type", c_uint32),
        ("u", _IntervalUnion),
        ("reserved", c_uint32 * 2),
    ]


class QueryExtControl(ctypes.Structure):
    """struct v4l2_query_ext_ctrl."""

    _fields_ = [
        ("id", c_uint32),
        ("type", c_uint32),
        ("name", c_char * 32),
        ("minimum", c_int64),
        ("maximum", c_int64),
        ("step", c_uint64),
        ("default_value", c_int64),
        ("flags", c_uint32),
        ("elem_size", c_uint32),
        ("elems", c_uint32),
        ("nr_of_dims", c_uint32),
        ("dims", c_uint32 * 4),
        ("reserved", c_uint32 * 32),
    ]


class _MenuUnion(ctypes.Union):
    _pack_ = 1
    _fields_ = [("name", c_char * 32), ("value", c_int64)]


class QueryMenu(ctypes.Structure):
    """struct v4l2_querymenu."""

    _pack_ = 1
    _fields_ = [("id", c_uint32), ("index", c_uint32), ("u", _MenuUnion), ("reserved", c_uint32)]


class _ControlUnion(ctypes.Union):
    _pack_ = 1
    _fields_ = [("value", c_int32), ("value64", c_int64), ("pointer", c_ulong)]


class ExtControl(ctypes.Structure):
    """struct v4l2_ext_control."""

    _pack_ = 1
    _fields_ = [("id", c_uint32), ("size", c_uint32), ("reserved2", c_uint32), ("u", _ControlUnion)]


class ExtControls(ctypes.Structure):
    """struct v4l2_ext_controls."""

    _fields_ = [
        ("which", c_uint32),
        ("count", c_uint32),
        ("error_idx", c_uint32),
        ("request_fd", c_int32),
        ("reserved", c_uint32),
        ("controls", ctypes.POINTER(ExtControl)),
    ]


class EventSubscription(ctypes.Structure):
    """struct v4l2_event_subscription."""

    _fields_ = [("type", c_uint32), ("id", c_uint32), ("flags", c_uint32), ("reserved", c_uint32 * 5)]


class _EventUnion(ctypes.Union):
    _fields_ = [("changes", c_uint32), ("data", c_uint8 * 64), ("align", c_int64)]


class Event(ctypes.Structure):
    """struct v4l2_event."""

    _fields_ = [
        ("type", c_uint32),
        ("u", _EventUnion),
        ("pending", c_uint32),
        ("sequence", c_uint32),
        ("tv_sec", c_long),
        ("tv_nsec", c_long),
        ("id", c_uint32),
        ("reserved", c_uint32 * 8),
    ]


class DvTimings(ctypes.Structure):
    """struct v4l2_dv_timings, of whose kinds only BT.656/1120 exists; we look at its size alone."""

    _pack_ = 1
    _fields_ = [("type", c_uint32), ("width", c_uint32), ("height", c_uint32), ("rest", c_uint8 * 120)]


class Input(ctypes.Structure):
    """struct v4l2_input."""

    _fields_ = [
        ("index", c_uint32),
        ("name", c_char * 32),
        ("type", c_uint32),
        ("audioset", c_uint32),
        ("tuner", c_uint32),
        ("std", c_uint64),
        ("status", c_uint32),
        ("capabilities", c_uint32),
        ("reserved", c_uint32 * 3),
    ]


class ExtensionQuery(ctypes.Structure):
    """struct uvc_xu_control_query."""

    _fields_ = [
        ("unit", c_uint8),
        ("selector", c_uint8),
        ("query", c_uint8),
        ("size", c_uint16),
        ("data", ctypes.POINTER(c_uint8)),
    ]


def _request(way: int, group: str, number: int, kind: type[ctypes.Structure] | type[c_int32] | type[c_uint64]) -> int:
    """_IOC of asm-generic/ioctl.h."""
    return way << 30 | ctypes.sizeof(kind) << 16 | ord(group) << 8 | number


QUERYCAP = _request(READ, "V", 0, Capability)
ENUM_FMT = _request(READ | WRITE, "V", 2, FormatDescription)
G_FMT = _request(READ | WRITE, "V", 4, Format)
S_FMT = _request(READ | WRITE, "V", 5, Format)
REQBUFS = _request(READ | WRITE, "V", 8, RequestBuffers)
QUERYBUF = _request(READ | WRITE, "V", 9, Buffer)
QBUF = _request(READ | WRITE, "V", 15, Buffer)
DQBUF = _request(READ | WRITE, "V", 17, Buffer)
STREAMON = _request(WRITE, "V", 18, c_int32)
STREAMOFF = _request(WRITE, "V", 19, c_int32)
G_PARM = _request(READ | WRITE, "V", 21, StreamParm)
S_PARM = _request(READ | WRITE, "V", 22, StreamParm)
S_STD = _request(WRITE, "V", 24, c_uint64)
ENUMINPUT = _request(READ | WRITE, "V", 26, Input)
QUERYMENU = _request(READ | WRITE, "V", 37, QueryMenu)
G_INPUT = _request(READ, "V", 38, c_int32)
QUERYSTD = _request(READ, "V", 63, c_uint64)
G_EXT_CTRLS = _request(READ | WRITE, "V", 71, ExtControls)
S_EXT_CTRLS = _request(READ | WRITE, "V", 72, ExtControls)
ENUM_FRAMESIZES = _request(READ | WRITE, "V", 74, FrameSize)
ENUM_FRAMEINTERVALS = _request(READ | WRITE, "V", 75, FrameInterval)
S_DV_TIMINGS = _request(READ | WRITE, "V", 87, DvTimings)
DQEVENT = _request(READ, "V", 89, Event)
SUBSCRIBE_EVENT = _request(WRITE, "V", 90, EventSubscription)
QUERY_DV_TIMINGS = _request(READ, "V", 99, DvTimings)
QUERY_EXT_CTRL = _request(READ | WRITE, "V", 103, QueryExtControl)
XU_QUERY = _request(READ | WRITE, "u", 0x21, ExtensionQuery)

NAMES = {value: name for name, value in dict(globals()).items() if name.isupper() and isinstance(value, int)}

CAPTURE, CAPTURE_MPLANE = 1, 9  # enum v4l2_buf_type
MEMORY_MMAP = 1
CAP_VIDEO_CAPTURE, CAP_VIDEO_CAPTURE_MPLANE = 0x1, 0x1000
CAP_STREAMING, CAP_IO_MC, CAP_DEVICE_CAPS = 0x04000000, 0x20000000, 0x80000000
SIZE_DISCRETE = INTERVAL_DISCRETE = 1
BUF_ERROR, BUF_TIMESTAMP_MASK, BUF_TIMESTAMP_MONOTONIC = 0x40, 0xE000, 0x2000
CAP_TIMEPERFRAME = 0x1000
EVENT_SOURCE_CHANGE, EVENT_CHANGES_RESOLUTION = 5, 1
IN_CAP_DV_TIMINGS, IN_CAP_STD = 0x2, 0x4
FIELD_ANY, FIELD_NONE = 0, 1

CTRL_INTEGER, CTRL_BOOLEAN, CTRL_MENU, CTRL_BUTTON, CTRL_INTEGER64, CTRL_CLASS = 1, 2, 3, 4, 5, 6
CTRL_BITMASK, CTRL_INTEGER_MENU = 8, 9
FLAG_DISABLED, FLAG_GRABBED, FLAG_READ_ONLY, FLAG_INACTIVE, FLAG_WRITE_ONLY = 0x1, 0x2, 0x4, 0x10, 0x40
FLAG_NEXT = 0x80000000  # V4L2_CTRL_FLAG_NEXT_CTRL
CID_FORCE_KEY_FRAME, CID_BITRATE = 0x9909E5, 0x9909CF
CID_BITRATE_MODE, CID_REPEAT_HEADERS = 0x9909CE, 0x9909E2

XU_SET_CUR, XU_GET_CUR, XU_GET_LEN = 0x01, 0x81, 0x85


def fourcc(text: str, *, big_endian: bool = False) -> int:
    """v4l2_fourcc, or v4l2_fourcc_be."""
    return int.from_bytes(text.encode("ascii"), "little") | (0x80000000 if big_endian else 0)


def fourcc_name(code: int) -> str:
    """A format's four letters, for people: ``YUYV``, ``Y16 -BE``."""
    name = (code & 0x7FFFFFFF).to_bytes(4, "little").decode("ascii", "replace")
    return name + ("-BE" if code & 0x80000000 else "")
