"""A USB camera's own descriptors, which sysfs shows with no device opened: its modes, and its H.264 unit.

USB Video Class 1.5, 3.7 (VideoControl) and 3.9 (VideoStreaming); USB Video Payload H.264 1.0, 3.3.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator

from attrs import evolve, field, frozen

from jackfield.values.formats import VideoFormat

H264_UNIT = uuid.UUID("a29e7641-de04-47e3-8b2b-f4341aff003b").bytes_le
_INTERFACE, _CLASS_SPECIFIC = 0x04, 0x24
_VIDEO, _CONTROL, _STREAMING = 0x0E, 1, 2
_HEADER, _EXTENSION = 0x01, 0x06
_FORMATS = {0x04: "uncompressed", 0x06: "mjpeg", 0x10: "frame based"}
#: Frame descriptors: where the number of intervals stands, and where they begin.
_FRAMES = {0x05: (25, 26), 0x07: (25, 26), 0x11: (21, 26)}
_GUID_TAIL = bytes.fromhex("00001000800000aa00389b71")
_RAW = {b"YUY2": "yuyv422", b"UYVY": "uyvy422", b"NV12": "nv12", b"I420": "yuv420p", b"Y800": "gray", b"Y8  ": "gray"}


@frozen
class UsbCamera:
    """What the descriptors of one VideoControl interface say. ``h264_unit`` is 0 where there is none."""

    modes: tuple[VideoFormat, ...] = ()
    h264_unit: int = 0
    #: How many streams, each with a node of its own, belong to it; with more than one, ``modes`` is of none.
    streams: int = field(default=0)


def read(descriptors: bytes, interface: int) -> UsbCamera:
    """The camera whose VideoControl interface has this number; an empty one where the descriptors make no sense."""
    streams: set[int] = set()
    modes: dict[VideoFormat, None] = {}
    unit, here, number = 0, 0, -1
    base: VideoFormat | None = None
    for each in _walk(descriptors):
        if each[1] == _INTERFACE and len(each) >= 9:
            here = each[6] if each[5] == _VIDEO else 0
            number, base = each[2], None
        elif each[1] != _CLASS_SPECIFIC:
            continue
        elif here == _CONTROL and number == interface:
            if each[2] == _HEADER:
                streams.update(each[12 : 12 + each[11]] if len(each) > 12 else b"")
            elif each[2] == _EXTENSION and each[4:20] == H264_UNIT:
                unit = each[3]
        elif here == _STREAMING and number in streams:
            base = _base(each) if each[2] in _FORMATS else base
            if base is not None and each[2] in _FRAMES:
                modes.update(dict.fromkeys(_modes(each, base)))
    return UsbCamera(tuple(modes) if len(streams) == 1 else (), unit, len(streams))


def _walk(descriptors: bytes) -> Iterator[bytes]:
    at = 0
    while at + 3 <= len(descriptors):
        length = descriptors[at]
        if length < 3 or at + length > len(descriptors):
            return
        yield descriptors[at : at + length]
        at += length


def _base(each: bytes) -> VideoFormat | None:
    if _FORMATS[each[2]] == "mjpeg":
        return VideoFormat(pixel_format="mjpeg")
    guid = each[5:21]
    if guid[4:] != _GUID_TAIL:
        return None
    if guid[:4] == b"H264":
        return VideoFormat(codec="H264")
    if guid[:4] == b"MJPG":
        return VideoFormat(pixel_format="mjpeg")
    return VideoFormat(pixel_format=_RAW[guid[:4]]) if guid[:4] in _RAW else None


def _modes(each: bytes, base: VideoFormat) -> Iterator[VideoFormat]:
    count_at, at = _FRAMES[each[2]]
    if len(each) < at + 4:
        return
    width, height = (int.from_bytes(each[i : i + 2], "little") for i in (5, 7))
    count = each[count_at] or 1  # 0: a range, whose first is the shortest interval
    for start in range(at, min(at + 4 * count, len(each) - 3), 4):
        interval = int.from_bytes(each[start : start + 4], "little")
        if interval:
            yield evolve(base, width=width, height=height, fps=round(10_000_000 / interval, 2))
