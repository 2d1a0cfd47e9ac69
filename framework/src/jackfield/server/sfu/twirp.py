"""LiveKit's RoomService over Twirp (POST, protobuf or JSON), so that `livekit-api` moderates rooms here too."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from aiohttp import web
from attrs import frozen
from google.protobuf import json_format
from google.protobuf.message import DecodeError, Message
from livekit.protocol import models, rtc
from livekit.protocol import room as api

from jackfield.log_limit import limited_logger
from jackfield.server.sfu import data
from jackfield.server.sfu.http import access_token
from jackfield.server.sfu.limits import Limits
from jackfield.server.sfu.participant import Participant, Reason
from jackfield.server.sfu.publication import Publication
from jackfield.server.sfu.requests import choose
from jackfield.server.sfu.room import Room
from jackfield.server.sfu.rooms import Rooms
from jackfield.server.sfu.tokens import Grants, Refused, Verifier

logger = limited_logger(__name__)
_M = TypeVar("_M", bound=Message)

PATH = "/twirp/livekit.RoomService/{method}"
#: 64 KiB of metadata or data, however JSON writes them.
_BODY_MAX = 1 << 20
_STATUS = {
    "invalid_argument": 400,
    "malformed": 400,
    "unauthenticated": 401,
    "permission_denied": 403,
    "not_found": 404,
    "bad_route": 404,
    "failed_precondition": 412,
    "resource_exhausted": 429,
    "internal": 500,
    "unimplemented": 501,
    "unavailable": 503,
}
_CODES = {400: "invalid_argument", 401: "unauthenticated", 403: "permission_denied", 503: "resource_exhausted"}


class TwirpError(Exception):
    """An answer that is an error; ``code`` is one of Twirp's."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


#: What each method is asked with.
REQUESTS: Mapping[str, type[Message]] = {
    "CreateRoom": api.CreateRoomRequest,
    "ListRooms": api.ListRoomsRequest,
    "DeleteRoom": api.DeleteRoomRequest,
    "ListParticipants": api.ListParticipantsRequest,
    "GetParticipant": api.RoomParticipantIdentity,
    "RemoveParticipant": api.RoomParticipantIdentity,
    "MutePublishedTrack": api.MuteRoomTrackRequest,
    "UpdateParticipant": api.UpdateParticipantRequest,
    "UpdateSubscriptions": api.UpdateSubscriptionsRequest,
    "SendData": api.SendDataRequest,
    "UpdateRoomMetadata": api.UpdateRoomMetadataRequest,
}


