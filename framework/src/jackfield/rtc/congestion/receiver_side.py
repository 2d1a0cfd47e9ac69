"""The receiver's estimate, for senders that take no transport-wide feedback and are steered by REMB.

Departures come from the abs-send-time header extension: 24 bits of seconds in 6.18 fixed point, which wrap after 64 s
(draft-alvestrand-rmcat-remb-03, and the extension's page at webrtc.org).
"""

from __future__ import annotations

from jackfield.rtc.congestion.aimd import DelayRate
from jackfield.rtc.congestion.groups import PacketGroups
from jackfield.rtc.congestion.throughput import ByteRate, QueueDelay
from jackfield.rtc.congestion.trend import DelayTrend

_MS = 1_000_000
_WRAP = 1 << 24
#: The sender is told at once when the estimate falls by so much, and else with the next report.
_FALLS = 0.97
_LIMITED = 0.7


class ReceiverEstimate:
    """Fed with packets as they arrive. ``bitrate_bps`` is what to tell the sender; None before anything came."""

    def __init__(self, *, start_bps: int = 2_500_000, least_bps: int = 50_000, most_bps: int = 100_000_000) -> None:
        self.bitrate_bps: int | None = None
        self._groups, self._trend = PacketGroups(), DelayTrend()
        self._delivered, self._queue = ByteRate(), QueueDelay()
        self._rate = DelayRate(start_bps, least_bps, most_bps)
        #: What the sender was told last.
        self.told_bps: int | None = None
        self._sent_at: int | None = None
        self._judged_ns = 0

    def arrived(self, send_time: bytes, size: int, arrival_ns: int) -> bool:
        """A packet with this abs-send-time came; whether the sender should hear of the estimate at once."""
        if len(send_time) != 3:
            return False
        sent_ms = self._unwrap(int.from_bytes(send_time, "big")) * 1000 / (1 << 18)
        self._delivered.add(arrival_ns // 1000, size)
        variation = self._groups.add(sent_ms, arrival_ns / _MS)
        if variation is None:
            return False
        self._trend.add(variation)
        self._queue.add([arrival_ns / _MS - sent_ms], arrival_ns)
        if self._trend.signal != "overuse" and arrival_ns - self._judged_ns < 50 * _MS:
            return False
        self._judged_ns = arrival_ns
        delivered = self._delivered.bps()
        limited = delivered is not None and delivered < _LIMITED * self._rate.bps
        self._rate.update(
            self._trend.signal, delivered, arrival_ns, rtt_ns=100 * _MS, limited=limited, queue_ms=self._queue.ms
        )
        self.bitrate_bps = int(self._rate.bps)
        return self._rate.bps < _FALLS * (self.told_bps or 0)

    def told(self) -> None:
        """The sender has been told."""
        self.told_bps = self.bitrate_bps

    def _unwrap(self, value: int) -> int:
        if self._sent_at is None:
            self._sent_at = value
        step = (value - self._sent_at + _WRAP // 2) % _WRAP - _WRAP // 2
        found = self._sent_at + step
        self._sent_at = max(self._sent_at, found)
        return found
