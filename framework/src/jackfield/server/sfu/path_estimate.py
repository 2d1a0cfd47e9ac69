"""What the path to one subscriber carries, from what it says: receiver reports, and REMB where its browser makes it.

A subscriber that never loses anything is sent all it wants; nothing is known of how much more its path would carry.
Congestion is loss over a tenth, or a REMB that falls below what is sent (a browser's delay-based estimate falls by 15 %
when its queue grows, and is never far above what it gets, so that its height alone says nothing) while something is
lost or the round trip says that there is a queue: a browser on a busy machine sees packets come late as well, and told
of a tenth of its path over loopback, with round trips of 1 to 7 ms and no loss; pictures stood still for 18 s for it.
Of who never tells a REMB, round trips alone tell: a queue that grows says how much faster it is filled than emptied.
From then on there is a budget, which grows while nothing is lost, as far as the next step takes it: each attempt that
fails doubles the wait for the next, but where pictures stand still for it nobody waits for long. Where a publisher
heeds the budget (`sfu.ceiling`) it is never far above what is sent, and much shorter queues count; but loss without a
queue is the path's own, for less was sent already: one that loses a sixth of anything would be left with nothing.
GCC: draft-ietf-rmcat-gcc-02 sections 5 and 6; REMB: draft-alvestrand-rmcat-remb-03.
"""

from __future__ import annotations

import math
from collections import deque

_SECOND_NS = 1_000_000_000
_MUCH_LOSS, _LITTLE_LOSS = 0.10, 0.02
_SAFE = 0.95
_FELL = 0.97
#: Reports tell of what was sent a round trip ago: so long a fall is given to show.
_SETTLE_NS = 1_500_000_000
_PAUSE_NS, _PAUSE_MAX_NS, _STANDING_MAX_NS = 4 * _SECOND_NS, 30 * _SECOND_NS, 8 * _SECOND_NS
#: Congestion so soon after growing is the growth's doing.
_BLAME_NS = 10 * _SECOND_NS
_GROWTH_PER_S, _GROWTH_MAX_PER_S = 1.08, 1.30
#: Where a publisher heeds the budget, and it is about what the path carried when it was full.
_SLOW_GROWTH_PER_S, _NEAR = 1.03, 1.4
_FLOOR_BPS = 50_000
#: A budget this far above what is wanted is none.
_AMPLE = 1.3
#: A round trip so much longer than the shortest of late is a queue; two so much longer are one that nobody can talk
#: through.
_QUEUE_MS, _LONG_QUEUE_MS = 100.0, 300.0
#: Where a publisher heeds the budget: what counts as long, beyond what nothing more is tried, and up to what growing
#: becomes ever faster.
_HEEDED_QUEUE_MS, _SHORT_QUEUE_MS, _NO_QUEUE_MS = 100.0, 40.0, 15.0
#: What is sent of what was, so that a queue empties. Up to so much a second it does not grow; by so much it has become
#: shorter, if it has.
_LESS, _GROWS, _SHORTER_MS = 0.85, 0.05, 50.0
#: How long what was told of either holds.
_HOLDS_NS = 3 * _SECOND_NS
#: The shortest round trip is that of this time and of as much before it: paths change.
_SHORTEST_NS = 30 * _SECOND_NS
_APART_NS = _SECOND_NS // 4


