"""The WebSocket to the server: joins, keeps itself alive, and says once how it ended."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Mapping
from functools import cache
from importlib.metadata import version
from typing import Any

import aiohttp
from livekit.protocol.models import DisconnectReason
from livekit.protocol.rtc import JoinResponse, LeaveRequest, Ping, SignalRequest, SignalResponse

from jackfield.log_limit import limited_logger
from jackfield.rtc import signalling
from jackfield.session.trouble import SentAway
from jackfield.values.errors import CallError, CallTokenError, NetworkError, ResponseError, SessionIdError

logger = limited_logger("jackfield.signal")

JOIN_TIMEOUT_S = 10.0
CLOSE_TIMEOUT_S = 1.0
#: A server sends kilobytes; more than this in one message is not signalling.
MESSAGE_LIMIT = 4 * 1024 * 1024
SEND_LIMIT = 1000
#: How much later than it wanted to a process on a busy machine wakes up; what is later was stopped.
LATE_S = 5.0

_NETWORK = (aiohttp.ClientError, OSError, TimeoutError)


def tls(fingerprint: str | None) -> aiohttp.Fingerprint | bool:
    """What aiohttp checks a server's certificate against: a sha-256 pinned in hex, or the usual authorities."""
    return aiohttp.Fingerprint(bytes.fromhex(fingerprint.replace(":", ""))) if fingerprint else True


def unreachable(server: str, exc: BaseException) -> NetworkError:
    """The error of a server that does not answer, or answers with a certificate that is not the pinned one."""
    if isinstance(exc, aiohttp.ServerFingerprintMismatch):
        return NetworkError(
            f"the server at {server} has another certificate than the one pinned; check that it is still your server, "
            "then use its new link",
            details={"server": server},
        )
    return NetworkError(
        f"no call server can be reached at {server}: {_reason(exc)}; check the address, and that it runs",
        details={"server": server},
    )


def _reason(exc: BaseException) -> str:
    if isinstance(exc, TimeoutError):
        return "it did not answer in time"
    if isinstance(exc, aiohttp.ClientConnectorError) and (exc.os_error.errno or 0) > 0:
        return os.strerror(exc.os_error.errno or 0)
    return str(exc) or type(exc).__name__


def refusal(status: int, text: str, server: str) -> CallError:
    """Why a join was refused, from the answer of ``/rtc/validate``."""
    reason = " ".join(text.split())[:300] or f"HTTP {status}"
    details = {"status": status, "server": server}
    if status in (400, 401, 403):
        return CallTokenError(f"the server refused the call token: {reason}; get a new one", details=details)
    if status == 404 and "room" in reason.lower():
        return SessionIdError(f"the server has no such session: {reason}", details=details)
    if status >= 500 or status == 429:
        return NetworkError(f"the server takes no call now: {reason}", details=details)
    return ResponseError(f"there is no LiveKit server at {server} (HTTP {status}): {reason}", details=details)


