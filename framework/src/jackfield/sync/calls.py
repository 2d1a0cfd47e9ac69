"""Calls and the one call they are in, for threads and scripts."""

from __future__ import annotations

import atexit
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar
from weakref import WeakSet

from jackfield.calls.calls import Calls as AsyncCalls
from jackfield.plugins import Config, Plugins
from jackfield.roles import Unwatch
from jackfield.session.call import CallSession as AsyncSession
from jackfield.sync.blocking import KINDS, Blocking, Steps, blocking
from jackfield.sync.thread import LoopThread
from jackfield.values.errors import CallError
from jackfield.values.events import EVENTS
from jackfield.values.people import CallToken, LogIn, Place
from jackfield.values.ring_events import Ring
from jackfield.values.settings import SessionSettings

Answer = TypeVar("Answer")
_open: WeakSet[Calls] = WeakSet()


class _Hears:
    """What is heard of a call: callbacks run on the callbacks' thread, one after the other, and may block."""

    _thread: LoopThread
    _wrapped: Any

    def on(self, name: str, callback: Callable[..., Any] | None = None) -> Any:
        """Calls back at each event of this name: as a decorator, or with ``callback`` for a function that ends it."""
        return self._registered("on", name, callback)

    def add_listener(self, listener: object) -> Unwatch:
        """Every method of ``listener`` that is named like an event hears it (`CallListener`)."""
        found = {name: method for name in EVENTS if callable(method := getattr(listener, name, None))}
        if not found:
            raise ValueError(f"{type(listener).__name__} has no method named like an event; see CallListener")
        stops = [self.on(name, method) for name, method in found.items()]

        def stop() -> None:
            for each in stops:
                each()

        return stop

    def events(self) -> Iterator[Any]:
        """Every event from now on, for ``for``; ends with the call."""
        return Steps(self._thread, self._thread.run(_made(self._wrapped.events)))

    def _registered(self, method: str, key: str, callback: Callable[..., Any] | None) -> Any:
        def register(function: Callable[..., Any]) -> Any:
            given = self._thread.later(lambda *told: function(*(blocking(self._thread, each) for each in told)))
            stop = self._thread.run(_made(getattr(self._wrapped, method), key, given))
            return blocking(self._thread, stop)

        if callback is not None:
            return register(callback)

        def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
            register(function)
            return function

        return decorate


class CallSession(_Hears, Blocking):
    """A `jackfield.CallSession` whose methods block: the same names, the same answers, the same errors.

    Any thread may use it. `until_left` and iterators wait for as long as it takes; everything else for a minute.
    Ctrl-C ends a wait; ``with`` leaves the call.
    """

    def on_text_stream(self, topic: str, handler: Callable[..., Any] | None = None) -> Any:
        """As `CallSession.on_text_stream`; ``handler`` runs on the callbacks' thread."""
        return self._registered("on_text_stream", topic, handler)

    def on_byte_stream(self, topic: str, handler: Callable[..., Any] | None = None) -> Any:
        """As `CallSession.on_byte_stream`; ``handler`` runs on the callbacks' thread."""
        return self._registered("on_byte_stream", topic, handler)

    def rpc_method(self, name: str, method: Callable[..., Any] | None = None) -> Any:
        """As `CallSession.rpc_method`; ``method`` runs on the callbacks' thread."""
        return self._registered("rpc_method", name, method)


KINDS[AsyncSession] = CallSession


