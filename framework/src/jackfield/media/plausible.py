"""Whether an encoded frame can be one at all, told from its first bytes: what broken hardware gives often cannot."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from jackfield.media import h265
from jackfield.media.h264 import IDR, PPS, SLICE, SPS, nal_types
from jackfield.values.media import EncodedFrame

#: NAL unit types that have a place in a call's stream: slices, SEI, parameter sets, delimiters, ends, filler, prefix.
_KNOWN_UNITS = frozenset({1, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15})
#: Slices, and up to the suffix SEI what is no slice (ITU-T H.265, table 7-1).
_KNOWN_H265 = frozenset({*range(10), *range(16, 22), *range(32, 41)})
_VP8_START = b"\x9d\x01\x2a"
#: OBU types (AV1, 6.2.2): sequence header, temporal delimiter, frame header, tile group, metadata, frame.
_KNOWN_OBUS = frozenset({1, 2, 3, 4, 5, 6, 8, 15})


def implausible(frame: EncodedFrame) -> str | None:
    """Why these bytes are no frame of their codec; None where they may be one. Takes microseconds, decodes nothing."""
    check = _CHECKS.get(frame.codec)
    if check is None or check(frame):
        return None
    return f"it gave {len(frame.data)} bytes that are no {frame.codec} {'keyframe' if frame.keyframe else 'frame'}"


def _h264(frame: EncodedFrame) -> bool:
    """A start code, known units with a slice among them; a keyframe is an IDR picture with its parameter sets."""
    if frame.data[:3] != b"\0\0\1" and frame.data[:4] != b"\0\0\0\1":
        return False
    types = set(nal_types(frame.data))
    if not types <= _KNOWN_UNITS or not types & {SLICE, IDR}:
        return False
    return {IDR, SPS, PPS} <= types if frame.keyframe else IDR not in types


def _vp8(frame: EncodedFrame) -> bool:
    """The first bit says interframe; a keyframe has its start code (RFC 6386, 9.1)."""
    if len(frame.data) < 3 or (frame.data[0] & 1 == 0) != frame.keyframe:
        return False
    return not frame.keyframe or frame.data[3:6] == _VP8_START


def _vp9(frame: EncodedFrame) -> bool:
    """The frame marker: two bits, 1 and 0."""
    return len(frame.data) > 1 and frame.data[0] >> 6 == 2


def _av1(frame: EncodedFrame) -> bool:
    """An OBU of a known type whose forbidden and reserved bits are zero."""
    first = frame.data[0] if frame.data else 0xFF
    return len(frame.data) > 2 and not first & 0x81 and (first >> 3) & 15 in _KNOWN_OBUS


def _h265(frame: EncodedFrame) -> bool:
    """A start code, known units with a slice among them; a keyframe has its parameter sets."""
    if frame.data[:3] != b"\0\0\1" and frame.data[:4] != b"\0\0\0\1":
        return False
    types = set(h265.nal_types(frame.data))
    if not types <= _KNOWN_H265 or types.isdisjoint(h265.SLICES):
        return False
    begins = not types.isdisjoint(h265.INTRA)
    return begins and {h265.VPS, h265.SPS, h265.PPS} <= types if frame.keyframe else not begins


_CHECKS: Mapping[str, Callable[[EncodedFrame], bool]] = {
    "H264": _h264,
    "VP8": _vp8,
    "VP9": _vp9,
    "AV1": _av1,
    "H265": _h265,
}
