"""LiveKit's official SDK, on another host, through our SFU."""

from __future__ import annotations

import asyncio
import datetime
import gc
import os
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from livekit import api

from jackfield.server.sfu import Sfu
from jackfield.server.sfu.http import Signalling
from jackfield.server.sfu.link import IceLiteLink
from jackfield.server.sfu.outlet import RtpOutlet
from jackfield.server.sfu.single import SingleSubscriber
from jackfield.server.sfu.tokens import Refused
from jackfield.server.sfu.wishes import JoinWishes
from tests.lab.netns import Network
from tests.peers.drive import Driver, sdk_process

pytestmark = [pytest.mark.own_network, pytest.mark.timeout(180)]

KEYS = {"key": "a-secret-that-is-long-enough-for-hs256"}
LUMAS = {"c0": 40, "c1": 70, "c2": 100, "c3": 130, "c4": 160, "c5": 190}


def token(identity: str, room: str = "room", **grants: Any) -> str:
    """A token as `livekit-api` makes them."""
    video = api.VideoGrants(room_join=True, room=room, can_update_own_metadata=True, **grants)
    made = api.AccessToken("key", KEYS["key"]).with_identity(identity).with_grants(video)
    return made.with_ttl(datetime.timedelta(minutes=5)).to_jwt()


@asynccontextmanager
async def serving(host: str) -> AsyncIterator[tuple[Sfu, str]]:
    """An SFU in a bare application on this address, and its URL."""
    sfu = Sfu(keys=KEYS, host=host)
    await sfu.start()
    application = web.Application()
    application.add_routes(sfu.routes())
    runner = web.AppRunner(application, handle_signals=False)
    await runner.setup()
    site = web.TCPSite(runner, host, 0)
    await site.start()
    port = runner.addresses[0][1]
    try:
        yield sfu, f"ws://{host}:{port}"
    finally:
        await sfu.close()
        await runner.cleanup()


@asynccontextmanager
async def a_call(
    network: Network, *identities: str, sounding: int = 9, **video: Any
) -> AsyncIterator[tuple[Sfu, Driver, str]]:
    """These participants in one room, each sending a picture, and the first ``sounding`` of them a tone."""
    async with serving(network.here.address) as (sfu, url), sdk_process(network) as sdk:
        for identity in identities:
            await sdk.act(identity, "join", url=url, token=token(identity))
        for index, identity in enumerate(identities):
            await sdk.act(identity, "publish_video", luma=LUMAS[identity], **video)
            if index < sounding:
                await sdk.act(identity, "publish_audio", hz=400 + 200 * index)
        yield sfu, sdk, url


def sees(report: dict[str, Any], other: str, frames: int = 20, blocks: int = 50) -> bool:
    """Whether enough pictures of ``other``'s brightness came, and enough sound."""
    seen = report["seen"].get(other)
    return bool(seen) and seen["lumas"].get(str(LUMAS[other]), 0) >= frames and seen["loud_blocks"] >= blocks


async def everybody_sees_everybody(sdk: Driver, identities: list[str], **amounts: int) -> dict[str, dict[str, Any]]:
    """The reports in which each participant has seen and heard each other one, and nobody in another's place."""
    reports = {}
    for who in identities:
        others = [other for other in identities if other != who]
        reports[who] = await sdk.until(who, lambda report, o=others: all(sees(report, x, **amounts) for x in o))
    for report in reports.values():
        for other, seen in report["seen"].items():
            strange = {luma for luma in seen["lumas"] if abs(int(luma) - LUMAS[other]) > 10}
            assert not strange, f"pictures of {strange} in the place of {other}'s"
    return reports


