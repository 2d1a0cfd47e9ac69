"""What was sent lately, to be sent again when it is asked for (RFC 4585, RFC 4588)."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from attrs import evolve

from jackfield.rtc.rtp import RtpPacket

_MS = 1_000_000


class _Burst(NamedTuple):
    sent_ns: int
    packets: Sequence[RtpPacket]


class SentHistory:
    """What one stream sent last, bounded by age and by number: the oldest burst goes when ``packets_max`` are left
    without it. Repairs are bounded too: one per packet and ``interval_ms``, and in all no more than ``share`` of what
    was sent in the meantime."""

    def __init__(
        self, *, packets_max: int = 1024, age_ms: float = 2000, interval_ms: float = 20, share: float = 0.5
    ) -> None:
        self._packets_max = packets_max
        self._age_ns = round(age_ms * _MS)
        self._interval_ns = round(interval_ms * _MS)
        self._share = share
        self._credit = self._credit_max = 128_000.0
        self._bursts: deque[_Burst] = deque()
        self._sent: dict[int, RtpPacket] = {}
        self._repaired_ns: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._sent)

    def add(self, packets: Sequence[RtpPacket], now_ns: int) -> None:
        """These were sent together; they are kept as they are and not copied."""
        self._bursts.append(_Burst(now_ns, packets))
        self._sent.update({packet.sequence: packet for packet in packets})
        octets = sum([len(packet.payload) for packet in packets])
        self._credit = min(self._credit + octets * self._share, self._credit_max)
        self._forget(now_ns)

    def _forget(self, now_ns: int) -> None:
        bursts = self._bursts
        while bursts:
            sent_ns, packets = bursts[0]
            if sent_ns >= now_ns - self._age_ns and len(self._sent) - len(packets) < self._packets_max:
                return
            bursts.popleft()
            for packet in packets:
                del self._sent[packet.sequence]
            if self._repaired_ns:
                for packet in packets:
                    self._repaired_ns.pop(packet.sequence, None)

    @property
    def newest(self) -> RtpPacket | None:
        """The packet that was added last."""
        return self._bursts[-1].packets[-1] if self._bursts else None

    def repair(self, sequence: int, now_ns: int) -> RtpPacket | None:
        """The packet, if it is to be sent again now."""
        self._forget(now_ns)
        packet = self._sent.get(sequence)
        if packet is None or now_ns - self._repaired_ns.get(sequence, 0) < self._interval_ns:
            return None
        size = len(packet.payload)
        if size > self._credit:
            return None
        self._credit -= size
        self._repaired_ns[sequence] = now_ns
        return packet


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
