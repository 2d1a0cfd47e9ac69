"""Single header extensions (RFC 8285), read straight from a datagram on the forwarding path."""

from __future__ import annotations


def extension(packet: bytes, key: int) -> bytes | None:
    """The header extension with this id; None when it is not there or does not hold. Needs a valid RTP header."""
    if not packet[0] & 0x10:
        return None
    position = 12 + 4 * (packet[0] & 0x0F)
    profile = packet[position] << 8 | packet[position + 1]
    end = position + 4 + 4 * (packet[position + 2] << 8 | packet[position + 3])
    position += 4
    if profile == 0xBEDE:
        return _one_byte(packet, position, end, key)
    if profile & 0xFFF0 == 0x1000:
        return _two_byte(packet, position, end, key)
    return None


def _one_byte(packet: bytes, position: int, end: int, key: int) -> bytes | None:
    while position < end:
        head = packet[position]
        if head == 0:
            position += 1
            continue
        found, after = head >> 4, position + 2 + (head & 0x0F)
        if found == 15 or after > end:
            return None
        if found == key:
            return packet[position + 1 : after]
        position = after
    return None


def _two_byte(packet: bytes, position: int, end: int, key: int) -> bytes | None:
    while position + 1 < end:
        found = packet[position]
        if found == 0:
            position += 1
            continue
        after = position + 2 + packet[position + 1]
        if after > end:
            return None
        if found == key:
            return packet[position + 2 : after]
        position = after
    return None
