"""H.264 (RFC 6184), packetization modes 0 and 1; frames are access units in Annex B form (ITU-T H.264)."""

from __future__ import annotations

from collections.abc import Sequence

from jackfield.media.h264 import DELIMITER, IDR, SPS, START_CODE, nal_units, sps_of
from jackfield.rtc.payload.aggregation import aggregated
from jackfield.values.media import EncodedFrame

_STAP_A, _FU_A = 24, 28


def is_keyframe(payload: bytes) -> bool:
    """Whether an IDR picture begins here: its SPS or first slice, alone, aggregated or as the first fragment."""
    kind = payload[0] & 0x1F
    if kind in (IDR, SPS):
        return True
    if kind == _STAP_A:
        return any(unit[0] & 0x1F in (IDR, SPS) for unit in aggregated(payload, 1))
    if kind == _FU_A and len(payload) > 1:
        return bool(payload[1] & 0x80) and payload[1] & 0x1F in (IDR, SPS)
    return False


def frame_size(data: bytes) -> tuple[int, int] | None:
    """Width and height in an access unit's parameter set; None where it has none, or a damaged one."""
    found = sps_of(data)
    return (found.width, found.height) if found is not None else None


class Packetizer:
    """Small units share a STAP-A, large ones are cut into FU-A of nearly equal size."""

    def __init__(self, max_payload: int) -> None:
        self._max = max_payload

    def packetize(self, frame: EncodedFrame) -> list[bytes]:
        """The payloads of an access unit; delimiters are left out."""
        payloads: list[bytes] = []
        together: list[bytes] = []
        room = self._max - 1
        for unit in nal_units(frame.data, whole=True):
            if unit[0] & 0x1F == DELIMITER:
                continue
            if together and len(unit) + 2 > room:
                payloads.append(_together(together))
                together, room = [], self._max - 1
            if len(unit) > self._max - 3:
                payloads += self._fragments(unit)
            else:
                together.append(unit)
                room -= len(unit) + 2
        if together:
            payloads.append(_together(together))
        return payloads

    def _fragments(self, unit: bytes) -> list[bytes]:
        """Two at least: none may be both the first and the last (RFC 6184 section 5.8)."""
        indicator, kind, octets = unit[0] & 0xE0 | _FU_A, unit[0] & 0x1F, len(unit) - 1
        count = max(2, -(-octets // (self._max - 2)))
        size = -(-octets // count)
        first, middle, last = (bytes([indicator, kind | mark]) for mark in (0x80, 0, 0x40))
        starts = range(1, len(unit), size)
        inner = [middle + unit[at : at + size] for at in starts[1:-1]]
        return [first + unit[1 : 1 + size], *inner, last + unit[starts[-1] :]]


def _together(units: list[bytes]) -> bytes:
    if len(units) == 1:
        return units[0]
    importance = max(unit[0] & 0x60 for unit in units)
    return bytes([importance | _STAP_A]) + b"".join(len(unit).to_bytes(2, "big") + unit for unit in units)


class Depacketizer:
    """Puts the units of an access unit together, in Annex B form."""

    def starts_frame(self, payload: bytes) -> bool:
        """Anything but the middle or end of a fragmented unit: the format does not mark a picture's beginning."""
        return bool(payload) and (payload[0] & 0x1F != _FU_A or (len(payload) > 1 and payload[1] >= 0x80))

    def assemble(self, payloads: Sequence[bytes]) -> bytes:
        """The access unit."""
        out = bytearray()
        fragmented = False
        for payload in payloads:
            kind = payload[0] & 0x1F if payload else 0
            if kind == _FU_A and len(payload) > 2:
                starts = bool(payload[1] & 0x80)
                if starts == fragmented:
                    raise ValueError("an H.264 fragment out of place")
                if starts:
                    out += START_CODE + bytes([payload[0] & 0xE0 | payload[1] & 0x1F])
                out += payload[2:]
                fragmented = not payload[1] & 0x40
                continue
            if fragmented:
                raise ValueError("an H.264 unit cut short")
            if kind == _STAP_A:
                for unit in aggregated(payload, 1):
                    out += START_CODE + unit
            elif 1 <= kind < _STAP_A:
                out += START_CODE + payload
            else:
                raise ValueError(f"an H.264 payload of type {kind}")
        if fragmented or not out:
            raise ValueError("an H.264 access unit cut short")
        return bytes(out)
