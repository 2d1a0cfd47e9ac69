"""VP9 (RFC 9628): sent as one layer in non-flexible mode; received with any number of layers, in either mode."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from jackfield.media import vp9
from jackfield.media.video_buffer import TemporalLayer
from jackfield.values.media import EncodedFrame

_HAS_ID, _PREDICTED, _HAS_LAYERS, _FLEXIBLE = 0x80, 0x40, 0x20, 0x10
_BEGINS, _ENDS, _HAS_STRUCTURE, _LONG = 0x08, 0x04, 0x02, 0x80
_DESCRIPTOR_MAX = 3
#: One spatial layer, whose size follows.
_ONE_LAYER = 0x10
#: References that a picture may name in flexible mode.
_REFERENCES_MAX = 3


def is_keyframe(payload: bytes) -> bool:
    """Whether a picture that is not inter-predicted begins here, in its lowest spatial layer (section 4.2)."""
    first = payload[0]
    has_id, predicted, has_layers, begins = first & 0x80, first & 0x40, first & 0x20, first & 0x08
    if predicted or not begins:
        return False
    position = 1
    if has_id and len(payload) > position:
        position += 2 if payload[position] & 0x80 else 1
    if not has_layers:
        return True
    return len(payload) > position and payload[position] >> 1 & 0x07 == 0


def descriptor_length(payload: bytes) -> int:
    """How many bytes the payload descriptor takes (section 4.2); `ValueError` when it is cut short."""
    try:
        length = _fields(payload)
    except IndexError:
        raise ValueError("VP9 payload descriptor cut short") from None
    if len(payload) < length:
        raise ValueError("VP9 payload descriptor cut short")
    return length


def _fields(payload: bytes) -> int:
    first, position = payload[0], 1
    if first & _HAS_ID:
        position += 2 if payload[position] & _LONG else 1
    if first & _HAS_LAYERS:
        position += 1 if first & _FLEXIBLE else 2
    if first & _FLEXIBLE and first & _PREDICTED:
        for _ in range(_REFERENCES_MAX):
            position += 1
            if not payload[position - 1] & 0x01:
                break
        else:
            raise ValueError("a VP9 picture with more than three references")
    return _structure_end(payload, position) if first & _HAS_STRUCTURE else position


def _structure_end(payload: bytes, position: int) -> int:
    """Past the scalability structure (section 4.2.1)."""
    head = payload[position]
    position += 1
    if head & 0x10:
        position += 4 * ((head >> 5) + 1)
    if head & 0x08:
        pictures = payload[position]
        position += 1
        for _ in range(pictures):
            position += 1 + (payload[position] >> 2 & 0x03)
    return position


def frame_size(data: bytes) -> tuple[int, int] | None:
    """Width and height of a key frame, of the lowest layer where there are several; None for other frames."""
    return vp9.size_of(data)


def temporal_layer(payload: bytes) -> TemporalLayer | None:
    """Where a picture that begins here stands in its stream's temporal layers; None where that is not said.

    Flexible mode has no such numbers. Only the lowest spatial layer begins a picture.
    """
    if not payload or payload[0] & (_HAS_LAYERS | _FLEXIBLE | _BEGINS) != _HAS_LAYERS | _BEGINS:
        return None
    at = 1
    if payload[0] & _HAS_ID:
        at += 2 if len(payload) > at and payload[at] & _LONG else 1
    if len(payload) < at + 2 or payload[at] & 0x0E:
        return None
    return TemporalLayer(payload[at] >> 5, payload[at + 1], bool(payload[at] & 0x10))


class Packetizer:
    """Cuts frames into payloads of nearly equal size, with a 15-bit picture id; key frames say their size."""

    def __init__(self, max_payload: int) -> None:
        self._max = max_payload
        self._picture_id = secrets.randbits(15)

    def packetize(self, frame: EncodedFrame) -> list[bytes]:
        """The payloads of a frame."""
        data, structure = frame.data, _structure(frame)
        picture = (0x8000 | self._picture_id).to_bytes(2, "big")
        self._picture_id = (self._picture_id + 1) & 0x7FFF
        room = self._max - _DESCRIPTOR_MAX - len(structure)
        size = -(-len(data) // max(1, -(-len(data) // room)))
        pieces = [data[at : at + size] for at in range(0, max(1, len(data)), max(1, size))]
        flags = _HAS_ID | (0 if frame.keyframe else _PREDICTED)
        last = len(pieces) - 1
        return [
            bytes([flags | self._edges(index, last, structure)]) + picture + (b"" if index else structure) + piece
            for index, piece in enumerate(pieces)
        ]

    def _edges(self, index: int, last: int, structure: bytes) -> int:
        begins = _BEGINS | (_HAS_STRUCTURE if structure else 0) if index == 0 else 0
        return begins | (_ENDS if index == last else 0)


def _structure(frame: EncodedFrame) -> bytes:
    size = (frame.width, frame.height) if frame.width and frame.height else vp9.size_of(frame.data)
    if not frame.keyframe or size is None or max(size) > 0xFFFF:
        return b""
    return bytes([_ONE_LAYER]) + size[0].to_bytes(2, "big") + size[1].to_bytes(2, "big")


class Depacketizer:
    """Joins what comes after the descriptors; the layers of one picture become a superframe."""

    def starts_frame(self, payload: bytes) -> bool:
        """The B bit. Layers of one picture share its timestamp, so that the first of them begins it."""
        return bool(payload) and bool(payload[0] & _BEGINS)

    def assemble(self, payloads: Sequence[bytes]) -> bytes:
        """The frame, or the superframe."""
        layers: list[bytearray] = []
        for payload in payloads:
            body = payload[descriptor_length(payload) :]
            if payload[0] & _BEGINS:
                layers.append(bytearray())
            elif not layers:
                raise ValueError("a VP9 frame without its beginning")
            layers[-1] += body
        return vp9.superframe([bytes(layer) for layer in layers if layer])
