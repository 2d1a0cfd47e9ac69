"""Jackfield participants on a real LiveKit server: the same code, another URL and another pair of keys."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from jackfield import CallError, Calls, Place, VideoSource, tokens
from jackfield.rtc import rtp
from jackfield.rtc.aioice_shim import IceAgent
from tests.lab.livekit import LiveKit
from tests.lab.netns import Network
from tests.peers.people import LOOKS, Ours, Person, company, met, turned_off_and_on, until

pytestmark = [pytest.mark.own_network, pytest.mark.needs("livekit-server")]

QUIET = {"camera": "none", "microphone": "none", "speaker": "none"}
LIMIT_S = 15.0


@pytest.mark.parametrize("codec", ["VP8", "H264"])
async def test_ours_meet(livekit_server: LiveKit, codec: str) -> None:
    """Three of ours, by session id: pictures and tones of every pair, in the codec that was asked for."""
    async with company(livekit_server, f"ours-{codec}") as people:
        everyone = [people.ours(look) for look in LOOKS[:3]]
        await people.enter(*everyone, codec=codec)
        await met(*everyone)
        tracks = everyone[0].session.stats()["tracks"]
        assert [track["codec"] for track in tracks if track["kind"] == "video"] == [codec] * 2


async def test_the_server_hears_what_we_can_take(livekit_server: LiveKit) -> None:
    """It takes no arrivals of ours, and offers REMB alone: our estimate is told, and its pictures go on coming."""
    async with company(livekit_server, "remb") as people:
        one, other = people.ours(LOOKS[0]), people.ours(LOOKS[1])
        await people.enter(one, other, codec="VP8")
        await met(one, other)
        for person in (one, other):
            pair = person.session.stats()["connection"]["subscriber"]["selectedCandidatePair"]
            assert pair is not None
            assert (pair["availableIncomingBitrate"] or 0) > 1_000_000


@pytest.mark.parametrize("codec", ["VP8", "H264", "VP9", "AV1"])
async def test_ours_and_theirs_meet(livekit_server: LiveKit, network: Network, codec: str) -> None:
    """Ours and the official SDK's see and hear each other."""
    async with company(livekit_server, f"theirs-{codec}", network) as people:
        everyone = people.ours(LOOKS[0]), people.ours(LOOKS[1]), people.official(LOOKS[2])
        await people.enter(*everyone, codec=codec)
        await met(*everyone)


async def test_what_one_turns_off_is_off_for_the_other(livekit_server: LiveKit, network: Network) -> None:
    """Both are told, nothing comes meanwhile, and afterwards it goes on: whoever it is that mutes."""
    async with company(livekit_server, "mute", network) as people:
        ours, theirs = people.ours(LOOKS[0]), people.official(LOOKS[1])
        await people.enter(ours, theirs)
        await met(ours, theirs)
        await turned_off_and_on(ours, theirs)


async def test_after_others_come_and_go_pictures_are_the_right_persons(
    livekit_server: LiveKit, network: Network
) -> None:
    """Three rounds of leaving and coming: the server gives their m-lines to others, and nobody appears as another."""
    async with company(livekit_server, "rounds", network) as people:
        stays, second = people.ours(LOOKS[0]), people.ours(LOOKS[1])
        await people.enter(stays, second)
        lines = []
        for codec, *looks in (("VP8", 2, 5), ("H264", 3, 4), ("VP8", 4, 3)):
            guests: list[Person] = [people.ours(LOOKS[looks[0]]), people.official(LOOKS[looks[1]])]
            await people.enter(*guests, codec=codec)
            await met(stays, second, *guests)
            lines.append(sorted(int(receiver.mid) for receiver in receivers(stays)))
            for guest in guests:
                await people.leave(guest)
            await until(stays, lambda report: told(report, "participant_left") == 2 and len(receivers(stays)) == 2)
            for person in (stays, second):
                person.events.clear()
                person.seen.clear()
        assert lines[2] == lines[1] == lines[0], "the server used the m-lines of those who had left"


def receivers(person: Ours) -> Any:
    return person.session._connection.subscriber.receivers


def told(report: dict[str, Any], name: str) -> int:
    return sum(event[0] == name for event in report["events"])


