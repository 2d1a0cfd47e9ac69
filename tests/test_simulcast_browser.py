"""Simulcast sent by us, received and switched by livekit-client in Chromium, through our server and LiveKit's."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from attrs import frozen
from playwright.async_api import Page

from jackfield import Calls, Place, tokens
from jackfield.plugins import Config, load
from tests.lab.browser import Launch
from tests.lab.livekit import LiveKit
from tests.lab.netns import Network
from tests.test_sfu_browser import KEYS, sfu, token, until

__all__ = ["sfu"]

pytestmark = [pytest.mark.own_network, pytest.mark.needs("chromium"), pytest.mark.timeout(180)]


@frozen
class Meeting:
    """Ours, who sends in three layers, and a page that watches."""

    call: Any
    page: Page

    def layers(self) -> dict[str, dict[str, Any]]:
        """What our sender says of each layer, by rid."""
        (video,) = [each for each in self.call.stats()["publications"] if each["kind"] == "video"]
        return {layer["rid"]: layer for layer in video["layers"]}

    async def sees(self, height: int, quality: int) -> None:
        """The page asks for a quality, and half a second of pictures of this height are shown."""
        await self.page.evaluate("choose", quality)
        before = (await self.page.evaluate("received()"))["frames"]
        await until(self.page, lambda found: found["height"] == height and found["frames"] > before + 15, 30)

    async def until_layers(self, holds: Callable[[dict[str, dict[str, Any]]], bool], limit_s: float = 30) -> None:
        """Waits for what our sender says of its layers."""
        ends = time.monotonic() + limit_s
        while not holds(self.layers()):
            assert time.monotonic() < ends, self.layers()
            await asyncio.sleep(0.2)


@asynccontextmanager
async def meeting(place: Place, here: str, page: Page, codec: str) -> AsyncIterator[Meeting]:
    calls = Calls(place, plugins=load(Config()), remember=False)
    try:
        sent = {"camera": "synthetic:card-front", "microphone": "none", "speaker": "none", "video_codecs": [codec]}
        call = await calls.join_session(call_token=here, settings={**sent, "simulcast": True})
        yield Meeting(call, page)
    finally:
        await calls.close()


async def switched(met: Meeting) -> None:
    """The page sees each layer that it asks for, and what nobody takes is not sent."""
    await met.sees(720, 2)
    await met.sees(180, 0)
    await met.until_layers(lambda layers: layers["f"]["targetBitrate"] == layers["h"]["targetBitrate"] == 0)
    await met.until_layers(lambda layers: layers["f"]["framesPerSecond"] == layers["h"]["framesPerSecond"] == 0)
    assert met.layers()["q"]["framesPerSecond"] > 0
    await met.sees(360, 1)
    await met.sees(720, 2)
    found = await met.page.evaluate("received()")
    assert found["keys"] < 15, found


@pytest.mark.parametrize("codec", ["VP8", "H264"])
async def test_layers_through_our_server(
    network: Network, launch_chromium: Launch, sfu: tuple[Any, str], codec: str
) -> None:
    """720, 180, 360 and 720 lines as the page asks for them, while we encode what is taken."""
    _, url = sfu
    chromium = await launch_chromium(
        flags=[f"--unsafely-treat-insecure-origin-as-secure={url}"], namespace=network.elsewhere
    )
    page = await chromium.open(url)
    await page.evaluate("([url, token]) => join(url, token)", [url, token("ada")])
    here = tokens.mint_call_token("key", KEYS["key"], uid="bob", name="Bob", session_id="room")
    async with meeting(Place(url, "key", KEYS["key"]), here, page, codec) as met:
        await switched(met)


@pytest.mark.needs("livekit-server")
async def test_layers_through_livekit(
    network: Network, launch_chromium: Launch, sfu: tuple[Any, str], livekit_server: LiveKit
) -> None:
    """The same through a server that we did not write, which says what nobody takes as well."""
    _, url = sfu  # the page's own code comes from here
    chromium = await launch_chromium(
        flags=[f"--unsafely-treat-insecure-origin-as-secure={url}"], namespace=network.elsewhere
    )
    page = await chromium.open(url)
    server = livekit_server
    await page.evaluate("([url, token]) => join(url, token)", [server.url, server.token("layers", "ada")])
    here = server.token("layers", "bob")
    async with meeting(Place(server.url, server.key, server.secret), here, page, "VP8") as met:
        await switched(met)
