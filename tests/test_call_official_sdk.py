"""A Jackfield participant and the official SDK, on hosts of their own, in one call: on our server and on LiveKit."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from attrs import frozen
from livekit import api

from jackfield import AudioBlock, AudioSource, Calls, CallSession, Place, VideoFrame, VideoSource, tokens
from jackfield.plugins import Config, Plugins, load
from jackfield.server.app import Server
from jackfield.server.launch import make_sfu
from jackfield.server.settings import ServerSettings
from tests.lab.netns import Network
from tests.peers.drive import Driver, sdk_process
from tests.peers.pattern import BLOCK, RATE, Seen, paint, tone

pytestmark = pytest.mark.own_network

KEY, SECRET = "APIcalls", "secret-of-the-whole-call-tests-32"
QUIET = {"camera": "none", "microphone": "none", "speaker": "none"}
OUR_LUMA, OUR_HZ, THEIR_LUMA, THEIR_HZ = 160, 600, 70, 400
LIMIT_S = 15.0


@pytest.fixture(scope="module")
def plugins() -> Plugins:
    """What is installed, with nothing configured."""
    return load(Config())


@pytest.fixture(params=["embedded", pytest.param("livekit", marks=pytest.mark.needs("livekit-server"))])
async def place(request: pytest.FixtureRequest, network: Network, tmp_path: Path, monkeypatch: Any) -> Any:
    """Our server on this host, or a real LiveKit server."""
    monkeypatch.setenv("JACKFIELD_STATE_DIR", str(tmp_path))
    if request.param == "livekit":
        real = request.getfixturevalue("livekit_server")
        yield Place(real.url, real.key, real.secret)
        return
    settings = ServerSettings(keys={KEY: SECRET}, host=network.here.address, port=0, udp_port=0, behind_proxy=True)
    server = Server(settings, make_sfu)
    await server.start()
    yield Place(server.url, KEY, SECRET)
    await server.close()


@frozen
class Meeting:
    """Our participant, the SDK's process, and what ours has seen of theirs."""

    session: CallSession
    sdk: Driver
    seen: Seen


@asynccontextmanager
async def meeting(network: Network, place: Place, plugins: Plugins, ours: str, theirs: str) -> AsyncIterator[Meeting]:
    """Both are in; ours sends a picture and a tone with one codec, theirs with another."""
    room = f"room-{secrets.token_hex(3)}"
    pair = (place.api_key or "", place.api_secret or "")
    ours_token = tokens.mint_call_token(*pair, uid="ours", name="", session_id=room, role="moderator")
    grants = api.VideoGrants(room_join=True, room=room, can_update_own_metadata=True)
    their_token = api.AccessToken(*pair).with_identity("theirs").with_grants(grants).to_jwt()
    async with sdk_process(network) as sdk, Calls(place, plugins=plugins, remember=False) as calls:
        session = await calls.join_session(call_token=ours_token, settings={**QUIET, "video_codecs": [ours]})
        url = (place.url or "").replace("http", "ws", 1)
        await sdk.act("theirs", "join", url=url, token=their_token)
        await sdk.act("theirs", "publish_video", luma=THEIR_LUMA, codec=theirs)
        await sdk.act("theirs", "publish_audio", hz=THEIR_HZ)
        seen = Seen()
        jobs = [asyncio.create_task(job) for job in (send(session), watch(session, seen), listen(session, seen))]
        try:
            yield Meeting(session, sdk, seen)
        finally:
            for job in jobs:
                job.cancel()
            await asyncio.gather(*jobs, return_exceptions=True)


async def send(session: CallSession) -> None:
    """A picture of one brightness and a tone of one pitch, on and on."""
    picture, sound = VideoSource(320, 180, 15), AudioSource(RATE)
    await session.publish(picture, name="camera")
    await session.publish(sound, name="microphone")
    position = 0
    for count in range(10_000):
        if count % 6 == 0:
            picture.push(VideoFrame.from_ndarray(paint(320, 180, OUR_LUMA, count), format="yuv420p"))
        sound.push(tone(OUR_HZ, position))
        position = (position + BLOCK) % RATE
        await asyncio.sleep(BLOCK / RATE)


