"""How much the path carries, as far as the sender can tell."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Sequence
from typing import Protocol

from jackfield.rtc.twcc_format import TransportFeedback

_MS = 1_000_000
_SENT_MAX = 4096


class BandwidthEstimator(Protocol):
    """Watches what is sent and what the other end says of it."""

    target_bps: int

    def sent(self, number: int, size: int, now_ns: int) -> None:
        """A packet with this transport-wide number (16 bits) left now."""

    def feedback(self, report: TransportFeedback, now_ns: int) -> None:
        """The other end says which packets came, and when."""


class QueueWatcher:
    """Backs off when packets begin to queue or get lost, and otherwise feels its way up by 8 % a second.

    Queueing is the delay above the shortest of the last ten seconds.
    """

    def __init__(self, *, start_bps: int = 2_500_000, least_bps: int = 100_000, most_bps: int = 12_000_000) -> None:
        self.target_bps = start_bps
        self._least_bps, self._most_bps = least_bps, most_bps
        self._sent: OrderedDict[int, tuple[int, int]] = OrderedDict()
        self._acknowledged: deque[tuple[int, int]] = deque()
        self._shortest: deque[tuple[int, int]] = deque(maxlen=10)
        self._queue_ns = 0.0
        self._seen = self._lost = 0
        self._judged_ns = self._backed_off_ns = 0

    def sent(self, number: int, size: int, now_ns: int) -> None:
        """A packet left."""
        self._sent[number] = (now_ns, size)
        self._sent.move_to_end(number)
        if len(self._sent) > _SENT_MAX:
            self._sent.popitem(last=False)

    def feedback(self, report: TransportFeedback, now_ns: int) -> None:
        """Takes a report, and judges at most every 100 ms."""
        delays: list[int] = []
        for number, arrival_us in report.arrivals:
            found = self._sent.pop(number, None) if arrival_us is not None else self._sent.get(number)
            if found is None:
                continue
            self._seen += 1
            if arrival_us is None:
                self._lost += 1
                continue
            delays.append(arrival_us * 1000 - found[0])
            self._acknowledged.append((now_ns, found[1]))
        if delays:
            self._measure(delays, now_ns)
        if now_ns - self._judged_ns >= 100 * _MS and self._seen >= 10:
            self._judge(now_ns)

    @property
    def acknowledged_bps(self) -> int:
        """What arrived in the last half second."""
        return 16 * sum(size for _, size in self._acknowledged)

    @property
    def queue_ms(self) -> float:
        """How long packets wait on the path."""
        return self._queue_ns / _MS

    def _measure(self, delays: list[int], now_ns: int) -> None:
        while self._acknowledged and self._acknowledged[0][0] < now_ns - 500 * _MS:
            self._acknowledged.popleft()
        second, shortest = now_ns // 1_000_000_000, min(delays)
        if self._shortest and self._shortest[-1][0] == second:
            self._shortest[-1] = (second, min(shortest, self._shortest[-1][1]))
        else:
            self._shortest.append((second, shortest))
        above = sum(delays) / len(delays) - min(delay for _, delay in self._shortest)
        self._queue_ns += (above - self._queue_ns) * 0.3

    def _judge(self, now_ns: int) -> None:
        passed_s = min((now_ns - self._judged_ns) / 1e9, 1.0)
        loss = self._lost / self._seen
        self._judged_ns = now_ns
        self._seen = self._lost = 0
        if self._queue_ns > 80 * _MS or loss > 0.1:
            if now_ns - self._backed_off_ns < 300 * _MS:
                return
            self._backed_off_ns = now_ns
            lossy_bps = int(self.target_bps * (1 - loss / 2))
            queued_bps = int(0.85 * self.acknowledged_bps) if self._queue_ns > 80 * _MS else lossy_bps
            self.target_bps = max(self._least_bps, min(lossy_bps, max(queued_bps, self.target_bps // 2)))
        elif loss < 0.03:
            self.target_bps = min(self._most_bps, int(self.target_bps * 1.08**passed_s) + 1000)


def share(budget_bps: int, limits: Sequence[int | None]) -> list[int]:
    """The budget in equal parts, where what one track's limit leaves over goes to the others."""
    parts = [0] * len(limits)
    open_ = sorted(range(len(limits)), key=lambda index: limits[index] or 1 << 62)
    while open_:
        index = open_.pop(0)
        part = budget_bps // (len(open_) + 1)
        parts[index] = min(part, limits[index] or part)
        budget_bps -= parts[index]
    return parts