@pytest.mark.parametrize("codec", ["VP8", "H264", "VP9", "AV1"])
async def test_two_participants_exchange_video_and_audio(network: Network, codec: str) -> None:
    """Pictures and tones arrive both ways, at the pitch and brightness they were sent with."""
    async with a_call(network, "c0", "c1", codec=codec) as (sfu, sdk, _):
        reports = await everybody_sees_everybody(sdk, ["c0", "c1"])
        assert abs(reports["c0"]["seen"]["c1"]["hz"] - 600) < 60
        assert abs(reports["c1"]["seen"]["c0"]["hz"] - 400) < 60
        load = sfu.metrics()
        assert (load.participants, load.tracks, load.subscriptions, load.sockets) == (2, 4, 4, 1)
        assert load.totals["packets_sent"] > 100
        assert load.forwarding.count > 100
        assert load.totals["packets_received"] > 100
        assert all(isinstance(one.subscriber, SingleSubscriber) for one in sfu.rooms.participants())


async def test_a_client_of_protocol_v0_meets_one_of_v1(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever was refused v1 goes on with v0, two connections and our offers; both see each other."""
    async with a_call(network, "c0") as (sfu, sdk, url):
        ask = Signalling._wishes

        def only_v0(signalling: Signalling, request: web.Request) -> JoinWishes:
            if request.path.startswith("/rtc/v1"):
                raise Refused("no", 404)
            return ask(signalling, request)

        monkeypatch.setattr(Signalling, "_wishes", only_v0)
        await sdk.act("c1", "join", url=url, token=token("c1"))
        await sdk.act("c1", "publish_video", luma=LUMAS["c1"])
        await sdk.act("c1", "publish_audio", hz=600)
        await everybody_sees_everybody(sdk, ["c0", "c1"])
        kinds = {one.identity: isinstance(one.subscriber, SingleSubscriber) for one in sfu.rooms.participants()}
        assert kinds == {"c0": True, "c1": False}


async def test_data_goes_both_ways_and_to_whom_it_is_for(network: Network) -> None:
    """Reliable and lossy packets carry their sender and topic; one with destinations reaches nobody else."""
    async with a_call(network, "c0", "c1", "c2") as (_, sdk, _):
        await everybody_sees_everybody(sdk, ["c0", "c1", "c2"], frames=1, blocks=1)
        await sdk.act("c0", "publish_data", text="to all", topic="chat")
        await sdk.act("c1", "publish_data", text="lossy", reliable=False)
        await sdk.act("c2", "publish_data", text="to c0", to=["c0"])
        c0 = await sdk.until("c0", lambda report: len(report["data"]) == 2)
        assert {(d["text"], d["from"], d["kind"]) for d in c0["data"]} == {("lossy", "c1", 0), ("to c0", "c2", 1)}
        c1 = await sdk.until("c1", lambda report: len(report["data"]) == 1)
        assert c1["data"] == [{"text": "to all", "from": "c0", "topic": "chat", "kind": 1}]
        c2 = await sdk.until("c2", lambda report: len(report["data"]) == 2)
        assert {d["text"] for d in c2["data"]} == {"to all", "lossy"}


async def test_simulcast_reaches_its_top_layer_and_switches(network: Network) -> None:
    """A 720p simulcast publisher's top layer flows within seconds, and a smaller one when that is asked for."""
    video = {"width": 1280, "height": 720, "fps": 20, "simulcast": True, "bitrate": 1_700_000}
    async with a_call(network, "c0", **video) as (sfu, sdk, url):
        await sdk.act("c1", "join", url=url, token=token("c1"))
        first = await sdk.until("c1", lambda report: "1280x720" in report["seen"].get("c0", {}).get("sizes", {}), 8)
        assert first["seen"]["c0"]["frames"] > 0
        (down,) = [d for p in sfu.rooms.participants() for d in p.subscriber.downs.values() if d.track.is_video]
        assert down.track.rids == ("q", "h", "f")
        for wanted, size in ((0, "320x180"), (1, "640x360"), (2, "1280x720")):
            await sdk.act("c1", "forget")
            down.want(wanted, disabled=False)
            await sdk.until("c1", lambda report, s=size: report["seen"]["c0"]["sizes"].get(s, 0) > 10, 8)
        report = await sdk.act("c1", "report")
        assert report["seen"]["c0"]["gap_ms"] < 1500


#: What a layer below the top of 1280x720 looks like.
SMALLER = ("320x180", "640x360")


class Narrow:
    """A path of so many bits a second to one peer: what is beyond is lost."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, bps: float) -> None:
        self.bps, self.link, self._left, self._at = bps, None, 0.0, time.monotonic()
        send = RtpOutlet.send

        def through(outlet: RtpOutlet, header: bytes, body: bytes) -> None:
            if outlet._link is not self.link or self._fits(8 * (len(header) + len(body))):
                send(outlet, header, body)

        monkeypatch.setattr(RtpOutlet, "send", through)

    def _fits(self, bits: int) -> bool:
        now = time.monotonic()
        self._left, self._at = min(self._left + (now - self._at) * self.bps, self.bps / 5), now
        if self._left < bits:
            return False
        self._left -= bits
        return True


async def test_a_narrow_path_gets_smaller_pictures_and_slows_nobody(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A subscriber behind 100 kbit/s is sent a lower layer of what another goes on getting whole."""
    narrow = Narrow(monkeypatch, 100_000)
    video = {"width": 1280, "height": 720, "fps": 20, "simulcast": True, "bitrate": 1_700_000}
    async with a_call(network, "c0", **video) as (sfu, sdk, url):
        for who in ("c1", "c2"):
            await sdk.act(who, "join", url=url, token=token(who))
            await sdk.until(who, lambda report: "1280x720" in report["seen"].get("c0", {}).get("sizes", {}), 15)
        narrow.link = sfu.rooms.get("room").participants["c1"].subscriber.link
        await sdk.until("c1", lambda report: sum(report["seen"]["c0"]["sizes"].get(s, 0) for s in SMALLER) > 10, 20)
        await sdk.act("c2", "forget")
        await sdk.until("c2", lambda report: report["seen"]["c0"]["sizes"].get("1280x720", 0) > 60, 20)
        assert (await sdk.act("c2", "report"))["seen"]["c0"]["gap_ms"] < 1500


async def test_three_and_then_a_late_joiner(network: Network) -> None:
    """Three see and hear each other; who comes later sees all three."""
    async with a_call(network, "c0", "c1", "c2", fps=10) as (_, sdk, url):
        await everybody_sees_everybody(sdk, ["c0", "c1", "c2"])
        await sdk.act("c3", "join", url=url, token=token("c3"))
        report = await sdk.until("c3", lambda report: all(sees(report, other) for other in ("c0", "c1", "c2")))
        assert max(seen["first_ms"] for seen in report["seen"].values()) < 3000


async def test_six_at_once_over_one_socket(network: Network) -> None:
    """All thirty pairs flow through one UDP socket. Two sound: the official SDK's Python takes a core for more."""
    identities = [f"c{n}" for n in range(6)]
    async with a_call(network, *identities, sounding=2, fps=5, height=90, width=160) as (sfu, sdk, _):
        await everybody_sees_everybody(sdk, identities, frames=5, blocks=0)
        load = sfu.metrics()
        assert (load.participants, load.tracks, load.subscriptions, load.sockets) == (6, 8, 40, 1)
        udp = Path("/proc/net/udp").read_text().splitlines()[1:]
        assert sum(f":{sfu.udp_port:04X} " in line for line in udp) == 1


async def test_mute_and_unmute(network: Network) -> None:
    """A muted camera sends nothing and others hear of it; unmuted, its pictures go on with no break in decoding."""
    async with a_call(network, "c0", "c1") as (_, sdk, _):
        await everybody_sees_everybody(sdk, ["c0", "c1"], frames=5)
        await sdk.act("c0", "mute", name="camera", muted=True)
        await sdk.until("c1", lambda report: ["track_muted", "c0", "camera"] in report["events"])
        await asyncio.sleep(0.5)
        await sdk.act("c1", "forget")
        await asyncio.sleep(0.5)
        assert (await sdk.act("c1", "report"))["seen"]["c0"]["frames"] == 0
        await sdk.act("c0", "mute", name="camera", muted=False)
        await sdk.until("c1", lambda report: sees(report, "c0", blocks=0))


async def test_a_publication_ends_and_another_begins(network: Network) -> None:
    """Unpublishing is told and silent at once; a new publication by the same participant is seen."""
    async with a_call(network, "c0", "c1") as (sfu, sdk, _):
        await everybody_sees_everybody(sdk, ["c0", "c1"], frames=5)
        unpublished = ["track_unpublished", "c0", "camera"]
        for count in range(3):
            video = next(p for p in sfu.rooms.get("room").participants["c0"].publications.values() if p.kind == "video")
            await sdk.act("c0", "unpublish", sid=video.sid)
            await sdk.until("c1", lambda report, n=count + 1: report["events"].count(unpublished) == n)
            await sdk.act("c1", "forget")
            await sdk.act("c0", "publish_video", luma=LUMAS["c0"])
            await sdk.until("c1", lambda report: sees(report, "c0"))


def _gone(times: int, who: str, report: dict[str, Any]) -> bool:
    """Whether they have gone so many times; who speaks may be told after it."""
    found: list[list[str]] = report["events"]
    return found.count(["participant_disconnected", who]) == times


async def test_one_after_another_takes_no_place_in_anothers_picture(network: Network) -> None:
    """Who takes the place of somebody who left is never seen in that person's stream, and the offer does not grow."""
    async with a_call(network, "c0", "c1") as (sfu, sdk, url):
        await everybody_sees_everybody(sdk, ["c0", "c1"], frames=5)
        for turn in range(1, 4):
            gone = partial(_gone, turn)
            await sdk.act("c1", "leave")
            await sdk.until("c0", partial(gone, "c1"))
            await sdk.act("c2", "join", url=url, token=token("c2"))
            await sdk.act("c2", "publish_video", luma=LUMAS["c2"])
            await sdk.until("c0", lambda report: sees(report, "c2", blocks=0))
            await sdk.act("c2", "leave")
            await sdk.until("c0", partial(gone, "c2"))
            await sdk.act("c1", "join", url=url, token=token("c1"))
            await sdk.act("c1", "publish_video", luma=LUMAS["c1"])
            await sdk.act("c0", "forget")
            await sdk.until("c0", lambda report: sees(report, "c1", blocks=0))
        report = await sdk.act("c0", "report")
        assert set(report["seen"]["c1"]["lumas"]) <= {"70"}
        assert len(sfu.rooms.get("room").participants["c0"].subscriber._offer.places) <= 3


async def test_explicit_subscription(network: Network) -> None:
    """Without auto-subscribe nothing comes until it is asked for, and no more once it is given up."""
    async with a_call(network, "c0") as (sfu, sdk, url):
        await sdk.act("c1", "join", url=url, token=token("c1"), auto_subscribe=False)
        await asyncio.sleep(0.5)
        assert sfu.metrics().subscriptions == 0
        await sdk.act("c1", "subscribe", identity="c0", subscribed=True)
        await sdk.until("c1", lambda report: sees(report, "c0"))
        await sdk.act("c1", "subscribe", identity="c0", subscribed=False)
        await sdk.until("c1", lambda report: ["track_unsubscribed", "c0", "camera"] in report["events"])
        assert sfu.metrics().subscriptions == 0


async def test_attributes_metadata_and_name(network: Network) -> None:
    """Who may update itself is heard by others, and hears that it was done."""
    async with a_call(network, "c0", "c1") as (_, sdk, _):
        await sdk.act("c0", "describe", attributes={"hand": "raised"}, metadata="m", name="Ada")
        report = await sdk.until("c1", lambda report: ["name", "c0", "Ada"] in report["events"])
        assert ["metadata", "c0", "m"] in report["events"]
        assert report["remote"]["c0"] == {"hand": "raised"}


async def test_speakers_are_told(network: Network) -> None:
    """Who sends a loud tone is an active speaker, and none once muted."""
    async with a_call(network, "c0", "c1") as (_, sdk, _):
        await sdk.until("c1", lambda report: any(e[0] == "speakers" and "c0" in e[1] for e in report["events"]))
        await sdk.act("c0", "mute", name="microphone", muted=True)
        await sdk.until("c1", lambda report: [e for e in report["events"] if e[0] == "speakers"][-1][1] in ("", "c1"))


async def test_the_same_identity_replaces_itself(network: Network) -> None:
    """A second join with one identity ends the first with DUPLICATE_IDENTITY."""
    async with a_call(network, "c0", "c1") as (sfu, sdk, url), sdk_process(network) as second:
        await second.act("c0", "join", url=url, token=token("c0"))
        await sdk.until("c0", lambda report: ["disconnected", "2"] in report["events"])
        await second.until("c0", lambda report: sees(report, "c1"))
        assert sfu.participant_count == 2


async def test_livekit_api_moderates(network: Network) -> None:
    """livekit-api lists, mutes, updates, sends data, removes and deletes, and the SDK hears of each."""
    async with a_call(network, "c0", "c1") as (sfu, sdk, url):
        await everybody_sees_everybody(sdk, ["c0", "c1"], frames=5)
        async with api.LiveKitAPI(url, "key", KEYS["key"]) as client:
            rooms = await client.room.list_rooms(api.ListRoomsRequest())
            assert [(room.name, room.num_participants) for room in rooms.rooms] == [("room", 2)]
            listed = await client.room.list_participants(api.ListParticipantsRequest(room="room"))
            assert sorted(one.identity for one in listed.participants) == ["c0", "c1"]
            c0 = await client.room.get_participant(api.RoomParticipantIdentity(room="room", identity="c0"))
            camera = next(track for track in c0.tracks if track.type == api.TrackType.VIDEO)
            muted = await client.room.mute_published_track(
                api.MuteRoomTrackRequest(room="room", identity="c0", track_sid=camera.sid, muted=True)
            )
            assert muted.track.muted
            await sdk.until("c1", lambda report: ["track_muted", "c0", "camera"] in report["events"])
            await client.room.send_data(
                api.SendDataRequest(room="room", data=b"hello", kind=0, destination_identities=["c1"], topic="t")
            )
            heard = await sdk.until("c1", lambda report: report["data"])
            assert [(d["text"], d["topic"]) for d in heard["data"]] == [("hello", "t")]
            await client.room.update_room_metadata(api.UpdateRoomMetadataRequest(room="room", metadata="news"))
            await sdk.until("c1", lambda report: ["room_metadata", "news"] in report["events"])
            await client.room.remove_participant(api.RoomParticipantIdentity(room="room", identity="c0"))
            await sdk.until("c0", lambda report: ["disconnected", "4"] in report["events"])
            await client.room.delete_room(api.DeleteRoomRequest(room="room"))
            await sdk.until("c1", lambda report: ["disconnected", "5"] in report["events"])
            assert sfu.participant_count == 0


async def test_draining_tells_everybody(network: Network) -> None:
    """A drained server has everybody come back, and lets nobody in; a closed one says that it is over."""
    async with a_call(network, "c0") as (sfu, sdk, url):
        await sfu.drain()
        await sdk.until("c0", lambda report: any(event[0] == "reconnecting" for event in report["events"]))
        assert "error" in await sdk.try_("c1", "join", url=url, token=token("c1"))
    async with a_call(network, "c0") as (sfu, sdk, url):
        await sfu.close()
        await sdk.until("c0", lambda report: ["disconnected", "3"] in report["events"])


@pytest.mark.parametrize(("up", "down"), [(0.0, 0.05), (0.05, 0.0)], ids=["down", "up"])
async def test_five_percent_loss_is_repaired(
    network: Network, monkeypatch: pytest.MonkeyPatch, up: float, down: float
) -> None:
    """Losing every twentieth media packet, on its way to subscribers or from publishers, freezes nothing for long."""
    chance = random.Random(5)
    receive, send = IceLiteLink.receive, RtpOutlet.send

    def is_lost(data: bytes, share: float) -> bool:
        return data[0] > 127 and not 192 <= data[1] <= 223 and chance.random() < share

    monkeypatch.setattr(
        IceLiteLink, "receive", lambda link, data, *rest: is_lost(data, up) or receive(link, data, *rest)
    )
    monkeypatch.setattr(
        RtpOutlet, "send", lambda outlet, *packet: is_lost(b"".join(packet), down) or send(outlet, *packet)
    )
    async with a_call(network, "c0", "c1", fps=20, bitrate=1_000_000, width=640, height=360) as (sfu, sdk, _):
        await everybody_sees_everybody(sdk, ["c0", "c1"], frames=5)
        await sdk.act("c1", "forget")
        report = await sdk.until("c1", lambda report: sees(report, "c0", frames=100, blocks=300))
        assert report["seen"]["c0"]["gap_ms"] < 2000
        load = sfu.metrics()
        assert load.retransmitted > 0 if down else load.keyframe_requests < 12


async def test_a_broken_signalling_connection_heals(network: Network) -> None:
    """A client whose WebSocket breaks goes on as the same participant: nobody is told of anything, and pictures flow
    on meanwhile."""
    async with a_call(network, "c0", "c1") as (sfu, sdk, _):
        await everybody_sees_everybody(sdk, ["c0", "c1"], frames=5)
        before = sfu.rooms.get("room").participants["c0"]
        for who in ("c0", "c1"):
            await sdk.act(who, "forget")
        begun = time.monotonic()
        before.socket.abort()
        await sdk.until("c0", lambda report: ["reconnected"] in report["events"])
        await everybody_sees_everybody(sdk, ["c0", "c1"], frames=30)
        assert sfu.rooms.get("room").participants["c0"] is before
        reports = {who: await sdk.act(who, "report") for who in ("c0", "c1")}
        gaps = {who: reports[who]["seen"][other]["gap_ms"] for who, other in (("c0", "c1"), ("c1", "c0"))}
        print(f"official SDK: resumed, pictures again {time.monotonic() - begun:.1f} s after; longest gap {gaps} ms")
        assert not any(event[0] == "participant_disconnected" for event in reports["c1"]["events"])
        for who in ("c0", "c1"):
            await sdk.act(who, "forget")
        await everybody_sees_everybody(sdk, ["c0", "c1"])


def _open_things() -> tuple[int, int]:
    """Descriptors of this process, and its asyncio tasks."""
    return len(os.listdir("/proc/self/fd")), len(asyncio.all_tasks())


@pytest.mark.parametrize("times", [12, pytest.param(50, marks=pytest.mark.soak)])
@pytest.mark.timeout(400)
async def test_many_joins_and_leaves_leave_nothing_behind(network: Network, times: int) -> None:
    """Somebody comes, is seen, and leaves, many times: no silent track, no descriptor, task or offer that grows."""
    async with a_call(network, "c0", fps=10) as (sfu, sdk, url):
        before: tuple[int, int] = (0, 0)
        objects = 0
        for count in range(times):
            await sdk.act("c1", "join", url=url, token=token("c1"))
            await sdk.act("c1", "publish_video", luma=LUMAS["c1"], fps=10)
            await sdk.until("c1", lambda report: sees(report, "c0", frames=3, blocks=3))
            await sdk.act("c0", "forget")
            await sdk.until("c0", lambda report: sees(report, "c1", frames=2, blocks=0))
            await sdk.act("c1", "leave")
            await sfu.rooms.ended(3)
            if count == times // 3:
                gc.collect()
                before, objects = _open_things(), len(gc.get_objects())
        gc.collect()
        after = _open_things()
        assert after[0] <= before[0] + 2
        assert after[1] <= before[1] + 2
        assert len(gc.get_objects()) < objects * 1.05
