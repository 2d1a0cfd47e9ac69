"""What was sent lately, to be sent again when it is asked for (RFC 4585, RFC 4588)."""

from __future__ import annotations

from collections import OrderedDict

from attrs import define, evolve

from jackfield.rtc.rtp import RtpPacket

_MS = 1_000_000


@define
class _Sent:
    packet: RtpPacket
    sent_ns: int
    repaired_ns: int = 0


class SentHistory:
    """The last packets of one stream, bounded by number and by age. Repairs are bounded too: one per packet and
    ``interval_ms``, and in all no more than ``share`` of what was sent in the meantime."""

    def __init__(
        self, *, packets_max: int = 1024, age_ms: float = 2000, interval_ms: float = 20, share: float = 0.5
    ) -> None:
        self._packets_max = packets_max
        self._age_ns = round(age_ms * _MS)
        self._interval_ns = round(interval_ms * _MS)
        self._share = share
        self._credit = self._credit_max = 128_000.0
        self._sent: OrderedDict[int, _Sent] = OrderedDict()

    def __len__(self) -> int:
        return len(self._sent)

    def add(self, packet: RtpPacket, now_ns: int) -> None:
        """This was sent; it is kept as it is and not copied."""
        sent = self._sent
        sent.pop(packet.sequence, None)
        sent[packet.sequence] = _Sent(packet, now_ns)
        self._credit = min(self._credit + len(packet.payload) * self._share, self._credit_max)
        while len(sent) > self._packets_max or next(iter(sent.values())).sent_ns < now_ns - self._age_ns:
            sent.popitem(last=False)

    @property
    def newest(self) -> RtpPacket | None:
        """The packet that was added last."""
        return next(reversed(self._sent.values())).packet if self._sent else None

    def repair(self, sequence: int, now_ns: int) -> RtpPacket | None:
        """The packet, if it is to be sent again now."""
        found = self._sent.get(sequence)
        if found is None or now_ns - found.sent_ns > self._age_ns or now_ns - found.repaired_ns < self._interval_ns:
            return None
        size = len(found.packet.payload)
        if size > self._credit:
            return None
        self._credit -= size
        found.repaired_ns = now_ns
        return found.packet


def wrap_rtx(packet: RtpPacket, *, payload_type: int, ssrc: int, sequence: int) -> RtpPacket:
    """The packet as its retransmission stream carries it (RFC 4588 section 4)."""
    payload = packet.sequence.to_bytes(2, "big") + packet.payload
    return evolve(packet, payload_type=payload_type, ssrc=ssrc, sequence=sequence, payload=payload)


def unwrap_rtx(packet: RtpPacket, *, payload_type: int, ssrc: int) -> RtpPacket | None:
    """The packet that a retransmission carries; None when it carries only padding."""
    if len(packet.payload) < 2:
        return None
    sequence = int.from_bytes(packet.payload[:2], "big")
    return evolve(packet, payload_type=payload_type, ssrc=ssrc, sequence=sequence, payload=packet.payload[2:])
