"""The laboratory itself: what other tests stand on."""

from __future__ import annotations

import asyncio
import http.server
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from livekit import api, rtc

from tests.lab.browser import Chromium, Launch
from tests.lab.livekit import LiveKit, own_address
from tests.lab.netns import Network, joined_pair

PAGE = b"""<!doctype html><link rel="icon" href="data:,"><title>lab</title><script>console.error("seen")</script>"""


class _Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(PAGE)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def page_url() -> Iterator[str]:
    with http.server.ThreadingHTTPServer((own_address(), 0), _Page) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://{own_address()}:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.mark.needs("netns")
def test_two_hosts_reach_each_other_and_nothing_else_and_are_gone_afterwards() -> None:
    """A pair of namespaces is joined by one cable, and ends with its block."""
    with joined_pair() as network:
        links = network.here.run("ip", "-o", "link").stdout.splitlines()
        assert [line.split(":")[1].split("@")[0].strip() for line in links] == ["lo", "cable"]
        route = network.elsewhere.run("ip", "route", "get", network.here.address).stdout
        assert "dev cable" in route
        held = network.here.pid
    assert not Path(f"/proc/{held}").exists()


@pytest.mark.own_network
async def test_a_marked_test_runs_on_a_host_of_its_own(network: Network) -> None:
    """What listens on the near host is reached from the far one."""
    server = await asyncio.start_server(lambda reader, writer: writer.close(), network.here.address, 0)
    port = server.sockets[0].getsockname()[1]
    script = f"import socket; socket.create_connection(('{network.here.address}', {port}), 5).close()"
    async with server:
        await asyncio.to_thread(network.elsewhere.run, "python3", "-c", script)
    assert os.readlink("/proc/self/ns/net") == os.readlink(f"/proc/{network.here.pid}/ns/net")


@pytest.mark.needs("livekit-server")
async def test_a_real_livekit_server_answers_its_own_client(livekit_server: LiveKit) -> None:
    """The one node that the fixture starts makes a room."""
    async with api.LiveKitAPI(livekit_server.http_url, livekit_server.key, livekit_server.secret) as client:
        room = await client.room.create_room(api.CreateRoomRequest(name="lab"))
        assert room.name == "lab"


@pytest.mark.needs("livekit-server", "redis-server")
async def test_two_livekit_nodes_share_a_room(livekit_cluster: tuple[LiveKit, LiveKit]) -> None:
    """A room made at one node is listed by the other."""
    first, second = livekit_cluster
    async with api.LiveKitAPI(first.http_url, first.key, first.secret) as client:
        await client.room.create_room(api.CreateRoomRequest(name="shared"))
    async with api.LiveKitAPI(second.http_url, second.key, second.secret) as client:
        rooms = await client.room.list_rooms(api.ListRoomsRequest())
    assert [room.name for room in rooms.rooms] == ["shared"]


@pytest.mark.own_network
@pytest.mark.needs("livekit-server")
async def test_the_official_sdk_meets_itself_on_a_real_server(livekit_server: LiveKit) -> None:
    """Two participants of libwebrtc exchange data through livekit-server, in a network of their own."""
    heard: asyncio.Queue[bytes] = asyncio.Queue()
    ada, bob = rtc.Room(), rtc.Room()
    bob.on("data_received", lambda packet: heard.put_nowait(packet.data))
    for room, identity in ((bob, "bob"), (ada, "ada")):
        await room.connect(livekit_server.url, livekit_server.token("lab", identity))
    await ada.local_participant.publish_data(b"hello", reliable=True)
    assert await asyncio.wait_for(heard.get(), 10) == b"hello"
    await asyncio.gather(ada.disconnect(), bob.disconnect())


async def test_chromium_has_a_camera_and_its_complaints_are_kept(chromium: Chromium, page_url: str) -> None:
    """The fake devices open without a question, and a page's errors are collected."""
    page = await chromium.open(page_url)
    kinds = await page.evaluate(
        "navigator.mediaDevices.getUserMedia({audio: true, video: true}).then(s => s.getTracks().map(t => t.kind))"
    )
    assert sorted(kinds) == ["audio", "video"]
    assert [error.split(" ")[0] for error in chromium.errors] == ["seen"]


@pytest.mark.own_network
async def test_chromium_runs_on_another_host(launch_chromium: Launch, network: Network, page_url: str) -> None:
    """Seen from another host, a plain http page is no secure context."""
    browser = await launch_chromium(namespace=network.elsewhere)
    page = await browser.open(page_url)
    assert await page.title() == "lab"
    assert await page.evaluate("isSecureContext") is False
