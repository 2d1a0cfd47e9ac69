"""Calls of other participants' methods, and of ours by them (LiveKit's RPC, version 1).

A request is acknowledged as soon as it arrives, and answered when its method has an answer. Codes, the 15 KiB of a
payload and the seven seconds for an acknowledgement are those of LiveKit's documentation ("Remote method calls").
"""

from __future__ import annotations

import asyncio
import math
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from attrs import define
from livekit.protocol.models import DataPacket, RpcAck, RpcRequest, RpcResponse
from livekit.protocol.models import RpcError as Failure

from jackfield.log_limit import limited_logger
from jackfield.roles import Unwatch
from jackfield.session.data.handlers import Handlers
from jackfield.session.data.writers import Send
from jackfield.values.errors import CallError, RpcError
from jackfield.values.streams import RpcCode, RpcInvocationData

logger = limited_logger("jackfield.rpc")

VERSION = 1
PAYLOAD_MAX = 15 << 10
MESSAGE_MAX, METHOD_MAX = 256, 64
ACK_S, RESPONSE_S = 7.0, 15.0
#: A `uint32` of milliseconds says how long a caller waits.
_RESPONSE_MAX_S = 4_000_000.0
#: Calls of our methods that run at once, of one caller and of all.
RUNNING_MAX, RUNNING_ALL_MAX = 32, 256
MESSAGES = {
    RpcCode.UNSUPPORTED_METHOD: "Method not supported at destination",
    RpcCode.RECIPIENT_NOT_FOUND: "Recipient not found",
    RpcCode.REQUEST_PAYLOAD_TOO_LARGE: "Request payload too large",
    RpcCode.UNSUPPORTED_SERVER: "RPC not supported by server",
    RpcCode.UNSUPPORTED_VERSION: "Unsupported RPC version",
    RpcCode.APPLICATION_ERROR: "Application error in method handler",
    RpcCode.CONNECTION_TIMEOUT: "Connection timeout",
    RpcCode.RESPONSE_TIMEOUT: "Response timeout",
    RpcCode.RECIPIENT_DISCONNECTED: "Recipient disconnected",
    RpcCode.RESPONSE_PAYLOAD_TOO_LARGE: "Response payload too large",
    RpcCode.SEND_FAILED: "Failed to send",
}
Method = Callable[[RpcInvocationData], Any]


def failure(code: RpcCode, data: str = "") -> RpcError:
    """The error of this code, in LiveKit's words."""
    return RpcError(code, MESSAGES[code], data)


def check(method: str, payload: str, timeout_s: float) -> None:
    """``ValueError`` for what is no method's name, text or time; `RpcError` for a payload that is too large."""
    if not 0 < _size(method, "a method's name") <= METHOD_MAX:
        raise ValueError(f"a method's name has 1 to {METHOD_MAX} bytes of UTF-8; this one is {method[:80]!r}")
    if _size(payload, "a payload") > PAYLOAD_MAX:
        raise failure(RpcCode.REQUEST_PAYLOAD_TOO_LARGE, f"at most {PAYLOAD_MAX} bytes of UTF-8")
    if not (isinstance(timeout_s, int | float) and math.isfinite(timeout_s) and 0 < timeout_s <= _RESPONSE_MAX_S):
        raise ValueError(f"timeout_s is a number of seconds above 0, at most {_RESPONSE_MAX_S:g}; not {timeout_s!r}")


@define(eq=False)
class _Pending:
    uid: str
    acknowledged: asyncio.Event
    answer: asyncio.Future[str]