async def test_messages_go_both_ways(livekit_server: LiveKit, network: Network) -> None:
    """Reliable and lossy, with topics, to all and to one."""
    async with company(livekit_server, "data", network) as people:
        ours, theirs = people.ours(LOOKS[0]), people.official(LOOKS[1])
        for person in people.people:
            await person.join(livekit_server, "data")
        for person, other in ((ours, "p1"), (theirs, "p0")):
            await person.send("reliable", topic="chat")
            await person.send("lossy", reliable=False, topic="pose")
            await person.send("to one", to=[other])
        for person, other in ((ours, "p1"), (theirs, "p0")):
            report = await until(person, lambda report: len(report["data"]) >= 3)
            assert {(each["text"], each["from"], each["topic"], each["kind"]) for each in report["data"]} == {
                ("reliable", other, "chat", 1),
                ("lossy", other, "pose", 0),
                ("to one", other, "", 1),
            }


async def test_attributes_and_names_are_told(livekit_server: LiveKit) -> None:
    """Changes are confirmed by the server and seen by others."""
    async with company(livekit_server, "names") as people:
        ada, bob = people.ours(LOOKS[0]), people.ours(LOOKS[1])
        for person in (ada, bob):
            await person.join(livekit_server, "names")
        await ada.session.set_attributes({"mood": "fine"})
        await ada.session.set_name("Ada")
        seen = bob.session.participants["p0"]
        await held(lambda: (seen.name, seen.attributes.get("mood")) == ("Ada", "fine"))


async def held(condition: Callable[[], Any]) -> None:
    """It comes true within the limit."""
    async with asyncio.timeout(LIMIT_S):
        while not condition():
            await asyncio.sleep(0.02)


async def test_a_moderator_mutes_removes_and_ends(livekit_server: LiveKit, network: Network) -> None:
    """Each reaches whom it concerns, ours and theirs, with its reason."""
    async with company(livekit_server, "moderated", network) as people:
        ada, bob, eve = (people.ours(look) for look in LOOKS[:3])
        theirs = people.official(LOOKS[3])
        await people.enter(ada)
        for person in (bob, eve):
            await person.join(livekit_server, "moderated", role="participant")
        await bob.publish()
        await people.enter(theirs)
        await met(ada, theirs)
        with pytest.raises(CallError, match="moderator") as caught:
            await bob.session.end_for_all()
        assert caught.value.code == "ERROR_PERMISSION"
        await held(lambda: not ada.session.participants["p1"].audio_muted)
        await ada.session.mute_participant("p1")
        await until(bob, lambda report: ["audio_muted"] in report["events"])
        assert bob.session.is_audio_muted
        await ada.session.pause_participant_video("p3")
        await until(ada, lambda report: ["participant_video_paused", "p3"] in report["events"])
        await ada.session.remove_participant("p1")
        assert await asyncio.wait_for(bob.session.until_left(), LIMIT_S) == "removed"
        await until(ada, lambda report: ["participant_left", "p1"] in report["events"])
        await ada.session.remove_participant("p3")
        await until(theirs, lambda report: ["disconnected", "4"] in report["events"])
        await ada.session.end_for_all()
        for person in (ada, eve):
            assert await asyncio.wait_for(person.session.until_left(), LIMIT_S) == "ended"
            assert ["session_left", "ended"] in (await person.report())["events"]


async def test_the_same_uid_replaces_its_earlier_self(livekit_server: LiveKit) -> None:
    """The first is told so."""
    async with company(livekit_server, "twice") as people:
        first, second = people.ours(LOOKS[0]), people.ours(LOOKS[0])
        await first.join(livekit_server, "twice")
        await second.join(livekit_server, "twice")
        assert await asyncio.wait_for(first.session.until_left(), LIMIT_S) == "replaced"
        assert second.session.is_active


async def test_who_may_not_join_is_told_why(livekit_server: LiveKit) -> None:
    """Another key, another secret, an expired token, garbage, another room's: the error of the table, and no secret."""
    here = livekit_server
    good = {"uid": "ada", "name": "", "session_id": "room"}
    other_key = tokens.mint_call_token("APIother", here.secret, **good)
    other_secret = tokens.mint_call_token(here.key, "another-secret-of-thirty-two-letters", **good)
    expired = tokens.mint_call_token(here.key, here.secret, **good, ttl_s=60, clock=lambda: time.time() - 3600)
    for wrong in (other_key, other_secret, expired, "garbage"):
        async with Calls(Place(here.url), remember=False) as calls:
            with pytest.raises(CallError) as caught:
                await calls.join_session(call_token=wrong, settings=QUIET)
            assert caught.value.code == "ERROR_CALL_TOKEN", caught.value
            assert here.secret not in str(caught.value)
    async with Calls(Place(here.url, here.key, "another-secret-of-thirty-two-letters"), remember=False) as calls:
        await calls.login("ada")
        with pytest.raises(CallError) as caught:
            await calls.join_session(session_id="room", settings=QUIET)
        assert caught.value.code == "ERROR_CALL_TOKEN"


