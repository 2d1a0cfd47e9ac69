"""Who comes back to the server after its signalling broke: goes on where it was, or hears how it stands."""

from __future__ import annotations

import time

import jwt
import pytest
from livekit.protocol import models, rtc

from jackfield.rtc import sdp
from jackfield.server.sfu import Limits
from jackfield.server.sfu.resume import Absence
from jackfield.server.sfu.tokens import Verifier
from jackfield.testing.timers import ManualTimers
from tests.peers.bare import BarePeer, until
from tests.test_sfu_bare_peers import SECRET, House, flow, house, token

__all__ = ["house"]
Reason, Action = models.DisconnectReason, rtc.LeaveRequest.Action


async def connected(peer: BarePeer) -> str:
    """Its sid, once it takes part."""
    await until(lambda: peer.subscriber.transport.state == "connected" and peer.heard("update"))
    sid: str = peer.heard("join")[0].participant.sid
    return sid


async def test_media_goes_on_and_whoever_comes_back_is_told_all(house: House) -> None:
    """A broken WebSocket is heard of by nobody; with the next one come the answer, how everybody stands, who went
    meanwhile, a fresh token, and an offer with new ICE credentials."""
    async with house.peer("ada") as ada, house.peer("bob") as bob, house.peer("eve") as eve:
        sid = await connected(ada)
        await ada.publish("video")
        await flow(ada, bob)
        before = ada.heard("offer")[-1].sdp
        told = len(bob.responses)
        await ada.break_signalling()
        await flow(ada, bob)
        await eve.ask(leave=rtc.LeaveRequest())
        await until(lambda: bob.heard("update")[-1].participants[0].state == models.ParticipantInfo.State.DISCONNECTED)
        await ada.resume(sid)
        await until(lambda: ada.heard("offer"))
        kinds = [response.WhichOneof("message") for response in ada.responses]
        assert kinds[:4] == ["reconnect", "update", "room_update", "refresh_token"]
        people = {info.identity: info for info in ada.heard("update")[0].participants}
        assert {uid: info.state for uid, info in people.items() if uid != "bob"} == {
            "ada": models.ParticipantInfo.State.ACTIVE,
            "eve": models.ParticipantInfo.State.DISCONNECTED,
        }
        assert [track.sid for track in people["ada"].tracks] == [ada.heard("update")[0].participants[1].tracks[0].sid]
        ufrags = {sdp.parse(text).media[0].ice_ufrag for text in (before, ada.heard("offer")[0].sdp)}
        assert len(ufrags) == 2
        await flow(ada, bob)
        about_ada = [info for update in bob.heard("update") for info in update.participants if info.identity == "ada"]
        assert {info.sid for info in about_ada} == {sid}
        assert not any(response.HasField("update") for response in bob.responses[told:] if "ada" in str(response))


async def test_a_second_connection_takes_the_place_of_one_that_hangs(house: House) -> None:
    """The first is cut, and its end is nobody's."""
    async with house.peer("ada") as ada, house.peer("bob") as bob:
        sid = await connected(ada)
        (first,) = [each.socket for each in house.sfu.rooms.participants() if each.identity == "ada"]
        await ada.resume(sid)
        await until(lambda: ada.heard("reconnect") and first.closed)
        await ada.ask(ping=1)
        await until(lambda: ada.heard("pong"))
        assert house.sfu.participant_count == 2
        await connected(bob)


@pytest.mark.parametrize("how", ["removed", "replaced", "deleted", "forgotten"])
async def test_who_has_gone_meanwhile_is_told_why(house: House, how: str) -> None:
    """Removed, replaced, or the room deleted: it is over. Else it is to connect anew."""
    ada = house.peer("ada")
    async with ada:
        sid = await connected(ada)
        await ada.break_signalling()
        room = house.sfu.rooms.get("room")
        assert room
        await until(lambda: room.participants["ada"]._absence.is_on)
        match how:
            case "removed":
                room.participants["ada"].end(Reason.PARTICIPANT_REMOVED)
            case "replaced":
                async with house.peer("ada") as other:
                    await connected(other)
            case "deleted":
                house.sfu.rooms.close(room)
            case "forgotten":
                sid = "PA_of_another_server"
        await ada.resume(sid)
        await until(lambda: ada.left)
        assert ada.left
        expected = {
            "removed": (Reason.PARTICIPANT_REMOVED, Action.DISCONNECT),
            "replaced": (Reason.DUPLICATE_IDENTITY, Action.DISCONNECT),
            "deleted": (Reason.ROOM_DELETED, Action.DISCONNECT),
            "forgotten": (Reason.STATE_MISMATCH, Action.RECONNECT),
        }
        assert (ada.left.reason, ada.left.action) == expected[how]


