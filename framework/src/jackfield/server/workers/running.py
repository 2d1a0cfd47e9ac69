"""A worker's process, seen from the first one: started, asked, listened to, and its end put into words."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

import aiohttp
from aiohttp import WSMsgType, hdrs, web
from attrs import frozen
from yarl import URL

from jackfield import own_python
from jackfield.log_limit import limited_logger
from jackfield.server.happenings import Listener
from jackfield.server.workers import wire

logger = limited_logger("jackfield.server")

START_S: Final = 60.0
ANSWER_S: Final = 10.0
#: Clients wait for ten seconds: they are to be told before.
CONNECT_S: Final = 4.0
#: Everybody in it is told to leave, and its sockets are closed, within this time.
CLOSE_S: Final = 7.0
_GONE_S: Final = 4.0
#: What is handed on of a request; the rest is between us and who asks.
_HANDED = (hdrs.AUTHORIZATION, hdrs.CONTENT_TYPE)
UNREACHABLE = (aiohttp.ClientError, OSError, TimeoutError)


class NotStarted(OSError):
    """A worker could not open what it was told to; ``port`` is the UDP port that it was to have."""

    def __init__(self, errno: int, message: str, port: int) -> None:
        super().__init__(errno, message)
        self.port = port


@frozen
class Answered:
    """What a worker said to a request."""

    status: int
    kind: str
    body: bytes

    def response(self, headers: Mapping[str, str]) -> web.Response:
        """The same to whoever asked us."""
        return web.Response(status=self.status, body=self.body, headers={hdrs.CONTENT_TYPE: self.kind, **headers})


class Running:
    """One that listens. ``hear`` is told what happens there, in order, until `ended`."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        http: aiohttp.ClientSession,
        line: aiohttp.ClientWebSocketResponse,
        udp_port: int,
        hear: Listener,
    ) -> None:
        self.udp_port = udp_port
        #: Nothing can be asked of it any more.
        self.is_gone = False
        self._process, self._http, self._line, self._hear = process, http, line, hear
        self._asked: dict[int, asyncio.Future[Any]] = {}
        self._count = 0
        self._reading = asyncio.create_task(self._read(), name=f"worker {process.pid}")

    @classmethod
    async def started(cls, order: wire.Order, hear: Listener) -> Running:
        """Listens from now on; `OSError` where it cannot, `NotStarted` where it says why."""
        process = await asyncio.create_subprocess_exec(
            *own_python.command("jackfield.server.workers.process"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=own_python.environment(),
            start_new_session=True,  # a Ctrl-C that ends the server is ours to pass on
        )
        try:
            async with asyncio.timeout(START_S):
                said = await _first_words(process, order)
                http = _session(order, said["port"])
                try:
                    line = await http.ws_connect(wire.CONTROL, max_msg_size=0, compress=0)
                except BaseException:
                    await http.close()
                    raise
        except BaseException as exc:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
            if isinstance(exc, aiohttp.ClientError | TimeoutError):
                raise OSError(0, f"a worker did not begin within {START_S:g} s") from exc
            raise
        return cls(process, http, line, said["udp_port"], hear)

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    async def ended(self) -> str:
        """It is gone, and everything that it told has been heard: how it ended, in words."""
        return await asyncio.shield(self._reading)

    # --- asked
    async def ask(self, method: str, words: Mapping[str, Any] | None = None, *, limit_s: float = ANSWER_S) -> Any:
        """The answer; `ConnectionError` where it is gone, `TimeoutError` where it says nothing."""
        self._require()
        self._count += 1
        number = self._count
        answer = self._asked[number] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(limit_s):
                await self._line.send_str(json.dumps({"id": number, "ask": method, "words": words or {}}))
                return await answer
        finally:
            del self._asked[number]

    async def fetch(self, request: web.Request, path: str, body: bytes | None = None) -> Answered:
        """What it says to this request, asked under ``path``. One of `UNREACHABLE` where it is gone."""
        self._require()
        async with (
            asyncio.timeout(CONNECT_S),
            self._http.request(
                request.method, URL(path, encoded=True), data=body, headers=_handed(request)
            ) as response,
        ):
            kind = response.headers.get(hdrs.CONTENT_TYPE, "text/plain")
            return Answered(response.status, kind, await response.read())

    async def connect(self, request: web.Request) -> aiohttp.ClientWebSocketResponse:
        """The WebSocket of this request there. One of `UNREACHABLE` where it is gone, or refuses."""
        self._require()
        async with asyncio.timeout(CONNECT_S):
            return await self._http.ws_connect(
                URL(request.path_qs, encoded=True),
                headers=_handed(request),
                max_msg_size=0,
                autoping=False,
                compress=0,
            )

    def _require(self) -> None:
        if self.is_gone or self._line.closed:
            raise ConnectionResetError("the worker is gone")

    # --- the end
    def kill(self) -> None:
        """It has not answered for too long."""
        with suppress(ProcessLookupError):
            self._process.kill()

    async def close(self) -> None:
        """Everybody in it has been told to leave, and it is gone."""
        with suppress(*UNREACHABLE):
            await self.ask("close", limit_s=CLOSE_S)
        self._end_input()
        try:
            async with asyncio.timeout(_GONE_S):
                await self.ended()
        except TimeoutError:
            self.kill()
            await self.ended()

    def _end_input(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()

    async def _read(self) -> str:
        try:
            async for message in self._line:
                if message.type is WSMsgType.TEXT:
                    self._take(json.loads(message.data))
        finally:
            self.is_gone = True
            self._end_input()
            try:
                async with asyncio.timeout(_GONE_S):
                    code = await self._process.wait()
            except TimeoutError:
                self.kill()
                code = await self._process.wait()
            for answer in self._asked.values():
                if not answer.done():
                    answer.set_exception(ConnectionResetError("the worker is gone"))
            await self._http.close()
        return _words(code)

    def _take(self, words: dict[str, Any]) -> None:
        if "happened" in words:
            self._hear(wire.happening(words))
        elif (answer := self._asked.get(words["id"])) is not None and not answer.done():
            answer.set_result(words["answer"])


async def _first_words(process: asyncio.subprocess.Process, order: wire.Order) -> dict[str, Any]:
    assert process.stdin is not None
    assert process.stdout is not None
    with suppress(ConnectionError):
        process.stdin.write(order.line())
        await process.stdin.drain()
    said = json.loads(await process.stdout.readline() or b"{}")
    if "errno" in said:
        raise NotStarted(said["errno"] or 0, said["message"], order.udp_port)
    if not said:
        raise OSError(0, "a worker ended before it began; the server's log has its last words")
    return dict(said)


def _session(order: wire.Order, port: int) -> aiohttp.ClientSession:
    connector: aiohttp.BaseConnector
    connector = aiohttp.UnixConnector(order.path, limit=0) if order.path else aiohttp.TCPConnector(limit=0)
    return aiohttp.ClientSession(
        "http://worker" if order.path else f"http://127.0.0.1:{port}",
        connector=connector,
        headers={wire.SECRET: order.secret},
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=ANSWER_S),
        auto_decompress=False,
    )


def _handed(request: web.Request) -> dict[str, str]:
    handed = {name: request.headers[name] for name in _HANDED if name in request.headers}
    return handed | {wire.ADDRESS: request.remote or ""}


def _words(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"
