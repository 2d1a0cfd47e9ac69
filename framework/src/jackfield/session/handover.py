"""From thread to thread, and from thread to loop: bounded, and never blocking whoever delivers."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Handover(Generic[Item]):
    """What one side puts, on any thread, another takes on its own. At most ``limit`` wait; the newest win."""

    def __init__(self, limit: int) -> None:
        self._items: deque[Item] = deque(maxlen=limit)
        self._changed = threading.Condition()
        self.closed = False
        self.dropped = 0
        self.nudged = False

    def put(self, item: Item) -> bool:
        """Hands over; True when the oldest had to go for it."""
        with self._changed:
            if self.closed:
                return False
            overflow = len(self._items) == self._items.maxlen
            self.dropped += overflow
            self._items.append(item)
            self._changed.notify()
        return overflow

    def take(self, timeout_s: float | None = None) -> Item | None:
        """The oldest that waits; None when nothing came in time, after `nudge`, or once closed."""
        with self._changed:
            if not self._items and not self.closed and not self.nudged:
                self._changed.wait(timeout_s)
            self.nudged = False
            return self._items.popleft() if self._items and not self.closed else None

    def nudge(self) -> None:
        """Wakes whoever takes, with nothing."""
        with self._changed:
            self.nudged = True
            self._changed.notify()

    def clear(self) -> None:
        """Forgets what waits."""
        with self._changed:
            self._items.clear()

    def close(self) -> None:
        """Nothing more is taken or put."""
        with self._changed:
            self.closed = True
            self._items.clear()
            self._changed.notify_all()


class Outlet(Generic[Item]):
    """Carries items from a worker thread to ``handler`` on the event loop, in order. Made on the loop's thread.

    At most ``limit`` are on their way. Then `put` drops the oldest (``newest_wins``), or waits for room: a worker that
    waits takes nothing new, so that what it would have taken is dropped where dropping does no harm.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, handler: Callable[[Item], None], limit: int, *, newest_wins: bool
    ) -> None:
        self._loop, self._handler = loop, handler
        self._items: deque[Item] = deque(maxlen=limit if newest_wins else None)
        self._limit, self._newest_wins = limit, newest_wins
        self._room = threading.Condition()
        self._scheduled = False
        self._closed = False
        self._loop_thread = threading.get_ident()

    @property
    def full(self) -> bool:
        """Whether the event loop is behind."""
        return len(self._items) >= self._limit

    def put(self, item: Item) -> None:
        """Called on the worker's thread."""
        with self._room:
            while not self._newest_wins and len(self._items) >= self._limit and not self._closed:
                self._room.wait(1.0)
            if self._closed:
                return
            self._items.append(item)
            wake, self._scheduled = not self._scheduled, True
        if wake:
            is_here = threading.get_ident() == self._loop_thread
            try:  # on the loop's own thread it need not be woken, which takes three system calls
                (self._loop.call_soon if is_here else self._loop.call_soon_threadsafe)(self._flush)
            except RuntimeError:  # the loop is closed: the process is ending
                self.close()

    def close(self) -> None:
        """Nothing more reaches the handler."""
        with self._room:
            self._closed = True
            self._items.clear()
            self._room.notify_all()

    def _flush(self) -> None:
        with self._room:
            items, self._scheduled = list(self._items), False
            self._items.clear()
            self._room.notify_all()
        for item in items:
            if not self._closed:
                self._handler(item)
