"""A clock with timers that stands still until it is told to move: `jackfield.media.clock.Clock` for tests."""

from __future__ import annotations

import heapq
from collections.abc import Callable


class ManualTimer:
    """One call that `ManualTimers` is going to make."""

    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        """It will not be made."""
        self.callback = None


class ManualTimers:
    """`advance` makes the calls that fall due, in order, each at its instant."""

    def __init__(self, start_ns: int = 1_000_000_000) -> None:
        self._now_ns = start_ns
        self._timers: list[tuple[int, int, ManualTimer]] = []
        self._count = 0

    def now_ns(self) -> int:
        """This instant."""
        return self._now_ns

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> ManualTimer:
        """Calls back during the `advance` that passes the instant."""
        timer = ManualTimer(callback)
        self._count += 1
        heapq.heappush(self._timers, (self._now_ns + round(delay_s * 1e9), self._count, timer))
        return timer

    def advance(self, duration_s: float) -> None:
        """Time passes."""
        until_ns = self._now_ns + round(duration_s * 1e9)
        while self._timers and self._timers[0][0] <= until_ns:
            due_ns, _, timer = heapq.heappop(self._timers)
            self._now_ns = max(self._now_ns, due_ns)
            callback, timer.callback = timer.callback, None
            if callback is not None:
                callback()
        self._now_ns = until_ns

    @property
    def pending(self) -> int:
        """How many calls are still to be made."""
        return sum(timer.callback is not None for _, _, timer in self._timers)
