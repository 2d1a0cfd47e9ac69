"""RTCP packets: reports (RFC 3550 section 6), feedback (RFC 4585, RFC 5104), REMB and transport-wide feedback.

`parse` takes one compound datagram and skips what it does not know and what does not hold; it never raises.
REMB: draft-alvestrand-rmcat-remb-03. Transport-wide feedback: draft-holmer-rmcat-transport-wide-cc-extensions-01.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from struct import Struct
from struct import error as StructError

from attrs import frozen

from jackfield.rtc import twcc_format
from jackfield.rtc.twcc_format import TOLD_MAX, TransportFeedback

SR, RR, SDES, BYE, RTPFB, PSFB = 200, 201, 202, 203, 205, 206
_FMT_NACK, _FMT_TRANSPORT_CC = 1, 15
_FMT_PLI, _FMT_FIR, _FMT_REMB = 1, 4, 15
_SDES_CNAME = 1

_BLOCK = Struct("!LB3sLLLL")
_SENDER_INFO = Struct("!LQLLL")


@frozen
class ReportBlock:
    """What a receiver saw of one source. ``fraction_lost`` is in 1/256; ``dlsr`` in 1/65536 s."""

    ssrc: int
    fraction_lost: int = 0
    packets_lost: int = 0
    highest_sequence: int = 0
    jitter: int = 0
    lsr: int = 0
    dlsr: int = 0


@frozen
class SenderReport:
    """Ties the sender's RTP clock to its wall clock. ``ntp_time`` is 64 bits: seconds since 1900 in 32.32."""

    ssrc: int
    ntp_time: int
    rtp_time: int
    packets: int
    octets: int
    reports: tuple[ReportBlock, ...] = ()


@frozen
class ReceiverReport:
    """Reception as seen by ``ssrc``."""

    ssrc: int
    reports: tuple[ReportBlock, ...] = ()


@frozen
class SourceDescription:
    """The canonical names of sources: pairs of SSRC and CNAME."""

    chunks: tuple[tuple[int, str], ...]


@frozen
class Goodbye:
    """These sources have ended."""

    ssrcs: tuple[int, ...]


@frozen
class Nack:
    """Asks for packets of ``media_ssrc`` again, by sequence number."""

    sender_ssrc: int
    media_ssrc: int
    lost: tuple[int, ...]


@frozen
class Pli:
    """Asks for a keyframe of ``media_ssrc``."""

    sender_ssrc: int
    media_ssrc: int


@frozen
class Fir:
    """Demands a keyframe; entries are pairs of SSRC and command sequence number."""

    sender_ssrc: int
    entries: tuple[tuple[int, int], ...]


@frozen
class Remb:
    """The receiver's estimate of what the path carries, over these sources together."""

    sender_ssrc: int
    bitrate_bps: int
    ssrcs: tuple[int, ...] = ()


Rtcp = SenderReport | ReceiverReport | SourceDescription | Goodbye | Nack | Pli | Fir | Remb | TransportFeedback


# --- reading ------------------------------------------------------------------------------------------------------
def parse(data: bytes | memoryview, *, arrivals: bool = True) -> list[Rtcp]:
    """Every packet of a compound datagram that is known and whole, in order; without ``arrivals``, no
    transport-wide feedback, and of more than `TOLD_MAX` packets none in any case."""
    found: list[Rtcp] = []
    told = 0
    for kind, count, body in _parts(bytes(data)):
        if (kind, count) == (RTPFB, _FMT_TRANSPORT_CC) and (not arrivals or told > TOLD_MAX):
            continue
        try:
            packet = _read(kind, count, body)
        except (ValueError, StructError, IndexError, UnicodeDecodeError):
            continue
        if packet is not None:
            found.append(packet)
        if isinstance(packet, TransportFeedback):
            told += len(packet.arrivals)
    return found


