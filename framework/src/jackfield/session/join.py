"""Joining, as parallel as it can be: devices and encoders open while the token is fetched, and the server answers and
is answered."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

import aiohttp

from jackfield import tokens
from jackfield.plugins import Plugins
from jackfield.rtc.transport import Certificate
from jackfield.session import signal_client
from jackfield.session.call import CallSession
from jackfield.session.connection import Connection
from jackfield.session.early import Early
from jackfield.session.hotplug import HotPlug
from jackfield.session.listeners import Listeners
from jackfield.session.moderation import Moderation
from jackfield.session.own_media import OwnMedia
from jackfield.values.findings import Finding
from jackfield.values.people import CallToken, Place
from jackfield.values.settings import SessionSettings

logger = logging.getLogger("jackfield.join")


class Join:
    """One attempt to join. What it opened is closed again when it fails."""

    def __init__(
        self, settings: SessionSettings, plugins: Plugins, listeners: Listeners, findings: Sequence[Finding]
    ) -> None:
        self._plugins, self._findings = plugins, findings
        self._listeners = Listeners(listeners)
        self._own = OwnMedia(settings, plugins, self._listeners.emit, HotPlug(plugins, self._listeners.emit))

    async def run(
        self,
        place: Awaitable[Place],
        token: Awaitable[CallToken],
        container: Any,
        begins: Callable[[CallSession], None] = lambda session: None,
    ) -> CallSession:
        """The call, joined: our media is published and renderers are open. ``begins`` has it before its first event."""
        own = asyncio.ensure_future(self._own.prepare())
        where, minted = asyncio.ensure_future(place), asyncio.ensure_future(token)
        connecting = asyncio.ensure_future(self._connect(where, minted))
        try:
            await asyncio.gather(own, connecting)
        except BaseException:
            await self._undo(own, connecting, where, minted)
            raise
        http, connection, early, moderation, held = connecting.result()
        session = CallSession(connection, self._own, moderation, held, self._listeners, self._plugins, self._findings)
        session.on_over = http.close
        begins(session)
        try:
            await session.begin(early, container)
        except BaseException as exc:
            await session.leave()
            raise exc.exceptions[0] if isinstance(exc, BaseExceptionGroup) else exc from None
        return session

    async def _connect(
        self, place: Awaitable[Place], token: Awaitable[CallToken]
    ) -> tuple[aiohttp.ClientSession, Connection, Early, Moderation, CallToken]:
        where, held = await asyncio.gather(place, token)
        server = where.url or held.url or ""
        http = aiohttp.ClientSession()
        try:
            signal = await signal_client.connect(http, server, held.token, fingerprint=where.fingerprint)
        except BaseException:
            await http.close()
            raise
        connection = Connection(signal, server, Certificate.generate())
        pair = (where.api_key, where.api_secret) if where.api_key and where.api_secret else None
        moderation = Moderation(
            *(http, server, held.token, held.session_id, held.role, where.fingerprint),
            ending_token=partial(tokens.mint_ending_token, *pair, held.session_id) if pair else None,
        )
        return http, connection, Early(connection), moderation, held

    async def _undo(
        self, own: asyncio.Future[Any], connecting: asyncio.Future[Any], *asked: asyncio.Future[Any]
    ) -> None:
        jobs = (own, connecting, *asked)
        for job in jobs:
            job.cancel()
        _, connected, *_ = await asyncio.gather(*jobs, return_exceptions=True)
        await self._own.close()
        if not isinstance(connected, BaseException):
            http, connection, *_ = connected
            await connection.close()
            await http.close()
