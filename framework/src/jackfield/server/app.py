"""One server: the service and the SFU behind one TCP port, from start to drained and closed."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import os
import secrets
import ssl
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable
from urllib.parse import urlsplit

from aiohttp import web

import jackfield.server.service.pages as pages
from jackfield import runtime
from jackfield.door import IDLE_S, MOST_PER_ADDRESS, Door, http_logger
from jackfield.server.call_log.call_log import CallLog
from jackfield.server.happenings import Listener, Told
from jackfield.server.recording.kept import Kept
from jackfield.server.recording.recordings import Recordings
from jackfield.server.ringing.rings import Rings
from jackfield.server.service.api import MAX_BODY, Api
from jackfield.server.service.call_log import CallLogApi
from jackfield.server.service.guards import add_page_headers, asker, middlewares
from jackfield.server.service.issuing import Issuer
from jackfield.server.service.metrics import Metrics
from jackfield.server.service.recording import RecordingApi
from jackfield.server.service.ringing import PATH as RINGING_PATH
from jackfield.server.service.ringing import RingingApi
from jackfield.server.settings import UDP_PORT, ServerSettings, one_mistake
from jackfield.web_client import STATIC

#: A join of protocol v1 has the client's first offer in its address.
_MAX_LINE = 64 << 10


class MediaServer(Protocol):
    """What the service needs of the SFU."""

    @property
    def udp_port(self) -> int: ...

    @property
    def participant_count(self) -> int: ...

    async def start(self) -> None:
        """Media can come. `OSError` where a UDP port is taken; its ``port`` says which, where that is not the first."""

    async def drain(self, timeout_s: float) -> None: ...

    async def close(self) -> None: ...

    def routes(self) -> Iterable[web.AbstractRouteDef]: ...

    def listen(self, listener: Listener) -> None:
        """Tells this listener who comes and goes, from now on."""

    async def mark(self, room: str, identity: str, attributes: Mapping[str, str]) -> bool:
        """Everybody sees these attributes on that participant; "" takes one away. False: they are not there."""

    async def remove(self, room: str, identity: str) -> None:
        """That participant is out of the room, if it was in it."""

    def metrics(self) -> object:
        """An attrs instance whose fields are numbers; `service.metrics` says what else."""


@runtime_checkable
class HasUdpPorts(Protocol):
    """A media server with several of them."""

    @property
    def udp_ports(self) -> Sequence[int]: ...


#: Makes an SFU of these settings on this UDP port (0: any).
MakeMedia = Callable[[ServerSettings, int], MediaServer]


class Server:
    """The embedded server. ``clock`` is wall time in seconds, ``monotonic`` counts for idleness.

    Connections that ask nothing for ``idle_s`` are closed, those beyond ``most_per_address`` not served.
    """

    def __init__(
        self,
        settings: ServerSettings,
        make_media: MakeMedia,
        *,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        static: Path = STATIC,
        idle_s: float = IDLE_S,
        most_per_address: int = MOST_PER_ADDRESS,
    ) -> None:
        self.settings = settings
        self.instance = secrets.token_hex(8)
        self.port = settings.port
        self._make_media = make_media
        self._monotonic = monotonic
        self._last_active = monotonic()
        self._draining = False
        self._media: MediaServer | None = None
        self._runner: web.AppRunner | None = None
        self._listeners: list[asyncio.Server] = []
        self._door: Door | None = None
        self._connection_idle_s = idle_s
        # Behind a proxy everybody comes from its address, and counting them is its affair.
        self._most_per_address = None if settings.behind_proxy else most_per_address
        self._metrics = Metrics(lambda: self._media.metrics() if self._media else None)
        self._issuer = Issuer(settings, clock=clock)
        self._told = Told()
        self._log = CallLog(settings.log_file, days=settings.log_days, clock=clock) if settings.log_file else None
        if self._log is not None:
            self._told.listen(self._log.hear)
        self._rings = Rings(self._told, clock=clock)
        self._told.listen(self._rings.hear)
        self._ringing = RingingApi(
            self._issuer,
            self._rings,
            draining=lambda: self._draining,
            address=lambda request: asker(request, settings),
            known=self._let_in,
        )
        self._recordings = Recordings(
            Kept(settings.recordings) if settings.recordings else None,
            settings.signing_key,
            lambda: self.url,
            self,
            fingerprint=settings.tls_fingerprint,
            told=self._told,
            clock=clock,
        )
        self._pages = pages.Pages(static)

    @property
    def url(self) -> str:
        """Where this machine reaches it."""
        host = "127.0.0.1" if self.settings.host in ("0.0.0.0", "::", "[::]") else None
        return f"{self.settings.scheme}://{host or _in_url(self.settings.host)}:{self.port}"

    @property
    def udp_port(self) -> int:
        """Where media goes; 0 before the start."""
        return self._media.udp_port if self._media else 0

    @property
    def udp_ports(self) -> Sequence[int]:
        """Every UDP port that media goes to."""
        return self._media.udp_ports if isinstance(self._media, HasUdpPorts) else [self.udp_port]

    def idle_for_s(self) -> float:
        """Seconds without a participant and without anybody asking."""
        if self._media is not None and self._media.participant_count:
            self._touch()
        return self._monotonic() - self._last_active

    async def start(self) -> None:
        """Listening from now on; `SettingsError` names the port that somebody else has."""
        context = _tls(self.settings)
        if self._log is not None:
            await self._log.start()
        try:
            self._media = await self._start_media()
        except BaseException:
            if self._log is not None:
                await self._log.close()
            raise
        self._runner = web.AppRunner(
            self._app(self._media),
            access_log=None,
            shutdown_timeout=2,
            keepalive_timeout=self._connection_idle_s,
            logger=http_logger("jackfield.server"),
            max_line_size=_MAX_LINE,
            max_field_size=_MAX_LINE,
        )
        try:
            await self._runner.setup()
            await self._listen(self._runner, context)
        except OSError as exc:
            await self.close()
            raise _not_opened("port", self.settings.host, self.settings.port, exc) from exc

    async def _listen(self, runner: web.AppRunner, context: ssl.SSLContext | None) -> None:
        assert runner.server is not None
        door = self._door = Door(runner.server, self._most_per_address, "jackfield.server")
        for host in _listening(self.settings.host):
            listener = await asyncio.get_running_loop().create_server(door, host, self.port, ssl=context, backlog=128)
            self._listeners.append(listener)
            self.port = self._listeners[0].sockets[0].getsockname()[1]

    async def drain(self) -> None:
        """Nobody new comes in, and calls go on for ``drain_s`` seconds at most; who is then in one is told to come
        back, to this server started again or to another."""
        self._draining = True
        if self._media is not None:
            await self._media.drain(self.settings.drain_s)

    async def close(self) -> None:
        """Every socket is closed."""
        media, self._media = self._media, None
        runner, self._runner = self._runner, None
        listeners, self._listeners = self._listeners, []
        for listener in listeners:
            listener.close()
        await self._ringing.close()
        await self._recordings.close()
        if media is not None:
            await media.close()
        if self._log is not None:
            await self._log.close()
        if runner is not None:
            await runner.cleanup()

    async def _start_media(self) -> MediaServer:
        wished = self.settings.udp_port
        attempts = [UDP_PORT, 0] if wished is None else [wished]
        for port in attempts:
            media = self._make_media(self.settings, port)
            media.listen(self._told)  # first: before a LiveKit server, calls are under way already
            try:
                await media.start()
                return media
            except OSError as exc:
                await media.close()
                if port == attempts[-1] or exc.errno != errno.EADDRINUSE:
                    raise _not_opened("udp-port", self.settings.host, getattr(exc, "port", port), exc) from exc
        raise AssertionError("one attempt either worked or raised")

    def _app(self, media: MediaServer) -> web.Application:
        guards = middlewares(self.settings, self._metrics.requested, self._touch)
        app = web.Application(middlewares=guards, client_max_size=MAX_BODY)
        api = Api(self._issuer, self.settings, draining=lambda: self._draining, given=self._metrics.given)
        app.add_routes([web.get("/healthz", self._health), web.get("/metrics", self._show_metrics)])
        app.add_routes(api.routes())
        app.add_routes(RecordingApi(self._issuer, self._recordings).routes())
        app.add_routes(CallLogApi(self._issuer, self._log).routes())
        app.add_routes(self._ringing.routes())
        app.add_routes(media.routes())
        app.add_routes(self._pages.routes())
        app.on_response_prepare.append(add_page_headers)
        app.on_response_prepare.append(self._admit)
        return app

    async def _admit(self, request: web.Request, response: web.StreamResponse) -> None:
        # Its token was looked at before; who comes online says theirs later.
        if isinstance(response, web.WebSocketResponse) and request.path != RINGING_PATH:
            self._let_in(request)

    def _let_in(self, request: web.Request) -> None:
        if self._door is not None:
            self._door.admitted(request.transport)

    async def mark(self, session_id: str, uid: str, attributes: Mapping[str, str]) -> bool:
        """Everybody sees these attributes on them. False: they are not in the session."""
        return self._media is not None and await self._media.mark(session_id, uid, attributes)

    async def remove(self, session_id: str, uid: str) -> None:
        """They are in the session no more."""
        if self._media is not None:
            await self._media.remove(session_id, uid)

    @property
    def participant_count(self) -> int:
        """How many are in calls."""
        return self._media.participant_count if self._media is not None else 0

    def _touch(self) -> None:
        self._last_active = self._monotonic()

    async def _health(self, request: web.Request) -> web.Response:
        status = "draining" if self._draining else "ok"
        body: dict[str, Any] = {"status": status, "server": "jackfield", "instance": self.instance}
        if self.settings.local and self._media is not None:  # who asks is on this machine
            body["participants"] = self.participant_count
        return web.json_response(body, status=503 if self._draining else 200)

    async def _show_metrics(self, request: web.Request) -> web.Response:
        settings = self.settings
        # A proxy that names nobody makes everybody look like this machine.
        if not settings.open_metrics and (settings.behind_proxy or not _from_here(request.remote or "")):
            raise web.HTTPForbidden(text="metrics are for this machine; start the server with --open-metrics\n")
        return web.Response(body=self._metrics.text(), headers={"Content-Type": "text/plain; version=0.0.4"})


def _from_here(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def _listening(host: str) -> tuple[str, ...]:
    """asyncio's ``::`` hears IPv6 alone; who asks for every address means IPv4 as well."""
    return ("0.0.0.0", "::") if host in ("::", "[::]") else (host.strip("[]"),)


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def _tls(settings: ServerSettings) -> ssl.SSLContext | None:
    if settings.tls_cert is None or settings.tls_key is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(settings.tls_cert, settings.tls_key)
    except (OSError, ssl.SSLError) as exc:
        found = f"{settings.tls_cert} and {settings.tls_key} cannot be used: {exc.strerror or 'not a pair'}"
        raise one_mistake("tls-cert", found, "name a PEM certificate and its unencrypted key") from exc
    return context


