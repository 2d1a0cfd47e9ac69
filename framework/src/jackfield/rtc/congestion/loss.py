"""The rate that loss allows (draft-ietf-rmcat-gcc-02 section 6): above 10 % it falls, below 2 % it may grow."""

from __future__ import annotations

_MS = 1_000_000
_MUCH, _LITTLE = 0.10, 0.02
_GROWTH = 1.08
#: A share is told from so many packets at least, over so long.
_PACKETS_LEAST, _INTERVAL_NS, _LONGEST_NS = 20, 200 * _MS, 2000 * _MS
#: Loss that stays although the rate was lowered by this factor is the path's own and no congestion.
_PROOF = 0.6
_PASSED = 0.85


class LossRate:
    """``bps`` is a limit, None while loss sets none. ``share`` is what was lost of late."""

    def __init__(self, least_bps: int) -> None:
        self.bps: float | None = None
        self.share = 0.0
        self._least_bps = least_bps
        self._seen = self._lost = 0
        self._judged_ns: int | None = None
        self._first: tuple[float, float] | None = None
        self._own = 0.0

    def add(self, arrived: int, lost: int) -> None:
        """So many of ours came, and so many never will."""
        self._seen += arrived + lost
        self._lost += lost

    def update(self, target_bps: float, now_ns: int, *, delivered_bps: int | None, queue_ms: float) -> None:
        """Judges what was added. ``target_bps`` is the rate in force, ``queue_ms`` how long packets wait."""
        if self._judged_ns is None:
            self._judged_ns = now_ns
        passed_ns = now_ns - self._judged_ns
        if passed_ns < _INTERVAL_NS or (self._seen < _PACKETS_LEAST and passed_ns < _LONGEST_NS) or not self._seen:
            return
        share = self._lost / self._seen
        self.share += (share - self.share) * (0.5 if self._seen >= _PACKETS_LEAST else 0.25)
        self._seen = self._lost = 0
        self._judged_ns = now_ns
        if min(share, self.share) > _MUCH + self._own:
            self._decrease(target_bps, delivered_bps or 0, queue_ms)
        elif self.share < _LITTLE + self._own and self.bps is not None:
            self.bps *= _GROWTH ** (passed_ns / 1e9) * (1 + 0.05 * passed_ns / 1e9)
            if self.bps > 1.5 * target_bps:
                self.bps = None
            self._first = None
        if self.share < _LITTLE:
            self._own = 0.0

    def lift(self, bps: float) -> None:
        """A probe came through at this rate with hardly any loss."""
        if self.bps is not None and self.share < _MUCH:
            self.bps = max(self.bps, bps)

    def _decrease(self, target_bps: float, delivered_bps: int, queue_ms: float) -> None:
        if self._first is None:
            self._first = (target_bps, self.share)
        began_bps, began_share = self._first
        if target_bps < _PROOF * began_bps and self.share > 0.8 * began_share and queue_ms < 40:
            self._own = min(self.share, 0.5)
            self.bps, self._first = None, None
            return
        # What was delivered did pass: there is no reason to go far below it.
        self.bps = max(target_bps * (1 - 0.5 * self.share), min(_PASSED * delivered_bps, target_bps), self._least_bps)
