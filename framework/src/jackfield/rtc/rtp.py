"""RTP packets (RFC 3550 section 5) with header extensions (RFC 8285), and their fields read in place.

Two ways in: `parse` makes an `RtpPacket`; the small functions below it read a field straight from the datagram, for
the forwarding path. Neither raises anything but `ValueError`, whatever the bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from struct import Struct

from attrs import define, field

_HEADER = Struct("!BBHLL")
_BLOCK = Struct("!HH")
_PADDING = (b"", b"\0", b"\0\0", b"\0\0\0")
_ONE_BYTE_PROFILE = 0xBEDE
_TWO_BYTE_PROFILE = 0x1000
#: Where the first extension's value stands in a block of each form.
_ONE_BYTE_AT, _TWO_BYTE_AT = 5, 6

Buffer = bytes | bytearray | memoryview


@define
class RtpPacket:
    """One RTP packet. ``payload`` leaves out padding; ``padding`` counts its bytes. ``extensions`` maps id → value."""

    payload_type: int
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes = b""
    marker: bool = False
    extensions: dict[int, bytes] = field(factory=dict)
    padding: int = 0


def parse(data: Buffer) -> RtpPacket:
    """The packet in ``data``; `ValueError` when the header does not hold. Malformed extensions are left out."""
    start = header_length(data)
    first, second, sequence_, timestamp_, ssrc_ = _HEADER.unpack_from(data)
    end = len(data)
    padding = 0
    if first & 0x20:
        padding = data[-1]
        if padding == 0 or start + padding > end:
            raise ValueError(f"RTP padding of {padding} bytes in a packet of {end}")
        end -= padding
    extensions = _extensions(data, 12 + 4 * (first & 0x0F), start) if first & 0x10 else {}
    payload = bytes(data[start:end])
    return RtpPacket(second & 0x7F, sequence_, timestamp_, ssrc_, payload, second > 0x7F, extensions, padding)


def serialise(packet: RtpPacket) -> bytes:
    """The bytes of ``packet``. Extensions go out in the one-byte form, or the two-byte form where one does not fit."""
    return _joined(packet, extension_block(packet.extensions) if packet.extensions else b"")


def numbered(packets: Sequence[RtpPacket], key: int, first: int) -> Iterator[bytes]:
    """The bytes of each, with a number of 16 bits as the extension ``key``: ``first``, and one more for each packet.
    The block of extensions is made once for packets that share theirs."""
    shared: dict[int, bytes] | None = None
    before = after = b""
    for number, packet in enumerate(packets, first):
        if packet.extensions is not shared:
            shared = packet.extensions
            block = extension_block({key: b"\0\0", **shared})
            at = _ONE_BYTE_AT if block[0] == _ONE_BYTE_PROFILE >> 8 else _TWO_BYTE_AT
            before, after = block[:at], block[at + 2 :]
        yield _joined(packet, before + (number & 0xFFFF).to_bytes(2, "big") + after)


def _joined(packet: RtpPacket, block: bytes) -> bytes:
    first = 0x80 | (0x20 if packet.padding else 0) | (0x10 if block else 0)
    second = packet.payload_type | (0x80 if packet.marker else 0)
    head = _HEADER.pack(first, second, packet.sequence, packet.timestamp, packet.ssrc)
    if not packet.padding:
        return head + block + packet.payload
    return head + block + packet.payload + bytes(packet.padding - 1) + bytes([packet.padding])


def extension_block(extensions: dict[int, bytes]) -> bytes:
    """The header extension as it stands in a packet: profile, length, elements, padded to four bytes."""
    body = bytearray()
    for key, value in extensions.items():
        size = len(value)
        if not (0 < key < 15 and 0 < size <= 16):
            return _two_byte_block(extensions)
        body.append(key << 4 | size - 1)
        body += value
    body += _PADDING[-len(body) & 3]
    return _BLOCK.pack(_ONE_BYTE_PROFILE, len(body) >> 2) + body


def _two_byte_block(extensions: dict[int, bytes]) -> bytes:
    body = b"".join(bytes([key, len(value)]) + value for key, value in extensions.items())
    body += _PADDING[-len(body) & 3]
    return _BLOCK.pack(_TWO_BYTE_PROFILE, len(body) >> 2) + body


def _extensions(data: Buffer, position: int, end: int) -> dict[int, bytes]:
    profile = data[position] << 8 | data[position + 1]
    position += 4
    if profile == _ONE_BYTE_PROFILE:
        return _one_byte_elements(data, position, end)
    if profile & 0xFFF0 == _TWO_BYTE_PROFILE:
        return _two_byte_elements(data, position, end)
    return {}


def _one_byte_elements(data: Buffer, position: int, end: int) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    while position < end:
        head = data[position]
        position += 1
        if head == 0:
            continue
        key, length = head >> 4, (head & 0x0F) + 1
        if key == 15 or position + length > end:
            break
        found[key] = bytes(data[position : position + length])
        position += length
    return found


def _two_byte_elements(data: Buffer, position: int, end: int) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    while position + 1 < end:
        key = data[position]
        position += 1
        if key == 0:
            continue
        length = data[position]
        position += 1
        if position + length > end:
            break
        found[key] = bytes(data[position : position + length])
        position += length
    return found


# --- fields in place ----------------------------------------------------------------------------------------------
def header_length(data: Buffer) -> int:
    """How many bytes come before the payload; `ValueError` when this is no RTP packet."""
    size = len(data)
    if size < 12 or data[0] >> 6 != 2:
        raise ValueError(f"no RTP header in {size} bytes")
    length = 12 + 4 * (data[0] & 0x0F)
    if data[0] & 0x10:
        if size < length + 4:
            raise ValueError("RTP header extension cut short")
        length += 4 + 4 * (data[length + 2] << 8 | data[length + 3])
    if size < length:
        raise ValueError("RTP header cut short")
    return length


def payload_type(data: Buffer) -> int:
    """The payload type, 0–127."""
    return data[1] & 0x7F


def marker(data: Buffer) -> bool:
    """The marker bit: the last packet of a video frame, the first of a talk spurt."""
    return data[1] > 0x7F


def sequence(data: Buffer) -> int:
    """The 16-bit sequence number."""
    return data[2] << 8 | data[3]


def timestamp(data: Buffer) -> int:
    """The 32-bit timestamp."""
    return int.from_bytes(data[4:8], "big")


def ssrc(data: Buffer) -> int:
    """The synchronisation source."""
    return int.from_bytes(data[8:12], "big")


def is_rtcp(data: Buffer) -> bool:
    """Whether this is RTCP and not RTP on a shared port (RFC 5761 section 4)."""
    return len(data) >= 2 and 192 <= data[1] <= 223


# --- counters that wrap -------------------------------------------------------------------------------------------
class SequenceUnwrapper:
    """Turns 16-bit sequence numbers into ones that grow for ever; a small step back is reordering."""

    bits = 16

    def __init__(self) -> None:
        self._last: int | None = None

    def unwrap(self, value: int) -> int:
        """The number, unwrapped, nearest to the highest one seen."""
        if self._last is None:
            self._last = value
            return value
        full = 1 << self.bits
        step = (value - self._last) % full
        if step >= full // 2:
            step -= full
        unwrapped = self._last + step
        self._last = max(self._last, unwrapped)
        return unwrapped


class TimestampUnwrapper(SequenceUnwrapper):
    """The same for 32-bit RTP timestamps."""

    bits = 32