async def test_who_takes_leave_of_its_connection_is_not_waited_for(house: House) -> None:
    """A client that closes WebSocket and DTLS without a word has left."""
    async with house.peer("bob") as bob:
        async with house.peer("ada") as ada:
            await connected(ada)
        await until(lambda: house.sfu.participant_count == 1)
        assert bob.left is None


async def test_a_client_that_publishes_what_is_not_known_connects_anew(house: House) -> None:
    """Its `sync_state` names a track of which we know nothing."""
    async with house.peer("ada") as ada:
        sid = await connected(ada)
        await ada.break_signalling()
        await ada.resume(sid)
        strange = rtc.TrackPublishedResponse(cid="x", track=models.TrackInfo(sid="TR_strange"))
        await ada.ask(sync_state=rtc.SyncState(publish_tracks=[strange]))
        await until(lambda: ada.left)
        assert ada.left
        assert ada.left.action == Action.RECONNECT


async def test_nobody_new_comes_in_by_a_refused_token(house: House) -> None:
    """A resume needs a token as a join does."""
    async with house.peer("ada") as ada:
        sid = await connected(ada)
        async with house.session.get(f"{house.url}/rtc?access_token=garbage&reconnect=1&sid={sid}") as answer:
            assert answer.status == 401
        async with house.peer("bob") as bob:
            await connected(bob)
            query = f"access_token={token('bob')}&reconnect=1&sid={sid}"
            async with house.session.ws_connect(f"{house.url}/rtc?{query}") as stolen:
                leave = rtc.SignalResponse.FromString((await stolen.receive(5)).data).leave
                assert leave.action == Action.RECONNECT


def test_an_absence_ends_when_nothing_is_heard_any_more() -> None:
    """After the shorter time without a sign, and after the longer one in any case."""
    for media_for_s, over_after_s in ((0, 12), (20, 32), (1000, 60)):
        timers, over = ManualTimers(), list[float]()
        begun = timers.now_ns()

        def heard_ns(media_for_s: float = media_for_s, timers: ManualTimers = timers, begun: int = begun) -> int:
            return min(timers.now_ns(), begun + media_for_s * 1_000_000_000)

        def ended(over: list[float] = over, timers: ManualTimers = timers, begun: int = begun) -> None:
            over.append((timers.now_ns() - begun) / 1e9)

        absence = Absence(timers, Limits(), heard_ns, ended)
        absence.begin()
        timers.advance(100)
        assert over == [pytest.approx(over_after_s, abs=1)]
        assert not absence.is_on
        assert timers.pending == 0


async def test_a_token_is_made_anew_before_it_expires(house: House) -> None:
    """At the join: with the same grants, for the same person, and what was forbidden since then left out."""
    async with house.peer("ada", roomAdmin=True, canPublishSources=["camera"]) as ada:
        await until(lambda: ada.heard("refresh_token"))
        (renewed,) = ada.heard("refresh_token")
        verifier = Verifier({"key": SECRET})
        before, after = (
            verifier.verify(token("ada", roomAdmin=True, canPublishSources=["camera"])),
            verifier.verify(renewed),
        )
        assert (after, after.claims["video"]["roomAdmin"]) == (before, True)
        (participant,) = house.sfu.rooms.participants()
        forbidden = models.ParticipantPermission(can_subscribe=True)
        later = verifier.verify(verifier.renew(participant.grants, forbidden, 600))
        assert (later.permission, later.room_admin) == (forbidden, True)
        nothing = models.ParticipantPermission(can_publish=True, can_publish_sources=[models.TrackSource.UNKNOWN])
        assert not verifier.verify(verifier.renew(participant.grants, nothing, 600)).permission.can_publish
    soon = jwt.encode({"iss": "key", "sub": "x", "exp": time.time() + 5, "video": {}}, SECRET, algorithm="HS256")
    grants = verifier.verify(soon)
    again = verifier.verify(verifier.renew(grants, grants.permission, 600))
    assert again.expires_at == pytest.approx(time.time() + 600, abs=5)
