"""A service that runs for one test: the real one, over real HTTP, with an SFU that forwards nothing."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from aiohttp import web
from attrs import frozen

from jackfield.server.app import Server
from jackfield.server.settings import ServerSettings
from jackfield.values.people import Place
from jackfield.web_client import STATIC

API_KEY: Final = "APIseen"
API_SECRET: Final = "secret-of-this-server-32-letters!"
LOGIN_KEY: Final = "login-key-0123456789"


@frozen
class SilentLoad:
    """What a `SilentMedia` carries."""

    participants: int


class SilentMedia:
    """An SFU that nobody joins: the face of `jackfield.server.app.MediaServer`. Whole calls use the real one."""

    def __init__(self) -> None:
        self.udp_port = 4242
        self.participant_count = 0
        self.drained_for_s: float | None = None
        self.closed = False

    async def start(self) -> None:
        """Opens nothing."""

    async def drain(self, timeout_s: float) -> None:
        """Remembers how long it was given."""
        self.drained_for_s = timeout_s

    async def close(self) -> None:
        """Remembers that it was closed."""
        self.closed = True

    def routes(self) -> Iterable[web.AbstractRouteDef]:
        """``/rtc/validate`` alone."""

        async def validate(request: web.Request) -> web.Response:
            return web.Response(text="success", headers={"Access-Control-Allow-Origin": "*"})

        return [web.get("/rtc/validate", validate)]

    def listen(self, listener: Callable[[Any], None]) -> None:
        """Nobody comes."""

    async def mark(self, room: str, identity: str, attributes: Mapping[str, str]) -> bool:
        """Nobody is here."""
        return False

    async def remove(self, room: str, identity: str) -> None:
        """Nobody is here."""

    def metrics(self) -> SilentLoad:
        """How many take part."""
        return SilentLoad(self.participant_count)


def settings(**changed: Any) -> ServerSettings:
    """Settings of a server on a free port of this machine, with the keys above."""
    values: dict[str, Any] = {"keys": {API_KEY: API_SECRET}, "login_key": LOGIN_KEY, "port": 0, "udp_port": 0}
    return ServerSettings(**(values | changed))


def place_of(server: Server, **changed: Any) -> Place:
    """The place as who knows its URL and log-in key sees it."""
    values: dict[str, Any] = {"url": server.url, "login_key": LOGIN_KEY, "fingerprint": server.settings.tls_fingerprint}
    return Place(**(values | changed))


@contextlib.asynccontextmanager
async def running(
    wanted: ServerSettings | None = None,
    *,
    clock: Callable[[], float] = time.time,
    monotonic: Callable[[], float] = time.monotonic,
    static: Path = STATIC,
) -> AsyncIterator[Server]:
    """The service, while it lasts."""
    server = Server(wanted or settings(), lambda *_: SilentMedia(), clock=clock, monotonic=monotonic, static=static)
    await server.start()
    try:
        yield server
    finally:
        await server.close()
