"""A page with nothing but livekit-client in it, as a participant that a test drives."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from playwright.async_api import Page

from jackfield import tokens
from tests.lab.browser import Launch
from tests.lab.livekit import free_port
from tests.lab.machine import ROOT
from tests.lab.netns import Network
from tests.peers.people import Server

DIST = ROOT / "framework" / "web" / "node_modules" / "livekit-client" / "dist"
FILES = {"/client.js": "livekit-client.umd.js", "/e2ee.worker.js": "livekit-client.e2ee.worker.js"}
PAGE = """<!doctype html><link rel="icon" href="data:,"><title>peer</title><script src="/client.js"></script><script>
const L = LivekitClient, seen = {streams: [], errors: []};
let room, keys;
async function join(url, token, key) {
  const options = {adaptiveStream: false, dynacast: false};
  if (key) {
    keys = new L.ExternalE2EEKeyProvider();
    options.encryption = {keyProvider: keys, worker: new Worker('/e2ee.worker.js')};
  }
  room = new L.Room(options);
  room.on('trackSubscribed', (track) => {
    const element = track.attach(); element.muted = true; document.body.append(element); });
  room.on('encryptionError', (error) => seen.errors.push(error.message));
  if (key) { await keys.setKey(key); await room.setE2EEEnabled(true); }
  await room.connect(url, token);
}
async function publish(options) {
  const local = room.localParticipant;
  await local.setCameraEnabled(true, {resolution: {width: 1280, height: 720, frameRate: 30}}, options);
  await local.setMicrophoneEnabled(true);
}
const choose = (quality) => room.remoteParticipants.forEach(
  (one) => one.videoTrackPublications.forEach((publication) => publication.setVideoQuality(quality)));
async function received() {
  const found = {frames: 0, height: 0, energy: 0, packets: 0, codec: ''};
  for (const one of room.remoteParticipants.values()) for (const publication of one.trackPublications.values()) {
    const report = await publication.track?.receiver?.getStats();
    report?.forEach((s) => { if (s.type !== 'inbound-rtp') return;
      found.packets += s.packetsReceived;
      if (s.kind === 'audio') { found.energy += s.totalAudioEnergy ?? 0; return; }
      found.frames += s.framesDecoded ?? 0; found.height = s.frameHeight ?? 0;
      found.codec = report.get(s.codecId)?.mimeType ?? ''; });
  }
  return {...found, errors: seen.errors};
}
const bytesOf = async (reader) => { let total = 0, sum = 0;
  for await (const piece of reader) for (const byte of piece) { total++; sum = (sum * 31 + byte) % 1000003; }
  return {total, sum}; };
function handle(topic) {
  room.registerTextStreamHandler(topic, async (reader, who) => seen.streams.push(
    {from: who.identity, text: await reader.readAll(), attributes: reader.info.attributes}));
  room.registerByteStreamHandler(topic, async (reader, who) => seen.streams.push(
    {from: who.identity, name: reader.info.name, size: reader.info.size, ...await bytesOf(reader)}));
  room.registerRpcMethod(topic, async (call) => {
    if (call.payload === 'fail') throw new L.RpcError(77, 'as asked', 'with data');
    return call.callerIdentity + ': ' + [...call.payload].reverse().join(''); });
}
const sendText = (text, topic, to) =>
  room.localParticipant.sendText(text, {topic, destinationIdentities: to, attributes: {c: 'd'}});
const sendFile = (size, name, topic) => room.localParticipant.sendFile(
  new File([new Uint8Array(size).map((_, i) => i % 253)], name, {type: 'image/png'}), {topic});
async function call(to, method, payload) {
  try { return {answer: await room.localParticipant.performRpc({destinationIdentity: to, method, payload})}; }
  catch (error) { return {code: error.code, message: error.message, data: error.data}; }
}
</script>"""


def digest(data: bytes) -> int:
    """What the page's ``bytesOf`` makes of these bytes."""
    found = 0
    for byte in data:
        found = (found * 31 + byte) % 1000003
    return found


async def enter(page: Page, server: Server, room: str, uid: str = "page", key: str | None = None) -> None:
    """The page has joined the room, with a key of end-to-end encryption or without one."""
    token = tokens.mint_call_token(server.key, server.secret, uid=uid, name=uid, session_id=room, role="participant")
    url = server.url.replace("http", "ws", 1)
    await page.evaluate("([url, token, key]) => join(url, token, key)", [url, str(token), key])


async def until_received(page: Page, holds: Callable[[dict[str, Any]], Any], limit_s: float = 20) -> dict[str, Any]:
    """The first of the page's statistics that hold."""
    ends, found = time.monotonic() + limit_s, {}
    while time.monotonic() < ends:
        found = await page.evaluate("received()")
        if holds(found):
            return found
        await asyncio.sleep(0.1)
    raise AssertionError(found)


@asynccontextmanager
async def client_page(network: Network, launch: Launch, server: str, pages: int = 1) -> AsyncIterator[list[Page]]:
    """Such pages in a browser on the network's other host; they may use a camera, and reach ``server``."""
    host = network.here.address

    async def page(request: web.Request) -> web.Response:
        return web.Response(text=PAGE, content_type="text/html")

    async def script(request: web.Request) -> web.FileResponse:
        return web.FileResponse(DIST / FILES[request.path], headers={"Content-Type": "text/javascript"})

    application = web.Application()
    application.add_routes([web.get("/", page), *(web.get(path, script) for path in FILES)])
    runner = web.AppRunner(application, handle_signals=False, shutdown_timeout=1)
    await runner.setup()
    port = free_port(host)
    await web.TCPSite(runner, host, port).start()
    url = f"http://{host}:{port}"
    try:
        chromium = await launch(
            flags=[f"--unsafely-treat-insecure-origin-as-secure={url},{server}"], namespace=network.elsewhere
        )
        yield [await chromium.open(url) for _ in range(pages)]
    finally:
        await runner.cleanup()
