"""Who hears about events: callbacks, listener objects and streams, none of which can stop another."""

from __future__ import annotations

import asyncio
import difflib
import logging
import weakref
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, overload

from jackfield.roles import Unwatch
from jackfield.values.events import EVENTS, Event

logger = logging.getLogger("jackfield.events")

Callback = Callable[[Any], Any]
#: How many events a reader may lag behind before it misses the oldest.
STREAM_LIMIT = 256


def known_event(name: str) -> str:
    """The name itself; ``ValueError`` with the nearest spelling when no event is called that."""
    if name in EVENTS:
        return name
    near = difflib.get_close_matches(name, EVENTS, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(sorted(EVENTS))}"
    raise ValueError(f"no event is called {name!r}; {hint}")


class EventStream(AsyncIterator[Event]):
    """Events from the moment it was made, for ``async for``; ends after the session's last one. Bounded: a reader that
    lags by more than `STREAM_LIMIT` events misses the oldest (``missed`` counts them)."""

    def __init__(self) -> None:
        self._events: deque[Event] = deque(maxlen=STREAM_LIMIT)
        self._arrived = asyncio.Event()
        self._ended = False
        self.missed = 0

    def _put(self, event: Event) -> None:
        self.missed += len(self._events) == STREAM_LIMIT
        self._events.append(event)
        self._arrived.set()

    def _end(self) -> None:
        self._ended = True
        self._arrived.set()

    async def __anext__(self) -> Event:
        while not self._events:
            if self._ended:
                raise StopAsyncIteration
            self._arrived.clear()
            await self._arrived.wait()
        return self._events.popleft()


class Listeners:
    """Callbacks by event name. What is emitted here is heard first by ``parent``'s listeners, then by our own."""

    def __init__(self, parent: Listeners | None = None) -> None:
        self._parent = parent
        self._callbacks: dict[str, list[Callback]] = {}
        self._streams: weakref.WeakSet[EventStream] = weakref.WeakSet()
        self._tasks: set[asyncio.Future[Any]] = set()

    @overload
    def on(self, name: str, callback: Callback) -> Unwatch: ...
    @overload
    def on(self, name: str) -> Callable[[Callback], Callback]: ...
    def on(self, name: str, callback: Callback | None = None) -> Unwatch | Callable[[Callback], Callback]:
        """Calls back with each event of this name, on the event loop; a coroutine function becomes a task.

        As a decorator it gives the function back; with ``callback`` it gives a function that ends it.
        Raises ``ValueError``, with the nearest spelling, when no event is called that.
        """
        callbacks = self._callbacks.setdefault(known_event(name), [])

        def decorate(function: Callback) -> Callback:
            callbacks.append(function)
            return function

        if callback is None:
            return decorate
        callbacks.append(callback)
        return lambda: callbacks.remove(callback) if callback in callbacks else None

    def add_listener(self, listener: object) -> Unwatch:
        """Every method of ``listener`` that is named like an event hears it; the answer ends that."""
        found = [(name, method) for name in EVENTS if callable(method := getattr(listener, name, None))]
        if not found:
            raise ValueError(f"{type(listener).__name__} has no method named like an event; see CallListener")
        unwatches = [self.on(name, method) for name, method in found]

        def unlisten() -> None:
            for unwatch in unwatches:
                unwatch()

        return unlisten

    def events(self) -> EventStream:
        """Every event from now on, for ``async for``."""
        stream = EventStream()
        self._streams.add(stream)
        return stream

    def emit(self, event: Event) -> None:
        """Tells everyone, in order of registration. Runs on the event loop."""
        self.ask(event)

    def ask(self, event: Event) -> list[asyncio.Future[None]]:
        """As `emit`, and answers with the callbacks that run on: they are coroutines."""
        running = self._parent.ask(event) if self._parent is not None else []
        for callback in list(self._callbacks.get(event.name, ())):
            running += self._tell(callback, event)
        for stream in list(self._streams):
            stream._put(event)
        return running

    def end(self) -> None:
        """No more events come: streams end. Listeners of the parent stay for its next session."""
        for stream in list(self._streams):
            stream._end()

    def _tell(self, callback: Callback, event: Event) -> list[asyncio.Future[None]]:
        try:
            answer = callback(event)
        except Exception:
            _log(callback, event)
            return []
        if not isinstance(answer, Awaitable):
            return []
        task = asyncio.ensure_future(self._finish(answer, callback, event))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return [task]

    async def _finish(self, answer: Awaitable[Any], callback: Callback, event: Event) -> None:
        try:
            await answer
        except Exception:
            _log(callback, event)


def _log(callback: Callback, event: Event) -> None:
    name = getattr(callback, "__qualname__", None) or repr(callback)
    where = getattr(callback, "__module__", None) or "?"
    logger.exception("listener %s.%s failed on %s; the call goes on", where, name, event.name)
