"""A LiveKit server in the embedded SFU's place: `jackfield serve --livekit URL`.

The service stays what it is (log-ins, tokens, invites, pages, recording, ringing, the log of calls), at one address:
signalling and RoomService asked of us are handed through, and media goes to LiveKit as it says itself. Who comes and
goes is asked of LiveKit every two seconds.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping
from typing import Any, Final

import aiohttp
from aiohttp import WSMsgType, hdrs, web
from attrs import define, field, frozen
from livekit import api
from livekit.protocol import models

from jackfield.log_limit import limited_logger
from jackfield.server.happenings import Came, Listener, Over, Told, Went
from jackfield.server.settings import one_mistake
from jackfield.tokens import ROLE_ATTRIBUTE

logger = limited_logger("jackfield.server")

LOOK_S: Final = 2.0
ANSWER_S: Final = 10.0
_MESSAGE_MAX: Final = 4 << 20
_BODY_MAX: Final = 1 << 20
#: What is handed on of a request; the rest is between us and who asks.
_HANDED = (hdrs.AUTHORIZATION, hdrs.CONTENT_TYPE)
_DEPENDENT = (models.ParticipantInfo.Kind.EGRESS, models.ParticipantInfo.Kind.AGENT)


@frozen
class LiveKitLoad:
    """What is known of a LiveKit server's load."""

    rooms: int
    participants: int


@define
class _Seen:
    """A room as it was when LiveKit was asked last."""

    session_id: str
    people: dict[str, models.ParticipantInfo] = field(factory=dict)


