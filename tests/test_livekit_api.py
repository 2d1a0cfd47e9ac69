"""`livekit-api`, LiveKit's client of its server API, against `jackfield serve`; and against LiveKit's own server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from livekit import api

from tests.peers.people import LOOKS, Ours, Server, company, until

LIMIT_S = 15.0


@pytest.fixture(
    params=["jackfield_server", pytest.param("livekit_server", marks=pytest.mark.needs("livekit-server"))],
    ids=["jackfield", "livekit"],
)
def server(request: pytest.FixtureRequest) -> Any:
    """The embedded server, or a real LiveKit server."""
    return request.getfixturevalue(request.param)


@pytest.fixture
async def admin(server: Any) -> AsyncIterator[api.LiveKitAPI]:
    """Its API, for who has its key and secret."""
    async with api.LiveKitAPI(server.http_url, server.key, server.secret) as client:
        yield client


async def seen(ask: Callable[[], Awaitable[Any]], holds: Callable[[Any], Any]) -> Any:
    """The first answer that ``holds``."""
    async with asyncio.timeout(LIMIT_S):
        while not holds(answer := await ask()):
            await asyncio.sleep(0.05)
        return answer


async def two(people: Any, server: Server) -> tuple[Ours, Ours]:
    """Two of ours, of whom the first sends a picture and a tone."""
    ada, bob = people.ours(LOOKS[0]), people.ours(LOOKS[1])
    await people.enter(ada)
    await bob.join(server, people.room)
    await until(bob, lambda report: ["participant_joined", "p0"] in report["events"])
    return ada, bob


async def test_rooms_and_their_people_are_listed(server: Any, admin: api.LiveKitAPI) -> None:
    """Made, listed with their people and tracks, described, and gone when they are deleted."""
    made = await admin.room.create_room(api.CreateRoomRequest(name="listed", metadata="first", empty_timeout=60))
    assert (made.name, made.metadata, made.num_participants) == ("listed", "first", 0)
    async with company(server, "listed") as people:
        ada, bob = await two(people, server)
        listed = api.ListParticipantsRequest(room="listed")

        def whole(answer: api.ListParticipantsResponse) -> bool:
            active = [each for each in answer.participants if each.state == api.ParticipantInfo.State.ACTIVE]
            return {each.identity: len(each.tracks) for each in active} == {"p0": 2, "p1": 0}

        await seen(lambda: admin.room.list_participants(listed), whole)
        one = await admin.room.get_participant(api.RoomParticipantIdentity(room="listed", identity="p0"))
        assert one.sid == ada.session.local.pid
        kinds = {(each.name, each.type, each.source, each.muted) for each in one.tracks}
        assert kinds == {
            ("camera", api.TrackType.VIDEO, api.TrackSource.CAMERA, False),
            ("microphone", api.TrackType.AUDIO, api.TrackSource.MICROPHONE, False),
        }
        rooms = api.ListRoomsRequest(names=["listed", "no such room"])
        found = await seen(lambda: admin.room.list_rooms(rooms), lambda a: [r.num_participants for r in a.rooms] == [2])
        assert [(room.name, room.sid) for room in found.rooms] == [("listed", made.sid)]
        await admin.room.delete_room(api.DeleteRoomRequest(room="listed"))
        for person in (ada, bob):
            assert await asyncio.wait_for(person.session.until_left(), LIMIT_S) == "ended"
    await seen(lambda: admin.room.list_rooms(rooms), lambda answer: not answer.rooms)


async def test_a_track_is_muted_and_its_publisher_may_turn_it_on_again(server: Any, admin: api.LiveKitAPI) -> None:
    """Publisher and viewer hear of it; the publisher knows that it was not they."""
    async with company(server, "muted") as people:
        ada, bob = await two(people, server)
        one = await admin.room.get_participant(api.RoomParticipantIdentity(room="muted", identity="p0"))
        for name, mine, theirs in (
            ("microphone", "audio_muted", "participant_audio_muted"),
            ("camera", "video_paused", "participant_video_paused"),
        ):
            (track,) = [each for each in one.tracks if each.name == name]
            request = api.MuteRoomTrackRequest(room="muted", identity="p0", track_sid=track.sid, muted=True)
            answer = await admin.room.mute_published_track(request)
            assert (answer.track.sid, answer.track.muted) == (track.sid, True)
            await until(ada, lambda report, event=mine: [event] in report["events"])
            await until(bob, lambda report, event=theirs: [event, "p0"] in report["events"])
        assert ada.session.is_audio_muted
        assert ada.session.is_video_paused
        await ada.mute("microphone", False)
        await until(bob, lambda report: ["participant_audio_unmuted", "p0"] in report["events"])


async def test_data_comes_from_the_server(server: Any, admin: api.LiveKitAPI) -> None:
    """To everybody or to some, reliably or not, with its topic, and from no participant."""
    async with company(server, "data") as people:
        ada, bob = await two(people, server)
        send = admin.room.send_data
        await reached(admin, ada, bob)
        await send(api.SendDataRequest(room="data", data=b"to all", kind=api.DataPacket.Kind.RELIABLE, topic="news"))
        to_bob = {"destination_identities": ["p1"], "topic": "hint"}
        await send(api.SendDataRequest(room="data", data=b"to bob", kind=api.DataPacket.Kind.LOSSY, **to_bob))
        await send(api.SendDataRequest(room="data", data=b"to all, last", kind=api.DataPacket.Kind.RELIABLE))
        to_all = [("to all", "", "news", 1), ("to all, last", "", "", 1)]
        assert await told(bob, "to all, last", "to bob") == {*to_all, ("to bob", "", "hint", 0)}
        assert await told(ada, "to all, last") == set(to_all)


async def reached(admin: api.LiveKitAPI, *people: Ours) -> None:
    """Messages reach these: a LiveKit server sends none to whoever has only just joined."""
    async with asyncio.timeout(LIMIT_S):
        while not all(person.data for person in people):
            await admin.room.send_data(api.SendDataRequest(room="data", data=b"hello?", kind=0))
            await asyncio.sleep(0.05)


async def told(person: Ours, *texts: str) -> set[tuple[str, str, str, int]]:
    """What came, once these texts have."""
    report = await until(person, lambda report: {each["text"] for each in report["data"]} >= set(texts))
    found = {(each["text"], each["from"], each["topic"], each["kind"]) for each in report["data"]}
    return found - {("hello?", "", "", 1)}


async def test_people_and_rooms_are_described(server: Any, admin: api.LiveKitAPI) -> None:
    """Name, metadata and attributes of somebody, and the room's metadata, reach everybody."""
    async with company(server, "described") as people:
        ada, bob = await two(people, server)
        change = {"name": "Ada", "metadata": "m", "attributes": {"seat": "3"}}
        answer = await admin.room.update_participant(
            api.UpdateParticipantRequest(room="described", identity="p0", **change)
        )
        assert (answer.name, answer.metadata, answer.attributes["seat"]) == ("Ada", "m", "3")
        remote = bob.session.participants["p0"]
        for person in (remote, ada.session.local):
            await until(bob, lambda _, p=person: (p.name, p.metadata, p.attributes.get("seat")) == ("Ada", "m", "3"))
        room = await admin.room.update_room_metadata(api.UpdateRoomMetadataRequest(room="described", metadata="topic"))
        assert room.metadata == "topic"
        await until(ada, lambda _: ada.session._room.metadata == "topic")


