"""livekit-client itself in a real Chromium, on another host, through our SFU: layers, codecs, data."""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from livekit import api
from playwright.async_api import Page

from jackfield import Calls, Place, tokens
from jackfield.plugins import Config, load
from jackfield.server.sfu import Sfu
from jackfield.server.sfu.single import SingleSubscriber
from tests.lab.browser import Launch
from tests.lab.machine import ROOT
from tests.lab.netns import Network

pytestmark = [pytest.mark.own_network, pytest.mark.needs("chromium"), pytest.mark.timeout(120)]

KEYS = {"key": "a-secret-that-is-long-enough-for-hs256"}
CLIENT = ROOT / "framework" / "web" / "node_modules" / "livekit-client" / "dist" / "livekit-client.umd.js"
PAGE = """<!doctype html><link rel="icon" href="data:,"><title>peer</title><script src="/client.js"></script><script>
const L = LivekitClient, room = new L.Room({adaptiveStream: false, dynacast: false});
const seen = {data: [], muted: 0, disconnected: null, heights: [], firstMs: null};
room.on('trackSubscribed', (track) => {
  const element = track.attach();
  element.muted = true;
  document.body.append(element);
  if (track.kind !== 'video') return;
  const step = () => { const h = element.videoHeight;
    if (h && seen.firstMs === null) seen.firstMs = performance.now() - seen.start;
    if (h && seen.heights.at(-1)?.[0] !== h) seen.heights.push([h, Math.round(performance.now() - seen.start)]);
    element.requestVideoFrameCallback(step); };
  element.requestVideoFrameCallback(step);
});
room.on('dataReceived', (payload, who, kind, topic) =>
  seen.data.push([new TextDecoder().decode(payload), who?.identity, topic]));
room.on('trackMuted', () => seen.muted++);
room.on('disconnected', (reason) => seen.disconnected = reason);
async function join(url, token) { seen.start = performance.now(); await room.connect(url, token); }
async function camera(options) {
  const [track] = await L.createLocalTracks({video: {resolution: {width: 1280, height: 720, frameRate: 30}}});
  await room.localParticipant.publishTrack(track, options);
}
const choose = (quality) => room.remoteParticipants.forEach(
  (one) => one.videoTrackPublications.forEach((publication) => publication.setVideoQuality(quality)));
async function received() {
  let frames = 0, bytes = 0, audio = 0, keys = 0, height = 0;
  for (const one of room.remoteParticipants.values()) for (const publication of one.trackPublications.values()) {
    const report = await publication.track?.receiver?.getStats();
    report?.forEach((s) => { if (s.type !== 'inbound-rtp') return;
      if (s.kind !== 'video') { audio += s.packetsReceived; return; }
      frames += s.framesDecoded ?? 0; bytes += s.bytesReceived; keys += s.keyFramesDecoded ?? 0;
      height = s.frameHeight; });
  }
  return {frames, bytes, audio, keys, height, ...seen};
}
</script>"""


def token(identity: str) -> str:
    video = api.VideoGrants(room_join=True, room="room", can_update_own_metadata=True)
    made = api.AccessToken("key", KEYS["key"]).with_identity(identity).with_grants(video)
    return made.with_ttl(datetime.timedelta(minutes=5)).to_jwt()


@pytest.fixture
async def sfu(network: Network) -> AsyncIterator[tuple[Sfu, str]]:
    """An SFU with the client's code beside it, and its address."""
    if not CLIENT.exists():
        pytest.skip("livekit-client is not installed. To run it: make setup")
    host = network.here.address
    sfu = Sfu(keys=KEYS, host=host)
    await sfu.start()
    application = web.Application()
    application.add_routes(sfu.routes())

    async def page(request: web.Request) -> web.Response:
        return web.Response(text=PAGE, content_type="text/html")

    async def client(request: web.Request) -> web.FileResponse:
        return web.FileResponse(CLIENT, headers={"Content-Type": "text/javascript"})

    application.add_routes([web.get("/", page), web.get("/client.js", client)])
    runner = web.AppRunner(application, handle_signals=False, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, host, 0).start()
    yield sfu, f"http://{host}:{runner.addresses[0][1]}"
    await sfu.close()
    await runner.cleanup()


async def two_pages(network: Network, launch: Launch, url: str) -> tuple[Page, Page]:
    """Two pages of one browser on the other host, both in the room."""
    flag = f"--unsafely-treat-insecure-origin-as-secure={url}"
    chromium = await launch(flags=[flag], namespace=network.elsewhere)
    pages = [await chromium.open(url) for _ in range(2)]
    for name, page in zip(("ada", "bob"), pages, strict=True):
        await page.evaluate("([url, token]) => join(url, token)", [url, token(name)])
    return pages[0], pages[1]


async def until(page: Page, holds: Any, timeout_s: float = 12) -> dict[str, Any]:
    """The first statistics that hold."""
    found: dict[str, Any] = {}
    for _ in range(round(timeout_s / 0.2)):
        found = await page.evaluate("received()")
        if holds(found):
            return found
        await asyncio.sleep(0.2)
    raise AssertionError(found)


