"""Ringing over a WebSocket: ``/api/ring``. JSON both ways; the first message holds the log-in's token.

A device asks ``{"do": "ring", "to": [uid, …], "session_id": …, "type": "VIDEO", "n": 1}`` (or accept, reject, cancel
with ``"id"``) and is answered ``{"done": 1, "ring": …}`` or ``{"done": 1, "error": {code, message}}``; what happens
comes as ``{"event": …, "ring": …}``. ``{"do": "here", "n": 2}`` is answered ``{"done": 2}``: a browser's page cannot
ping, and asks so whether the line is still there.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from aiohttp import WSMsgType, web

from jackfield import tokens
from jackfield.log_limit import limited_logger
from jackfield.rtc.link import ignore
from jackfield.server.ringing.rings import Ring, Rings
from jackfield.server.service.issuing import Issuer
from jackfield.server.settings import one_mistake
from jackfield.values.errors import CallError, NetworkError
from jackfield.values.people import LogIn

logger = limited_logger("jackfield.server")

#: A device says who it is within this time, and asks no more than this in a second.
HELLO_S: Final = 10.0
ASKS_PER_S: Final = 20
#: Connections that have not said who they are, at once.
UNKNOWN_MAX: Final = 256
#: And of one address.
UNKNOWN_OF_ONE: Final = 16
PATH: Final = "/api/ring"
#: Messages that a device has not taken; one that falls behind so far is put out.
UNTAKEN_MAX: Final = 256
_MESSAGE_MAX: Final = 16 << 10
_TYPES: Final = {"VIDEO": "VIDEO", "VOICE": "VOICE", "AUDIO": "VOICE"}


class Phone:
    """One device that is online."""

    def __init__(self, socket: web.WebSocketResponse, user: LogIn) -> None:
        self.user = user
        self._socket = socket
        self._outbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue(UNTAKEN_MAX)
        #: It takes nothing any more.
        self.is_lost = asyncio.Event()

    def tell(self, message: dict[str, Any]) -> None:
        """A message to it, in turn."""
        try:
            self._outbox.put_nowait(message)
        except asyncio.QueueFull:
            logger.warning("a device of %r takes nothing, and is put out", self.user.uid)
            self.is_lost.set()

    async def deliver(self) -> None:
        """Sends what it is told, until it is gone."""
        while True:
            message = await self._outbox.get()
            with suppress(ConnectionError):
                await self._socket.send_str(json.dumps(message))

    async def put_out(self) -> None:
        """Closes its connection once it is lost."""
        await self.is_lost.wait()
        await self._socket.close()


class RingingApi:
    """The endpoint of one server."""

    def __init__(
        self,
        issuer: Issuer,
        rings: Rings,
        *,
        draining: Callable[[], bool],
        address: Callable[[web.Request], str],
        known: Callable[[web.Request], None] = ignore,
    ) -> None:
        """``address`` is where a request comes from; ``known`` is told once a device has said whose it is."""
        self._issuer, self._rings, self._draining = issuer, rings, draining
        self._address, self._known = address, known
        self._open: set[web.WebSocketResponse] = set()
        #: Connections whose device has yet to say who it is, by address.
        self._unknown: Counter[str] = Counter()

    def routes(self) -> list[web.RouteDef]:
        """What to add to an application."""
        return [web.get(PATH, self.ring)]

    async def close(self) -> None:
        """Nobody is online any more."""
        self._rings.close()
        for socket in list(self._open):
            await socket.close(code=1001)

    async def ring(self, request: web.Request) -> web.StreamResponse:
        """A device comes online, asks and is told, until it goes."""
        socket = web.WebSocketResponse(heartbeat=20, max_msg_size=_MESSAGE_MAX, compress=False)
        if not socket.can_prepare(request).ok:
            raise one_mistake("Upgrade", "it is no WebSocket", "open /api/ring as one")
        if self._draining():
            raise NetworkError("the server is shutting down; try again when it is back")
        address = self._address(request)
        if self._unknown.total() >= UNKNOWN_MAX or self._unknown[address] >= UNKNOWN_OF_ONE:
            raise NetworkError("too many devices come online at once; try again in a moment")
        await socket.prepare(request)
        self._open.add(socket)
        try:
            if (phone := await self._hello(socket, address)) is not None:
                self._known(request)
                await self._serve(socket, phone)
        finally:
            self._open.discard(socket)
            await socket.close()
        return socket

    async def _hello(self, socket: web.WebSocketResponse, address: str) -> Phone | None:
        """Who it is, online from now on; None where it does not say, or may not be."""
        self._unknown[address] += 1
        try:
            async with asyncio.timeout(HELLO_S):
                hello = _words(await socket.receive_str())
            phone = Phone(socket, self._issuer.logged_in(hello.get("auth_token")))
            phone.tell({"online": phone.user.uid, "ringing": self._rings.ringing(phone.user.uid)})
            self._rings.attach(phone.user.uid, phone)
            return phone
        except (TimeoutError, TypeError):
            return None
        except CallError as error:
            await socket.send_str(json.dumps({"error": _error(error)}))
            return None
        finally:
            self._unknown[address] -= 1
            if not self._unknown[address]:
                del self._unknown[address]

    async def _serve(self, socket: web.WebSocketResponse, phone: Phone) -> None:
        jobs = [asyncio.create_task(phone.deliver()), asyncio.create_task(phone.put_out())]
        try:
            await self._listen(socket, phone)
        finally:
            self._rings.detach(phone.user.uid, phone)
            for job in jobs:
                job.cancel()
            await asyncio.gather(*jobs, return_exceptions=True)

    async def _listen(self, socket: web.WebSocketResponse, phone: Phone) -> None:
        since, asked = time.monotonic(), 0
        async for message in socket:
            if message.type is not WSMsgType.TEXT:
                return
            if time.monotonic() - since >= 1:
                since, asked = time.monotonic(), 0
            asked += 1
            if asked > ASKS_PER_S:
                logger.warning("a device of %r asks more than %d times a second", phone.user.uid, ASKS_PER_S)
                return
            words = _words(message.data)
            try:
                answer: dict[str, Any] = {} if words.get("do") == "here" else {"ring": self._do(words, phone).said()}
            except CallError as error:
                answer = {"error": _error(error)}
            phone.tell({"done": words.get("n"), **answer})

    def _do(self, asked: dict[str, Any], phone: Phone) -> Ring:
        uid, what, ring_id = phone.user.uid, asked.get("do"), str(asked.get("id"))
        match what:
            case "ring":
                return self._ring(asked, phone.user)
            case "accept":
                return self._rings.accept(uid, ring_id, phone)
            case "reject":
                return self._rings.reject(uid, ring_id, phone, busy=asked.get("busy") is True)
            case "cancel":
                return self._rings.cancel(uid, ring_id)
        raise one_mistake("do", f"{what!r} is none", "use ring, accept, reject or cancel")

    def _ring(self, asked: dict[str, Any], user: LogIn) -> Ring:
        to, kind = asked.get("to"), _TYPES.get(str(asked.get("type", "VIDEO")).upper())
        if not isinstance(to, list) or not to:
            raise one_mistake("to", f"{to!r} is no list of uids", 'say whom to ring: ["ada"]')
        if kind is None:
            raise one_mistake("type", f"{asked.get('type')!r} is none", "use VIDEO or VOICE")
        session_id = tokens.check_session_id(asked.get("session_id") or f"call-{secrets.token_hex(8)}")
        return self._rings.start(user.uid, user.name, to, session_id, "VOICE" if kind == "VOICE" else "VIDEO")


def _words(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    return found if isinstance(found, dict) else {}


def _error(error: CallError) -> dict[str, Any]:
    return {"code": error.code, "message": error.message}