class PathEstimate:
    """``budget_bps`` is None while nothing says that the path carries less than is sent."""

    def __init__(self) -> None:
        self.budget_bps: int | None = None
        self._remb_bps = 0
        self._remb_fell = False
        self._remb_fell_ns = -_HOLDS_NS
        self._loss: float | None = None
        self._lossy_ns = -_HOLDS_NS
        self._queue = Queue()
        self._is_heeded = False
        #: Since less is sent for a queue: how long packets waited when that was last looked at, and when.
        self._tried: tuple[float, int] | None = None
        self._pause_ns = _PAUSE_NS
        self._fell_ns = -_PAUSE_MAX_NS
        self._grew_ns = -_BLAME_NS
        self._growth = _GROWTH_PER_S
        self._full_bps = math.inf

    def remb(self, bitrate_bps: int) -> None:
        """The subscriber's own estimate."""
        self._remb_fell = self._remb_fell or bitrate_bps < self._remb_bps * _FELL
        self._remb_bps = bitrate_bps

    def lost(self, share: float) -> None:
        """The worst share of packets that a report since the last update told of."""
        self._loss = max(share, self._loss or 0.0)

    def took(self, rtt_ms: float, now_ns: int) -> None:
        """A round trip, as a report that came now tells it."""
        self._queue.took(rtt_ms, now_ns)

    def update(
        self,
        now_ns: int,
        passed_ns: int,
        sent_bps: float,
        wanted_bps: float,
        *,
        next_bps: float = math.inf,
        is_short: bool = False,
        came_bps: float = 0.0,
        is_held_back: bool = False,
    ) -> int | None:
        """The budget now, after ``passed_ns`` in which ``sent_bps`` went out of the ``wanted_bps`` that are wished.

        More than ``next_bps`` is of no use before it was tried. ``is_short``: pictures stand still for want of more.
        ``came_bps``: what reports say of how much came of late, 0 where they do not. ``is_held_back``: a publisher
        heeds the budget, so that there are pictures whatever it is, and a queue is looked for sooner.
        """
        loss, self._loss = self._loss or 0.0, None
        if loss >= _LITTLE_LOSS:
            self._lossy_ns = now_ns
        self._is_heeded = is_held_back
        capacity = self._capacity(now_ns, loss, sent_bps, came_bps)
        pause_ns = min(self._pause_ns, _STANDING_MAX_NS) if is_short else self._pause_ns
        if capacity is not None:
            self._fall(now_ns, capacity)
        elif self.budget_bps is not None and now_ns - self._fell_ns > pause_ns and not self._is_full(now_ns, loss):
            if is_short:
                self._growth = _GROWTH_MAX_PER_S
            elif self._is_heeded and self._queue.waits_ms(now_ns) > _NO_QUEUE_MS:
                self._growth = _SLOW_GROWTH_PER_S if self._is_near() else _GROWTH_PER_S
            self._grow(now_ns, passed_ns, wanted_bps, next_bps)
        return self.budget_bps

    def _is_near(self) -> bool:
        """The budget is about what the path carried when it was full."""
        return self.budget_bps is not None and 1 / _NEAR < self.budget_bps / self._full_bps < _NEAR

    def _is_full(self, now_ns: int, loss: float) -> bool:
        """More would be too much."""
        if loss >= _LITTLE_LOSS or (self._is_heeded and self._queue.waits_ms(now_ns) > _SHORT_QUEUE_MS):
            return True
        return not self._remb_bps and self._queue.waits_ms(now_ns, reports=2) > self._long_queue_ms

    @property
    def _long_queue_ms(self) -> float:
        return _HEEDED_QUEUE_MS if self._is_heeded else _LONG_QUEUE_MS

    def _capacity(self, now_ns: int, loss: float, sent_bps: float, came_bps: float) -> float | None:
        """What the path carries, where it has been told that this is less than is sent."""
        if self._remb_fell:
            self._remb_fell, self._remb_fell_ns = False, now_ns
        if now_ns - self._fell_ns <= self._settles_ns(now_ns):
            return None
        told: list[float] = []
        if loss > _MUCH_LOSS and (not self._is_heeded or self._queue.stands(now_ns)):
            told.append(came_bps or sent_bps * (1 - loss))
        if self._says_less(now_ns, sent_bps):
            told.append(self._remb_bps)
        if not self._remb_bps and (less := self._less_for_the_queue(now_ns)):
            told.append(less * (came_bps or sent_bps))
        return min(told, default=None)

    def _says_less(self, now_ns: int, sent_bps: float) -> bool:
        """Whether REMB has fallen below what is sent, and not by the subscriber's own doing."""
        if now_ns - self._remb_fell_ns >= _HOLDS_NS or self._remb_bps >= sent_bps:
            return False
        return now_ns - self._lossy_ns < _HOLDS_NS or self._queue.stands(now_ns)

    def _less_for_the_queue(self, now_ns: int) -> float:
        """By what is sent is to be multiplied, as round trips alone tell; 0 where they tell nothing.

        A queue that grows says how much too much is sent, one that gets shorter is let be. One that stands is given one
        try: what sending less does not shorten is no queue, but a path that has become longer.
        """
        waits_ms = self._queue.waits_ms(now_ns, reports=2)
        if waits_ms <= self._long_queue_ms:
            self._tried = None
            return 0.0
        grows = self._queue.growth > _GROWS
        if self._tried is not None:
            before_ms, since_ns = self._tried
            if now_ns - since_ns < self._settles_ns(now_ns):  # by then reports tell what became of it
                return 0.0
            if not grows:
                self._tried = (waits_ms, now_ns)
                if waits_ms > before_ms - _SHORTER_MS:
                    self._queue.forget()
                return 0.0
        self._tried = (math.inf, now_ns)
        return _LESS / (1 + self._queue.growth) if grows else _LESS

    def _settles_ns(self, now_ns: int) -> float:
        """How long what is sent from now on, or no more, takes to show in reports: it comes after what waits."""
        return _SETTLE_NS + min(_HOLDS_NS, 1e6 * self._queue.waits_ms(now_ns))

    def _fall(self, now_ns: int, capacity_bps: float) -> None:
        if now_ns - self._grew_ns < _BLAME_NS:
            self._pause_ns = min(2 * self._pause_ns, _PAUSE_MAX_NS)
            self._grew_ns = now_ns - _BLAME_NS  # once
        self._fell_ns = now_ns
        self._remb_fell_ns = now_ns - _HOLDS_NS  # that has had its effect
        self._growth, self._full_bps = _GROWTH_PER_S, max(capacity_bps, 1.0)
        lower = max(_FLOOR_BPS, round(_SAFE * capacity_bps))
        self.budget_bps = lower if self.budget_bps is None else min(self.budget_bps, lower)

    def _grow(self, now_ns: int, passed_ns: int, wanted_bps: float, next_bps: float) -> None:
        assert self.budget_bps is not None
        self._grew_ns = now_ns
        grown = self.budget_bps * self._growth ** (passed_ns / _SECOND_NS)
        self.budget_bps = round(max(self.budget_bps, min(grown, next_bps)))
        self._growth = min(_GROWTH_MAX_PER_S, self._growth * _GROWTH_PER_S ** (passed_ns / _SECOND_NS / 2))
        if self.budget_bps > _AMPLE * wanted_bps:
            self.budget_bps = None
            self._pause_ns = _PAUSE_NS


