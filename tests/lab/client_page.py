"""A page with nothing but livekit-client in it, as a participant that a test drives."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from playwright.async_api import Page

from tests.lab.browser import Launch
from tests.lab.livekit import free_port
from tests.lab.machine import ROOT
from tests.lab.netns import Network

DIST = ROOT / "framework" / "web" / "node_modules" / "livekit-client" / "dist"
FILES = {"/client.js": "livekit-client.umd.js"}
PAGE = """<!doctype html><link rel="icon" href="data:,"><title>peer</title><script src="/client.js"></script><script>
const L = LivekitClient, seen = {streams: [], calls: 0, errors: []};
let room;
async function join(url, token) {
  room = new L.Room({adaptiveStream: false, dynacast: false});
  await room.connect(url, token);
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


@asynccontextmanager
async def client_page(network: Network, launch: Launch, server: str) -> AsyncIterator[Page]:
    """The page in a browser on the network's other host; it may use a camera, and reach ``server``."""
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
        yield await chromium.open(url)
    finally:
        await runner.cleanup()