class RoomService:
    """Each method checks its grant first: roomCreate, roomList, or roomAdmin for the room in question."""

    def __init__(self, verifier: Verifier, rooms: Rooms, limits: Limits) -> None:
        self._verifier = verifier
        self._limits = limits
        self._rooms = rooms
        self._methods: dict[str, Callable[[Grants, Any], Message]] = {
            "CreateRoom": self._create_room,
            "ListRooms": self._list_rooms,
            "DeleteRoom": self._delete_room,
            "ListParticipants": self._list_participants,
            "GetParticipant": self._get_participant,
            "RemoveParticipant": self._remove_participant,
            "MutePublishedTrack": self._mute_track,
            "UpdateParticipant": self._update_participant,
            "UpdateSubscriptions": self._update_subscriptions,
            "SendData": self._send_data,
            "UpdateRoomMetadata": self._update_room_metadata,
        }

    def routes(self) -> list[web.RouteDef]:
        """What an aiohttp application serves for us."""
        return [web.post(PATH, self._serve)]

    async def _serve(self, request: web.Request) -> web.Response:
        async def act(asked: Asked) -> web.Response:
            return written(self._methods[asked.method](asked.grants, asked.message), is_json=asked.is_json)

        return await answered(request, self._verifier, act)

    # --- rooms ---
    def _create_room(self, grants: Grants, request: api.CreateRoomRequest) -> models.Room:
        if not grants.room_create:
            raise Refused("the token does not allow this (it has no roomCreate grant)", 403)
        if not request.name or len(request.name) > 256:
            raise TwirpError("invalid_argument", "a room needs a name of 256 characters at most")
        self._require_metadata(request.metadata)
        room = self._rooms.obtain(
            request.name,
            max_participants=request.max_participants,
            empty_s=request.empty_timeout,
            departed_s=request.departure_timeout,
        )
        if request.metadata and request.metadata != room.metadata:
            room.describe(request.metadata)
        return room.info()

    def _list_rooms(self, grants: Grants, request: api.ListRoomsRequest) -> api.ListRoomsResponse:
        if not grants.room_list:
            raise Refused("the token does not allow this (it has no roomList grant)", 403)
        named = set(request.names)
        return api.ListRoomsResponse(rooms=[room.info() for room in self._rooms if not named or room.name in named])

    def _delete_room(self, grants: Grants, request: api.DeleteRoomRequest) -> api.DeleteRoomResponse:
        if not grants.room_create:
            grants.require_admin(request.room)
        self._rooms.close(self._room(request.room))
        return api.DeleteRoomResponse()

    def _update_room_metadata(self, grants: Grants, request: api.UpdateRoomMetadataRequest) -> models.Room:
        room = self._administered(grants, request.room)
        self._require_metadata(request.metadata)
        room.describe(request.metadata)
        return room.info()

    def _require_metadata(self, metadata: str) -> None:
        if len(metadata.encode()) > self._limits.metadata_bytes:
            raise TwirpError("invalid_argument", f"metadata may have {self._limits.metadata_bytes} bytes")

    # --- participants ---
    def _list_participants(self, grants: Grants, request: api.ListParticipantsRequest) -> api.ListParticipantsResponse:
        room = self._administered(grants, request.room)
        return api.ListParticipantsResponse(participants=[one.info() for one in room.participants.values()])

    def _get_participant(self, grants: Grants, request: api.RoomParticipantIdentity) -> models.ParticipantInfo:
        return self._participant(grants, request.room, request.identity).info()

    def _remove_participant(
        self, grants: Grants, request: api.RoomParticipantIdentity
    ) -> api.RemoveParticipantResponse:
        participant = self._participant(grants, request.room, request.identity)
        self._rooms.ending(participant.end(Reason.PARTICIPANT_REMOVED))
        return api.RemoveParticipantResponse()

    def _mute_track(self, grants: Grants, request: api.MuteRoomTrackRequest) -> api.MuteRoomTrackResponse:
        participant = self._participant(grants, request.room, request.identity)
        publication = self._publication(participant, request.track_sid)
        if not request.muted:  # as on LiveKit's server, where this has to be switched on
            found = "nobody's microphone or camera is switched on from afar"
            raise TwirpError("failed_precondition", f"{found}; {request.identity[:64]!r} has to do that")
        if publication.mute(True):
            mute = rtc.MuteTrackRequest(sid=publication.sid, muted=True)
            participant.send(response=rtc.SignalResponse(mute=mute))
            participant.room.tell_of(participant)
        return api.MuteRoomTrackResponse(track=publication.info)

    def _update_participant(self, grants: Grants, request: api.UpdateParticipantRequest) -> models.ParticipantInfo:
        participant = self._participant(grants, request.room, request.identity)
        if reserved := participant.reserved(request.attributes):
            raise TwirpError("permission_denied", reserved)
        too_long = participant.describe(
            name=request.name or None, metadata=request.metadata or None, attributes=dict(request.attributes)
        )
        if too_long:
            raise TwirpError("invalid_argument", too_long)
        if request.HasField("permission"):
            participant.permit(request.permission)
        participant.room.tell_of(participant)
        return participant.info()

    def _update_subscriptions(
        self, grants: Grants, request: api.UpdateSubscriptionsRequest
    ) -> api.UpdateSubscriptionsResponse:
        participant = self._participant(grants, request.room, request.identity)
        sids = [*request.track_sids, *(sid for group in request.participant_tracks for sid in group.track_sids)]
        choose(participant, sids, request.subscribe)
        return api.UpdateSubscriptionsResponse()

    # --- data ---
    def _send_data(self, grants: Grants, request: api.SendDataRequest) -> api.SendDataResponse:
        room = self._administered(grants, request.room)
        kind: data.Kind = "lossy" if request.kind == models.DataPacket.LOSSY else "reliable"
        user = models.UserPacket(
            payload=request.data,
            destination_sids=request.destination_sids,
            destination_identities=request.destination_identities,
            nonce=request.nonce,
        )
        if request.HasField("topic"):
            user.topic = request.topic
        packet = models.DataPacket(kind=request.kind, user=user, destination_identities=request.destination_identities)
        if packet.ByteSize() > self._limits.data_packet_bytes:
            most = self._limits.data_packet_bytes
            raise TwirpError("invalid_argument", f"a message with all that goes with it may have {most} bytes")
        room.deliver(packet, kind, sender=None)
        return api.SendDataResponse()

    # --- finding ---
    def _room(self, name: str) -> Room:
        room = self._rooms.get(name)
        if room is None:
            raise TwirpError("not_found", "the room does not exist")
        return room

    def _administered(self, grants: Grants, name: str) -> Room:
        grants.require_admin(name)
        return self._room(name)

    def _participant(self, grants: Grants, name: str, identity: str) -> Participant:
        participant = self._administered(grants, name).participants.get(identity)
        if participant is None:
            raise TwirpError("not_found", "the participant is not in the room")
        return participant

    def _publication(self, participant: Participant, track_sid: str) -> Publication:
        publication = participant.publications.get(track_sid)
        if publication is None:
            raise TwirpError("not_found", "the participant publishes no such track")
        return publication