def _parts(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    position = 0
    while position + 4 <= len(data):
        head, kind = data[position], data[position + 1]
        size = 4 * (int.from_bytes(data[position + 2 : position + 4], "big") + 1)
        if head >> 6 != 2 or position + size > len(data):
            return
        body = data[position + 4 : position + size]
        position += size
        if head & 0x20 and body:
            padding = body[-1]
            if not 0 < padding <= len(body):
                continue
            body = body[:-padding]
        yield kind, head & 0x1F, body


def _read(kind: int, count: int, body: bytes) -> Rtcp | None:
    if kind == SR:
        ssrc, ntp_time, rtp_time, packets, octets = _SENDER_INFO.unpack_from(body)
        return SenderReport(ssrc, ntp_time, rtp_time, packets, octets, _blocks(body, 24, count))
    if kind == RR:
        return ReceiverReport(_u32(body, 0), _blocks(body, 4, count))
    if kind == SDES:
        return SourceDescription(tuple(_chunks(body, count)))
    if kind == BYE:
        return Goodbye(tuple(_u32(body, 4 * index) for index in range(count)))
    if kind == RTPFB:
        return _read_transport_feedback(count, body)
    if kind == PSFB:
        return _read_payload_feedback(count, body)
    return None


def _u32(body: bytes, position: int) -> int:
    if position + 4 > len(body):
        raise ValueError("cut short")
    return int.from_bytes(body[position : position + 4], "big")


def _blocks(body: bytes, position: int, count: int) -> tuple[ReportBlock, ...]:
    blocks = []
    for index in range(count):
        ssrc, fraction, lost, highest, jitter, lsr, dlsr = _BLOCK.unpack_from(body, position + 24 * index)
        total = int.from_bytes(lost, "big", signed=True)
        blocks.append(ReportBlock(ssrc, fraction, total, highest, jitter, lsr, dlsr))
    return tuple(blocks)


def _chunks(body: bytes, count: int) -> Iterator[tuple[int, str]]:
    position = 0
    for _ in range(count):
        ssrc = _u32(body, position)
        position += 4
        cname = ""
        while body[position]:
            item, length = body[position], body[position + 1]
            if item == _SDES_CNAME:
                cname = body[position + 2 : position + 2 + length].decode()
            position += 2 + length
        position += 4 - position % 4
        yield ssrc, cname


def _read_transport_feedback(fmt: int, body: bytes) -> Rtcp | None:
    if fmt == _FMT_TRANSPORT_CC:
        return twcc_format.read(body)
    if fmt != _FMT_NACK:
        return None
    lost: list[int] = []
    for position in range(8, len(body) - 3, 4):
        first = int.from_bytes(body[position : position + 2], "big")
        mask = int.from_bytes(body[position + 2 : position + 4], "big")
        lost.append(first)
        lost += [(first + bit + 1) & 0xFFFF for bit in range(16) if mask >> bit & 1]
    return Nack(_u32(body, 0), _u32(body, 4), tuple(lost))


def _read_payload_feedback(fmt: int, body: bytes) -> Rtcp | None:
    sender_ssrc, media_ssrc = _u32(body, 0), _u32(body, 4)
    if fmt == _FMT_PLI:
        return Pli(sender_ssrc, media_ssrc)
    if fmt == _FMT_FIR:
        entries = tuple((_u32(body, at), body[at + 4]) for at in range(8, len(body) - 7, 8))
        return Fir(sender_ssrc, entries)
    if fmt == _FMT_REMB and body[8:12] == b"REMB":
        count, high = body[12], body[13]
        mantissa = (high & 0x03) << 16 | body[14] << 8 | body[15]
        ssrcs = tuple(_u32(body, 16 + 4 * index) for index in range(count))
        return Remb(sender_ssrc, mantissa << (high >> 2), ssrcs)
    return None


# --- writing ------------------------------------------------------------------------------------------------------
def serialise(*packets: Rtcp) -> bytes:
    """The packets as one compound datagram."""
    return b"".join(_write(packet) for packet in packets)


def _packet(kind: int, count: int, body: bytes) -> bytes:
    return bytes([0x80 | count, kind]) + (len(body) // 4).to_bytes(2, "big") + body


def _write(packet: Rtcp) -> bytes:
    match packet:
        case SenderReport():
            info = _SENDER_INFO.pack(
                packet.ssrc, packet.ntp_time, packet.rtp_time, packet.packets & 0xFFFFFFFF, packet.octets & 0xFFFFFFFF
            )
            return _packet(SR, len(packet.reports), info + _write_blocks(packet.reports))
        case ReceiverReport():
            return _packet(RR, len(packet.reports), packet.ssrc.to_bytes(4, "big") + _write_blocks(packet.reports))
        case SourceDescription():
            return _packet(SDES, len(packet.chunks), b"".join(_write_chunk(*chunk) for chunk in packet.chunks))
        case Goodbye():
            return _packet(BYE, len(packet.ssrcs), _words(packet.ssrcs))
        case Nack():
            return _packet(RTPFB, _FMT_NACK, _words((packet.sender_ssrc, packet.media_ssrc)) + _write_lost(packet.lost))
        case TransportFeedback():
            return _packet(RTPFB, _FMT_TRANSPORT_CC, twcc_format.write(packet))
        case Pli():
            return _packet(PSFB, _FMT_PLI, _words((packet.sender_ssrc, packet.media_ssrc)))
        case Fir():
            entries = b"".join(ssrc.to_bytes(4, "big") + bytes([seq & 0xFF, 0, 0, 0]) for ssrc, seq in packet.entries)
            return _packet(PSFB, _FMT_FIR, _words((packet.sender_ssrc, 0)) + entries)
        case Remb():
            return _packet(PSFB, _FMT_REMB, _write_remb(packet))


def _words(values: Sequence[int]) -> bytes:
    return b"".join(value.to_bytes(4, "big") for value in values)


def _write_blocks(blocks: Sequence[ReportBlock]) -> bytes:
    return b"".join(
        _BLOCK.pack(
            block.ssrc,
            block.fraction_lost,
            max(-0x800000, min(block.packets_lost, 0x7FFFFF)).to_bytes(3, "big", signed=True),
            block.highest_sequence & 0xFFFFFFFF,
            block.jitter,
            block.lsr,
            block.dlsr,
        )
        for block in blocks
    )


def _write_chunk(ssrc: int, cname: str) -> bytes:
    text = cname.encode()
    body = ssrc.to_bytes(4, "big") + bytes([_SDES_CNAME, len(text)]) + text + b"\0"
    return body + bytes(-len(body) % 4)


def _write_lost(lost: Sequence[int]) -> bytes:
    """Pairs of a sequence number and a mask of the sixteen after it (RFC 4585 section 6.2.1)."""
    pairs: list[tuple[int, int]] = []
    for number in lost:
        if pairs and 0 < (step := (number - pairs[-1][0]) & 0xFFFF) <= 16:
            pairs[-1] = (pairs[-1][0], pairs[-1][1] | 1 << step - 1)
        else:
            pairs.append((number, 0))
    return b"".join(first.to_bytes(2, "big") + mask.to_bytes(2, "big") for first, mask in pairs)


def _write_remb(packet: Remb) -> bytes:
    exponent = max(0, packet.bitrate_bps.bit_length() - 18)
    mantissa = packet.bitrate_bps >> exponent
    head = bytes([len(packet.ssrcs), exponent << 2 | mantissa >> 16, mantissa >> 8 & 0xFF, mantissa & 0xFF])
    return _words((packet.sender_ssrc, 0)) + b"REMB" + head + _words(packet.ssrcs)
