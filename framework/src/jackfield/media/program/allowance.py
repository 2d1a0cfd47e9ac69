"""How much a program may print: so much a second, and a burst now and then."""

from __future__ import annotations


class Allowance:
    """Fills at ``rate`` a second up to ``burst``. What is taken beyond it has to be waited for, a second at most."""

    def __init__(self, rate: float, burst: float) -> None:
        self._rate, self._burst = rate, burst
        self._left, self._at_ns = burst, 0

    def take(self, count: float, now_ns: int) -> None:
        """So much was printed."""
        self._fill(now_ns)
        self._left = max(-self._rate, self._left - count)

    def wait_s(self, now_ns: int) -> float:
        """How long nothing more should be read; 0 while there is something left."""
        self._fill(now_ns)
        return max(0.0, -self._left / self._rate)

    def _fill(self, now_ns: int) -> None:
        passed_s = max(0, now_ns - self._at_ns) / 1e9 if self._at_ns else 0.0
        self._left, self._at_ns = min(self._burst, self._left + passed_s * self._rate), now_ns
