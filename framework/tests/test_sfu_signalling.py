"""Signalling as a bare WebSocket client sees it: joining, refusals, rooms, and peers that do wrong things."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
import jwt
import pytest
from aiohttp import web
from attrs import evolve
from google.protobuf import json_format
from livekit.protocol import models, rtc

from jackfield.rtc import codecs, rtcp, rtp, sdp
from jackfield.rtc.sdp import MediaSection
from jackfield.rtc.transport import Transport
from jackfield.server.sfu import Limits, Sfu
from jackfield.server.sfu.requests import handle

KEYS = {"key": "a-secret-that-is-long-enough-for-hs256"}
LIMITS = Limits(
    participants_per_room=3,
    tracks_per_participant=2,
    message_bytes=1 << 16,
    requests_per_second=60,
    metadata_bytes=100,
    attributes_bytes=100,
    permission_bytes=1000,
    media_sections=8,
    queued_messages=30,
    departed_room_s=0.0,
)


def token(identity: str = "ada", room: str = "room", exp: float = 4e9, secret: str = KEYS["key"], **video: Any) -> str:
    grants = {"roomJoin": True, "room": room, "canUpdateOwnMetadata": True, **video}
    return jwt.encode({"iss": "key", "sub": identity, "exp": exp, "video": grants}, secret, algorithm="HS256")


class Client:
    """A peer that speaks signalling and nothing else."""

    def __init__(self, websocket: aiohttp.ClientWebSocketResponse) -> None:
        self.websocket = websocket
        self.heard: list[rtc.SignalResponse] = []

    async def send(self, **message: Any) -> None:
        await self.websocket.send_bytes(rtc.SignalRequest(**message).SerializeToString())

    async def next(self) -> rtc.SignalResponse:
        frame = await self.websocket.receive(timeout=5)
        if frame.type is aiohttp.WSMsgType.BINARY:
            response = rtc.SignalResponse.FromString(frame.data)
        elif frame.type is aiohttp.WSMsgType.TEXT:
            response = json_format.Parse(frame.data, rtc.SignalResponse())
        else:
            raise ConnectionError(f"{frame.type!r} {frame.data!r}")
        self.heard.append(response)
        return response

    async def until(self, kind: str) -> Any:
        """The next message of this kind."""
        while True:
            response = await self.next()
            if response.WhichOneof("message") == kind:
                return getattr(response, kind)

    async def closed(self) -> bool:
        """Whether the server closes it, whatever it says before."""
        try:
            while True:
                await self.next()
        except ConnectionError:
            return True


Join = Callable[..., Awaitable[Client]]


@pytest.fixture
async def sfu(request: pytest.FixtureRequest) -> AsyncIterator[Sfu]:
    limits = evolve(LIMITS, **getattr(request, "param", {}))
    sfu = Sfu(keys=KEYS, host="127.0.0.1", limits=limits)
    await sfu.start()
    yield sfu
    await sfu.close()


@pytest.fixture
async def url(sfu: Sfu) -> AsyncIterator[str]:
    application = web.Application()
    application.add_routes(sfu.routes())
    runner = web.AppRunner(application, handle_signals=False, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await sfu.drain()
    await runner.cleanup()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
async def join(url: str, session: aiohttp.ClientSession) -> AsyncIterator[Join]:
    async with AsyncExitStack() as stack:

        async def join(identity: str = "ada", query: str = "", **video: Any) -> Client:
            address = f"{url}/rtc?access_token={token(identity, **video)}&protocol=15{query}"
            client = Client(await stack.enter_async_context(session.ws_connect(address, max_msg_size=0)))
            return client

        yield join


async def published(client: Client, cid: str = "mic", **more: Any) -> rtc.TrackPublishedResponse:
    track = {"cid": cid, "type": models.TrackType.AUDIO, "source": models.TrackSource.MICROPHONE, **more}
    await client.send(add_track=rtc.AddTrackRequest(**track))
    return await client.until("track_published")


def offer(*cids: str) -> str:
    """A publisher's offer of audio tracks."""
    mids = [str(n) for n in range(len(cids))]
    lines = ["v=0", "o=- 1 2 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=group:BUNDLE " + " ".join(mids)]
    for mid, cid in zip(mids, cids, strict=True):
        lines += [
            "m=audio 9 UDP/TLS/RTP/SAVPF 111", "c=IN IP4 0.0.0.0", "a=ice-ufrag:abcd", "a=ice-pwd:efghijklmnopqrstuvwx",
            "a=fingerprint:sha-256 " + ":".join(["AA"] * 32), "a=setup:actpass", f"a=mid:{mid}", "a=rtcp-mux",
            "a=rtpmap:111 opus/48000/2", "a=sendonly" if cid else "a=inactive", f"a=msid:s {cid}" if cid else "a=x",
        ]  # fmt: skip
    return "\r\n".join(lines) + "\r\n"


# --- joining -------------------------------------------------------------------------------------------------------
async def test_the_welcome_comes_first_and_then_an_offer(join: Join) -> None:
    """`join` says who and where one is, then the subscriber connection is offered: data channels, our candidate."""
    client = await join()
    welcome = (await client.next()).join
    assert (welcome.room.name, welcome.participant.identity) == ("room", "ada")
    assert welcome.participant.sid.startswith("PA_")
    assert welcome.subscriber_primary
    assert welcome.fast_publish
    assert (welcome.ping_interval, welcome.ping_timeout) == (5, 15)
    assert {codec.mime for codec in welcome.enabled_publish_codecs} >= {"video/VP8", "video/H264", "audio/opus"}
    offer = await client.until("offer")
    assert offer.sdp.index("m=application") < offer.sdp.index("a=candidate:1 1 udp")
    assert "a=ice-lite" in offer.sdp
    assert "127.0.0.1" in offer.sdp


