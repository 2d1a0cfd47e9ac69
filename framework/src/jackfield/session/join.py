"""Joining, as parallel as it can be: devices and encoders open while the token is fetched, and the server answers and
is answered."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

from jackfield import tokens
from jackfield.media.encryption.keys import Key, KeyRing
from jackfield.plugins import Plugins
from jackfield.rtc.transport import Certificate
from jackfield.session.call import CallSession
from jackfield.session.connection import Connection
from jackfield.session.doorway import Doorway
from jackfield.session.early import Early
from jackfield.session.hotplug import HotPlug
from jackfield.session.listeners import Listeners
from jackfield.session.moderation import Moderation
from jackfield.session.own_media import OwnMedia
from jackfield.session.trouble import sent_away
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
        place: Callable[[], Awaitable[Place]],
        token: Awaitable[CallToken],
        container: Any,
        begins: Callable[[CallSession], None] = lambda session: None,
        *,
        fresh: Callable[[], Awaitable[CallToken]] | None = None,
    ) -> CallSession:
        """The call, joined: our media is published and renderers are open. ``begins`` has it before its first event;
        ``fresh`` gives another token where this one is refused when the call has to come back."""
        own = asyncio.ensure_future(self._own.prepare())
        where, minted = asyncio.ensure_future(place()), asyncio.ensure_future(token)
        connecting = asyncio.ensure_future(self._connect(place, where, minted, fresh))
        ring = asyncio.ensure_future(self._key_ring())
        try:
            await _ready(connecting, own, ring)
        except BaseException:
            await self._undo(own, connecting, where, minted, ring)
            raise
        doorway, connection, early, moderation = connecting.result()
        session = CallSession(
            *(connection, self._own, moderation, doorway, self._listeners, self._plugins, self._findings, ring.result())
        )
        begins(session)
        try:
            await session.begin(early, container)
        except BaseException as exc:
            ended, words = session.left_because, session.left_with
            await session.leave()
            if ended is not None and isinstance(exc, Exception):
                raise sent_away(ended, words) from exc
            raise exc.exceptions[0] if isinstance(exc, BaseExceptionGroup) else exc from None
        return session

    async def _key_ring(self) -> KeyRing | None:
        key = self._own.settings.e2ee_key
        return KeyRing(await asyncio.to_thread(Key, key.encode())) if key is not None else None

    async def _connect(
        self,
        find: Callable[[], Awaitable[Place]],
        place: Awaitable[Place],
        token: Awaitable[CallToken],
        fresh: Callable[[], Awaitable[CallToken]] | None,
    ) -> tuple[Doorway, Connection, Early, Moderation]:
        where, held = await asyncio.gather(place, token)
        doorway = Doorway(find, held, where, fresh)
        try:
            signal = await doorway.join()
        except BaseException:
            await doorway.http.close()
            raise
        connection = Connection(signal, doorway.server, Certificate.generate())
        pair = (where.api_key, where.api_secret) if where.api_key and where.api_secret else None
        moderation = Moderation(
            *(doorway.http, doorway.server, held.token, held.session_id, held.role, where.fingerprint),
            ending_token=partial(tokens.mint_ending_token, *pair, held.session_id) if pair else None,
        )
        return doorway, connection, Early(connection), moderation

    async def _undo(
        self, own: asyncio.Future[Any], connecting: asyncio.Future[Any], *asked: asyncio.Future[Any]
    ) -> None:
        jobs = (own, connecting, *asked)
        for job in jobs:
            job.cancel()
        _, connected, *_ = await asyncio.gather(*jobs, return_exceptions=True)
        await self._own.close()
        if not isinstance(connected, BaseException):
            doorway, connection, *_ = connected
            await connection.close()
            await doorway.http.close()


async def _ready(connecting: asyncio.Future[tuple[Any, Any, Early, Any]], *others: asyncio.Future[Any]) -> None:
    """All of it is done; raises at once where the server ends the call meanwhile, whatever still opens."""
    ready, away = asyncio.gather(connecting, *others), asyncio.ensure_future(_sent_away(connecting))
    try:
        await asyncio.wait({ready, away}, return_when=asyncio.FIRST_COMPLETED)
        await (ready if ready.done() else away)
    finally:
        away.cancel()
        ready.cancel()
        await asyncio.gather(away, ready, return_exceptions=True)


async def _sent_away(connecting: asyncio.Future[tuple[Any, Any, Early, Any]]) -> None:
    _, _, early, _ = await asyncio.shield(connecting)
    raise sent_away(*await early.ended)