def _not_opened(key: str, host: str, port: int, exc: OSError) -> Exception:
    where = f"{_in_url(host)}:{port}"
    if exc.errno == errno.EADDRINUSE:
        other = f"choose another with --{key} (0: any that is free)"
        own = runtime.read()
        if own is not None and port in (urlsplit(own.url).port, own.udp_port):
            ends = f" (it ends {own.idle_s:g} s after its last call)" if own.idle_s else ""
            found = f"{where} is in use by this machine's own server, pid {own.pid}"
            return one_mistake(key, found, f"end that{ends}, or {other}")
        return one_mistake(key, f"{where} is in use by another program", f"end the program that has it, or {other}")
    if exc.errno in (errno.EACCES, errno.EPERM):
        return one_mistake(key, f"this user may not open {where}", f"choose --{key} above 1023")
    if exc.errno == errno.EADDRNOTAVAIL:
        return one_mistake("host", f"{host} is not an address of this machine", "name one that is, or 0.0.0.0 for all")
    return one_mistake(
        key, f"{where} cannot be opened: {exc.strerror or os.strerror(exc.errno or 0)}", "choose another"
    )


async def run(server: Server, stop: asyncio.Event, *, at_once: asyncio.Event) -> None:
    """Serves until ``stop``, then drains (``at_once`` cuts that short) and closes. `start` has been called."""
    await stop.wait()
    if at_once.is_set():
        await server.close()
        return
    drained = asyncio.ensure_future(server.drain())
    cut = asyncio.ensure_future(at_once.wait())
    try:
        await asyncio.wait({drained, cut}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (drained, cut):
            task.cancel()
        await asyncio.gather(drained, cut, return_exceptions=True)
        await server.close()
