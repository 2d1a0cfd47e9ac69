"""Where connections come in: only so many from one address, and what cannot be read is logged without its words."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from aiohttp.http_exceptions import HttpProcessingError

from jackfield.log_limit import limited_logger

MOST_PER_ADDRESS: Final = 256
#: A connection without a request, or with one that does not end, is closed after this time.
IDLE_S: Final = 30.0


class Door:
    """Makes the protocol of each connection, as `asyncio.loop.create_server` wants it.

    An address that has ``most_per_address`` connections gets no more; None where all come from one proxy. ``of`` is the
    name of the logger that is told.
    """

    def __init__(self, served: Callable[[], asyncio.Protocol], most_per_address: int | None, of: str) -> None:
        self._served = served
        self._most = most_per_address
        self._logger = limited_logger(of)
        self._open: dict[str, list[asyncio.BaseTransport]] = {}
        self._tidied_at = 1000

    def __call__(self) -> asyncio.Protocol:
        """For one connection that is about to be made."""
        return _Entrance(self)

    def enter(self, transport: asyncio.Transport) -> None:
        """From now on it is served, or closed at once when its address has too many."""
        if not self._has_place(transport):
            transport.abort()
            return
        protocol = self._served()
        transport.set_protocol(protocol)
        protocol.connection_made(transport)

    def admitted(self, transport: asyncio.BaseTransport | None) -> None:
        """Whoever this is has shown that they may be here, and does not count any more."""
        address = _address(transport) if transport is not None else ""
        self._open[address] = [other for other in self._open.get(address, ()) if other is not transport]

    def _has_place(self, transport: asyncio.Transport) -> bool:
        if self._most is None:
            return True
        if len(self._open) > self._tidied_at:
            self._open = {address: kept for address, found in self._open.items() if (kept := _living(found))}
            self._tidied_at = 1000 + 2 * len(self._open)
        address = _address(transport)
        here = self._open[address] = _living(self._open.get(address, []))
        if len(here) >= self._most:
            self._logger.info("%s has %d connections and gets no more", address, len(here))
            return False
        here.append(transport)
        return True


class _Entrance(asyncio.Protocol):
    """Hands its connection on before anything is read from it."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._door.enter(transport)


def _living(transports: list[asyncio.BaseTransport]) -> list[asyncio.BaseTransport]:
    return [transport for transport in transports if not transport.is_closing()]


def _address(transport: asyncio.BaseTransport) -> str:
    return str((transport.get_extra_info("peername") or ("",))[0])


def http_logger(of: str) -> logging.Logger:
    """For aiohttp, below the logger ``of``. Its words on a request that cannot be read quote the request, and tokens
    stand in addresses; a connection that breaks off is nobody's fault, and not told."""
    logging.getLogger(f"{of}.http").addFilter(_without_words)
    return limited_logger(f"{of}.http")


def _without_words(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, HttpProcessingError):
        record.levelno, record.levelname = logging.INFO, "INFO"
        record.msg, record.args = "a request that cannot be read: %s", (type(error).__name__,)
        record.exc_info = record.exc_text = None
    return not isinstance(error, ConnectionResetError | ConnectionAbortedError | BrokenPipeError)
