"""The wire form of transport-wide congestion control feedback.

draft-holmer-rmcat-transport-wide-cc-extensions-01 section 3.1: a base sequence number, a 24-bit reference time in
64 ms, chunks that say for each packet whether it came and how large its delta is, and the deltas in 250 µs.
"""

from __future__ import annotations

from struct import Struct

from attrs import frozen

_LOST, _SMALL, _LARGE = 0, 1, 2
_REFERENCE_US = 64_000
_DELTA_US = 250
_LARGE_DELTA = Struct("!h")
_RUN_MAX = 0x1FFF
#: A few bytes can tell of 65 535 packets; whoever sends fast is told of less than this many in a second.
TOLD_MAX = 8192


@frozen
class TransportFeedback:
    """When packets arrived: pairs of transport-wide sequence number (16 bits, consecutive) and arrival, None if lost.

    Arrivals are microseconds of the receiver's clock; only their differences mean anything to the sender.
    """

    sender_ssrc: int
    media_ssrc: int
    feedback_count: int
    arrivals: tuple[tuple[int, int | None], ...]

    @property
    def base_sequence(self) -> int:
        """The first transport-wide sequence number reported."""
        return self.arrivals[0][0]


def write(feedback: TransportFeedback) -> bytes:
    """The packet's body after the RTCP header, a multiple of four bytes long.

    Arrivals that lie further apart than a delta can say (±8.19 s) are reported as lost.
    """
    first = next((arrival for _, arrival in feedback.arrivals if arrival is not None), 0)
    reference = first // _REFERENCE_US
    symbols: list[int] = []
    deltas = bytearray()
    ticks = reference * (_REFERENCE_US // _DELTA_US)
    for _, arrival in feedback.arrivals:
        symbol, ticks = _delta(arrival, ticks, deltas)
        symbols.append(symbol)
    body = (
        feedback.sender_ssrc.to_bytes(4, "big")
        + feedback.media_ssrc.to_bytes(4, "big")
        + feedback.base_sequence.to_bytes(2, "big")
        + len(symbols).to_bytes(2, "big")
        + (reference & 0xFFFFFF).to_bytes(3, "big")
        + bytes([feedback.feedback_count & 0xFF])
        + _write_chunks(symbols)
        + bytes(deltas)
    )
    return body + bytes(-len(body) % 4)


def _delta(arrival: int | None, ticks: int, deltas: bytearray) -> tuple[int, int]:
    if arrival is None:
        return _LOST, ticks
    now = arrival // _DELTA_US
    step = now - ticks
    if 0 <= step <= 0xFF:
        deltas.append(step)
        return _SMALL, now
    if -0x8000 <= step <= 0x7FFF:
        deltas += step.to_bytes(2, "big", signed=True)
        return _LARGE, now
    return _LOST, ticks


def _write_chunks(symbols: list[int]) -> bytes:
    chunks = bytearray()
    position = 0
    while position < len(symbols):
        symbol = symbols[position]
        run = 1
        while position + run < len(symbols) and run < _RUN_MAX and symbols[position + run] == symbol:
            run += 1
        if run >= 7 or position + run == len(symbols):
            chunks += (symbol << 13 | run).to_bytes(2, "big")
            position += run
        else:
            vector = symbols[position : position + 7]
            word = 0xC000
            for index, item in enumerate(vector):
                word |= item << 2 * (6 - index)
            chunks += word.to_bytes(2, "big")
            position += len(vector)
    return bytes(chunks)


def read(body: bytes) -> TransportFeedback:
    """The feedback in a packet's body; `ValueError`, `IndexError` or `struct.error` when it does not hold."""
    if len(body) < 16:
        raise ValueError("transport feedback cut short")
    base = int.from_bytes(body[8:10], "big")
    count = int.from_bytes(body[10:12], "big")
    if count > TOLD_MAX:
        raise ValueError(f"transport feedback about {count} packets; at most {TOLD_MAX} are read")
    ticks = int.from_bytes(body[12:15], "big", signed=True) * (_REFERENCE_US // _DELTA_US)
    symbols, position = _read_chunks(body, count)
    if not symbols:
        raise ValueError("transport feedback about nothing")
    arrivals: list[tuple[int, int | None]] = []
    for number, symbol in enumerate(symbols, base):
        if symbol == _SMALL:
            ticks += body[position]
        elif symbol == _LARGE:
            ticks += _LARGE_DELTA.unpack_from(body, position)[0]
        else:
            arrivals.append((number & 0xFFFF, None))
            continue
        position += symbol  # which is the size of its delta, too
        arrivals.append((number & 0xFFFF, ticks * _DELTA_US))
    sender, media = int.from_bytes(body[0:4], "big"), int.from_bytes(body[4:8], "big")
    return TransportFeedback(sender, media, body[15], tuple(arrivals))


def _read_chunks(body: bytes, count: int) -> tuple[list[int], int]:
    symbols: list[int] = []
    position = 16
    while len(symbols) < count:
        word = body[position] << 8 | body[position + 1]
        position += 2
        if not word & 0x8000:
            symbols += [word >> 13 & 0x03] * min(word & _RUN_MAX, count - len(symbols))
            if not word & _RUN_MAX:
                raise ValueError("an empty run in transport feedback")
        elif word & 0x4000:
            symbols += [word >> shift & 0x03 for shift in range(12, -1, -2)]
        else:
            symbols += [word >> shift & 0x01 for shift in range(13, -1, -1)]
    return symbols[:count], position