async def theirs_in(session: CallSession) -> Any:
    async with asyncio.timeout(LIMIT_S):
        while "theirs" not in session.participants:
            await asyncio.sleep(0.02)
    return session.participants["theirs"]


async def watch(session: CallSession, seen: Seen) -> None:
    person = await theirs_in(session)
    async for frame in person.video.frames():
        plane = frame.picture.planes[0]
        rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
        seen.picture(rows[: frame.height, : frame.width], 0.0)


async def listen(session: CallSession, seen: Seen) -> None:
    person = await theirs_in(session)
    block: AudioBlock
    async for block in person.audio.blocks(rate=RATE, channels=1):
        seen.sound(block.samples.reshape(-1), RATE)


async def until(condition: Any, what: str) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LIMIT_S):
            while not condition():
                await asyncio.sleep(0.05)
            return
    raise AssertionError(f"{what}: not within {LIMIT_S} s")


@pytest.mark.parametrize(("ours", "theirs"), [("VP8", "VP8"), ("H264", "H264")])
async def test_both_see_and_hear_each_other(
    network: Network, place: Place, plugins: Plugins, ours: str, theirs: str
) -> None:
    """Brightness and pitch arrive as they were sent, both ways, with either codec."""
    async with meeting(network, place, plugins, ours, theirs) as met:
        report = await met.sdk.until(
            "theirs",
            lambda report: (
                report["seen"].get("ours", {}).get("lumas", {}).get(str(OUR_LUMA), 0) >= 20
                and report["seen"]["ours"]["loud_blocks"] >= 50
            ),
        )
        assert abs(report["seen"]["ours"]["hz"] - OUR_HZ) < 60
        await until(lambda: met.seen.lumas.get(str(THEIR_LUMA), 0) >= 20, "their picture")
        await until(lambda: met.seen.loud_blocks >= 50, "their tone")
        assert abs(met.seen.hz - THEIR_HZ) < 60
        video = next(track for track in met.session.tracks() if track.kind == "video")
        assert (video.codec, video.source) == (theirs, "camera")


async def test_data_and_attributes_go_both_ways(network: Network, place: Place, plugins: Plugins) -> None:
    """Messages with their topic and sender, mute and attributes, as each side's API has them."""
    async with meeting(network, place, plugins, "VP8", "VP8") as met:
        got: list[Any] = []
        met.session.on("data", got.append)
        await met.sdk.until("theirs", lambda report: report["seen"].get("ours", {}).get("frames", 0) > 0)
        await until(lambda: met.seen.frames > 0, "their picture")
        await met.session.send_data("from us", topic="chat")
        report = await met.sdk.until("theirs", lambda report: bool(report["data"]))
        assert report["data"] == [{"text": "from us", "from": "ours", "topic": "chat", "kind": 1}]
        await met.sdk.act("theirs", "publish_data", text="from them", topic="chat")
        await until(lambda: bool(got), "their message")
        assert (got[0].payload, got[0].participant.uid, got[0].topic) == (b"from them", "theirs", "chat")
        await met.session.set_attributes({"mood": "fine"})
        await met.sdk.until("theirs", lambda report: any(event[0] == "attributes" for event in report["events"]))
        await met.sdk.act("theirs", "mute", name="microphone", muted=True)
        await until(lambda: met.session.participants["theirs"].audio_muted, "their muting")
        await met.session.pause_video()
        await met.sdk.until("theirs", lambda report: ["track_muted", "ours", "camera"] in report["events"])
        await met.session.remove_participant("theirs")
        await met.sdk.until("theirs", lambda report: any(event[0] == "disconnected" for event in report["events"]))