async def test_bitrates_are_those_that_were_asked_for(livekit_server: LiveKit) -> None:
    """The server says by transport-wide feedback what arrived: on a path that carries it, the whole bitrate is used."""
    async with company(livekit_server, "bitrate") as people:
        ada, bob = people.ours(LOOKS[0]), people.ours(LOOKS[1])
        await ada.join(livekit_server, "bitrate", bitrate_bps=1_500_000)
        await bob.join(livekit_server, "bitrate")
        source = VideoSource(640, 360, 25)
        publication = await ada.session.publish(source)
        noise = np.random.default_rng(1).integers(16, 235, (8, 540, 640), np.uint8)
        marks: list[tuple[float, int]] = []
        for count in range(125):
            source.push(noise[count % 8], format="yuv420p")
            await asyncio.sleep(0.04)
            if count in (49, 124):  # from two seconds on, for three
                (track,) = bob.session.stats()["tracks"]
                marks.append((time.monotonic(), track["bytesReceived"]))
        (began, before), (ended, after) = marks
        bitrate, sent = 8 * (after - before) / (ended - began), publication.stats()
        assert 1_200_000 < bitrate < 1_800_000
        assert sent["targetBitrate"] == 1_500_000
        assert sent["fractionLost"] < 0.05


@pytest.fixture
def loss(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """One in twelve RTP packets of our clients is lost, both ways; what was lost is counted."""
    lost = {"sent": 0, "received": 0}
    chance = random.Random(7)
    send, receive = IceAgent.send, IceAgent._received

    def falls(data: bytes) -> bool:
        return 128 <= data[0] < 192 and not rtp.is_rtcp(data) and chance.random() < 1 / 12

    def lossy_send(agent: IceAgent, data: bytes) -> None:
        if falls(data):
            lost["sent"] += 1
        else:
            send(agent, data)

    def lossy_send_all(agent: IceAgent, datagrams: Sequence[bytes]) -> None:
        for data in datagrams:
            lossy_send(agent, data)

    def lossy_receive(agent: IceAgent, data: bytes) -> None:
        if falls(data):
            lost["received"] += 1
        else:
            receive(agent, data)

    monkeypatch.setattr(IceAgent, "send", lossy_send)
    monkeypatch.setattr(IceAgent, "send_all", lossy_send_all)
    monkeypatch.setattr(IceAgent, "_received", lossy_receive)
    return lost


@pytest.mark.parametrize("codec", ["VP8", "H264"])
async def test_what_is_lost_is_repaired(livekit_server: LiveKit, loss: dict[str, int], codec: str) -> None:
    """With 8 % of the packets lost each way, almost every picture comes, in order, and no gap is long."""
    async with company(livekit_server, f"loss-{codec}") as people:
        ada, bob = people.ours(LOOKS[0]), people.ours(LOOKS[1])
        await people.enter(ada, bob, codec=codec)
        await met(ada, bob)
        await asyncio.gather(ada.forget(), bob.forget())
        await met(ada, bob, frames=60)
        assert min(loss.values()) > 20, loss
        for person, other in ((ada, "p1"), (bob, "p0")):
            (track,) = [each for each in person.session.stats()["tracks"] if each["kind"] == "video"]
            sent = next(each for each in person.session.stats()["publications"] if each["kind"] == "video")
            seen = (await person.report())["seen"][other]
            assert track["packetsRecovered"] > 0
            assert sent["retransmittedPacketsSent"] > 0
            assert seen["gap_ms"] < 1500  # a repair and then a keyframe may be lost as well


@pytest.mark.needs("redis-server")
async def test_two_nodes_are_one_place(livekit_cluster: tuple[LiveKit, LiveKit], network: Network) -> None:
    """Who joins through one node meets who joins through the other."""
    first, second = livekit_cluster
    async with company(first, "cluster", network) as people:
        ada, bob, theirs = people.ours(LOOKS[0]), people.ours(LOOKS[1]), people.official(LOOKS[2])
        await ada.join(first, "cluster")
        await bob.join(second, "cluster")
        await theirs.join(second, "cluster")
        for person in people.people:
            await person.publish()
        await met(ada, bob, theirs)
        await ada.send("across")
        await until(bob, lambda report: report["data"])
        await until(theirs, lambda report: report["data"])
