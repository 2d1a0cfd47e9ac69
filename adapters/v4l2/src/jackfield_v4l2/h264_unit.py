"""Steering an H.264 camera: by V4L2's own controls where the driver has them, else by the camera's H.264 unit.

USB Video Payload H.264 1.0: UVCX_PICTURE_TYPE_CONTROL (3.3.9) and UVCX_BITRATE_LAYERS (3.3.14).
"""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Callable

from attrs import frozen

from jackfield_v4l2 import structs
from jackfield_v4l2.controls import has, set_number
from jackfield_v4l2.node import Node

PICTURE_TYPE, BITRATE_LAYERS = 0x09, 0x0E
#: The next picture is an IDR picture, with its parameter sets.
_IDR_WITH_SETS = 2


@frozen
class Steering:
    """What can be asked of the encoder in the camera; None where it cannot. Called on the capture's thread."""

    keyframe: Callable[[], None] | None = None
    bitrate: Callable[[int], None] | None = None


def steering(node: Node, unit: int) -> Steering:
    """How this camera is steered. ``unit`` is its H.264 unit, 0 where it has none."""
    keyframe: Callable[[], None] | None = None
    bitrate: Callable[[int], None] | None = None
    if has(node, structs.CID_FORCE_KEY_FRAME):
        keyframe = lambda: set_number(node, structs.CID_FORCE_KEY_FRAME, 1)  # noqa: E731
    elif unit and _length(node, unit, PICTURE_TYPE) == 4:
        keyframe = lambda: _set(node, unit, PICTURE_TYPE, struct.pack("<HH", 0, _IDR_WITH_SETS))  # noqa: E731
    if has(node, structs.CID_BITRATE):
        bitrate = lambda bps: set_number(node, structs.CID_BITRATE, bps)  # noqa: E731
    elif unit and _length(node, unit, BITRATE_LAYERS) == 10:
        bitrate = lambda bps: _set(node, unit, BITRATE_LAYERS, struct.pack("<HII", 0, bps, bps))  # noqa: E731
    return Steering(keyframe, bitrate)


def _length(node: Node, unit: int, selector: int) -> int:
    """How many octets the unit's control has; 0 where it lacks that control."""
    data = (ctypes.c_uint8 * 2)()
    try:
        _query(node, unit, selector, structs.XU_GET_LEN, data)
    except OSError:
        return 0
    return data[0] | data[1] << 8


def _set(node: Node, unit: int, selector: int, octets: bytes) -> None:
    _query(node, unit, selector, structs.XU_SET_CUR, (ctypes.c_uint8 * len(octets))(*octets))


def _query(node: Node, unit: int, selector: int, query: int, data: ctypes.Array[ctypes.c_uint8]) -> None:
    pointer = ctypes.cast(data, ctypes.POINTER(ctypes.c_uint8))
    asked = structs.ExtensionQuery(unit=unit, selector=selector, query=query, size=len(data), data=pointer)
    node.ask(structs.XU_QUERY, asked)
