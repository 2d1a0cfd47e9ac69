"""The HTTP face of signalling: protocol v0 at `/rtc`, v1 (one peer connection) at `/rtc/v1`, each with `validate`.

Every reply under `/rtc` has CORS headers, refusals too: the browser SDK falls back from v1 only if it can read the 404.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from aiohttp import web
from livekit.protocol import models, rtc

from jackfield.log_limit import limited_logger
from jackfield.rtc.link import IceServer
from jackfield.rtc.signalling import JACKFIELD_NODE
from jackfield.server.sfu.connection import Surroundings
from jackfield.server.sfu.limits import Limits
from jackfield.server.sfu.participant import DISCONNECT, RECONNECT, Participant, Reason
from jackfield.server.sfu.refresh import Refresher
from jackfield.server.sfu.requests import handle
from jackfield.server.sfu.room import Room
from jackfield.server.sfu.rooms import Rooms
from jackfield.server.sfu.signal import SignalSocket
from jackfield.server.sfu.single import SingleSubscriber
from jackfield.server.sfu.tokens import Grants, Refused, Verifier
from jackfield.server.sfu.wishes import JoinWishes, of_join_request, of_query

logger = limited_logger(__name__)

CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
    "Access-Control-Allow-Headers": "*",
    "Access-Control-Max-Age": "86400",
}
PING_INTERVAL_S, PING_TIMEOUT_S = 5, 15
PROTOCOL = 15
#: Protocol v0 and v1. SDKs ask for v1 first, and go on with v0 where that is a 404.
VERSIONS = ("", "/v1")
VERSION = "1.9.0"
_HEARTBEAT_S = 15.0

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def access_token(request: web.Request) -> str:
    """The token of a request: its bearer header, else its `access_token`."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else request.query.get("access_token", "")


def routes(join: Handler, validate: Handler) -> list[web.RouteDef]:
    """What is served under `/rtc`: joining, asking whether one may, and the answers to everything else."""
    paths = {f"/rtc{version}": join for version in VERSIONS}
    paths |= {f"/rtc{version}/validate": validate for version in VERSIONS}
    found = [web.get(path, handler, allow_head=False) for path, handler in paths.items()]
    found += [web.route("OPTIONS", path, _preflight) for path in (*paths, "/rtc/{rest:.*}")]
    return [*found, web.route("*", "/rtc/{rest:.*}", _not_found)]


async def _preflight(request: web.Request) -> web.Response:
    return web.Response(status=204, headers=CORS)


async def _not_found(request: web.Request) -> web.Response:
    return web.Response(status=404, text="this server speaks protocol v0 at /rtc and v1 at /rtc/v1", headers=CORS)


def refused(request: web.Request, refusal: Refused) -> web.Response:
    """The answer that says why not, which is logged."""
    logger.info("%s from %s refused: %s", request.path, request.remote, refusal.reason)
    return web.Response(status=refusal.status, text=refusal.reason, headers=CORS)


def require_upgrade(websocket: web.WebSocketResponse, request: web.Request) -> None:
    """Raises `Refused` unless a WebSocket was asked for."""
    if not websocket.can_prepare(request).ok:
        raise Refused("this address is for WebSockets", 426)


def wishes_of(request: web.Request, most: int) -> JoinWishes:
    """How the client wants to join; `Refused` where what it sent does not hold, or unpacks to over ``most`` bytes."""
    if not request.path.startswith("/rtc/v1"):
        return of_query(request.query)
    try:
        return of_join_request(request.query.get("join_request", ""), most)
    except ValueError as exc:
        raise Refused(str(exc), 400) from exc


