"""What the path to one subscriber carries, from what it says: receiver reports, and REMB where its browser makes it.

A subscriber that never loses anything is sent all it wants; nothing is known of how much more its path would carry.
Congestion is loss over a tenth, or a REMB that falls below what is sent (a browser's delay-based estimate falls by 15 %
when its queue grows, and is never far above what it gets, so that its height alone says nothing). From then on there is
a budget, which grows while nothing is lost: each attempt that fails doubles the wait for the next.
GCC: draft-ietf-rmcat-gcc-02 sections 5 and 6; REMB: draft-alvestrand-rmcat-remb-03.
"""

from __future__ import annotations

_SECOND_NS = 1_000_000_000
_MUCH_LOSS, _LITTLE_LOSS = 0.10, 0.02
_SAFE = 0.95
_FELL = 0.97
#: Reports tell of what was sent a round trip ago: so long a fall is given to show.
_SETTLE_NS = 1_500_000_000
_PAUSE_NS, _PAUSE_MAX_NS = 4 * _SECOND_NS, 60 * _SECOND_NS
#: Congestion so soon after growing is the growth's doing.
_BLAME_NS = 10 * _SECOND_NS
_GROWTH_PER_S, _GROWTH_MAX_PER_S = 1.08, 1.30
_FLOOR_BPS = 50_000
#: A budget this far above what is wanted is none.
_AMPLE = 1.3


class PathEstimate:
    """``budget_bps`` is None while nothing says that the path carries less than is sent."""

    def __init__(self) -> None:
        self.budget_bps: int | None = None
        self._remb_bps = 0
        self._remb_fell = False
        self._loss: float | None = None
        self._pause_ns = _PAUSE_NS
        self._fell_ns = -_PAUSE_MAX_NS
        self._grew_ns = -_BLAME_NS
        self._growth = _GROWTH_PER_S

    def remb(self, bitrate_bps: int) -> None:
        """The subscriber's own estimate."""
        self._remb_fell = self._remb_fell or bitrate_bps < self._remb_bps * _FELL
        self._remb_bps = bitrate_bps

    def lost(self, share: float) -> None:
        """The worst share of packets that a report since the last update told of."""
        self._loss = max(share, self._loss or 0.0)

    def update(self, now_ns: int, passed_ns: int, sent_bps: float, wanted_bps: float) -> int | None:
        """The budget now, after ``passed_ns`` in which ``sent_bps`` went out of the ``wanted_bps`` that are wished."""
        loss, self._loss = self._loss, None
        fell, self._remb_fell = self._remb_fell, False
        capacity = None
        if loss is not None and loss > _MUCH_LOSS and now_ns - self._fell_ns > _SETTLE_NS:
            capacity = sent_bps * (1 - loss)
        if fell and self._remb_bps < sent_bps:
            capacity = min(self._remb_bps, capacity or self._remb_bps)
        if capacity is not None:
            self._fall(now_ns, capacity)
        elif self.budget_bps is not None and now_ns - self._fell_ns > self._pause_ns and (loss or 0.0) < _LITTLE_LOSS:
            self._grow(now_ns, passed_ns, wanted_bps)
        return self.budget_bps

    def _fall(self, now_ns: int, capacity_bps: float) -> None:
        if now_ns - self._grew_ns < _BLAME_NS:
            self._pause_ns = min(2 * self._pause_ns, _PAUSE_MAX_NS)
        self._fell_ns = now_ns
        self._growth = _GROWTH_PER_S
        lower = max(_FLOOR_BPS, round(_SAFE * capacity_bps))
        self.budget_bps = lower if self.budget_bps is None else min(self.budget_bps, lower)

    def _grow(self, now_ns: int, passed_ns: int, wanted_bps: float) -> None:
        assert self.budget_bps is not None
        self._grew_ns = now_ns
        self.budget_bps = round(self.budget_bps * self._growth ** (passed_ns / _SECOND_NS))
        self._growth = min(_GROWTH_MAX_PER_S, self._growth * _GROWTH_PER_S ** (passed_ns / _SECOND_NS / 2))
        if self.budget_bps > _AMPLE * wanted_bps:
            self.budget_bps = None
            self._pause_ns = _PAUSE_NS
