"""RoomService over HTTP: protobuf and JSON, errors as Twirp says them, and the grant that each method needs."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import jwt
import pytest
from aiohttp import web
from livekit import api
from livekit.protocol import models, rtc

from jackfield.server.sfu import Sfu

SECRET = "a-secret-that-is-long-enough-for-hs256"
ALL = {"roomCreate": True, "roomList": True, "roomAdmin": True, "room": "room"}


def bearer(**video: Any) -> dict[str, str]:
    token = jwt.encode({"iss": "key", "exp": 4e9, "sub": "op", "video": video}, SECRET, algorithm="HS256")
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
async def url() -> AsyncIterator[str]:
    sfu = Sfu(keys={"key": SECRET})
    await sfu.start()
    application = web.Application(client_max_size=1024)  # made for something else, as the server's is
    application.add_routes(sfu.routes())
    runner = web.AppRunner(application, handle_signals=False, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await sfu.close()
    await runner.cleanup()


async def call(url: str, method: str, body: Any, **video: Any) -> tuple[int, dict[str, Any]]:
    path = f"{url}/twirp/livekit.RoomService/{method}"
    headers = {"Content-Type": "application/json", **bearer(**video)}
    data = io.BytesIO(json.dumps(body).encode())
    async with aiohttp.ClientSession() as session, session.post(path, data=data, headers=headers) as response:
        return response.status, await response.json()


async def joined(session: aiohttp.ClientSession, url: str, identity: str) -> aiohttp.ClientWebSocketResponse:
    video = {"roomJoin": True, "room": "room"}
    token = jwt.encode({"iss": "key", "exp": 4e9, "sub": identity, "video": video}, SECRET, algorithm="HS256")
    websocket = await session.ws_connect(f"{url}/rtc?access_token={token}")
    assert rtc.SignalResponse.FromString((await websocket.receive(timeout=5)).data).HasField("join")
    return websocket


async def said(websocket: aiohttp.ClientWebSocketResponse, kind: str) -> Any:
    """The next message of this kind."""
    while True:
        response = rtc.SignalResponse.FromString((await websocket.receive(timeout=5)).data)
        if response.HasField(kind):  # type: ignore[arg-type]
            return getattr(response, kind)


async def test_livekit_apis_own_client_makes_and_ends_rooms(url: str) -> None:
    """Protobuf both ways: create with metadata and a size, list, update, delete."""
    async with api.LiveKitAPI(url, "key", SECRET) as client:
        made = await client.room.create_room(api.CreateRoomRequest(name="room", metadata="m", max_participants=7))
        assert (made.name, made.metadata, made.max_participants) == ("room", "m", 7)
        assert made.sid.startswith("RM_")
        again = await client.room.create_room(api.CreateRoomRequest(name="room"))
        assert again.sid == made.sid
        updated = await client.room.update_room_metadata(api.UpdateRoomMetadataRequest(room="room", metadata="n"))
        assert updated.metadata == "n"
        listed = await client.room.list_rooms(api.ListRoomsRequest(names=["room", "none"]))
        assert [room.sid for room in listed.rooms] == [made.sid]
        await client.room.delete_room(api.DeleteRoomRequest(room="room"))
        assert not (await client.room.list_rooms(api.ListRoomsRequest())).rooms
        with pytest.raises(api.TwirpError) as caught:
            await client.room.delete_room(api.DeleteRoomRequest(room="room"))
        assert (caught.value.code, caught.value.status) == ("not_found", 404)


async def test_json_is_spoken_too(url: str) -> None:
    """Names as in the protocol files, whichever way they are written when they come."""
    status, room = await call(url, "CreateRoom", {"name": "room", "maxParticipants": 3}, roomCreate=True)
    assert (status, room["name"], room["max_participants"]) == (200, "room", 3)


@pytest.mark.parametrize(
    ("method", "body", "grants", "status", "code"),
    [
        ("CreateRoom", {"name": "room"}, {"roomList": True}, 403, "permission_denied"),
        ("CreateRoom", {"name": ""}, ALL, 400, "invalid_argument"),
        ("CreateRoom", {"name": "n" * 300}, ALL, 400, "invalid_argument"),
        ("CreateRoom", {"name": 3}, ALL, 400, "malformed"),
        ("ListRooms", {}, {"roomCreate": True}, 403, "permission_denied"),
        ("DeleteRoom", {"room": "room"}, {"roomAdmin": True, "room": "other"}, 403, "permission_denied"),
        ("ListParticipants", {"room": "room"}, {"roomJoin": True, "room": "room"}, 403, "permission_denied"),
        ("ListParticipants", {"room": "room"}, ALL, 404, "not_found"),
        ("RemoveParticipant", {"room": "room", "identity": "x"}, ALL, 404, "not_found"),
        ("MoveParticipant", {"room": "room"}, ALL, 404, "bad_route"),
        ("NoSuchMethod", {}, ALL, 404, "bad_route"),
    ],
)
async def test_errors_are_twirps(
    url: str, method: str, body: Any, grants: dict[str, Any], status: int, code: str
) -> None:
    """Status, code and a message in words."""
    got, error = await call(url, method, body, **grants)
    assert (got, error["code"]) == (status, code)
    assert error["msg"]


async def test_without_a_token_nothing_is_done(url: str) -> None:
    """401, and a reason."""
    async with aiohttp.ClientSession() as session:
        async with session.post(f"{url}/twirp/livekit.RoomService/ListRooms", json={}) as response:
            assert response.status == 401
            assert (await response.json())["code"] == "unauthenticated"
        garbage = {"Content-Type": "application/protobuf", **bearer(**ALL)}
        async with session.post(
            f"{url}/twirp/livekit.RoomService/ListRooms", data=b"\xff\xff\xff", headers=garbage
        ) as response:
            assert (response.status, (await response.json())["code"]) == (400, "malformed")


async def test_participants_are_updated_and_permissions_taken(url: str) -> None:
    """Name, metadata, attributes and permission of somebody in a room."""
    async with aiohttp.ClientSession() as session:
        websocket = await joined(session, url, "ada")
        change = {
            "room": "room",
            "identity": "ada",
            "name": "Ada",
            "metadata": "m",
            "attributes": {"a": "b"},
            "permission": {"canSubscribe": True, "canPublish": False},
        }
        status, ada = await call(url, "UpdateParticipant", change, **ALL)
        assert status == 200
        assert (ada["name"], ada["metadata"], ada["attributes"]) == ("Ada", "m", {"a": "b"})
        assert ada["permission"] == {"can_subscribe": True}
        status, error = await call(
            url, "MutePublishedTrack", {"room": "room", "identity": "ada", "track_sid": "TR_x"}, **ALL
        )
        assert (status, error["msg"]) == (404, "the participant publishes no such track")
        status, _ = await call(url, "RemoveParticipant", {"room": "room", "identity": "ada"}, **ALL)
        assert status == 200
        async for _ in websocket:
            pass
        assert (await call(url, "ListParticipants", {"room": "room"}, **ALL))[1] == {}


async def test_a_moderator_mutes_and_cannot_unmute(url: str) -> None:
    """Muting is told to its publisher; switching on again is refused in words, and nobody is told anything."""
    async with aiohttp.ClientSession() as session:
        websocket = await joined(session, url, "ada")
        track = rtc.AddTrackRequest(cid="mic", type=models.TrackType.AUDIO)
        await websocket.send_bytes(rtc.SignalRequest(add_track=track).SerializeToString())
        sid = (await said(websocket, "track_published")).track.sid
        change = {"room": "room", "identity": "ada", "track_sid": sid}
        status, answer = await call(url, "MutePublishedTrack", {**change, "muted": True}, **ALL)
        assert (status, answer["track"]["muted"]) == (200, True)
        assert (await said(websocket, "mute")).muted
        status, error = await call(url, "MutePublishedTrack", {**change, "muted": False}, **ALL)
        assert (status, error["code"]) == (412, "failed_precondition")
        assert "'ada' has to do that" in error["msg"]
        await call(url, "RemoveParticipant", {"room": "room", "identity": "ada"}, **ALL)
        async for frame in websocket:
            assert not rtc.SignalResponse.FromString(frame.data).HasField("mute")


async def test_what_is_too_long_is_refused_with_the_limit_that_holds(url: str) -> None:
    """64 KiB of metadata arrive however the application limits others; a message is held to what a channel carries."""
    text = "\u00e9" * (32 << 10)
    assert (await call(url, "CreateRoom", {"name": "room", "metadata": text}, **ALL))[0] == 200
    async with aiohttp.ClientSession() as session:
        websocket = await joined(session, url, "ada")
        assert (await call(url, "UpdateRoomMetadata", {"room": "room", "metadata": text}, **ALL))[0] == 200
        sent = {"room": "room", "data": base64.b64encode(bytes(60_000)).decode()}
        assert (await call(url, "SendData", sent, **ALL))[0] == 200
        too_long = {
            "CreateRoom": ({"name": "other", "metadata": text + "x"}, "65536"),
            "UpdateRoomMetadata": ({"room": "room", "metadata": text + "x"}, "65536"),
            "SendData": ({"room": "room", "data": base64.b64encode(bytes(65_536)).decode()}, "65536"),
            "ListRooms": ({"names": ["x" * (1 << 20)]}, "1048576"),
        }
        for method, (body, limit) in too_long.items():
            status, error = await call(url, method, body, **ALL)
            assert (status, error["code"], limit in error["msg"]) == (400, "invalid_argument", True), method
        listed = await call(url, "ListRooms", {"names": ["other"]}, **ALL)
        assert listed[1] == {}
        await websocket.close()


async def test_a_moderator_makes_nobody_look_like_one(url: str) -> None:
    """What the token says of a role stays as it says."""
    async with aiohttp.ClientSession() as session:
        websocket = await joined(session, url, "ada")
        change = {"room": "room", "identity": "ada", "attributes": {"jackfield.role": "moderator"}}
        status, error = await call(url, "UpdateParticipant", change, **ALL)
        assert (status, error["code"]) == (403, "permission_denied")
        await websocket.close()
