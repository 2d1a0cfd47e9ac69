"""Redundant audio (RFC 2198): each packet brings the frame before along, so that one lost packet costs nothing."""

from __future__ import annotations

from attrs import frozen

_OFFSET_MAX, _LENGTH_MAX = (1 << 14) - 1, (1 << 10) - 1
_MORE = 0x80
_HEADER_BYTES = 4
#: More than a sender's history may hold in one packet.
_BLOCKS_MAX = 8


@frozen
class Block:
    """One frame in a packet. ``offset`` is how much earlier it sounds than the packet's timestamp says, in ticks."""

    payload_type: int
    offset: int
    data: bytes


def unpack(payload: bytes) -> list[Block]:
    """The frames in a payload, oldest first: the last one is the packet's own. `ValueError` where they do not hold."""
    headers: list[tuple[int, int, int]] = []
    position = 0
    while position < len(payload) and payload[position] & _MORE:
        if position + _HEADER_BYTES > len(payload) or len(headers) == _BLOCKS_MAX:
            raise ValueError("redundant audio whose headers do not hold")
        head = int.from_bytes(payload[position : position + _HEADER_BYTES], "big")
        headers.append((head >> 24 & 0x7F, head >> 10 & _OFFSET_MAX, head & _LENGTH_MAX))
        position += _HEADER_BYTES
    start = position + 1
    if start + sum(length for *_, length in headers) > len(payload):
        raise ValueError("redundant audio cut short")
    blocks: list[Block] = []
    for payload_type, offset, length in headers:
        blocks.append(Block(payload_type, offset, payload[start : start + length]))
        start += length
    return [*blocks, Block(payload[position] & 0x7F, 0, payload[start:])]


def pack(blocks: list[Block]) -> bytes:
    """The payload of these frames, oldest first. What does not fit into a header is left out, but never the last."""
    *earlier, own = blocks
    kept = [block for block in earlier if 0 < block.offset <= _OFFSET_MAX and 0 < len(block.data) <= _LENGTH_MAX]
    headers = b"".join(
        (_MORE << 24 | block.payload_type << 24 | block.offset << 10 | len(block.data)).to_bytes(4, "big")
        for block in kept
    )
    return headers + bytes([own.payload_type]) + b"".join(block.data for block in kept) + own.data


class RedundancyWriter:
    """Puts one stream's frames into packets, each with the one before."""

    def __init__(self) -> None:
        self._before: tuple[int, bytes] | None = None

    def write(self, payload_type: int, data: bytes, timestamp: int) -> bytes:
        """The payload for a frame of this payload type and (unwrapped) timestamp."""
        before, self._before = self._before, (timestamp, data)
        earlier = [Block(payload_type, timestamp - before[0], before[1])] if before is not None else []
        return pack([*earlier, Block(payload_type, 0, data)])
