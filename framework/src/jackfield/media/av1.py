"""AV1 bitstreams as far as a call has to know them: OBUs, and what a sequence header says (AV1, 5.3 to 5.5)."""

from __future__ import annotations

from collections.abc import Iterator

from attrs import frozen

from jackfield.media.bits import Bits

SEQUENCE_HEADER, TEMPORAL_DELIMITER, TILE_LIST, PADDING = 1, 2, 8, 15
#: A whole temporal delimiter, which begins every temporal unit.
DELIMITER = b"\x12\x00"
_HAS_EXTENSION, _HAS_SIZE = 0x04, 0x02
#: Bytes of the longest leb128 number (section 4.10.5).
_LEB128_MAX = 8
#: A sequence header with as many operating points as there may be, up to the size.
_HEADER_BYTES = 256
#: Nothing in a call is larger; what says so is damaged.
_SIZE_MAX = 1 << 28


def leb128(number: int) -> bytes:
    """A number as AV1 writes sizes."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def read_leb128(data: bytes, position: int) -> tuple[int, int]:
    """A size and the position after it; `ValueError` where it is cut short or beyond reason."""
    number = 0
    for index in range(_LEB128_MAX):
        if position + index >= len(data):
            break
        byte = data[position + index]
        number |= (byte & 0x7F) << 7 * index
        if byte < 0x80:
            if number > _SIZE_MAX:
                break
            return number, position + index + 1
    raise ValueError("an AV1 size that does not hold")


def kind_of(obu: bytes) -> int:
    """The type of an OBU (section 6.2.2)."""
    return obu[0] >> 3 & 0x0F


def header_length(obu: bytes) -> int:
    """Bytes of an OBU's header, without its size."""
    return 2 if obu[0] & _HAS_EXTENSION else 1


def obus(data: bytes) -> Iterator[bytes]:
    """Each OBU of a temporal unit without its size field, as RTP carries it; `ValueError` where one does not hold."""
    position = 0
    while position < len(data):
        first = data[position]
        body = position + header_length(data[position : position + 1])
        end = len(data)
        if first & _HAS_SIZE:
            size, start = read_leb128(data, body)
            end = start + size
        else:
            start = body
        if first & 0x80 or start > len(data) or end > len(data):
            raise ValueError("an AV1 OBU that does not hold")
        yield bytes([first & ~_HAS_SIZE]) + data[position + 1 : body] + data[start:end]
        position = end


def sized(obu: bytes) -> bytes:
    """An OBU, with or without its size field, as it stands in a temporal unit; `ValueError` where it is no OBU."""
    if not obu or obu[0] & 0x80 or len(obu) < header_length(obu):
        raise ValueError("an AV1 OBU that does not hold")
    start = header_length(obu)
    head, body = obu[:start], obu[start:]
    if obu[0] & _HAS_SIZE:
        size, after = read_leb128(obu, start)
        if after + size > len(obu):
            raise ValueError("an AV1 OBU cut short")
        body = obu[after : after + size]
    return bytes([head[0] | _HAS_SIZE]) + head[1:] + leb128(len(body)) + body


@frozen
class SequenceHeader:
    """What a sequence header says of its stream. ``obu`` is the OBU itself, without its size field."""

    profile: int
    level_idx: int
    tier: int
    width: int
    height: int
    obu: bytes


def sequence_header(data: bytes) -> SequenceHeader | None:
    """The first sequence header of a temporal unit; None where there is none, or a damaged one."""
    try:
        obu = next((each for each in obus(data) if kind_of(each) == SEQUENCE_HEADER), None)
        return _read(obu) if obu is not None else None
    except (ValueError, IndexError):
        return None


def _read(obu: bytes) -> SequenceHeader:
    """Section 5.5.1, up to the size."""
    start = header_length(obu)
    bits = Bits(obu[start : start + _HEADER_BYTES])
    profile, _, reduced = bits.take(3), bits.take(1), bits.take(1)
    level, tier = (bits.take(5), 0) if reduced else _operating_points(bits)
    width_bits, height_bits = bits.take(4) + 1, bits.take(4) + 1
    width, height = bits.take(width_bits) + 1, bits.take(height_bits) + 1
    return SequenceHeader(profile, level, tier, width, height, obu)


def _operating_points(bits: Bits) -> tuple[int, int]:
    """Level and tier of the first operating point."""
    delay_bits = _timing(bits) if bits.take(1) else 0
    has_delays = bits.take(1)
    found = []
    for _ in range(bits.take(5) + 1):
        bits.take(12)
        level = bits.take(5)
        found.append((level, bits.take(1) if level > 7 else 0))
        if delay_bits and bits.take(1):
            bits.take(2 * delay_bits + 1)
        if has_delays and bits.take(1):
            bits.take(4)
    return found[0]


def _timing(bits: Bits) -> int:
    """Skips timing and decoder model; answers with the bits of a buffer delay, 0 where there is no decoder model."""
    bits.take(64)
    if bits.take(1):
        bits.golomb()
    if not bits.take(1):
        return 0
    delay_bits = bits.take(5) + 1
    bits.take(42)
    return delay_bits