class Queue:
    """Whether packets wait somewhere on the path, as round trips tell: reports go back on a path of their own."""

    def __init__(self) -> None:
        self._told: deque[tuple[float, int]] = deque(maxlen=2)
        self._shortest_ms = self._shortest_before_ms = math.inf
        self._since_ns: int | None = None

    def took(self, rtt_ms: float, now_ns: int) -> None:
        """A round trip that was told of now. Of several within a moment the shortest counts."""
        if self._since_ns is None or now_ns - self._since_ns > _SHORTEST_NS:
            self._shortest_before_ms, self._shortest_ms = self._shortest_ms, math.inf
            self._since_ns = now_ns
        self._shortest_ms = min(self._shortest_ms, rtt_ms)
        since_ns = now_ns
        if self._told and now_ns - self._told[-1][1] < _APART_NS:
            before_ms, since_ns = self._told.pop()
            rtt_ms = min(rtt_ms, before_ms)
        self._told.append((rtt_ms, since_ns))

    def forget(self) -> None:
        """What round trips were is nothing to measure others by any more."""
        self._shortest_ms = self._told[-1][0] if self._told else math.inf
        self._shortest_before_ms = math.inf

    def stands(self, now_ns: int) -> bool:
        """Round trips have grown. So it is assumed where nothing has been told of late."""
        return not self._is_known(now_ns) or self.waits_ms(now_ns) > _QUEUE_MS

    def waits_ms(self, now_ns: int, *, reports: int = 1) -> float:
        """How long packets wait, as each of the last ``reports`` says; 0 where nothing has been told of late."""
        if not self._is_known(now_ns) or len(self._told) < reports:
            return 0.0
        least_ms = min(rtt_ms for rtt_ms, _ in list(self._told)[-reports:])
        return least_ms - min(self._shortest_ms, self._shortest_before_ms)

    @property
    def growth(self) -> float:
        """How many seconds a packet waits longer each second: by this part, more comes than leaves."""
        if len(self._told) < 2:
            return 0.0
        (before_ms, since_ns), (after_ms, now_ns) = self._told
        return max(0.0, (after_ms - before_ms) * 1e6 / (now_ns - since_ns))

    def _is_known(self, now_ns: int) -> bool:
        return bool(self._told) and now_ns - self._told[-1][1] <= _HOLDS_NS
