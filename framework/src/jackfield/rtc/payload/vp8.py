"""VP8 (RFC 7741)."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from jackfield.media.video_buffer import TemporalLayer
from jackfield.values.media import EncodedFrame

_START = 0x10
_DESCRIPTOR_MAX = 4


def descriptor_length(payload: bytes) -> int:
    """How many bytes the payload descriptor takes (section 4.2); `ValueError` when it is cut short."""
    try:
        length = 1
        if payload[0] & 0x80:
            extended = payload[1]
            length = 2
            if extended & 0x80:
                length += 2 if payload[2] & 0x80 else 1
            length += 1 if extended & 0x40 else 0
            length += 1 if extended & 0x30 else 0
    except IndexError:
        raise ValueError("VP8 payload descriptor cut short") from None
    if len(payload) < length:
        raise ValueError("VP8 payload descriptor cut short")
    return length


def is_keyframe(payload: bytes) -> bool:
    """Whether a key frame begins here: first packet, first partition, and the P bit clear (section 4.3)."""
    try:
        start = descriptor_length(payload)
    except ValueError:
        return False
    return payload[0] & 0x17 == _START and len(payload) > start and not payload[start] & 0x01


def frame_size(data: bytes) -> tuple[int, int] | None:
    """Width and height in a key frame's header (RFC 6386 section 9.1); None for other frames."""
    if len(data) < 10 or data[0] & 0x01 or data[3:6] != b"\x9d\x01\x2a":
        return None
    return int.from_bytes(data[6:8], "little") & 0x3FFF, int.from_bytes(data[8:10], "little") & 0x3FFF


def temporal_layer(payload: bytes) -> TemporalLayer | None:
    """Where a frame that begins here stands in its stream's temporal layers; None where it has none."""
    if len(payload) < 2 or payload[0] & 0x97 != 0x90 or payload[1] & 0x60 != 0x60:
        return None
    at = 2
    if payload[1] & 0x80:
        at += 2 if len(payload) > at and payload[at] & 0x80 else 1
    if len(payload) < at + 2:
        return None
    return TemporalLayer(payload[at + 1] >> 6, payload[at], bool(payload[at + 1] & 0x20))


class Packetizer:
    """Cuts frames into payloads of nearly equal size, with a 15-bit picture id."""

    def __init__(self, max_payload: int) -> None:
        self._room = max_payload - _DESCRIPTOR_MAX
        self._picture_id = secrets.randbits(15)

    def packetize(self, frame: EncodedFrame) -> list[bytes]:
        """The payloads of a frame."""
        data = frame.data
        picture = (0x8000 | self._picture_id).to_bytes(2, "big")
        self._picture_id = (self._picture_id + 1) & 0x7FFF
        count = max(1, -(-len(data) // self._room))
        size = -(-len(data) // count)
        first, later = b"\x90\x80" + picture, b"\x80\x80" + picture
        return [(later if at else first) + data[at : at + size] for at in range(0, max(1, len(data)), max(1, size))]


class Depacketizer:
    """Joins what comes after the descriptors."""

    def starts_frame(self, payload: bytes) -> bool:
        """The S bit with partition 0."""
        return bool(payload) and payload[0] & 0x17 == _START

    def assemble(self, payloads: Sequence[bytes]) -> bytes:
        """The frame."""
        if not payloads or not self.starts_frame(payloads[0]):
            raise ValueError("a VP8 frame without its beginning")
        return b"".join(payload[descriptor_length(payload) :] for payload in payloads)
