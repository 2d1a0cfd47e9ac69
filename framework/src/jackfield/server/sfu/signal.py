"""The signalling WebSocket of one peer: requests come out of it, responses go into it and never wait for the reader."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable

from aiohttp import WSMsgType, web
from attrs import define
from livekit.protocol import rtc

from jackfield.log_limit import limited_logger
from jackfield.rtc.signalling import decode, encode
from jackfield.server.sfu.limits import Allowance, Limits

logger = limited_logger(__name__)

_FLUSH_S = 1.0


@define
class _Waiting:
    """What is to be written; None: nothing more."""

    response: rtc.SignalResponse | None
    size: int


class SignalSocket:
    """Protobuf in binary frames, protojson in text frames; a peer that has sent text is answered in text.

    Responses are queued and written by a task of this socket. A peer that does not read them is dropped.
    """

    def __init__(
        self,
        websocket: web.WebSocketResponse,
        transport: asyncio.Transport | None,
        limits: Limits,
        *,
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._websocket = websocket
        self._transport = transport
        self._limits = limits
        self._clock_ns = clock_ns
        self._queue: deque[_Waiting] = deque()
        #: By what it tells of: what still waits, with nothing of another kind behind it.
        self._latest: dict[str, _Waiting] = {}
        self._queued_bytes = 0
        self._wakened = asyncio.Event()
        self._text = False
        self._writer = asyncio.get_running_loop().create_task(self._write())
        self.closed = False

    def send(self, response: rtc.SignalResponse) -> None:
        """Queued; the peer is dropped instead when too much waits already.

        One message, however large, is no fault of its reader: what waits behind it counts. Nor is how often others
        change: what tells how somebody stands takes the place of what told it before and still waits.
        """
        if self.closed:
            return
        subject = _subject(response)
        if not subject:
            self._latest.clear()
        size = response.ByteSize()
        older = self._latest.get(subject)
        if older is not None:
            self._queued_bytes += size - older.size
            older.response, older.size = response, size
        else:
            waiting = _Waiting(response, size)
            self._queue.append(waiting)
            self._queued_bytes += size
            if subject:
                self._latest[subject] = waiting
        self._drop_if_slow()
        self._wakened.set()

    def _drop_if_slow(self) -> None:
        behind = self._queued_bytes - self._queue[0].size
        if behind > self._limits.queued_bytes or len(self._queue) > self._limits.queued_messages:
            logger.warning("a peer does not read its signalling; it is dropped with %d messages", len(self._queue))
            self.abort()

    async def _write(self) -> None:
        try:
            while True:
                while self._queue:
                    waiting = self._queue.popleft()
                    if waiting.response is None:
                        return
                    subject = _subject(waiting.response)
                    if self._latest.get(subject) is waiting:
                        del self._latest[subject]
                    self._queued_bytes -= waiting.size
                    await asyncio.wait_for(self._write_one(waiting.response), self._limits.write_timeout_s)
                self._wakened.clear()
                await self._wakened.wait()
        except (TimeoutError, ConnectionError, RuntimeError) as exc:
            logger.info("signalling cannot be written: %r", exc)
            self.abort()

    async def _write_one(self, response: rtc.SignalResponse) -> None:
        frame = encode(response, text=self._text)
        if isinstance(frame, str):
            await self._websocket.send_str(frame)
        else:
            await self._websocket.send_bytes(frame)

    async def requests(self) -> AsyncIterator[rtc.SignalRequest]:
        """Each request of the peer until it is gone; one that cannot be read, or too many, ends it."""
        allowance = Allowance(self._limits.requests_per_second)
        async for message in self._websocket:
            if self.closed:
                return
            if not allowance.take(self._clock_ns()):
                logger.warning(
                    "a peer sends over %d requests a second; it is dropped", self._limits.requests_per_second
                )
                return
            if message.type in (WSMsgType.BINARY, WSMsgType.TEXT):
                self._text = message.type is WSMsgType.TEXT
                try:
                    yield read_request(message.data)
                except ValueError as exc:
                    logger.info("signalling cannot be read: %s", exc)
                    return

    def abort(self) -> None:
        """The connection is cut, whatever waits."""
        self.closed = True
        self._queue.clear()
        self._queue.append(_Waiting(None, 0))
        self._wakened.set()
        if self._transport is not None:
            self._transport.abort()

    async def close(self) -> None:
        """What waits is written, for a second at most, and the connection closed."""
        if not self.closed:
            self.closed = True
            self._queue.append(_Waiting(None, 0))
            self._wakened.set()
        await asyncio.wait({self._writer}, timeout=_FLUSH_S)
        self._writer.cancel()
        try:
            await asyncio.wait_for(self._websocket.close(), _FLUSH_S)
        except (TimeoutError, ConnectionError, RuntimeError):
            self.abort()


def _subject(response: rtc.SignalResponse) -> str:
    """Of whom or what it tells the state, so that a newer one says all; "" for what stands for itself."""
    kind = response.WhichOneof("message")
    if kind == "update" and len(response.update.participants) == 1:
        return response.update.participants[0].sid
    if kind == "subscription_permission_update":
        return response.subscription_permission_update.track_sid
    return ""


def read_request(frame: bytes | str) -> rtc.SignalRequest:
    """The request in a frame; `ValueError` when there is none."""
    try:
        return decode(rtc.SignalRequest, frame)
    except RecursionError as exc:
        raise ValueError("nested too deeply") from exc
