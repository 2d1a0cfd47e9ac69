"""Signalling at the first process: who may come in is looked at, and the rest is their room's worker's."""

from __future__ import annotations

import asyncio
from typing import Final

import aiohttp
from aiohttp import web

from jackfield.server.sfu import http
from jackfield.server.sfu.limits import Limits
from jackfield.server.sfu.tokens import Grants, Refused, Verifier
from jackfield.server.workers.passage import pass_on
from jackfield.server.workers.places import Places
from jackfield.server.workers.running import UNREACHABLE
from jackfield.server.workers.worker import Worker

#: While every worker is being started anew, somebody who comes waits for one.
WAIT_S: Final = 5.0
_LOOK_S: Final = 0.05


class HandedSignalling:
    """`/rtc…` of all workers."""

    def __init__(self, verifier: Verifier, places: Places, limits: Limits) -> None:
        self._verifier, self._places, self._limits = verifier, places, limits

    def routes(self) -> list[web.RouteDef]:
        """What an aiohttp application serves for us."""
        return http.routes(self._join, self._validate)

    async def _validate(self, request: web.Request) -> web.StreamResponse:
        try:
            grants = await self._admit(request)
            return await _told(request, self._places.of(grants.room) or self._places.lightest(), request.path_qs)
        except Refused as refusal:
            return http.refused(request, refusal)

    async def _admit(self, request: web.Request) -> Grants:
        grants = self._verifier.verify(http.access_token(request))
        grants.require_join()
        for _ in range(round(WAIT_S / _LOOK_S)):
            if self._places.running():
                break
            await asyncio.sleep(_LOOK_S)
        return grants

    async def _join(self, request: web.Request) -> web.StreamResponse:
        near = web.WebSocketResponse(max_msg_size=self._limits.message_bytes, autoping=False, compress=False)
        near.headers.update(http.CORS)
        try:
            grants = await self._admit(request)
            wishes = http.wishes_of(request, self._limits.message_bytes)
            http.require_upgrade(near, request)
            with self._places.held(grants.room, resumes=wishes.resumes) as worker:
                return await self._handed(near, request, worker)
        except Refused as refusal:
            return http.refused(request, refusal)

    async def _handed(self, near: web.WebSocketResponse, request: web.Request, worker: Worker) -> web.StreamResponse:
        if worker.running is None:
            raise _gone()
        try:
            far = await worker.running.connect(request)
        except aiohttp.WSServerHandshakeError as exc:
            # A refused WebSocket brings no words along; who asks whether it may come in gets them.
            said = await _told(request, worker, f"{request.path}/validate?{request.query_string}")
            return said if said.status != 200 else web.Response(status=exc.status, headers=http.CORS)
        except UNREACHABLE as exc:
            raise _gone(exc) from exc
        try:
            await near.prepare(request)
            await pass_on(near, request.transport, far)
        finally:
            await far.close()
        return near


async def _told(request: web.Request, worker: Worker, path: str) -> web.Response:
    if worker.running is None:
        raise _gone()
    try:
        return (await worker.running.fetch(request, path)).response(http.CORS)
    except UNREACHABLE as exc:
        raise _gone(exc) from exc


def _gone(why: Exception | None = None) -> Refused:
    how = "does not answer at the moment" if isinstance(why, TimeoutError) else "has just ended"
    return Refused(f"the worker process of this room {how}; join again", 503)