async def test_a_client_that_sends_text_is_answered_in_text(join: Join) -> None:
    """Frames in protojson are understood, and answered so."""
    client = await join()
    await client.until("offer")
    await client.websocket.send_str('{"pingReq": {"timestamp": "7"}, "unknownField": 1}')
    frame = await client.websocket.receive(timeout=5)
    assert frame.type is aiohttp.WSMsgType.TEXT
    assert json.loads(frame.data)["pongResp"]["lastPingTimestamp"] == "7"


async def test_pings_are_answered(join: Join) -> None:
    """Both the old ping and the new one."""
    client = await join()
    await client.send(ping_req=rtc.Ping(timestamp=5))
    assert (await client.until("pong_resp")).last_ping_timestamp == 5
    await client.send(ping=5)
    assert await client.until("pong") > 0


async def test_others_hear_of_joining_and_leaving(join: Join) -> None:
    """Who is there is told of who comes; who comes is told who is there; leaving is told with its reason."""
    ada = await join("ada")
    await ada.until("offer")
    bob = await join("bob")
    assert [one.identity for one in (await bob.until("join")).other_participants] == ["ada"]
    assert (await ada.until("update")).participants[0].identity == "bob"
    await bob.send(leave=rtc.LeaveRequest())
    gone = (await ada.until("update")).participants[0]
    assert (gone.identity, gone.state) == ("bob", models.ParticipantInfo.State.DISCONNECTED)
    assert gone.disconnect_reason == models.DisconnectReason.CLIENT_INITIATED
    assert await bob.closed()


async def test_a_path_that_comes_up_as_its_owner_leaves_tells_of_nobody(join: Join, sfu: Sfu) -> None:
    """Others would see them come again, for good."""
    ada, bob = await join("ada"), await join("bob")
    (leaving,) = [each for each in sfu.rooms.participants() if each.identity == "bob"]
    await bob.send(leave=rtc.LeaveRequest())
    while (await ada.until("update")).participants[0].state != models.ParticipantInfo.State.DISCONNECTED:
        pass
    leaving.subscriber.transport.on_state("connected")
    await ada.send(ping_req=rtc.Ping(timestamp=1))
    await ada.until("pong_resp")
    told = [each.update.participants[0] for each in ada.heard if each.WhichOneof("message") == "update"]
    assert told[-1].state == models.ParticipantInfo.State.DISCONNECTED


async def test_who_vanishes_has_left(join: Join, sfu: Sfu) -> None:
    """A WebSocket that ends with no word ends the participant."""
    ada, bob = await join("ada"), await join("bob")
    await bob.until("offer")
    await bob.websocket.close()
    while (await ada.until("update")).participants[0].state != models.ParticipantInfo.State.DISCONNECTED:
        pass
    assert sfu.participant_count == 1


async def test_the_same_identity_replaces_itself(join: Join, sfu: Sfu) -> None:
    """The earlier one is told why; the later one is alone."""
    first = await join("ada")
    await first.until("offer")
    second = await join("ada")
    await second.until("offer")
    leave = await first.until("leave")
    assert leave.reason == models.DisconnectReason.DUPLICATE_IDENTITY
    assert leave.action == rtc.LeaveRequest.Action.DISCONNECT
    assert await first.closed()
    assert sfu.participant_count == 1


async def test_a_resume_is_answered_with_connect_anew(join: Join, sfu: Sfu) -> None:
    """SDKs that try to resume are told to reconnect fully."""
    client = await join(query="&reconnect=1&sid=PA_x")
    assert (await client.until("leave")).action == rtc.LeaveRequest.Action.RECONNECT
    assert await client.closed()
    assert sfu.participant_count == 0


async def test_a_hidden_participant_is_not_told_of(join: Join) -> None:
    """It sees others and none sees it."""
    ghost = await join("ghost", hidden=True)
    await ghost.until("offer")
    ada = await join("ada")
    assert list((await ada.until("join")).other_participants) == []
    assert (await ghost.until("update")).participants[0].identity == "ada"
    await ghost.send(leave=rtc.LeaveRequest())
    await ada.send(ping=1)
    await ada.until("pong")
    heard = [one.identity for response in ada.heard for one in response.update.participants]
    assert heard == ["ada"]


@pytest.mark.parametrize("sfu", [{"participants_per_room": 1}], indirect=True)
async def test_a_recorder_is_told_of_and_takes_nobodys_place(join: Join, sfu: Sfu) -> None:
    """Everyone hears that the room is recorded, and that it is no more; a recorder alone keeps no room open."""
    ada = await join("ada")
    assert not (await ada.until("join")).room.active_recording
    recorder = await join("recorder", hidden=True, recorder=True)
    assert (await ada.until("room_update")).room.active_recording
    assert (sfu.participant_count, len(sfu.rooms.participants())) == (1, 2)
    await recorder.send(leave=rtc.LeaveRequest())
    assert not (await ada.until("room_update")).room.active_recording
    recorder = await join("recorder", hidden=True, recorder=True)
    assert (await ada.until("room_update")).room.active_recording
    await ada.send(leave=rtc.LeaveRequest())
    assert (await recorder.until("leave")).reason == models.DisconnectReason.ROOM_CLOSED
    assert await recorder.closed()


async def test_the_server_marks_whom_it_will_and_nobody_wipes_it_off(join: Join, sfu: Sfu) -> None:
    """Everyone sees the mark; whose it is cannot take it away."""
    ada = await join("ada")
    await ada.until("offer")
    assert await sfu.mark("room", "ada", {"jackfield.recording": "RC_1"})
    assert dict((await ada.until("update")).participants[0].attributes) == {"jackfield.recording": "RC_1"}
    await ada.send(update_metadata=rtc.UpdateParticipantMetadata(request_id=1, attributes={"jackfield.recording": ""}))
    assert "'jackfield.'" in (await ada.until("request_response")).message
    assert await sfu.mark("room", "ada", {"jackfield.recording": ""})
    assert dict((await ada.until("update")).participants[0].attributes) == {}
    assert not await sfu.mark("room", "bob", {"jackfield.recording": "RC_1"})
    assert not await sfu.mark("elsewhere", "ada", {"jackfield.recording": "RC_1"})