async def test_somebody_is_removed(server: Any, admin: api.LiveKitAPI) -> None:
    """They are told why, the others that they have gone, and the API does not know them any more."""
    async with company(server, "removed") as people:
        ada, bob = await two(people, server)
        who = api.RoomParticipantIdentity(room="removed", identity="p0")
        await admin.room.remove_participant(who)
        assert await asyncio.wait_for(ada.session.until_left(), LIMIT_S) == "removed"
        await until(bob, lambda report: ["participant_left", "p0"] in report["events"])
        with pytest.raises(api.TwirpError) as caught:
            await admin.room.get_participant(who)
        assert caught.value.code == api.TwirpErrorCode.NOT_FOUND


async def test_who_may_not_is_refused(server: Any) -> None:
    """Another key, another secret, and a token that only joins: refused."""
    request, own = api.ListRoomsRequest(), api.VideoGrants(room_join=True, room="refused")
    joins = api.AccessToken(server.key, server.secret).with_identity("p0").with_grants(own).to_jwt()
    for options in (
        {"api_key": "APIother", "api_secret": server.secret},
        {"api_key": server.key, "api_secret": "another-secret-of-thirty-two-letters"},
        {"token": joins},
    ):
        async with api.LiveKitAPI(server.http_url, **options) as client:
            with pytest.raises(api.TwirpError) as caught:
                await client.room.list_rooms(request)
            assert caught.value.status in (401, 403)
            assert server.secret not in str(caught.value)
