"""Time as an argument: what waits takes a `Clock`, so that tests run minutes in milliseconds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Protocol


class Timer(Protocol):
    """One call that is going to happen."""

    def cancel(self) -> None:
        """It will not."""


class Clock(Protocol):
    """The monotonic time, and calls at a later one."""

    def now_ns(self) -> int:
        """This instant, comparable with `time.monotonic_ns`."""

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> Timer:
        """Calls back once, after the delay, where the clock's other calls are made."""


class LoopClock:
    """The machine's clock and the running event loop."""

    def now_ns(self) -> int:
        """This instant."""
        return time.monotonic_ns()

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> Timer:
        """Calls back on the running event loop."""
        return asyncio.get_running_loop().call_later(delay_s, callback)


class Alarm:
    """One callback that is due at one instant, or at none; setting it again moves it.

    Made for a buffer that is asked "when next?" after every packet: a later instant costs no new timer.
    """

    def __init__(self, clock: Clock, callback: Callable[[], None]) -> None:
        self._clock = clock
        self._callback = callback
        self._due_ns: int | None = None
        self._timer: Timer | None = None
        self._timer_ns = 0

    def set(self, due_ns: int | None) -> None:
        """Due at this instant; None: not at all."""
        self._due_ns = due_ns
        if due_ns is None or (self._timer is not None and self._timer_ns <= due_ns):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._arm(due_ns)

    def due_by(self, due_ns: int) -> None:
        """Due at this instant, unless it is due already."""
        if self._due_ns is None:
            self.set(due_ns)

    def cancel(self) -> None:
        """Not due any more, and nothing left behind."""
        self._due_ns = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self, due_ns: int) -> None:
        self._timer_ns = due_ns
        self._timer = self._clock.call_later(max(0, due_ns - self._clock.now_ns()) / 1e9, self._ring)

    def _ring(self) -> None:
        self._timer = None
        due_ns = self._due_ns
        if due_ns is None:
            return
        if due_ns > self._clock.now_ns():
            self._arm(due_ns)
            return
        self._due_ns = None
        self._callback()