class SignalClient:
    """One joined WebSocket. Everything runs on the event loop.

    ``on_message`` gets every message after the join; ``on_closed`` is called once, with the reason in words, when the
    server is gone and `close` was not called.
    """

    def __init__(self, websocket: aiohttp.ClientWebSocketResponse, join: JoinResponse) -> None:
        self.joined = join
        self.on_message: Callable[[SignalResponse], None] = lambda message: None
        self.on_closed: Callable[[str], None] = lambda reason: None
        self.rtt_ms = 0
        self._websocket = websocket
        self._outgoing: asyncio.Queue[SignalRequest] = asyncio.Queue(SEND_LIMIT)
        self._tasks: list[asyncio.Task[None]] = []
        self._heard = time.monotonic()
        self._over = False

    def start(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Reads, writes and pings from now on."""
        self._clock, self._heard = clock, clock()
        jobs = {"read": self._read, "write": self._write, "ping": self._ping}
        self._tasks = [asyncio.create_task(job(), name=f"signal {name}") for name, job in jobs.items()]

    def send(self, **field: Any) -> None:
        """Sends one request (``send(mute=…)``), in order, without waiting; nothing once the connection is over."""
        if self._over:
            return
        try:
            self._outgoing.put_nowait(SignalRequest(**field))
        except asyncio.QueueFull:
            self._end("the server takes no more messages")

    @property
    def is_open(self) -> bool:
        """Whether what is sent may arrive."""
        return not self._over

    async def close(self) -> None:
        """Sends what is waiting, within a second, and closes."""
        self._over = True
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                while not self._outgoing.empty() and not self._websocket.closed:
                    await self._websocket.send_bytes(self._outgoing.get_nowait().SerializeToString())
                await self._websocket.close()
        except _NETWORK:
            pass
        await self._stop()

    async def _stop(self) -> None:
        current = asyncio.current_task()
        others = [task for task in self._tasks if task is not current]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def _end(self, reason: str) -> None:
        if not self._over:
            self._over = True
            self.on_closed(reason)

    async def _read(self) -> None:
        try:
            async for frame in self._websocket:
                self._heard = self._clock()
                if frame.type in (aiohttp.WSMsgType.BINARY, aiohttp.WSMsgType.TEXT):
                    self._take(frame.data)
            reason = f"the server closed the connection ({self._websocket.close_code})"
        except _NETWORK as exc:
            reason = f"the connection broke: {exc or type(exc).__name__}"
        self._end(reason)

    def _take(self, data: bytes | str) -> None:
        try:
            message = signalling.decode(SignalResponse, data)
        except ValueError as exc:
            logger.warning("the server sent what cannot be read: %s", exc)
            return
        if message.WhichOneof("message") == "pong_resp":
            self.rtt_ms = max(0, _milliseconds() - message.pong_resp.last_ping_timestamp)
        try:
            self.on_message(message)
        except Exception:
            logger.exception("the message %s could not be acted on", message.WhichOneof("message"))

    async def _write(self) -> None:
        try:
            while True:
                request = await self._outgoing.get()
                await self._websocket.send_bytes(request.SerializeToString())
        except _NETWORK as exc:
            self._end(f"the connection broke: {exc or type(exc).__name__}")

    async def _ping(self) -> None:
        interval = float(self.joined.ping_interval or 5)
        timeout = float(self.joined.ping_timeout or 15)
        pause = min(interval, timeout / 3)
        while not self._over:
            now, asked = _milliseconds(), self._clock()
            self.send(ping=now)
            self.send(ping_req=Ping(timestamp=now, rtt=self.rtt_ms))
            await asyncio.sleep(pause)
            if self._clock() - asked > 2 * pause + LATE_S:
                # This process was stopped: what has come meanwhile is read before anybody is called silent.
                self._heard = self._clock()
            elif self._clock() - self._heard > timeout:
                self._end(f"the server has not been heard for {timeout:g} s")
                await self._websocket.close()


async def connect(
    http: aiohttp.ClientSession,
    server: str,
    token: str,
    *,
    fingerprint: str | None = None,
    timeout_s: float = JOIN_TIMEOUT_S,
    **query: str,
) -> SignalClient:
    """Joins: a client that has the server's ``join`` answer and reads nothing more until `SignalClient.start`.

    Raises `CallTokenError`, `SessionIdError`, `ResponseError` or `NetworkError`, by what ``/rtc/validate`` says.
    """
    websocket, join = await _opened(http, server, token, "join", fingerprint, timeout_s, query)
    return SignalClient(websocket, join)


async def resume(
    http: aiohttp.ClientSession,
    server: str,
    token: str,
    joined: JoinResponse,
    *,
    reason: int,
    fingerprint: str | None = None,
    timeout_s: float = JOIN_TIMEOUT_S,
) -> SignalClient:
    """Goes on as the participant of this ``joined`` answer, over another WebSocket, with the ICE servers that it is
    told; ``reason`` is LiveKit's ``ReconnectReason``.

    Raises as `connect`, and `SentAway` where the server does not know the participant any more.
    """
    query = {"reconnect": "1", "sid": joined.participant.sid, "reconnect_reason": str(reason)}
    websocket, answer = await _opened(http, server, token, "reconnect", fingerprint, timeout_s, query)
    now = JoinResponse()
    now.CopyFrom(joined)
    if answer.ice_servers:  # their passwords expire: those of the join may be worth nothing by now
        del now.ice_servers[:]
        now.ice_servers.extend(answer.ice_servers)
    return SignalClient(websocket, now)


async def _opened(
    http: aiohttp.ClientSession,
    server: str,
    token: str,
    expected: str,
    fingerprint: str | None,
    timeout_s: float,
    query: dict[str, str],
) -> tuple[aiohttp.ClientWebSocketResponse, Any]:
    """A WebSocket, and the first answer on it, which is of this kind."""
    headers = {"Authorization": f"Bearer {token}"}
    query = {"version": _version(), **query}
    try:
        async with asyncio.timeout(timeout_s):
            websocket = await http.ws_connect(
                signalling.join_url(server, query),
                headers=headers,
                ssl=tls(fingerprint),
                max_msg_size=MESSAGE_LIMIT,
                timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_TIMEOUT_S),
            )
            try:
                return websocket, await _first_answer(websocket, server, expected)
            except BaseException:
                await websocket.close()
                raise
    except aiohttp.WSServerHandshakeError as exc:
        raise await _explain(http, server, headers, fingerprint, query, exc) from exc
    except (*_NETWORK, ValueError) as exc:
        raise unreachable(server, exc) from exc


async def _first_answer(websocket: aiohttp.ClientWebSocketResponse, server: str, expected: str) -> Any:
    while True:
        frame = await websocket.receive()
        if frame.type not in (aiohttp.WSMsgType.BINARY, aiohttp.WSMsgType.TEXT):
            raise NetworkError(f"the server at {server} closed the connection before it let us in")
        try:
            message = signalling.decode(SignalResponse, frame.data)
        except ValueError as exc:
            raise ResponseError(f"the server at {server} sent what is not a join answer: {exc}") from exc
        kind = message.WhichOneof("message")
        if kind == expected:
            return getattr(message, kind)
        if kind == "leave":
            reason = signalling.leave_reason(message.leave.reason)
            found = f"the server at {server} sent us away while we joined ({reason})"
            raise SentAway(found, None if wants_us_back(message.leave) else reason)
        if kind is None:
            raise ResponseError(f"the server at {server} sent a message that is not LiveKit's")


def wants_us_back(leave: LeaveRequest) -> bool:
    """Whether a goodbye is one for a moment: the server moves us, or is itself ending."""
    comes_back = leave.action != LeaveRequest.Action.DISCONNECT or leave.can_reconnect
    return comes_back or leave.reason == DisconnectReason.SERVER_SHUTDOWN


async def _explain(
    http: aiohttp.ClientSession,
    server: str,
    headers: Mapping[str, str],
    fingerprint: str | None,
    query: Mapping[str, str],
    refused: aiohttp.WSServerHandshakeError,
) -> CallError:
    url = signalling.join_url(server, query, websocket=False)
    try:
        async with asyncio.timeout(5), http.get(url, headers=headers, ssl=tls(fingerprint)) as answer:
            if answer.status != 200:
                return refusal(answer.status, await answer.text(errors="replace"), server)
    except _NETWORK as exc:
        return unreachable(server, exc)
    return refusal(refused.status, refused.message, server)


def _milliseconds() -> int:
    return time.time_ns() // 1_000_000


@cache
def _version() -> str:
    return version("jackfield")