class LiveKitMedia:
    """The face of `jackfield.server.app.MediaServer` for a LiveKit server at ``url``, of which we have a key pair."""

    def __init__(self, url: str, pair: tuple[str, str]) -> None:
        self.udp_port = 0
        self._url = url.rstrip("/")
        self._pair = pair
        self._told = Told()
        self._rooms: dict[str, _Seen] = {}
        self._http: aiohttp.ClientSession | None = None
        self._service: api.LiveKitAPI | None = None
        self._looking: asyncio.Task[None] | None = None
        self._sockets: set[web.WebSocketResponse] = set()

    @property
    def participant_count(self) -> int:
        """How many take part, as LiveKit said last; recorders and agents are not counted."""
        return sum(not _is_dependent(each) for seen in self._rooms.values() for each in seen.people.values())

    async def start(self) -> None:
        """It is asked for the first time; `SettingsError` where it does not answer, or does not know our key."""
        self._http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None, sock_connect=ANSWER_S))
        http = self._url.replace("ws", "http", 1) if self._url.startswith("ws") else self._url
        self._service = api.LiveKitAPI(http, *self._pair)
        try:
            async with asyncio.timeout(ANSWER_S):
                await self._look()
        except api.TwirpError as exc:
            fix = "give LiveKit's own key and secret: --keys-file, or JACKFIELD_KEYS"
            raise one_mistake("keys", f"the LiveKit server at {self._url} refuses them: {exc.message}", fix) from exc
        except (aiohttp.ClientError, OSError, TimeoutError) as exc:
            found = f"no LiveKit server answers at {self._url}: {exc or 'it said nothing'}"
            raise one_mistake("livekit", found, "start it, or name its address") from exc
        self._looking = asyncio.create_task(self._keep_looking(), name="livekit")

    async def drain(self, timeout_s: float) -> None:
        """Calls are LiveKit's, and go on: who is in one comes back through whoever is here next."""

    async def close(self) -> None:
        """Nothing is handed through any more."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)
        for socket in list(self._sockets):
            await socket.close(code=1001)
        if self._http is not None:
            await self._http.close()
        if self._service is not None:
            await self._service.aclose()

    def listen(self, listener: Listener) -> None:
        """Tells this listener who comes and goes."""
        self._told.listen(listener)

    def metrics(self) -> LiveKitLoad:
        """What LiveKit said last."""
        return LiveKitLoad(len(self._rooms), sum(len(seen.people) for seen in self._rooms.values()))

    # --- asked of RoomService
    async def mark(self, room: str, identity: str, attributes: Mapping[str, str]) -> bool:
        """Everybody sees these attributes on them. False: they are not there, or LiveKit does not answer."""
        request = api.UpdateParticipantRequest(room=room, identity=identity, attributes=attributes)
        return await self._asked("update_participant", request)

    async def remove(self, room: str, identity: str) -> None:
        """They are out of the room, if they were in it."""
        await self._asked("remove_participant", api.RoomParticipantIdentity(room=room, identity=identity))

    async def _asked(self, method: str, request: Any) -> bool:
        assert self._service is not None
        try:
            async with asyncio.timeout(ANSWER_S):
                await getattr(self._service.room, method)(request)
        except (api.TwirpError, aiohttp.ClientError, OSError, TimeoutError) as exc:
            logger.info("LiveKit: %s: %s", method, exc)
            return False
        return True

    # --- who comes and goes
    async def _keep_looking(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                await self._look()
            except (api.TwirpError, aiohttp.ClientError, OSError, TimeoutError) as exc:
                logger.warning("the LiveKit server at %s does not answer: %s", self._url, exc)

    async def _look(self) -> None:
        assert self._service is not None
        room_service = self._service.room
        rooms = {room.sid: room for room in (await room_service.list_rooms(api.ListRoomsRequest())).rooms}
        for sid in self._rooms.keys() - rooms.keys():
            for pid in self._rooms.pop(sid).people:
                self._told(Went(sid, pid, "left", time.time()))
            self._told(Over(sid, "over", time.time()))
        for sid, room in rooms.items():
            found = await room_service.list_participants(api.ListParticipantsRequest(room=room.name))
            self._compare(
                sid, self._rooms.setdefault(sid, _Seen(room.name)), {one.sid: one for one in found.participants}
            )

    def _compare(self, sid: str, seen: _Seen, people: dict[str, models.ParticipantInfo]) -> None:
        before, seen.people = seen.people, people
        for pid in before.keys() - people.keys():
            self._told(Went(sid, pid, "left", time.time()))
        for pid in people.keys() - before.keys():
            one = people[pid]
            came = {"pid": pid, "uid": one.identity, "name": one.name, "role": one.attributes.get(ROLE_ATTRIBUTE, "")}
            joined_at = one.joined_at_ms / 1000 or one.joined_at or time.time()
            self._told(Came(sid, seen.session_id, **came, dependent=_is_dependent(one), at=joined_at))

    # --- handed through
    def routes(self) -> Iterable[web.AbstractRouteDef]:
        """LiveKit's signalling and its RoomService."""
        paths = ("/rtc", "/rtc/v1")
        return [
            *(web.get(path, self._signalling) for path in paths),
            *(web.get(f"{path}/validate", self._asked_through) for path in paths),
            web.post("/twirp/livekit.RoomService/{method}", self._asked_through),
        ]

    async def _asked_through(self, request: web.Request) -> web.StreamResponse:
        assert self._http is not None
        body = bytearray()
        try:
            async with asyncio.timeout(ANSWER_S):
                async for part in request.content.iter_any():
                    body += part
                    if len(body) > _BODY_MAX:
                        raise web.HTTPRequestEntityTooLarge(_BODY_MAX, len(body))
        except TimeoutError:
            return web.Response(status=408, text="the request did not come whole")
        try:
            async with (
                asyncio.timeout(ANSWER_S),
                self._http.request(
                    request.method, self._address("http", request), data=bytes(body) or None, headers=_handed(request)
                ) as answer,
            ):
                kind = {hdrs.CONTENT_TYPE: answer.headers.get(hdrs.CONTENT_TYPE, "text/plain")}
                cors = {"Access-Control-Allow-Origin": "*"}
                return web.Response(status=answer.status, body=await answer.read(), headers=kind | cors)
        except (aiohttp.ClientError, OSError, TimeoutError):
            return web.Response(status=502, text="the LiveKit server behind this one does not answer")

    async def _signalling(self, request: web.Request) -> web.StreamResponse:
        assert self._http is not None
        try:
            async with asyncio.timeout(ANSWER_S):
                far = await self._http.ws_connect(
                    self._address("ws", request), headers=_handed(request), max_msg_size=_MESSAGE_MAX, autoping=False
                )
        except aiohttp.WSServerHandshakeError as exc:
            return web.Response(status=exc.status, text=exc.message)
        except (aiohttp.ClientError, OSError, TimeoutError):
            return web.Response(status=502, text="the LiveKit server behind this one does not answer")
        near = web.WebSocketResponse(max_msg_size=_MESSAGE_MAX, autoping=False, compress=False)
        await near.prepare(request)
        self._sockets.add(near)
        try:
            both = {asyncio.create_task(_handed_on(near, far)), asyncio.create_task(_handed_on(far, near))}
            _, rest = await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            for task in rest:
                task.cancel()
            await asyncio.gather(*both, return_exceptions=True)
        finally:
            self._sockets.discard(near)
            await far.close()
            await near.close()
        return near

    def _address(self, scheme: str, request: web.Request) -> str:
        _, _, rest = self._url.partition("://")
        secure = self._url.startswith(("https", "wss"))
        return f"{scheme}{'s' if secure else ''}://{rest}{request.path_qs}"


def _handed(request: web.Request) -> dict[str, str]:
    return {name: request.headers[name] for name in _HANDED if name in request.headers}


async def _handed_on(source: Any, target: Any) -> None:
    async for message in source:
        if message.type is WSMsgType.BINARY:
            await target.send_bytes(message.data)
        elif message.type is WSMsgType.TEXT:
            await target.send_str(message.data)
        elif message.type is WSMsgType.PING:
            await target.ping(message.data)
        elif message.type is WSMsgType.PONG:
            await target.pong(message.data)


def _is_dependent(one: models.ParticipantInfo) -> bool:
    return one.kind in _DEPENDENT or one.permission.recorder or one.permission.agent