class Calls(_Hears):
    """As `jackfield.Calls`, for threads. ``with`` closes it; one that is still open is closed when the program ends."""

    _wrapped: AsyncCalls

    def __init__(
        self,
        server: str | Place | None = None,
        *,
        api_key: str | None = None,
        api_secret: str | None = None,
        config: Config | Path | str | None = None,
        plugins: Plugins | None = None,
        remember: bool = True,
    ) -> None:
        options: dict[str, Any] = {"api_key": api_key, "api_secret": api_secret, "config": config}
        self._wrapped = AsyncCalls(server, **options, plugins=plugins, remember=remember)
        self._thread = LoopThread()
        _open.add(self)

    @property
    def logged_in_user(self) -> LogIn | None:
        """Who is logged in."""
        return self._wrapped.logged_in_user

    @property
    def auth_token(self) -> str | None:
        """The log-in's token."""
        return self._wrapped.auth_token

    @property
    def session(self) -> CallSession | None:
        """The call we are in."""
        found = self._wrapped.session
        return CallSession(self._thread, found) if found is not None else None

    def login(
        self, uid: str | None = None, api_key: str | None = None, *, auth_token: str | None = None, name: str = ""
    ) -> LogIn:
        """As `jackfield.Calls.login`."""
        job = self._wrapped.login(uid, api_key, auth_token=auth_token, name=name)
        return self._thread.run(_awaited(job), what="login")

    def logout(self) -> None:
        """As `jackfield.Calls.logout`."""
        self._thread.run(_awaited(self._wrapped.logout()), what="logout")

    def generate_token(self, session_id: str) -> CallToken:
        """As `jackfield.Calls.generate_token`."""
        return self._thread.run(_awaited(self._wrapped.generate_token(session_id)), what="generate_token")

    def join_session(
        self,
        *,
        session_id: str | None = None,
        call_token: CallToken | str | None = None,
        settings: SessionSettings | Mapping[str, Any] | None = None,
        container: Any = None,
        on_success: Callable[[CallSession], Any] | None = None,
        on_error: Callable[[CallError], Any] | None = None,
    ) -> CallSession:
        """As `jackfield.Calls.join_session`. Callbacks are called on this thread before it returns; with ``on_error``
        given, an error goes there and the answer is None: the one case that the annotation leaves out."""
        asked: dict[str, Any] = {"session_id": session_id, "call_token": call_token, "container": container}
        job = self._wrapped.join_session(**asked, settings=settings)
        try:
            found = self._thread.run(_awaited(job), limit_s=120.0, what="join_session")
        except CallError as error:
            if on_error is None:
                raise
            on_error(error)
            return None  # type: ignore[return-value]
        session = CallSession(self._thread, found)
        if on_success is not None:
            on_success(session)
        return session

    # --- ringing (docs/ringing.md)
    @property
    def is_online(self) -> bool:
        """Whether others can ring us."""
        return self._wrapped.is_online

    def go_online(self) -> None:
        """As `jackfield.Calls.go_online`."""
        self._thread.run(_awaited(self._wrapped.go_online()), what="go_online")

    def go_offline(self) -> None:
        """As `jackfield.Calls.go_offline`."""
        self._thread.run(_awaited(self._wrapped.go_offline()), what="go_offline")

    def ring(self, to: str | Sequence[str], *, session_id: str | None = None, type: str = "VIDEO") -> Ring:
        """As `jackfield.Calls.ring`."""
        job = self._wrapped.ring(to, session_id=session_id, type=type)
        return self._thread.run(_awaited(job), what="ring")

    def accept(
        self, ring: Ring, *, settings: SessionSettings | Mapping[str, Any] | None = None, container: Any = None
    ) -> CallSession:
        """As `jackfield.Calls.accept`."""
        job = self._wrapped.accept(ring, settings=settings, container=container)
        return CallSession(self._thread, self._thread.run(_awaited(job), limit_s=120.0, what="accept"))

    def reject(self, ring: Ring, *, busy: bool = False) -> None:
        """As `jackfield.Calls.reject`."""
        self._thread.run(_awaited(self._wrapped.reject(ring, busy=busy)), what="reject")

    def cancel(self, ring: Ring) -> None:
        """As `jackfield.Calls.cancel`."""
        self._thread.run(_awaited(self._wrapped.cancel(ring)), what="cancel")

    def close(self) -> None:
        """The call is left, and both threads have ended. Fine to call twice."""
        if not self._thread.is_over:
            self._thread.run(self._wrapped.close(), what="close")
            self._thread.close()
        _open.discard(self)

    def __enter__(self) -> Calls:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


async def _awaited(job: Awaitable[Answer]) -> Answer:
    return await job


async def _made(function: Callable[..., Any], *arguments: Any) -> Any:
    return function(*arguments)


@atexit.register
def _close_all() -> None:
    for calls in list(_open):
        calls.close()