@pytest.mark.parametrize("codec", ["vp8", "h264"])
async def test_simulcast_reaches_720_lines_within_five_seconds(
    network: Network, launch_chromium: Launch, sfu: tuple[Sfu, str], codec: str
) -> None:
    """The browser's top layer flows soon after the first picture, and smaller ones when they are asked for."""
    _, url = sfu
    ada, bob = await two_pages(network, launch_chromium, url)
    start = await bob.evaluate("performance.now() - seen.start")
    await ada.evaluate("(codec) => camera({videoCodec: codec, simulcast: true})", codec)
    found = await until(bob, lambda found: found["height"] == 720)
    top = next(at for height, at in found["heights"] if height == 720)
    assert top - start < 5000, found["heights"]
    for quality, height in ((0, 180), (1, 360), (2, 720)):
        await bob.evaluate("choose", quality)
        before = (await bob.evaluate("received()"))["frames"]
        await until(bob, lambda found, h=height, n=before: found["height"] == h and found["frames"] > n + 15)


@pytest.mark.parametrize("codec", ["vp8", "h264", "vp9", "av1"])
async def test_pictures_arrive_with_each_codec(
    network: Network, launch_chromium: Launch, sfu: tuple[Sfu, str], codec: str
) -> None:
    """VP9 and AV1 come as scalable video (L3T3_KEY), which needs the dependency descriptor for AV1."""
    _, url = sfu
    ada, bob = await two_pages(network, launch_chromium, url)
    await ada.evaluate("(codec) => camera({videoCodec: codec, simulcast: false, backupCodec: false})", codec)
    await ada.evaluate("room.localParticipant.setMicrophoneEnabled(true)")
    found = await until(bob, lambda found: found["frames"] > 30 and found["audio"] > 30)
    assert found["keys"] < 10


@pytest.mark.parametrize("codec", ["VP9", "AV1"])
async def test_ours_and_the_browser_show_each_other_newer_codecs(
    network: Network, launch_chromium: Launch, sfu: tuple[Sfu, str], codec: str
) -> None:
    """Chromium shows what we encode, and we decode what it does: all layers of its scalable video, at its full size."""
    _, url = sfu
    chromium = await launch_chromium(
        flags=[f"--unsafely-treat-insecure-origin-as-secure={url}"], namespace=network.elsewhere
    )
    page = await chromium.open(url)
    await page.evaluate("([url, token]) => join(url, token)", [url, token("ada")])
    calls = Calls(Place(url, "key", KEYS["key"]), plugins=load(Config()), remember=False)
    try:
        here = tokens.mint_call_token("key", KEYS["key"], uid="bob", name="Bob", session_id="room")
        sent = {"camera": "synthetic:card-front", "microphone": "none", "speaker": "none", "video_codecs": [codec]}
        bob = await calls.join_session(call_token=here, settings={**sent, "video": {"width": 640, "height": 360}})
        await page.evaluate(
            "(codec) => camera({videoCodec: codec, simulcast: false, backupCodec: false})", codec.lower()
        )
        found = await until(page, lambda found: found["frames"] > 30)
        assert (found["height"], found["keys"] < 10) == (360, True)
        heights = await asyncio.wait_for(seen(bob.participants["ada"].video, 720), 20)
        (track,) = bob.stats()["tracks"]
        assert (track["codec"], track["decodeErrors"]) == (codec, 0), (track, heights)
    finally:
        await calls.close()


async def seen(video: Any, height: int) -> list[int]:
    """The heights of their pictures, up to thirty of this one."""
    heights: list[int] = []
    async for frame in video.frames():
        heights.append(frame.height)
        if heights.count(height) >= 30:
            break
    return heights


async def test_data_mute_and_the_end(network: Network, launch_chromium: Launch, sfu: tuple[Sfu, str]) -> None:
    """Data both ways, a mute that is seen, attributes, and a room that is ended."""
    server, url = sfu
    ada, bob = await two_pages(network, launch_chromium, url)
    assert all(isinstance(one.subscriber, SingleSubscriber) for one in server.rooms.participants()), "protocol v1"
    send = "(t) => room.localParticipant.publishData(new TextEncoder().encode(t), {reliable: true, topic: 'chat'})"
    await ada.evaluate(send, "from ada")
    await bob.evaluate(send, "from bob")
    assert (await until(bob, lambda found: found["data"]))["data"] == [["from ada", "ada", "chat"]]
    assert (await until(ada, lambda found: found["data"]))["data"] == [["from bob", "bob", "chat"]]
    await ada.evaluate("room.localParticipant.setCameraEnabled(true)")
    await until(bob, lambda found: found["frames"] > 10)
    await ada.evaluate("room.localParticipant.setCameraEnabled(false)")
    await until(bob, lambda found: found["muted"] == 1)
    await ada.evaluate("room.localParticipant.setAttributes({hand: 'up'})")
    for _ in range(25):
        if await bob.evaluate("[...room.remoteParticipants.values()][0].attributes.hand") == "up":
            break
        await asyncio.sleep(0.2)
    else:
        raise AssertionError("the attribute was not seen")
    await server.close()  # a drain would have them come back
    await until(bob, lambda found: found["disconnected"] is not None)