# --- refusals ------------------------------------------------------------------------------------------------------
REFUSED = {
    "": (401, "no access token"),
    "garbage": (401, "cannot be read"),
    token(exp=1000): (401, "expired"),
    token(secret="another-secret-that-is-long-enough-too"): (401, "signature"),
    token(roomJoin=False): (403, "roomJoin"),
}


@pytest.mark.parametrize("bearer", REFUSED)
async def test_a_refusal_has_its_reason_and_is_readable_by_browsers(
    bearer: str, url: str, session: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    """`/rtc` and `/rtc/validate` say why, with CORS headers; the log says it too, and has no token in it."""
    caplog.set_level(logging.DEBUG)
    status, reason = REFUSED[bearer]
    for path in ("/rtc", "/rtc/validate"):
        async with session.get(url + path, headers={"Authorization": f"Bearer {bearer}"}) as response:
            assert response.status == status
            assert reason in await response.text()
            assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert not bearer or bearer not in caplog.text


async def test_a_room_that_is_deleted_while_somebody_comes_is_made_anew(
    join: Join, sfu: Sfu, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever joins is in the room that others find, however long the upgrade took."""
    sfu.rooms.obtain("room")
    prepare = web.WebSocketResponse.prepare

    async def slowly(self: web.WebSocketResponse, request: web.BaseRequest) -> Any:
        room = sfu.rooms.get("room")
        if room is not None:
            sfu.rooms.close(room)
        return await prepare(self, request)

    monkeypatch.setattr(web.WebSocketResponse, "prepare", slowly)
    await (await join("ada")).until("offer")
    assert [one.identity for one in sfu.rooms.participants()] == ["ada"]


async def test_validate_says_yes(url: str, session: aiohttp.ClientSession) -> None:
    """A token that would be let in, by header or by query."""
    async with session.get(f"{url}/rtc/validate?access_token={token()}") as response:
        assert (response.status, await response.text()) == (200, "success")
        assert response.headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize("path", ["/rtc/v2", "/rtc/v2/validate", "/rtc/v2/anything"])
async def test_what_is_not_served_is_a_404_that_browsers_can_read(
    path: str, url: str, session: aiohttp.ClientSession
) -> None:
    """SDKs fall back to an older protocol on it (gotcha 12), also where the token is bad."""
    async with session.get(url + path) as response:
        assert response.status == 404
        assert response.headers["Access-Control-Allow-Origin"] == "*"
    async with session.options(url + path, headers={"Access-Control-Request-Method": "GET"}) as response:
        assert response.status == 204
        assert response.headers["Access-Control-Allow-Headers"] == "*"


async def test_a_plain_get_with_a_good_token_is_told_what_to_do(url: str, session: aiohttp.ClientSession) -> None:
    """No traceback, and no room made."""
    async with session.get(f"{url}/rtc?access_token={token()}") as response:
        assert response.status == 426


async def test_a_full_room_takes_nobody_more(join: Join, url: str, session: aiohttp.ClientSession) -> None:
    """Except somebody in the place of an earlier self."""
    for identity in ("a", "b", "c"):
        await (await join(identity)).until("offer")
    async with session.get(f"{url}/rtc/validate?access_token={token('d')}") as response:
        assert response.status == 403
        assert "full" in await response.text()
    await (await join("c")).until("offer")


# --- publishing ----------------------------------------------------------------------------------------------------
async def test_a_publication_is_announced_with_its_offer(join: Join) -> None:
    """`add_track` gives it a sid; the publisher's offer is answered; others hear of it and are offered it, in order."""
    ada, bob = await join("ada"), await join("bob")
    await bob.until("offer")
    track = (await published(ada)).track
    assert track.sid.startswith("TR_")
    await ada.send(offer=rtc.SessionDescription(type="offer", sdp=offer("mic"), id=3))
    answer = await ada.until("answer")
    assert answer.id == 3
    assert "a=recvonly" in answer.sdp
    assert answer.sdp.count("a=candidate:") == 1
    while not (tracks := (await bob.until("update")).participants[0].tracks):
        pass
    assert [one.sid for one in tracks] == [track.sid]
    assert bob.heard[-1].WhichOneof("message") == "update"


async def test_candidates_stand_in_the_first_section_of_the_bundle(join: Join) -> None:
    """In the answer too, and there alone: in any other the Rust SDK ignores them (gotcha 1)."""
    ada = await join()
    for cid in ("a", "b"):
        await published(ada, cid)
    await ada.send(offer=rtc.SessionDescription(type="offer", sdp=offer("a", "b", "")))
    sections = (await ada.until("answer")).sdp.split("m=")[1:]
    assert ["a=candidate:" in section for section in sections] == [True, False, False]
    assert all("a=ice-ufrag" in section and "a=setup:passive" in section for section in sections)


async def test_who_comes_late_is_offered_everything_at_once(join: Join) -> None:
    """The first offer has the data channels and every track there is (gotcha 15)."""
    ada = await join("ada")
    for cid in ("a", "b"):
        await published(ada, cid)
    await ada.send(offer=rtc.SessionDescription(type="offer", sdp=offer("a", "b")))
    await ada.until("answer")
    bob = await join("bob")
    others = (await bob.until("join")).other_participants
    first = await bob.until("offer")
    assert [track.sid in first.sdp for track in others[0].tracks] == [True, True]
    assert first.sdp.count("m=") == 3


@pytest.mark.parametrize("sfu", [{"changes_per_second": 2}], indirect=True)
async def test_changes_that_everybody_hears_of_are_bounded(join: Join) -> None:
    """One peer's metadata is everybody's traffic."""
    ada = await join()
    reasons = []
    for number in range(4):
        await ada.send(update_metadata=rtc.UpdateParticipantMetadata(metadata=f"{number}"))
        reasons.append((await ada.until("request_response")).reason)
    assert reasons[:2] == [rtc.RequestResponse.Reason.OK] * 2
    assert rtc.RequestResponse.Reason.LIMIT_EXCEEDED in reasons[2:]


@pytest.mark.parametrize("sfu", [{"answer_timeout_s": 0.3}], indirect=True)
async def test_offers_are_serialised_and_a_silent_client_is_told_to_reconnect(join: Join) -> None:
    """Nothing is offered while an offer is unanswered; a client that never answers is not waited for."""
    ada, bob = await join("ada"), await join("bob")
    await bob.until("offer")
    for cid in ("a", "b"):
        await published(ada, cid)
        await ada.send(offer=rtc.SessionDescription(type="offer", sdp=offer("a", "b")))
        await ada.until("answer")
    assert (await bob.until("leave")).action == rtc.LeaveRequest.Action.RECONNECT
    assert sum(response.WhichOneof("message") == "offer" for response in bob.heard) == 1


async def test_an_ended_publication_is_told(join: Join) -> None:
    """An offer without it ends it."""
    ada, bob = await join("ada"), await join("bob")
    await published(ada)
    await ada.send(offer=rtc.SessionDescription(type="offer", sdp=offer("mic")))
    await ada.until("answer")
    while not (await bob.until("update")).participants[0].tracks:
        pass
    await ada.send(offer=rtc.SessionDescription(type="offer", sdp=offer("")))
    while (await bob.until("update")).participants[0].tracks:
        pass


async def test_a_track_published_anew_is_a_new_publication(join: Join, sfu: Sfu) -> None:
    """The same cid in another section of the offer that ends the first: viewers get the media of the second."""
    ada, bob = await join("ada"), await join("bob")
    before = (await published(ada)).track.sid
    await ada.send(offer=rtc.SessionDescription(type="offer", sdp=offer("mic")))
    await ada.until("answer")
    after = (await published(ada)).track.sid
    assert after not in ("", before)
    assert (await published(ada)).track.sid == after, "announced twice before the offer, it is one"
    await ada.send(offer=rtc.SessionDescription(type="offer", sdp=offer("", "mic")))
    await ada.until("answer")
    room = sfu.rooms.get("room")
    assert room is not None
    publisher, downs = room.participants["ada"].publisher, room.participants["bob"].subscriber.downs
    assert {sid: down.track for sid, down in downs.items()} == {after: publisher.tracks["mic"]}
    while [one.sid for one in (await bob.until("update")).participants[0].tracks] != [after]:
        pass


async def test_a_track_that_moves_to_another_section_goes_on(join: Join, sfu: Sfu) -> None:
    """Not announced anew it is the same publication, and viewers get what comes from now on, an open offer or not."""
    ada, bob = await join("ada"), await join("bob")
    await bob.until("offer")
    sid = (await published(ada)).track.sid
    for text in (offer("mic"), offer("", "mic"), offer("", "", "mic")):
        await ada.send(offer=rtc.SessionDescription(type="offer", sdp=text))
        await ada.until("answer")
    room = sfu.rooms.get("room")
    assert room is not None
    publisher, viewer = room.participants["ada"].publisher, room.participants["bob"].subscriber
    assert {sid: down.track for sid, down in viewer.downs.items()} == {sid: publisher.tracks["mic"]}
    assert [place.track.track_sid for place in viewer._offer.places if place.track] == [sid]


@pytest.mark.parametrize(
    ("grants", "request_", "reason"),
    [
        ({"canPublish": False}, {}, "NOT_ALLOWED"),
        ({"canPublishSources": ["camera"]}, {}, "NOT_ALLOWED"),
        ({}, {"type": models.TrackType.DATA}, "UNSUPPORTED_TYPE"),
        ({}, {"cid": ""}, "INVALID_NAME"),
        ({}, {"name": "n" * 300}, "INVALID_NAME"),
        ({}, {"stream": "x" * 20_000}, "LIMIT_EXCEEDED"),
        ({}, {"layers": [models.VideoLayer(width=1)] * 2000}, "LIMIT_EXCEEDED"),
    ],
)
async def test_what_may_not_be_published_is_refused(
    join: Join, grants: dict[str, Any], request_: dict[str, Any], reason: str
) -> None:
    """With a reason, and the rest goes on."""
    ada = await join("ada", **grants)
    track = {"cid": "mic", "type": models.TrackType.AUDIO, "source": models.TrackSource.MICROPHONE, **request_}
    await ada.send(add_track=rtc.AddTrackRequest(**track))
    response = await ada.until("request_response")
    assert rtc.RequestResponse.Reason.Name(response.reason) == reason
    assert response.message


async def test_tracks_are_bounded(join: Join) -> None:
    """The third of two is refused."""
    ada = await join("ada")
    for cid in ("a", "b"):
        await published(ada, cid)
    await ada.send(add_track=rtc.AddTrackRequest(cid="c", type=models.TrackType.AUDIO))
    assert (await ada.until("request_response")).reason == rtc.RequestResponse.Reason.LIMIT_EXCEEDED


async def test_mute_is_told(join: Join) -> None:
    """Others see the track muted."""
    ada, bob = await join("ada"), await join("bob")
    track = (await published(ada)).track
    await ada.send(offer=rtc.SessionDescription(type="offer", sdp=offer("mic")))
    await ada.send(mute=rtc.MuteTrackRequest(sid=track.sid, muted=True))
    while not any(one.muted for one in (await bob.until("update")).participants[0].tracks):
        pass


async def test_subscription_permission(join: Join, sfu: Sfu) -> None:
    """A publisher may choose who receives what; the others are told that they may not."""
    ada, bob = await join("ada"), await join("bob")
    track = (await published(ada)).track
    await ada.send(offer=rtc.SessionDescription(type="offer", sdp=offer("mic")))
    await ada.until("answer")
    room = sfu.rooms.get("room")
    assert room is not None
    assert track.sid in room.participants["bob"].subscriber.downs
    await ada.send(subscription_permission=rtc.SubscriptionPermission(all_participants=False))
    update = await bob.until("subscription_permission_update")
    assert (update.track_sid, update.allowed) == (track.sid, False)
    assert track.sid not in room.participants["bob"].subscriber.downs
    allowed = rtc.TrackPermission(participant_identity="bob", all_tracks=True)
    await ada.send(subscription_permission=rtc.SubscriptionPermission(track_permissions=[allowed]))
    assert (await bob.until("subscription_permission_update")).allowed
    assert track.sid in room.participants["bob"].subscriber.downs


async def test_a_permission_without_end_ends_its_publisher(join: Join, sfu: Sfu) -> None:
    """It is neither kept nor gone through; and nobody goes on receiving whom it may have meant to shut out."""
    ada, _ = await join("ada"), await join("bob")
    await published(ada)
    await ada.send(offer=rtc.SessionDescription(type="offer", sdp=offer("mic")))
    await ada.until("answer")
    room = sfu.rooms.get("room")
    assert room is not None
    entries = [rtc.TrackPermission(participant_identity=f"nobody-{number}") for number in range(100)]
    await ada.send(subscription_permission=rtc.SubscriptionPermission(track_permissions=entries))
    assert await ada.closed()
    assert not room.participants["bob"].subscriber.downs


@pytest.mark.parametrize("ssrc", ["99999999999", "-1"])
async def test_a_source_number_of_no_sense_is_refused(join: Join, caplog: pytest.LogCaptureFixture, ssrc: str) -> None:
    """The peer is told to leave, and nothing is stumbled over."""
    ada = await join()
    await published(ada)
    await ada.send(offer=rtc.SessionDescription(type="offer", sdp=offer("mic") + f"a=ssrc:{ssrc} cname:x\r\n"))
    assert await ada.closed()
    assert ada.heard[-1].leave.reason == models.DisconnectReason.STATE_MISMATCH
    assert not [record for record in caplog.records if record.exc_info]


@pytest.mark.parametrize("sfu", [{"requests_per_second": 1000, "queued_bytes": 1 << 14}], indirect=True)
async def test_who_changes_often_puts_nobody_out(join: Join, sfu: Sfu) -> None:
    """What waits to be read of somebody's state is only ever the newest."""
    ada, bob = await join("ada"), await join("bob")
    track = (await published(ada, stream="x" * 1500)).track
    await ada.send(offer=rtc.SessionDescription(type="offer", sdp=offer("mic")))
    await ada.until("answer")
    room = sfu.rooms.get("room")
    assert room is not None
    requests: list[dict[str, Any]] = [
        {"mute": rtc.MuteTrackRequest(sid=track.sid, muted=count % 2 == 0)} for count in range(101)
    ]
    requests += [
        {"subscription_permission": rtc.SubscriptionPermission(all_participants=count % 2 == 0)} for count in range(100)
    ]
    for request in requests:  # in one go, as from one batch of frames
        handle(room.participants["ada"], rtc.SignalRequest(**request))
    await ada.send(ping=1)
    await ada.until("pong")
    while not (await bob.until("update")).participants[0].tracks:
        pass
    assert not (await bob.until("subscription_permission_update")).allowed
    updates = [heard.update.participants[0] for heard in bob.heard if heard.WhichOneof("message") == "update"]
    assert updates[-1].tracks[0].muted
    assert "bob" in room.participants


async def test_one_large_message_is_nobodys_fault(join: Join, sfu: Sfu) -> None:
    """A newcomer to a room that has much to say of itself is let in: only a queue that grows is too slow a reader."""
    await join("ada")
    room = sfu.rooms.get("room")
    assert room is not None
    room.describe("x" * (5 << 20))
    bob = await join("bob")
    await bob.until("offer")
    assert "bob" in room.participants


async def test_an_unknown_track_is_not_subscribed(join: Join) -> None:
    """The client hears that it is not there."""
    ada = await join()
    await ada.send(subscription=rtc.UpdateSubscription(track_sids=["TR_none"], subscribe=True))
    response = await ada.until("subscription_response")
    assert response.err == models.SubscriptionError.SE_TRACK_NOTFOUND


async def test_own_metadata(join: Join) -> None:
    """With the grant it is taken and told; without it, or too long, it is refused with a reason."""
    ada, bob = await join("ada"), await join("bob", canUpdateOwnMetadata=False)
    await ada.until("update")
    request = rtc.UpdateParticipantMetadata(metadata="m", name="Ada", attributes={"hand": "up"}, request_id=4)
    await ada.send(update_metadata=request)
    response = await ada.until("request_response")
    assert (response.request_id, response.reason) == (4, rtc.RequestResponse.Reason.OK)
    while (told := (await bob.until("update")).participants[0]).metadata != "m":
        pass
    assert (told.name, dict(told.attributes)) == ("Ada", {"hand": "up"})
    await ada.send(update_metadata=rtc.UpdateParticipantMetadata(attributes={"hand": ""}))
    while (told := (await bob.until("update")).participants[0]).attributes:
        pass
    await ada.send(update_metadata=rtc.UpdateParticipantMetadata(metadata="m" * 101))
    while (response := await ada.until("request_response")).reason == rtc.RequestResponse.Reason.OK:
        pass
    assert response.reason == rtc.RequestResponse.Reason.LIMIT_EXCEEDED
    await bob.send(update_metadata=request)
    assert (await bob.until("request_response")).reason == rtc.RequestResponse.Reason.NOT_ALLOWED


async def test_what_the_token_says_of_a_role_stays(url: str, session: aiohttp.ClientSession) -> None:
    """Nobody gives itself an attribute of ours, changes it or takes it away; the rest of such a request is not done."""
    claims: dict[str, Any] = {"iss": "key", "sub": "ada", "exp": 4e9, "attributes": {"jackfield.role": "participant"}}
    claims["video"] = {"roomJoin": True, "room": "room", "canUpdateOwnMetadata": True}
    text = jwt.encode(claims, KEYS["key"], algorithm="HS256")
    async with session.ws_connect(f"{url}/rtc?access_token={text}") as websocket:
        ada = Client(websocket)
        for wish in ({"jackfield.role": "moderator"}, {"jackfield.role": ""}, {"jackfield.other": "x"}):
            request = rtc.UpdateParticipantMetadata(attributes={**wish, "hand": "up"}, request_id=7)
            await ada.send(update_metadata=request)
            response = await ada.until("request_response")
            assert (response.request_id, response.reason) == (7, rtc.RequestResponse.Reason.NOT_ALLOWED)
            assert "come from the token and the server alone" in response.message
        attributes = {"jackfield.role": "participant", "mood": "fine"}
        await ada.send(update_metadata=rtc.UpdateParticipantMetadata(attributes=attributes))
        while dict((await ada.until("update")).participants[0].attributes) != attributes:
            pass


# --- peers that do wrong things ------------------------------------------------------------------------------------
def _sdp(text: str) -> bytes:
    return rtc.SignalRequest(offer=rtc.SessionDescription(type="offer", sdp=text)).SerializeToString()


WRONG: dict[str, bytes | str] = {
    "no protobuf": b"\xff\xff\xff\xff",
    "no json": "{",
    "json of another shape": '{"offer": 3}',
    "deep json": '{"offer":' * 3000,
    "no sdp": _sdp("hello"),
    "garbled sdp": _sdp("v=0\r\nm=audio x y\r\n"),
    "numbers that are none": _sdp("v=0\r\nm=audio 9 X 1\r\na=rtpmap:x y/z\r\n"),
    "an answer that is none": rtc.SignalRequest(answer=rtc.SessionDescription(sdp="m=\r\n")).SerializeToString(),
    "too many sections": _sdp("v=0\r\n" + "m=audio 9 X 1\r\na=mid:1\r\n" * 50),
    "too long": b"\x0a" + bytes(1 << 17),
}


@pytest.mark.parametrize("what", WRONG)
async def test_what_does_not_hold_ends_that_peer_and_nobody_else(join: Join, sfu: Sfu, what: str) -> None:
    """The peer is disconnected; the other one stays and is served."""
    ada, mallory = await join("ada"), await join("mallory")
    await mallory.until("offer")
    frame = WRONG[what]
    if isinstance(frame, str):
        await mallory.websocket.send_str(frame)
    else:
        await mallory.websocket.send_bytes(frame)
    assert await asyncio.wait_for(mallory.closed(), 5)
    await ada.send(ping=1)
    await ada.until("pong")
    assert sfu.participant_count == 1


async def test_harmless_nonsense_is_passed_over(join: Join) -> None:
    """Empty requests, tracks that are not there, answers nobody asked for, unknown scenarios."""
    ada = await join()
    await ada.until("offer")
    await ada.websocket.send_bytes(b"")
    await ada.send(mute=rtc.MuteTrackRequest(sid="TR_none", muted=True))
    await ada.send(track_setting=rtc.UpdateTrackSettings(track_sids=["TR_none"], width=1))
    await ada.send(simulate=rtc.SimulateScenario(node_failure=True))
    await ada.send(sync_state=rtc.SyncState())
    await ada.send(trickle=rtc.TrickleRequest(candidateInit="{{{", target=rtc.SignalTarget.PUBLISHER))
    await ada.send(answer=rtc.SessionDescription(type="answer", sdp="v=0", id=99))
    await ada.send(update_layers=rtc.UpdateVideoLayers(track_sid="x"))
    await ada.send(ping=1)
    await ada.until("pong")


async def test_a_flood_of_requests_ends_its_sender(join: Join, sfu: Sfu) -> None:
    """More than its share in one second."""
    mallory = await join("mallory")
    await mallory.until("offer")
    for _ in range(LIMITS.requests_per_second + 5):
        await mallory.send(ping=1)
    assert await asyncio.wait_for(mallory.closed(), 5)
    assert sfu.participant_count == 0


async def test_a_reader_that_stands_still_is_dropped(join: Join, sfu: Sfu) -> None:
    """What waits for it is bounded: it is cut off, and nobody waits for it."""
    await join("sleeper")
    ada = await join("ada")
    await ada.until("offer")
    room = sfu.rooms.get("room")
    assert room is not None
    for _ in range(200):
        room.describe("x" * 60000)
        await asyncio.sleep(0)
        if "sleeper" not in room.participants:
            break
    for _ in range(100):
        if "sleeper" not in room.participants:
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it is still there")


class Channel:
    """A data channel that the publisher has opened."""

    def __init__(self, label: str) -> None:
        self.label = label
        self.on_message: Callable[[bytes], None] = lambda message: None


@pytest.mark.parametrize("order", [("_reliable", "_lossy"), ("_lossy", "_data_track", "_reliable")])
async def test_data_channels_are_known_by_their_labels(join: Join, sfu: Sfu, order: tuple[str, ...]) -> None:
    """In whatever order they are opened (gotcha 16); one that is none of ours is passed over."""
    await join("ada")
    await (await join("bob")).until("offer")
    ada, bob = (sfu.rooms.get("room").participants[identity] for identity in ("ada", "bob"))  # type: ignore[union-attr]
    got: list[tuple[bytes, str]] = []
    bob.subscriber.data.send = lambda data, kind: got.append(  # type: ignore[method-assign]
        (models.DataPacket.FromString(data).user.payload, kind)
    )
    for label in order:
        channel = Channel(label)
        ada.publisher.transport.channels.on_channel(channel)  # type: ignore[arg-type]
        packet = models.DataPacket(user=models.UserPacket(payload=label.encode()))
        channel.on_message(packet.SerializeToString())
    assert got == [(label.encode(), label[1:]) for label in order if label != "_data_track"]
    assert not ada.has_ended


async def test_a_goodbye_ends_no_track(join: Join, sfu: Sfu) -> None:
    """RTCP BYE comes when a sender changes its SSRC or is stopped for a while: what ends a track is an offer alone."""
    ada, bob = await join("ada"), await join("bob")
    await bob.until("offer")
    sid = (await published(ada)).track.sid
    await ada.send(offer=rtc.SessionDescription(type="offer", sdp=offer("mic")))
    await ada.until("answer")
    room = sfu.rooms.get("room")
    assert room is not None
    publisher = room.participants["ada"].publisher
    publisher.transport.on_rtp(rtp.serialise(rtp.RtpPacket(111, 1, 960, 5, b"sound")), 0)
    layer = publisher.tracks["mic"].layers[""]
    publisher.transport.on_rtcp(rtcp.serialise(rtcp.ReceiverReport(5), rtcp.Goodbye((5,))))
    publisher.transport.on_rtp(rtp.serialise(rtp.RtpPacket(111, 2, 1920, 5, b"sound")), 20_000_000)
    assert publisher.tracks["mic"].layers[""] is layer
    assert layer.window.received == 2
    assert room.find(sid) is not None
    assert sid in room.participants["bob"].subscriber.downs


@pytest.mark.parametrize("error", [ConnectionError("no handshake"), ValueError("what nobody thought of")])
async def test_who_cannot_be_connected_is_told_to_connect_anew(
    join: Join, sfu: Sfu, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """A handshake that fails ends the participant, and nothing of it stays."""

    async def start(self: Transport, remote: object, role: object) -> None:
        raise error

    async def close(self: Transport) -> None:
        raise RuntimeError("the end is no better")

    monkeypatch.setattr(Transport, "start", start)
    monkeypatch.setattr(Transport, "close", close)
    ada = await join()
    await published(ada)
    await ada.send(offer=rtc.SessionDescription(type="offer", sdp=offer("mic")))
    assert (await ada.until("leave")).action == rtc.LeaveRequest.Action.RECONNECT
    assert await ada.closed()
    await sfu.rooms.ended(5)
    assert sfu._sockets._by_ufrag == {}


async def test_one_room_that_fails_is_no_matter_of_others(
    join: Join, sfu: Sfu, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Feedback, speakers and ratings go on for everybody else, and the log says what happened."""
    broken = sfu.rooms.obtain("broken")
    await (await join()).until("offer")
    room = sfu.rooms.get("room")
    assert room is not None
    heard: list[str] = []

    def fail(*_: object) -> None:
        raise KeyError("gone")

    for name in ("hear", "rate"):
        monkeypatch.setattr(broken, name, fail)
        monkeypatch.setattr(room, name, lambda *_, name=name: heard.append(name))
    monkeypatch.setattr(sfu.rooms, "sweep", fail)
    for _ in range(60):
        sfu._pulse.beat()
    assert {"hear", "rate"} <= set(heard)
    assert "broken cannot be looked after" in caplog.text
    assert "what is over cannot be looked after" in caplog.text
    monkeypatch.undo()


# --- the end -------------------------------------------------------------------------------------------------------
async def test_draining_lets_calls_go_on_for_a_while(
    join: Join, sfu: Sfu, url: str, session: aiohttp.ClientSession
) -> None:
    """Who is in a call stays, and may come back to it; nobody else is let in; at the end everybody is told."""
    ada, bob = await join("ada"), await join("bob")
    await bob.until("offer")
    draining = asyncio.create_task(sfu.drain(0.5))
    await asyncio.sleep(0.1)
    async with session.get(f"{url}/rtc/validate?access_token={token('eve')}") as response:
        assert (response.status, await response.text()) == (503, "this server is shutting down; nobody new is let in")
    again = await join("bob")
    assert (await bob.until("leave")).reason == models.DisconnectReason.DUPLICATE_IDENTITY
    await again.until("offer")
    assert len(sfu.rooms.participants()) == 2
    await draining
    for client in (ada, again):
        leave = await client.until("leave")
        assert leave.reason == models.DisconnectReason.SERVER_SHUTDOWN
        assert leave.action == rtc.LeaveRequest.Action.RECONNECT, (
            "this server may be started again, or another be there"
        )
        assert await client.closed()
    async with session.get(f"{url}/rtc/validate?access_token={token()}") as response:
        assert response.status == 503


async def test_draining_ends_when_the_last_one_leaves(join: Join, sfu: Sfu) -> None:
    """No longer than the call itself, however long it might have taken."""
    ada = await join()
    await ada.until("offer")
    draining = asyncio.create_task(sfu.drain(3600))
    await asyncio.sleep(0.1)
    assert not draining.done()
    await ada.send(leave=rtc.LeaveRequest())
    await asyncio.wait_for(draining, 5)


async def test_an_empty_room_is_closed_after_a_while(join: Join, sfu: Sfu) -> None:
    """Rooms that everybody has left do not stay."""
    ada = await join()
    await ada.until("offer")
    sfu.rooms.sweep()
    assert len(sfu.rooms) == 1
    await ada.websocket.close()
    for _ in range(100):
        sfu.rooms.sweep()
        if not len(sfu.rooms):
            return
        await asyncio.sleep(0.02)
    raise AssertionError("the room is still there")


async def test_nothing_is_left_behind(join: Join, sfu: Sfu) -> None:
    """After twenty joins and leaves there are as many tasks and known peers as before."""
    before = len(asyncio.all_tasks())
    for _ in range(20):
        client = await join()
        await client.until("offer")
        await client.send(leave=rtc.LeaveRequest())
        assert await client.closed()
    await sfu.rooms.ended(2)
    assert sfu._sockets._by_ufrag == {}
    for _ in range(100):
        if len(asyncio.all_tasks()) <= before:
            return
        await asyncio.sleep(0.02)
    raise AssertionError([str(task) for task in asyncio.all_tasks()])


async def test_a_busy_server_opens_no_room_and_says_where_to_go(
    sfu: Sfu, url: str, session: aiohttp.ClientSession
) -> None:
    """Who is asked for a new session gets a 503 with the reason; a call that has begun goes on taking people."""
    sfu.gauge._limit = 0.9
    async with session.ws_connect(f"{url}/rtc?access_token={token('ada')}"):
        sfu.gauge.cpu_share = 0.94
        async with session.get(f"{url}/rtc/validate?access_token={token('bob', room='new')}") as response:
            assert response.status == 503
            assert response.headers["Access-Control-Allow-Origin"] == "*"
            assert "94 % of a core" in (words := await response.text())
            assert "LiveKit" in words
        async with session.get(f"{url}/rtc/validate?access_token={token('bob')}") as response:
            assert response.status == 200
        sfu.gauge.cpu_share = 0.99
        async with session.get(f"{url}/rtc/validate?access_token={token('bob')}") as response:
            assert response.status == 503


# --- protocol v1 ---------------------------------------------------------------------------------------------------
def v1(identity: str, request: rtc.JoinRequest | None = None) -> str:
    """Where a client of protocol v1 joins."""
    request = request or rtc.JoinRequest(connection_settings=rtc.ConnectionSettings(auto_subscribe=True))
    wrap = rtc.WrappedJoinRequest(join_request=request.SerializeToString())
    text = base64.urlsafe_b64encode(wrap.SerializeToString()).decode()
    return f"/rtc/v1?access_token={token(identity)}&join_request={text}"


def slots_offer(*kinds: str) -> rtc.SessionDescription:
    """An offer of sections to receive in."""
    sections = [MediaSection(kind, str(index), direction="recvonly") for index, kind in enumerate(kinds)]
    for section in sections:
        section.codecs = codecs.parameters_for("opus" if section.kind == "audio" else "VP8")
        section.ice_ufrag, section.ice_pwd, section.setup = "ufrag", "p" * 24, "actpass"
        section.fingerprints = [sdp.Fingerprint("sha-256", ":".join(["00"] * 32))]
    bundle = [section.mid for section in sections]
    return rtc.SessionDescription(type="offer", sdp=str(sdp.SessionDescription(sections, bundle=bundle)), id=1)


async def test_v1_answers_the_offer_in_the_join_and_asks_for_slots(url: str, session: aiohttp.ClientSession) -> None:
    """Join, answer with what there was a slot for, and how many more are needed; each offer is answered with mids."""
    async with session.ws_connect(f"{url}/rtc?access_token={token('ada')}") as socket:
        ada = Client(socket)
        await ada.until("join")
        for cid in ("one", "two"):
            await ada.send(add_track=rtc.AddTrackRequest(cid=cid, type=models.TrackType.VIDEO))
        offer = sdp.parse(slots_offer("video", "video").sdp)
        for section, cid in zip(offer.media, ("one", "two"), strict=True):
            section.direction, section.msid = "sendonly", f"s {cid}"
        await ada.send(offer=rtc.SessionDescription(type="offer", sdp=str(offer)))
        await ada.until("answer")
        request = rtc.JoinRequest(publisher_offer=slots_offer("audio", "video"))
        request.connection_settings.auto_subscribe = True
        async with session.ws_connect(url + v1("bob", request)) as other:
            bob = Client(other)
            assert not (await bob.until("join")).subscriber_primary
            answer = await bob.until("answer")
            assert list(answer.mid_to_track_id) == ["1"]
            first, second = sdp.parse(answer.sdp).media
            assert (first.direction, second.direction) == ("inactive", "sendonly")
            assert second.msid is not None
            assert answer.mid_to_track_id["1"] in second.msid
            needed = await bob.until("media_sections_requirement")
            assert (needed.num_audios, needed.num_videos) == (0, 1)
            await bob.send(offer=slots_offer("audio", "video", "video"))
            assert sorted((await bob.until("answer")).mid_to_track_id) == ["1", "2"]
            await ada.send(leave=rtc.LeaveRequest())
            needed = await bob.until("media_sections_requirement")
            assert (needed.num_audios, needed.num_videos) == (0, 0)
            await bob.send(offer=slots_offer("audio", "video", "video"))
            answer = await bob.until("answer")
            assert [section.port for section in sdp.parse(answer.sdp).media] == [9, 0, 0]


@pytest.mark.parametrize("path", ["/rtc/v1", "/rtc/v1/validate"])
async def test_v1_refuses_as_v0_does(path: str, url: str, session: aiohttp.ClientSession) -> None:
    """A bad token, and a join request that cannot be read, are told with CORS headers."""
    async with session.get(f"{url}{path}?access_token=bad") as response:
        assert response.status == 401
        assert response.headers["Access-Control-Allow-Origin"] == "*"
    async with session.get(f"{url}{path}?access_token={token()}&join_request=!!!") as response:
        assert response.status == 400
        assert "join_request" in await response.text()


async def test_v1_validates_what_is_no_request_as_well(url: str, session: aiohttp.ClientSession) -> None:
    """Who only asks whether the token holds sends no request along."""
    async with session.get(f"{url}/rtc/v1/validate?access_token={token()}") as response:
        assert (response.status, await response.text()) == (200, "success")


async def test_v1_waits_only_so_long_for_an_offer(url: str, session: aiohttp.ClientSession, sfu: Sfu) -> None:
    """Who is asked for sections and never offers any connects anew."""
    async with session.ws_connect(url + v1("bob")) as socket:
        bob = Client(socket)
        await bob.until("join")
        await bob.send(offer=slots_offer("audio"))
        await bob.until("answer")
        (participant,) = sfu.rooms.participants()
        participant.subscriber._limits = evolve(LIMITS, answer_timeout_s=0.05)
        participant.subscriber.negotiate()
        await bob.until("media_sections_requirement")
        assert (await bob.until("leave")).action == rtc.LeaveRequest.Action.RECONNECT
