"""Ringing: being online, calling others, and being called; the part of `Calls` that comes before a call."""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit, urlunsplit

import aiohttp
import attrs

from jackfield.local import OwnServer
from jackfield.session.listeners import Listeners
from jackfield.session.service import error_of
from jackfield.session.signal_client import tls, unreachable
from jackfield.values import events
from jackfield.values.errors import AuthTokenError, CallError, NetworkError, NotAllowed, ResponseError, SessionActive
from jackfield.values.people import LogIn, Place
from jackfield.values.ring_events import Ring

if TYPE_CHECKING:
    from jackfield.session.call import CallSession

logger = logging.getLogger("jackfield.ringing")

#: The server answers within this time; a line that broke is opened anew after these pauses, the last for ever.
ANSWER_S: Final = 10.0
PAUSES_S: Final = (0.2, 1.0, 2.0, 5.0)
HEARTBEAT_S: Final = 20.0


class Line:
    """A WebSocket to the server's ringing, opened anew whenever it breaks. ``heard`` is told of every event."""

    def __init__(
        self, place: Callable[[], Awaitable[Place]], user: LogIn, heard: Callable[[dict[str, Any]], None]
    ) -> None:
        self._place, self.user, self._heard = place, user, heard
        self._numbers = itertools.count(1)
        self._asked: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._http = aiohttp.ClientSession()
        self._task: asyncio.Task[None] | None = None

    @property
    def is_open(self) -> bool:
        """Whether it is there, or being restored; not where the server refuses it."""
        return self._task is not None and not self._task.done()

    async def open(self) -> None:
        """Online from now on. `NetworkError`, `AuthTokenError` or `NotAllowed` says why not."""
        try:
            await self._connect()
        except BaseException:
            await self._http.close()
            raise
        self._task = asyncio.create_task(self._run(), name="ringing")

    async def ask(self, **what: Any) -> dict[str, Any]:
        """The ring, as the server answers."""
        socket = self._socket
        if socket is None or socket.closed:
            raise NetworkError("the line to the server is being restored; try again in a moment")
        number = next(self._numbers)
        answer = self._asked[number] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(ANSWER_S):
                await socket.send_str(json.dumps({**what, "n": number}))
                found: dict[str, Any] = await answer
        except (TimeoutError, ConnectionError) as exc:
            raise NetworkError("the server did not answer; try again") from exc
        finally:
            del self._asked[number]
        if "error" in found:
            raise _error(found["error"])
        return found

    async def close(self) -> None:
        """Offline."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._socket is not None:
            await self._socket.close()
        await self._http.close()

    async def _connect(self) -> None:
        place = await self._place()
        parts = urlsplit(place.url or "")
        scheme = {"http": "ws", "https": "wss"}.get(parts.scheme, parts.scheme)
        address = urlunsplit((scheme, parts.netloc, f"{parts.path.rstrip('/')}/api/ring", "", ""))
        try:
            async with asyncio.timeout(ANSWER_S):
                socket = await self._http.ws_connect(address, ssl=tls(place.fingerprint), heartbeat=HEARTBEAT_S)
                await socket.send_str(json.dumps({"auth_token": self.user.auth_token}))
                answer = json.loads(await socket.receive_str())
        except aiohttp.WSServerHandshakeError as exc:
            if exc.status in (404, 405):
                raise NotAllowed(f"{place.url} has no ringing: that takes a Jackfield server") from exc
            raise NetworkError(f"{place.url} does not take us online (HTTP {exc.status})") from exc
        except (aiohttp.ClientError, OSError, TimeoutError) as exc:
            raise unreachable(place.url or "", exc) from exc
        except (TypeError, ValueError) as exc:
            raise ResponseError(f"{place.url} answered with something that is no word of ringing") from exc
        if "error" in answer:
            await socket.close()
            raise _error(answer["error"])
        self._socket = socket

    async def _run(self) -> None:
        while True:
            await self._listen()
            for asked in self._asked.values():
                if not asked.done():
                    asked.set_exception(NetworkError("the line to the server broke; try again in a moment"))
            for attempt in itertools.count():
                await asyncio.sleep(PAUSES_S[min(attempt, len(PAUSES_S) - 1)])
                try:
                    await self._connect()
                    break
                except (AuthTokenError, NotAllowed) as refused:
                    logger.warning("offline: %s", refused)
                    return
                except CallError as failed:
                    logger.info("not online yet: %s", failed)

    async def _listen(self) -> None:
        assert self._socket is not None
        async for message in self._socket:
            with suppress(ValueError, TypeError):
                words = json.loads(message.data)
                asked = self._asked.get(words.get("done"))
                if asked is not None and not asked.done():
                    asked.set_result(words)
                elif "event" in words:
                    self._heard(words)


class Ringing:
    """Actions of `Calls`. Events: ``incoming_ring``, ``ring_accepted``, ``ring_rejected``, ``ring_cancelled``,
    ``ring_unanswered``, ``ring_answered_elsewhere``."""

    _line: Line | None
    _listeners: Listeners

    if TYPE_CHECKING:  # what `Calls` has

        @property
        def logged_in_user(self) -> LogIn | None: ...

        @property
        def session(self) -> CallSession | None: ...

        async def _where(self, token: None, own: OwnServer) -> Place: ...

        def join_session(self, *, session_id: str, settings: Any, container: Any) -> Awaitable[CallSession]: ...

    @property
    def is_online(self) -> bool:
        """Whether others can ring us."""
        return self._line is not None and self._line.is_open

    async def go_online(self) -> None:
        """Others can ring us from now on, on every device on which we are logged in. Fine to call twice.

        `AuthTokenError` when nobody is logged in, `NotAllowed` where the server has no ringing, or `NetworkError`.
        """
        user = self.logged_in_user
        if user is None:
            raise AuthTokenError("nobody is logged in; call login first")
        if self.is_online and self._line is not None and self._line.user == user:
            return
        await self.go_offline()
        own = OwnServer()
        line = Line(lambda: self._where(None, own), user, self._heard)
        await line.open()
        self._line = line

    async def go_offline(self) -> None:
        """Nobody rings us here any more; what we ring is given up."""
        line, self._line = self._line, None
        if line is not None:
            await line.close()

    async def ring(self, to: str | Sequence[str], *, session_id: str | None = None, type: str = "VIDEO") -> Ring:
        """Calls these uids, for 45 seconds, into a session (by default a fresh one): join it when, or before,
        `RingAccepted` is told. ``type`` is VIDEO or VOICE. `SettingsError` says what is wrong with what was asked."""
        called = [to] if isinstance(to, str) else list(to)
        return _ring((await self._online().ask(do="ring", to=called, session_id=session_id, type=type))["ring"])

    async def accept(self, ring: Ring, *, settings: Any = None, container: Any = None) -> CallSession:
        """We come: the call, joined; a VOICE ring without a camera, unless settings say otherwise. `NotAllowed` where
        it rings for us no more, `SessionActive` while we are in a call already: leave that first."""
        if self.session is not None:
            raise SessionActive("a call is under way; leave it first, or reject the ring as busy")
        await self._online().ask(do="accept", id=ring.id)
        wanted = {"type": "VOICE"} if settings is None and ring.type == "VOICE" else settings
        return await self.join_session(session_id=ring.session_id, settings=wanted, container=container)

    async def reject(self, ring: Ring, *, busy: bool = False) -> None:
        """We do not come; ``busy`` says so. `NotAllowed` where it rings for us no more."""
        await self._online().ask(do="reject", id=ring.id, busy=busy)

    async def cancel(self, ring: Ring) -> None:
        """We give our ring up. `NotAllowed` where it is over."""
        await self._online().ask(do="cancel", id=ring.id)

    def _online(self) -> Line:
        if self._line is None:
            raise NetworkError("we are not online; call go_online first")
        return self._line

    def _heard(self, words: dict[str, Any]) -> None:
        kind = events.EVENTS.get(str(words["event"]))
        if kind is None or kind.__module__ != Ring.__module__:
            return
        told = {"ring": _ring(words["ring"]), "uid": words.get("uid", ""), "busy": bool(words.get("busy"))}
        assert attrs.has(kind)
        wanted = {field.name for field in attrs.fields(kind)}
        happened = kind(**{name: value for name, value in told.items() if name in wanted})
        assert isinstance(happened, events.Event)
        self._listeners.emit(happened)


def _ring(said: dict[str, Any]) -> Ring:
    caller = said["caller"]
    return Ring(
        id=said["id"],
        session_id=said["session_id"],
        uid=caller["uid"],
        name=caller["name"],
        type=said["type"],
        began_at=said["began_at"],
        answers=dict(said["answers"]),
    )


def _error(said: dict[str, Any]) -> CallError:
    return error_of(str(said.get("code")), str(said.get("message")))
