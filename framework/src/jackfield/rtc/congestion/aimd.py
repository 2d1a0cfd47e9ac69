"""The rate that delay allows: up while the path is free, down to what it carries when it is not.

draft-ietf-rmcat-gcc-02 section 5.5: multiplicative increase while far from the capacity last met, additive near it.
"""

from __future__ import annotations

from typing import Literal

from jackfield.rtc.congestion.trend import Signal

_MS = 1_000_000
#: The share of what was delivered that is left after overuse, so that the queue drains (beta of section 5.5).
BETA = 0.85
_GROWTH = 1.08
#: Never above this multiple of what is delivered: what was not tried is not known.
_BEYOND, _BEYOND_BPS = 1.5, 10_000
#: Near the capacity it grows by a packet in each response time at most, and by so much a second at least.
_PACKET_BITS, _LEAST_STEP_BPS = 1200 * 8, 4_000.0
_PAUSE_NS = 200 * _MS


class DelayRate:
    """``bps`` follows the signal of `DelayTrend`."""

    def __init__(self, start_bps: int, least_bps: int, most_bps: int) -> None:
        self.bps = float(start_bps)
        self.decreased_ns: int | None = None
        #: What it was before it went down; None once that is reached again.
        self.before_bps: float | None = None
        self._least_bps, self._most_bps = least_bps, most_bps
        self._state: Literal["hold", "increase", "decrease"] = "hold"
        self._updated_ns: int | None = None
        self._capacity: tuple[float, float] | None = None  # the mean and the variance, in kbit/s, normalised

    def update(
        self, signal: Signal, delivered_bps: int | None, now_ns: int, *, rtt_ns: int, limited: bool, queue_ms: float
    ) -> None:
        """Another report has come. ``limited``: the application sends much less than it might."""
        passed_s = min((now_ns - (self._updated_ns or now_ns)) / 1e9, 1.0)
        self._updated_ns = now_ns
        if signal == "overuse":
            self._decrease(delivered_bps, now_ns, rtt_ns, spared=limited and queue_ms < 40)
        elif signal == "underuse":
            self._state = "hold"
        elif self._state == "hold":
            self._state = "increase"
        elif not limited:
            self._increase(delivered_bps, passed_s, rtt_ns)

    def measured(self, bps: float, now_ns: int, *, full: bool) -> None:
        """A probe found that the path carries this much. ``full``: it is known to carry less than the rate."""
        if bps > self.bps:
            self._capacity = None
            self._set(bps)
        elif full:
            self._remember()
            self.decreased_ns, self._state = now_ns, "hold"
            self._set(BETA * bps)

    def silence(self, now_ns: int) -> None:
        """Nothing has been heard for long, though much was sent."""
        self._remember()
        self.decreased_ns = now_ns
        self._set(self.bps * 0.7)

    def _increase(self, delivered_bps: int | None, passed_s: float, rtt_ns: int) -> None:
        delivered = delivered_bps or 0
        if self._capacity is not None and delivered / 1000 > self._above(3):
            self._capacity = None
        if self._capacity is not None:
            response_s = rtt_ns / 1e9 + 0.1
            step_bps = min(_PACKET_BITS / response_s, (_GROWTH - 1) * self.bps)
            raised = self.bps + max(_LEAST_STEP_BPS, step_bps) * passed_s
        else:
            raised = self.bps * _GROWTH**passed_s + 1000 * passed_s
        if delivered_bps is not None:
            raised = min(raised, max(self.bps, _BEYOND * delivered + _BEYOND_BPS))
        self._set(raised)

    def _decrease(self, delivered_bps: int | None, now_ns: int, rtt_ns: int, *, spared: bool) -> None:
        if self.decreased_ns is not None and now_ns - self.decreased_ns < max(_PAUSE_NS, min(rtt_ns, 2 * _PAUSE_NS)):
            return
        self._remember()
        self.decreased_ns, self._state = now_ns, "hold"
        if spared or delivered_bps is None:
            # We send so little that the queue is hardly ours, or do not know yet what passes.
            self._set(self.bps * (BETA if spared else 0.5))
            return
        if self._capacity is not None and delivered_bps / 1000 < self._below(3):
            self._capacity = None
        self._met(delivered_bps)
        self._set(min(self.bps, BETA * delivered_bps))

    def _remember(self) -> None:
        self.before_bps = max(self.before_bps or 0.0, self.bps)

    def _met(self, delivered_bps: int) -> None:
        """The path was full at this rate (section 5.5: the average maximum, and its deviation)."""
        kbps = delivered_bps / 1000
        if self._capacity is None:
            self._capacity = (kbps, 0.4)
            return
        mean, variance = self._capacity
        mean += 0.05 * (kbps - mean)
        variance = 0.95 * variance + 0.05 * (mean - kbps) ** 2 / max(mean, 1.0)
        self._capacity = (mean, min(max(variance, 0.4), 2.5))

    def _above(self, deviations: float) -> float:
        mean, variance = self._capacity or (0.0, 0.0)
        return mean + deviations * float((variance * mean) ** 0.5)

    def _below(self, deviations: float) -> float:
        return self._above(-deviations)

    def _set(self, bps: float) -> None:
        self.bps = min(max(bps, self._least_bps), self._most_bps)
        if self.before_bps is not None and self.bps >= 0.9 * self.before_bps:
            self.before_bps = None
