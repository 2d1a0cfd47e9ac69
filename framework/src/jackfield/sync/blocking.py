"""What lives on an event loop, for threads: the same names, each of which blocks until it is done."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from typing import Any

from jackfield.session.call import CallSession
from jackfield.session.data.readers import StreamReader
from jackfield.session.data.writers import StreamWriter
from jackfield.session.listeners import EventStream
from jackfield.session.own_track import OwnTrack
from jackfield.session.participant import Participant
from jackfield.session.publication import Publication
from jackfield.session.remote_track import RemoteTrack
from jackfield.session.streams import AudioMedia, VideoMedia
from jackfield.sync.thread import LIMIT_S, LoopThread
from jackfield.values.events import Event

#: What is not simply a value: it belongs to the loop, or holds something that does.
LIVE = (
    *(CallSession, Participant, Publication, RemoteTrack, OwnTrack, VideoMedia, AudioMedia),
    *(StreamReader, StreamWriter, EventStream, Event),
)
#: Of which class a session is here.
KINDS: dict[type, type[Blocking]] = {}
#: What waits for as long as it takes.
ENDLESS = frozenset({"until_left"})


class Blocking:
    """One such object. Its attributes are read, and its methods called, on the loop; what they answer is wrapped again.

    A method that is a coroutine blocks until it is done, and so does each step of an iterator. A function that is given
    to a method is called on the callbacks' thread. ``isinstance`` sees the class of what is wrapped.
    """

    def __init__(self, thread: LoopThread, wrapped: Any) -> None:
        object.__setattr__(self, "_thread", thread)
        object.__setattr__(self, "_wrapped", wrapped)

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        return type(self._wrapped)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        thread = self._thread
        value = getattr(self._wrapped, name) if thread.is_over else thread.run(_read(self._wrapped, name))
        return blocking(thread, value, name=name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._wrapped, name, plain(self._thread, value))

    def __dir__(self) -> list[str]:
        return [name for name in dir(self._wrapped) if not name.startswith("_")]

    def __repr__(self) -> str:
        return f"<blocking {self._wrapped!r}>"

    def __eq__(self, other: object) -> bool:
        return bool(self._wrapped == (other._wrapped if is_blocking(other) else other))  # type: ignore[attr-defined]

    def __hash__(self) -> int:
        return hash(self._wrapped)

    def __iter__(self) -> Iterator[Any]:
        return Steps(self._thread, aiter(self._wrapped))

    def __enter__(self) -> Any:
        self._thread.run(self._wrapped.__aenter__())
        return self

    def __exit__(self, *raised: Any) -> None:
        self._thread.run(self._wrapped.__aexit__(*raised))


class Steps(Iterator[Any]):
    """An iterator over what comes: ``next`` blocks until the next one is there. ``close`` ends it early."""

    def __init__(self, thread: LoopThread, over: AsyncIterator[Any]) -> None:
        self._thread, self._over = thread, over

    def __next__(self) -> Any:
        try:
            return blocking(self._thread, self._thread.run(_next(self._over), limit_s=None, what="the next one"))
        except StopAsyncIteration:
            raise StopIteration from None

    def close(self) -> None:
        """Nothing more is read, and nothing decoded for it."""
        end = getattr(self._over, "aclose", None)
        if end is not None and not self._thread.is_over:
            self._thread.run(_awaited(end))

    def __del__(self) -> None:
        try:
            self.close()
        except Exception:
            return


def is_blocking(value: object) -> bool:
    """Whether it is wrapped already; ``isinstance`` cannot tell."""
    return issubclass(type(value), Blocking)


def blocking(thread: LoopThread, value: Any, *, name: str = "") -> Any:
    """The value as a thread may use it."""
    if is_blocking(value):
        return value
    if isinstance(value, LIVE):
        return KINDS.get(type(value), Blocking)(thread, value)
    if isinstance(value, Mapping):
        return {key: blocking(thread, each) for key, each in value.items()}
    if isinstance(value, list | tuple) and any(isinstance(each, LIVE) for each in value):
        return [blocking(thread, each) for each in value]
    if inspect.isasyncgen(value):
        return Steps(thread, value)
    if inspect.isroutine(value):
        return _called(thread, value, name or getattr(value, "__name__", "this"))
    return value


def plain(thread: LoopThread, value: Any) -> Any:
    """What a thread gives, as the loop may use it."""
    if is_blocking(value):
        return value._wrapped
    if inspect.isroutine(value):
        return thread.later(lambda *given: value(*(blocking(thread, each) for each in given)))
    return value


def _called(thread: LoopThread, function: Callable[..., Any], name: str) -> Callable[..., Any]:
    def call(*arguments: Any, **named: Any) -> Any:
        limit_s = None if name in ENDLESS else max(LIMIT_S, 2 * (named.get("timeout_s") or 0.0))
        given = [plain(thread, each) for each in arguments]
        options = {key: plain(thread, each) for key, each in named.items()}
        job = _awaited(lambda: function(*given, **options))
        return blocking(thread, thread.run(job, limit_s=limit_s, what=name))

    call.__name__, call.__doc__ = name, function.__doc__
    return call


async def _read(wrapped: Any, name: str) -> Any:
    return getattr(wrapped, name)


async def _next(over: AsyncIterator[Any]) -> Any:
    return await anext(over)


async def _awaited(function: Callable[[], Any]) -> Any:
    answer = function()
    if isinstance(answer, Awaitable) and not isinstance(answer, asyncio.Event):
        return await answer
    return answer
