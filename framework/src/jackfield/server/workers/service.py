"""RoomService at the first process: asked of the worker that has the room, and of all for the list of rooms."""

from __future__ import annotations

import asyncio
from functools import partial

from aiohttp import web
from livekit.protocol import room as api

from jackfield.server.sfu import twirp
from jackfield.server.sfu.tokens import Verifier
from jackfield.server.sfu.twirp import Asked, TwirpError
from jackfield.server.workers.places import Places
from jackfield.server.workers.running import UNREACHABLE, Answered
from jackfield.server.workers.worker import Worker


class HandedService:
    """`/twirp/livekit.RoomService/…` of all workers, which look at the grants."""

    def __init__(self, verifier: Verifier, places: Places) -> None:
        self._verifier, self._places = verifier, places

    def routes(self) -> list[web.RouteDef]:
        """What an aiohttp application serves for us."""
        return [web.post(twirp.PATH, self._serve)]

    async def _serve(self, request: web.Request) -> web.Response:
        return await twirp.answered(request, self._verifier, partial(self._act, request))

    async def _act(self, request: web.Request, asked: Asked) -> web.Response:
        if asked.method == "ListRooms":
            return await self._list(request, asked)
        if asked.method == "CreateRoom" and asked.grants.room_create and asked.message.name:
            with self._places.held(asked.message.name) as worker:
                return (await _answer(request, asked, worker)).response({})
        room = asked.message.name if asked.method == "CreateRoom" else asked.message.room
        return (await _answer(request, asked, self._places.of(room) or self._any())).response({})

    def _any(self) -> Worker:
        """Whoever says what is said of a room that is not there."""
        there = self._places.running()
        if not there:
            raise TwirpError("unavailable", "this server's worker processes are being started; try again in a moment")
        return there[0]

    async def _list(self, request: web.Request, asked: Asked) -> web.Response:
        self._any()
        answers = await asyncio.gather(
            *(_answer(request, asked, worker) for worker in self._places.running()), return_exceptions=True
        )
        found = [answer for answer in answers if isinstance(answer, Answered)]
        if not found:
            raise TwirpError("unavailable", "no worker process answers; try again in a moment")
        if refused := [answer for answer in found if answer.status != 200]:
            return refused[0].response({})
        merged = api.ListRoomsResponse()
        for each in found:
            merged.MergeFrom(twirp.read_message(api.ListRoomsResponse, each.body, is_json=asked.is_json))
        return twirp.written(merged, is_json=asked.is_json)


async def _answer(request: web.Request, asked: Asked, worker: Worker) -> Answered:
    try:
        if worker.running is None:
            raise ConnectionResetError
        return await worker.running.fetch(request, request.path_qs, asked.body)
    except UNREACHABLE as exc:
        raise TwirpError("unavailable", "the worker process of this room does not answer; try again") from exc
