"""What keeps a publication from its full quality, and for how long it has (W3C qualityLimitationDurations)."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

REASONS = ("none", "cpu", "bandwidth", "other")
#: A path that gives less than this share of what was asked for limits what is seen.
_SHORT = 0.9
#: More than this share of pictures that were not encoded for want of time is the processor's doing, whatever the path
#: gives: a busy machine reports late, too, which looks like a narrow path.
_MANY = 0.1


class Limitation:
    """Told, about once a second, what limits; keeps the time."""

    def __init__(self, clock: Callable[[], int] = time.monotonic_ns) -> None:
        self.reason = "none"
        self._clock = clock
        self._spent_ns = dict.fromkeys(REASONS, 0)
        self._since_ns = clock()
        self._counted = (0, 0)

    def is_busy(self, encoded: int, dropped: int) -> bool:
        """Whether many pictures were left out since the last call, of which these are the sums."""
        before, self._counted = self._counted, (encoded, dropped)
        left_out = dropped - before[1]
        return left_out > _MANY * max(1, encoded - before[0] + left_out)

    def be(self, reason: str) -> None:
        """This limits from now on."""
        self._tick()
        self.reason = reason if reason in REASONS else "other"

    @property
    def durations(self) -> Mapping[str, float]:
        """Seconds spent under each reason."""
        self._tick()
        return {reason: spent / 1e9 for reason, spent in self._spent_ns.items()}

    def _tick(self) -> None:
        now_ns = self._clock()
        self._spent_ns[self.reason] += now_ns - self._since_ns
        self._since_ns = now_ns


def is_short(given_bps: int | None, wanted_bps: int | None) -> bool:
    """Whether the path gives less than was asked for."""
    return given_bps is not None and wanted_bps is not None and given_bps < _SHORT * wanted_bps
