"""AV1 (AOM "RTP Payload Format For AV1", version 1.0)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from jackfield.media import av1
from jackfield.values.media import EncodedFrame

_CONTINUES, _GOES_ON, _NEW_SEQUENCE = 0x80, 0x40, 0x08
#: OBUs that are not sent (section 5).
_LEFT_OUT = frozenset({av1.TEMPORAL_DELIMITER, av1.TILE_LIST, av1.PADDING})
#: The W field counts so many elements; with it the last one needs no length.
_ELEMENTS_MAX = 3
#: Less room than this is not worth a fragment of its own.
_FRAGMENT_MIN = 16
_LENGTH_BYTES = 2


def is_keyframe(payload: bytes) -> bool:
    """Whether a coded video sequence begins here: the N bit of the aggregation header (section 4.4)."""
    return bool(payload[0] & _NEW_SEQUENCE)


def frame_size(data: bytes) -> tuple[int, int] | None:
    """Width and height in a temporal unit's sequence header; None where it has none, or a damaged one."""
    found = av1.sequence_header(data)
    return (found.width, found.height) if found is not None else None


class _Payload:
    """One payload that is being filled."""

    def __init__(self, room: int) -> None:
        self.elements: list[bytes] = []
        self.continues = self.goes_on = False
        self._room = room - 1

    @property
    def room(self) -> int:
        """Bytes that one more element may have: the one before then needs its length."""
        if len(self.elements) == _ELEMENTS_MAX:
            return 0
        return self._room - (_LENGTH_BYTES if self.elements else 0)

    def add(self, element: bytes) -> None:
        """One more element."""
        self._room -= len(element) + (_LENGTH_BYTES if self.elements else 0)
        self.elements.append(element)

    def bytes(self) -> bytes:
        """Aggregation header and elements, all but the last with their lengths (section 4.5)."""
        first = (_CONTINUES if self.continues else 0) | (_GOES_ON if self.goes_on else 0) | len(self.elements) << 4
        *others, last = self.elements
        return bytes([first]) + b"".join(av1.leb128(len(each)) + each for each in others) + last


class Packetizer:
    """Small OBUs share a payload, large ones are cut into fragments; sizes are nearly equal."""

    def __init__(self, max_payload: int) -> None:
        self._max = max_payload

    def packetize(self, frame: EncodedFrame) -> list[bytes]:
        """The payloads of a temporal unit; none for one that holds no OBU worth sending, or does not hold."""
        try:
            units = [obu for obu in av1.obus(frame.data) if av1.kind_of(obu) not in _LEFT_OUT]
        except (ValueError, IndexError):
            return []
        payloads = [filled.bytes() for filled in self._filled(units)]
        if payloads and frame.keyframe:
            payloads[0] = bytes([payloads[0][0] | _NEW_SEQUENCE]) + payloads[0][1:]
        return payloads

    def _filled(self, units: Sequence[bytes]) -> Iterator[_Payload]:
        total = sum(len(unit) + _LENGTH_BYTES for unit in units)
        count = max(1, -(-total // (self._max - 1)))
        size = min(self._max, total // count + _FRAGMENT_MIN)
        current = _Payload(size)
        for unit in units:
            rest, is_cut = unit, False
            while rest:
                if current.room < min(len(rest), _FRAGMENT_MIN):
                    yield current
                    current = _Payload(size)
                current.continues |= is_cut and not current.elements
                piece, rest = rest[: current.room], rest[current.room :]
                current.add(piece)
                is_cut = current.goes_on = bool(rest)
                if rest:
                    yield current
                    current = _Payload(size)
        if current.elements:
            yield current


class Depacketizer:
    """Puts OBUs together again, into a temporal unit with its delimiter and a size in each OBU."""

    def starts_frame(self, payload: bytes) -> bool:
        """Anything but a continuation: the format does not mark a temporal unit's beginning."""
        return bool(payload) and not payload[0] & _CONTINUES

    def assemble(self, payloads: Sequence[bytes]) -> bytes:
        """The temporal unit."""
        units: list[bytes] = []
        cut: bytes | None = None
        for payload in payloads:
            if len(payload) < 2 or bool(payload[0] & _CONTINUES) != (cut is not None):
                raise ValueError("an AV1 fragment out of place")
            elements = list(_elements(payload))
            if cut is not None:
                elements[0] = cut + elements[0]
            cut = elements.pop() if payload[0] & _GOES_ON else None
            units += elements
        if cut is not None:
            raise ValueError("an AV1 OBU cut short")
        kept = [av1.sized(unit) for unit in units if unit and av1.kind_of(unit) not in _LEFT_OUT]
        if not kept:
            raise ValueError("an AV1 temporal unit with nothing in it")
        return av1.DELIMITER + b"".join(kept)


def _elements(payload: bytes) -> Iterator[bytes]:
    """The OBU elements of one payload (section 4.5); at least one."""
    count, position, index = payload[0] >> 4 & 0x03, 1, 0
    while position < len(payload):
        index += 1
        if index == count:
            yield payload[position:]
            return
        size, position = av1.read_leb128(payload, position)
        if position + size > len(payload):
            raise ValueError("an AV1 OBU element cut short")
        yield payload[position : position + size]
        position += size
    if count:
        raise ValueError("an AV1 payload with fewer OBU elements than it says")