class Signalling:
    """Lets clients in, and serves each until it leaves."""

    def __init__(
        self, verifier: Verifier, rooms: Rooms, around: Surroundings, limits: Limits, ice_servers: tuple[IceServer, ...]
    ) -> None:
        self._verifier = verifier
        self._rooms = rooms
        self._around = around
        self._limits = limits
        self._ice_servers = ice_servers
        self.is_draining = False
        self._refresher = Refresher(verifier, around.clock, limits.token_refresh_s)

    def routes(self) -> list[web.RouteDef]:
        """What an aiohttp application serves for us."""
        return routes(self._join, self._validate)

    async def _validate(self, request: web.Request) -> web.Response:
        try:
            self._admit(request)
            self._wishes(request)
        except Refused as refusal:
            return refused(request, refusal)
        return web.Response(text="success", headers=CORS)

    def _admit(self, request: web.Request) -> Grants:
        grants = self._verifier.verify(access_token(request))
        grants.require_join()
        self._require_place(grants)
        return grants

    def _require_place(self, grants: Grants) -> None:
        """Raises `Refused` unless there is room for one more. Who is in a call may always come back to it."""
        room = self._rooms.get(grants.room)
        if room is None:
            self._rooms.require_place()
        if room is not None and grants.identity in room.participants:
            return
        if self.is_draining:
            raise Refused("this server is shutting down; nobody new is let in", 503)
        if room is not None:
            self._rooms.require_strength(new_room=False)
        if room is not None and room.is_full and not grants.is_dependent:
            raise Refused(f"the room is full ({room.max_participants} participants)", 403)

    async def _join(self, request: web.Request) -> web.StreamResponse:
        websocket = web.WebSocketResponse(
            max_msg_size=self._limits.message_bytes, heartbeat=_HEARTBEAT_S, compress=False
        )
        websocket.headers.update(CORS)
        try:
            grants, wishes = self._admit(request), self._wishes(request)
            require_upgrade(websocket, request)
        except Refused as refusal:
            return refused(request, refusal)
        await websocket.prepare(request)
        socket = SignalSocket(websocket, request.transport, self._limits)
        await (self._resume if wishes.resumes else self._enter)(wishes, socket, grants)
        return websocket

    def _wishes(self, request: web.Request) -> JoinWishes:
        return wishes_of(request, self._limits.message_bytes)

    async def _enter(self, wishes: JoinWishes, socket: SignalSocket, grants: Grants) -> None:
        try:
            self._require_place(grants)  # time has passed: the room may be gone, or full
            room = self._rooms.obtain(grants.room)
        except Refused as refusal:
            logger.info("%s/%s connects anew: %s", grants.room, grants.identity, refusal.reason)
            leave = rtc.LeaveRequest(reason=Reason.STATE_MISMATCH, action=RECONNECT, can_reconnect=True)
            await _turn_away(socket, leave)
            return
        participant = Participant(
            room, grants, socket, self._around, auto_subscribe=wishes.auto_subscribe, single=wishes.single
        )

        def welcome() -> None:
            socket.send(rtc.SignalResponse(join=self._welcome(room, participant)))
            room.join(participant)
            self._refresher.begin(participant)
            room.consider_all(participant)
            participant.subscriber.negotiate()
            for message in wishes.requests:
                handle(participant, message)

        await self._serve(participant, socket, welcome)

    async def _resume(self, wishes: JoinWishes, socket: SignalSocket, grants: Grants) -> None:
        """Whoever is still here goes on with this socket; anybody else is told how it stands."""
        room = self._rooms.get(grants.room)
        participant = room.participants.get(grants.identity) if room is not None else None
        sid = wishes.sid
        if participant is None or participant.sid != sid:
            logger.info("%s/%s cannot be resumed", grants.room, grants.identity)
            await _turn_away(socket, self._around.departed.goodbye(sid))
            return
        response = rtc.ReconnectResponse(ice_servers=self._ice(), server_info=_server_info())

        def welcome() -> None:
            participant.resume(socket, response)
            self._refresher.tell(participant)

        await self._serve(participant, socket, welcome)

    async def _serve(self, participant: Participant, socket: SignalSocket, begin: Callable[[], None]) -> None:
        """Until this socket is done with; what its participant has then is for it to say."""
        who, ending = f"{participant.room.name}/{participant.identity}", None
        try:
            begin()
            async for message in socket.requests():
                handle(participant, message)
            ending = participant.signal_lost(socket)
        except ValueError as exc:
            logger.info("%s sent a request that does not hold: %s", who, exc)
            ending = participant.end(Reason.STATE_MISMATCH, DISCONNECT)
        except Exception:
            logger.exception("%s cannot be served", who)
            ending = participant.end(Reason.MEDIA_FAILURE, DISCONNECT)
        except asyncio.CancelledError:
            ending = participant.signal_lost(socket)
            raise
        finally:
            if ending is not None:
                self._rooms.ending(ending)
                await ending
            else:
                await socket.close()

    def _ice(self) -> list[rtc.ICEServer]:
        return [
            rtc.ICEServer(urls=server.urls, username=server.username or "", credential=server.credential or "")
            for server in self._ice_servers
        ]

    def _welcome(self, room: Room, participant: Participant) -> rtc.JoinResponse:
        others = [other.info() for other in room.participants.values() if not other.is_hidden]
        return rtc.JoinResponse(
            room=room.info(),
            participant=participant.info(),
            other_participants=[info for info in others if info.identity != participant.identity],
            server_version=VERSION,
            ice_servers=self._ice(),
            subscriber_primary=not isinstance(participant.subscriber, SingleSubscriber),
            ping_timeout=PING_TIMEOUT_S,
            ping_interval=PING_INTERVAL_S,
            server_info=_server_info(),
            enabled_publish_codecs=room.info().enabled_codecs,
            fast_publish=True,
        )


def _server_info() -> models.ServerInfo:
    return models.ServerInfo(version=VERSION, protocol=PROTOCOL, region="", node_id=JACKFIELD_NODE)


async def _turn_away(socket: SignalSocket, leave: rtc.LeaveRequest) -> None:
    socket.send(rtc.SignalResponse(leave=leave))
    await socket.close()
