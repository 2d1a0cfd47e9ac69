"""Encoded pictures on their way to a page: as they are, behind sixteen bytes that say whose they are.

``version u8 · flags u8 (1: keyframe) · codec u8 · 0 · picture u32 · microseconds u64``, big-endian.
"""

from __future__ import annotations

import struct

from jackfield.values.media import EncodedFrame

_HEAD = struct.Struct(">BBBxIQ")
VERSION = 1
#: The page knows the codecs by these numbers.
CODECS = {"VP8": 1, "H264": 2, "VP9": 3, "AV1": 4, "H265": 5}


def packed(number: int, frame: EncodedFrame) -> bytes:
    """One picture of the stream that the page knows by this number."""
    head = _HEAD.pack(VERSION, int(frame.keyframe), CODECS.get(frame.codec, 0), number, max(0, frame.time_ns // 1000))
    return head + frame.data
