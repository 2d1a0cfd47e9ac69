"""A clock that stands still until a test moves it."""

from __future__ import annotations

import asyncio
import heapq
import itertools


class ManualClock:
    """Seconds that pass when `advance` says so. Call it for the time; await `sleep` as ``asyncio.sleep``."""

    def __init__(self, start_s: float = 1000.0) -> None:
        self._now_s = start_s
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def __call__(self) -> float:
        return self._now_s

    def monotonic_ns(self) -> int:
        """The time in nanoseconds, as ``time.monotonic_ns`` gives it."""
        return round(self._now_s * 1_000_000_000)

    @property
    def sleepers(self) -> int:
        """How many tasks wait for this clock."""
        return sum(not wake.done() for _, _, wake in self._sleepers)

    async def sleep(self, duration_s: float) -> None:
        """Returns once the clock was moved that far."""
        wake: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._now_s + max(duration_s, 0.0), next(self._order), wake))
        await wake

    async def advance(self, duration_s: float) -> None:
        """Moves the clock on and wakes the sleepers in order, each at its own time; they have run when it returns."""
        end_s = self._now_s + duration_s
        await _settle()
        while self._sleepers and self._sleepers[0][0] <= end_s:
            at_s, _, wake = heapq.heappop(self._sleepers)
            self._now_s = max(self._now_s, at_s)
            if not wake.done():
                wake.set_result(None)
            await _settle()
        self._now_s = end_s


async def _settle() -> None:
    """Lets every task that can run do so; ten turns cover a chain of callbacks."""
    for _ in range(10):
        await asyncio.sleep(0)
