"""The numbers in VP8's and VP9's payload descriptors that have to go on across a change of layer.

Each layer counts its pictures and its base frames (TL0PICIDX, 8 bits) for itself. libwebrtc keeps the base frames that
it saw last by that number: when a new layer's numbers fall among the old one's, its frames refer to pictures that never
come, and the picture stands still for seconds. RFC 7741 section 4.2, RFC 9628 section 4.2.
"""

from __future__ import annotations

from typing import NamedTuple


class Descriptor(NamedTuple):
    """Where the numbers stand in a payload, and what they are. A position of 0: it is not there."""

    picture_at: int
    picture_bits: int
    picture: int
    base_at: int
    base: int


def locate(codec: str, payload: bytes) -> Descriptor | None:
    """The numbers in this payload; None where the codec has none, or the descriptor does not hold."""
    try:
        if codec == "VP8":
            return _vp8(payload)
        return _vp9(payload) if codec == "VP9" else None
    except IndexError:
        return None


def _vp8(payload: bytes) -> Descriptor | None:
    if not payload[0] & 0x80:
        return None
    flags, position = payload[1], 2
    picture_at = position if flags & 0x80 else 0
    bits, picture, position = _picture(payload, position) if picture_at else (0, 0, position)
    base_at = position if flags & 0x40 else 0
    return Descriptor(picture_at, bits, picture, base_at, payload[base_at] if base_at else 0)


def _vp9(payload: bytes) -> Descriptor | None:
    flags, position = payload[0], 1
    picture_at = position if flags & 0x80 else 0
    bits, picture, position = _picture(payload, position) if picture_at else (0, 0, position)
    has_base = flags & 0x20 and not flags & 0x10
    base_at = position + 1 if has_base else 0
    return Descriptor(picture_at, bits, picture, base_at, payload[base_at] if base_at else 0)


def _picture(payload: bytes, position: int) -> tuple[int, int, int]:
    """Its bits, the picture id, and the position after it."""
    if payload[position] & 0x80:
        return 15, (payload[position] & 0x7F) << 8 | payload[position + 1], position + 2
    return 7, payload[position], position + 1


def shift(payload: bytes, descriptor: Descriptor, picture_offset: int, base_offset: int) -> bytes:
    """The payload with its numbers moved on."""
    changed = bytearray(payload)
    at, bits = descriptor.picture_at, descriptor.picture_bits
    if bits == 15:
        picture = descriptor.picture + picture_offset
        changed[at] = 0x80 | picture >> 8 & 0x7F
        changed[at + 1] = picture & 0xFF
    elif bits:
        changed[at] = descriptor.picture + picture_offset & 0x7F
    if descriptor.base_at:
        changed[descriptor.base_at] = descriptor.base + base_offset & 0xFF
    return bytes(changed)
