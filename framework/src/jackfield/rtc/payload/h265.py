"""H.265 (RFC 7798) in a single stream without DON; frames are access units in Annex B form (ITU-T H.265)."""

from __future__ import annotations

from collections.abc import Sequence

from jackfield.media.h264 import START_CODE, nal_units
from jackfield.media.h265 import DELIMITER, INTRA, SPS, VPS, frame_size, nal_type
from jackfield.rtc.payload.aggregation import aggregated
from jackfield.values.media import EncodedFrame

__all__ = ["Depacketizer", "Packetizer", "frame_size", "is_keyframe"]

_TOGETHER, _FRAGMENT = 48, 49
_BEGINS = INTRA | {VPS, SPS}


def is_keyframe(payload: bytes) -> bool:
    """Whether a keyframe begins here: its parameter sets or first slice, alone, aggregated or as the first fragment."""
    kind = nal_type(payload[0])
    if kind == _TOGETHER:
        return any(nal_type(unit[0]) in _BEGINS for unit in aggregated(payload, 2))
    if kind == _FRAGMENT:
        return len(payload) > 2 and bool(payload[2] & 0x80) and payload[2] & 0x3F in _BEGINS
    return kind in _BEGINS


class Packetizer:
    """Small units share an aggregation packet, large ones are cut into fragments of nearly equal size."""

    def __init__(self, max_payload: int) -> None:
        self._max = max_payload

    def packetize(self, frame: EncodedFrame) -> list[bytes]:
        """The payloads of an access unit; delimiters are left out."""
        payloads: list[bytes] = []
        together: list[bytes] = []
        room = self._max - 2
        for unit in nal_units(frame.data):
            if len(unit) < 3 or nal_type(unit[0]) == DELIMITER:
                continue
            if together and len(unit) + 2 > room:
                payloads.append(_together(together))
                together, room = [], self._max - 2
            if len(unit) > self._max - 4:
                payloads += self._fragments(unit)
            else:
                together.append(unit)
                room -= len(unit) + 2
        if together:
            payloads.append(_together(together))
        return payloads

    def _fragments(self, unit: bytes) -> list[bytes]:
        """Each has the unit's header, its type replaced, and a byte that says where it belongs (section 4.4.3). Two at
        least: none may be both the first and the last."""
        header = bytes([unit[0] & 0x81 | _FRAGMENT << 1, unit[1]])
        kind, body = nal_type(unit[0]), unit[2:]
        count = max(2, -(-len(body) // (self._max - 3)))
        size = -(-len(body) // count)
        pieces = [body[at : at + size] for at in range(0, len(body), size)]
        last = len(pieces) - 1
        return [
            header + bytes([kind | (0x80 if index == 0 else 0) | (0x40 if index == last else 0)]) + piece
            for index, piece in enumerate(pieces)
        ]


def _together(units: list[bytes]) -> bytes:
    """One packet; its header has the lowest layer and temporal id of what is in it (section 4.4.2)."""
    if len(units) == 1:
        return units[0]
    layer = min((unit[0] & 1) << 5 | unit[1] >> 3 for unit in units)
    temporal = min(unit[1] & 7 for unit in units)
    header = bytes([_TOGETHER << 1 | layer >> 5, (layer & 0x1F) << 3 | temporal])
    return header + b"".join(len(unit).to_bytes(2, "big") + unit for unit in units)


class Depacketizer:
    """Puts the units of an access unit together, in Annex B form."""

    def starts_frame(self, payload: bytes) -> bool:
        """Anything but the middle or end of a fragmented unit: the format does not mark a picture's beginning."""
        return bool(payload) and (nal_type(payload[0]) != _FRAGMENT or (len(payload) > 2 and payload[2] >= 0x80))

    def assemble(self, payloads: Sequence[bytes]) -> bytes:
        """The access unit."""
        out = bytearray()
        fragmented = False
        for payload in payloads:
            kind = nal_type(payload[0]) if len(payload) > 2 else _FRAGMENT + 1
            if kind == _FRAGMENT:
                starts = bool(payload[2] & 0x80)
                if starts == fragmented:
                    raise ValueError("an H.265 fragment out of place")
                if starts:
                    out += START_CODE + bytes([payload[0] & 0x81 | (payload[2] & 0x3F) << 1, payload[1]])
                out += payload[3:]
                fragmented = not payload[2] & 0x40
                continue
            if fragmented:
                raise ValueError("an H.265 unit cut short")
            if kind == _TOGETHER:
                for unit in aggregated(payload, 2):
                    out += START_CODE + unit
            elif kind < _TOGETHER:
                out += START_CODE + payload
            else:
                raise ValueError(f"an H.265 payload of type {kind}")
        if fragmented or not out:
            raise ValueError("an H.265 access unit cut short")
        return bytes(out)