class Callers:
    """Our calls of others' methods."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._pending: dict[str, _Pending] = {}

    async def call(self, uid: str, method: str, payload: str, *, timeout_s: float = RESPONSE_S) -> str:
        """What ``uid``'s method answers; `RpcError` when it fails, or nobody answers in time; what `check` raises."""
        check(method, payload, timeout_s)
        number = str(uuid.uuid4())
        pending = _Pending(uid, asyncio.Event(), asyncio.get_running_loop().create_future())
        self._pending[number] = pending
        request = RpcRequest(id=number, method=method, payload=payload, version=VERSION)
        request.response_timeout_ms = max(1, round(timeout_s * 1000))
        try:
            async with asyncio.timeout(timeout_s):
                await self._send(DataPacket(rpc_request=request, destination_identities=[uid]))
                return await self._answer(pending)
        except TimeoutError:
            raise failure(RpcCode.RESPONSE_TIMEOUT, f"{uid}: {timeout_s:g} s") from None
        finally:
            del self._pending[number]
            if not pending.answer.cancel() and not pending.answer.cancelled():
                pending.answer.exception()  # nobody else asks

    async def _answer(self, pending: _Pending) -> str:
        heard = asyncio.create_task(pending.acknowledged.wait())
        try:
            either: list[asyncio.Future[Any]] = [heard, pending.answer]
            await asyncio.wait(either, timeout=ACK_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            heard.cancel()
        if not (pending.acknowledged.is_set() or pending.answer.done()):
            raise failure(RpcCode.CONNECTION_TIMEOUT, f"{pending.uid} did not acknowledge within {ACK_S:g} s")
        return await pending.answer

    def acknowledged(self, ack: RpcAck, uid: str) -> None:
        """A request has arrived."""
        pending = self._pending.get(ack.request_id)
        if pending is not None and pending.uid == uid:
            pending.acknowledged.set()

    def answered(self, response: RpcResponse, uid: str) -> None:
        """A method has answered; from anybody but whom we called it means nothing."""
        pending = self._pending.get(response.request_id)
        if pending is None or pending.uid != uid or pending.answer.done():
            return
        if response.HasField("error"):
            error = response.error
            pending.answer.set_exception(RpcError(error.code, error.message, error.data))
        else:
            pending.answer.set_result(response.payload)

    def left(self, uid: str) -> None:
        """Somebody has gone, and answers nothing any more."""
        for pending in self._pending.values():
            if pending.uid == uid and not pending.answer.done():
                pending.answer.set_exception(failure(RpcCode.RECIPIENT_DISCONNECTED, uid))

    def close(self) -> None:
        """The call is over."""
        for uid in {pending.uid for pending in self._pending.values()}:
            self.left(uid)


class Methods:
    """Our methods, called by others."""

    def __init__(self, send: Send, handlers: Handlers) -> None:
        self._send, self._handlers = send, handlers
        self._methods: dict[str, Method] = {}
        self._running: Counter[str] = Counter()

    def register(self, name: str, method: Method) -> Unwatch:
        """Others can call it until the answer is called; ``ValueError`` for a name that is taken, empty or too long."""
        if not name or len(name.encode()) > METHOD_MAX:
            raise ValueError(f"a method's name has 1 to {METHOD_MAX} bytes of UTF-8; this one is {name[:80]!r}")
        if name in self._methods:
            raise ValueError(f"method {name!r} is registered already")
        self._methods[name] = method

        def unwatch() -> None:
            if self._methods.get(name) is method:
                del self._methods[name]

        return unwatch

    def requested(self, request: RpcRequest, uid: str, *, encrypted: bool = False) -> None:
        """Somebody calls: acknowledged, run, answered."""
        busy = self._running[uid] >= RUNNING_MAX or self._running.total() >= RUNNING_ALL_MAX
        if busy and self._running[uid] >= 2 * RUNNING_MAX:
            logger.debug("a call by %s is dropped: too many wait for their refusal", uid)
            return
        self._running[uid] += 1
        answering = self._serve(request, uid, busy=busy, encrypted=encrypted)
        self._handlers.run(answering, what=f"the answer to {uid}'s call of {request.method}")

    async def _serve(self, request: RpcRequest, uid: str, *, busy: bool, encrypted: bool) -> None:
        try:
            await self._send(DataPacket(rpc_ack=RpcAck(request_id=request.id), destination_identities=[uid]))
            response = RpcResponse(request_id=request.id)
            try:
                response.payload = await self._result(request, uid, busy=busy, encrypted=encrypted)
            except RpcError as error:
                message, data = _cut(error.message, MESSAGE_MAX), _cut(error.data, PAYLOAD_MAX)
                response.error.CopyFrom(Failure(code=error.rpc_code, message=message, data=data))
            await self._send(DataPacket(rpc_response=response, destination_identities=[uid]))
        except CallError as error:
            logger.info("%s's call of %s cannot be answered: %s", uid, request.method, error)
        finally:
            self._running[uid] -= 1
            if self._running[uid] <= 0:
                del self._running[uid]

    async def _result(self, request: RpcRequest, uid: str, *, busy: bool, encrypted: bool) -> str:
        method = self._methods.get(request.method)
        if busy:
            raise failure(RpcCode.APPLICATION_ERROR, "too many calls at once")
        if request.version != VERSION:
            raise failure(RpcCode.UNSUPPORTED_VERSION)
        if method is None:
            raise failure(RpcCode.UNSUPPORTED_METHOD)
        if len(request.payload.encode()) > PAYLOAD_MAX:
            raise failure(RpcCode.REQUEST_PAYLOAD_TOO_LARGE)
        timeout_s = request.response_timeout_ms / 1000 or RESPONSE_S
        asked = RpcInvocationData(
            request_id=request.id,
            caller_identity=uid,
            method=request.method,
            payload=request.payload,
            response_timeout_s=timeout_s,
            encrypted=encrypted,
        )
        answer = await _run(method, asked)
        if len(answer.encode()) > PAYLOAD_MAX:
            raise failure(RpcCode.RESPONSE_PAYLOAD_TOO_LARGE)
        return answer


async def _run(method: Method, asked: RpcInvocationData) -> str:
    try:
        async with asyncio.timeout(asked.response_timeout_s) as limit:
            answer = method(asked)
            answer = await answer if isinstance(answer, Awaitable) else answer
    except RpcError:
        raise
    except Exception as exc:
        if isinstance(exc, TimeoutError) and limit.expired():
            raise failure(RpcCode.RESPONSE_TIMEOUT) from None
        logger.exception("method %s, called by %s, failed; the call goes on", asked.method, asked.caller_identity)
        raise failure(RpcCode.APPLICATION_ERROR) from exc
    if answer is not None and not isinstance(answer, str):
        logger.error("method %s answers %s; a method answers text", asked.method, type(answer).__name__)
        raise failure(RpcCode.APPLICATION_ERROR)
    return answer or ""


def _size(text: str, what: str) -> int:
    """In bytes of UTF-8."""
    if not isinstance(text, str):
        raise ValueError(f"{what} is text; this is {type(text).__name__}")
    try:
        return len(text.encode())
    except UnicodeEncodeError:
        raise ValueError(f"{what} is Unicode text; this has a lone surrogate: {text[:80]!r}") from None


def _cut(text: str, size: int) -> str:
    return text.encode()[:size].decode(errors="ignore")