@frozen
class Asked:
    """A request that holds: of whom, what, and how it was written."""

    grants: Grants
    method: str
    message: Any
    body: bytes
    is_json: bool


async def answered(
    request: web.Request, verifier: Verifier, act: Callable[[Asked], Awaitable[web.Response]]
) -> web.Response:
    """What ``act`` makes of the request; an error as Twirp says it where the token, the request or ``act`` fails."""
    is_json = request.content_type == "application/json"
    try:
        grants = verifier.verify(access_token(request))
        method = request.match_info["method"]
        if method not in REQUESTS:
            raise TwirpError("bad_route", f"no method {method[:64]!r}")
        body = await _body(request)
        message = read_message(REQUESTS[method], body, is_json=is_json)
        return await act(Asked(grants, method, message, body, is_json))
    except Refused as refusal:
        return _failed(_CODES.get(refusal.status, "permission_denied"), refusal.reason)
    except TwirpError as error:
        return _failed(error.code, error.message)
    except Exception:
        logger.exception("%s failed", request.path)
        return _failed("internal", "the server failed; its log says how")


async def _body(request: web.Request) -> bytes:
    """Read here, because what the application allows is made for log-ins."""
    found = bytearray()
    async for part in request.content.iter_any():
        found += part
        if len(found) > _BODY_MAX:
            raise TwirpError("invalid_argument", f"a request may have {_BODY_MAX} bytes")
    return bytes(found)


def read_message(kind: type[_M], body: bytes, *, is_json: bool) -> _M:
    """The message in a body; `TwirpError` when there is none."""
    message = kind()
    try:
        if is_json:
            return json_format.Parse(body or b"{}", message, ignore_unknown_fields=True)
        message.ParseFromString(body)
    except (DecodeError, json_format.ParseError, UnicodeDecodeError, RecursionError) as exc:
        raise TwirpError("malformed", f"the request does not hold: {type(exc).__name__}") from None
    return message


def written(message: Message, *, is_json: bool) -> web.Response:
    """The answer that is this message."""
    if is_json:
        text = json_format.MessageToJson(message, preserving_proto_field_name=True, indent=None)
        return web.Response(text=text, content_type="application/json")
    return web.Response(body=message.SerializeToString(), content_type="application/protobuf")


def _failed(code: str, message: str) -> web.Response:
    return web.json_response({"code": code, "msg": message}, status=_STATUS.get(code, 500))
