"""Telling a foreign call that never returns from one that is slow, so that another thread can take over."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

#: How often it is looked, on the event loop: six times within the limit, within these bounds.
TICK_S, SLOW_TICK_S = 0.05, 1.0


class Left(Exception):
    """Somebody else has taken over: whoever is told ends, and touches nothing any more."""


class Stall:
    """Watches one call into a driver at a time, made on a thread; ``stalled`` is called on the loop that made it.

    Time is counted in ticks of the event loop. So neither a machine that slept, nor a process that was stopped, nor a
    loop that is late makes a driver look hung.
    """

    def __init__(self, limit_s: Callable[[], float], stalled: Callable[[], None]) -> None:
        self._limit_s, self._stalled = limit_s, stalled
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._turn = self._seen = 0
        self._waited_s = 0.0
        self._inside = self._over = False

    def watch(self) -> None:
        """Looks from now on; on the loop."""
        self._look_after(self._tick_s())

    def _tick_s(self) -> float:
        return min(SLOW_TICK_S, max(TICK_S, self._limit_s() / 6))

    def _look_after(self, tick_s: float) -> None:
        self._loop.call_later(tick_s, self._tick, tick_s)

    def unwatch(self) -> None:
        """Looks no more. Any thread."""
        self._over = True

    def enter(self) -> int:
        """A call begins, on its thread: the answer is for `leave`."""
        with self._lock:
            self._turn += 1
            self._inside = True
            return self._turn

    def leave(self, turn: int) -> None:
        """The call is back; `Left` where it was given up meanwhile."""
        with self._lock:
            if turn != self._turn:
                raise Left
            self._inside = False

    def _tick(self, tick_s: float) -> None:
        if self._over:
            return
        with self._lock:
            still = self._inside and self._turn == self._seen
            self._waited_s = self._waited_s + tick_s if still else 0.0
            self._seen = self._turn
            given_up = still and self._waited_s >= self._limit_s()
            if given_up:
                self._turn += 1
                self._inside = False
        if given_up:
            self._stalled()
        self._look_after(self._tick_s())
