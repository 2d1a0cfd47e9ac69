"""One client's signalling on its way through the first process: each message as it is, both ways, and how it ends."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable
from contextlib import suppress
from typing import Any, Final

import aiohttp
from aiohttp import WSMsgType, web

#: A side that takes nothing for so long is cut off, as by an SFU itself.
WRITE_S: Final = 10.0
_CLOSE_S: Final = 1.0
_NORMAL: Final = 1000
_BROKEN = (aiohttp.ClientError, OSError, TimeoutError, RuntimeError)


async def pass_on(
    near: web.WebSocketResponse, transport: asyncio.Transport | None, far: aiohttp.ClientWebSocketResponse
) -> None:
    """Between ``near``, the client, and ``far``, the worker, until both are closed.

    Nothing is kept: who does not read is not read from. Pings are the worker's, and pass. A close is handed on with its
    code, and a connection that breaks breaks the other.
    """
    up, down = (asyncio.create_task(_handed_on(*sides)) for sides in ((near, far), (far, near)))
    code: int | None = None
    try:
        done, _ = await asyncio.wait({up, down}, return_when=asyncio.FIRST_COMPLETED)
        code = (down if down in done else up).result()
    finally:
        for task in (up, down):
            task.cancel()
        await asyncio.gather(up, down, return_exceptions=True)
        if code is None:
            _cut(far)
        await _closed(far.close(code=code or _NORMAL))
        if not (code and await _closed(near.close(code=code))) and transport is not None:
            transport.abort()


async def _closed(closing: Awaitable[object]) -> bool:
    """Whether it was closed in order."""
    try:
        async with asyncio.timeout(_CLOSE_S):
            await closing
    except _BROKEN:
        return False
    return True


def _cut(far: aiohttp.ClientWebSocketResponse) -> None:
    line = far.get_extra_info("socket")
    if line is not None:
        with suppress(OSError):
            line.shutdown(socket.SHUT_RDWR)


async def _handed_on(source: Any, target: Any) -> int | None:
    """The code that ``source`` closes with; None where it breaks, or ``target`` does."""
    with suppress(*_BROKEN):
        while True:
            message = await source.receive()
            async with asyncio.timeout(WRITE_S):
                match message.type:
                    case WSMsgType.BINARY:
                        await target.send_bytes(message.data)
                    case WSMsgType.TEXT:
                        await target.send_str(message.data)
                    case WSMsgType.PING:
                        await target.ping(message.data)
                    case WSMsgType.PONG:
                        await target.pong(message.data)
                    case WSMsgType.CLOSE:
                        return _sendable(message.data)
                    case _:
                        return None
    return None


def _sendable(code: int) -> int:
    """The code, where it may be sent (RFC 6455 section 7.4.1); a close without one is an ordinary one."""
    return code if 1000 <= code < 5000 and code not in (1004, 1005, 1006, 1015) else _NORMAL
