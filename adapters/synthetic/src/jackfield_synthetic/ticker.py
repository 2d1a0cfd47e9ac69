"""A steady beat, on a thread of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

#: A thread that fell behind by more than this does not catch up beat by beat.
_TOO_LATE_NS = 200_000_000


class Ticker:
    """Calls ``tick(due_ns)`` every ``period_ns``, by absolute deadlines, so that no error adds up."""

    def __init__(self, name: str, period_ns: int, *, clock_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self._name = name
        self._period_ns = period_ns
        self._clock_ns = clock_ns
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def stopped(self) -> bool:
        """Whether it beats no more."""
        return self._stopping.is_set()

    def start(self, tick: Callable[[int], None]) -> None:
        """The first beat is now."""
        self._thread = threading.Thread(target=self._run, args=(tick,), name=self._name, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """No beat comes after this, and none is under way unless it is the one that called."""
        self._stopping.set()
        if self._thread and self._thread is not threading.current_thread():
            self._thread.join(timeout=1.0)

    def _run(self, tick: Callable[[int], None]) -> None:
        due_ns = self._clock_ns()
        while not self._stopping.is_set():
            tick(due_ns)
            due_ns += self._period_ns
            early_ns = due_ns - self._clock_ns()
            if early_ns < -_TOO_LATE_NS:
                due_ns -= early_ns
            elif early_ns > 0:
                self._stopping.wait(early_ns / 1e9)
