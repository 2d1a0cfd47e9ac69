"""End-to-end encryption with livekit-client's worker in Chromium, both ways; our server reads nothing."""

from __future__ import annotations

from typing import Any

import pytest

from jackfield import Calls, Place, tokens
from jackfield.plugins import Config, load
from tests.lab.browser import Launch
from tests.lab.client_page import client_page, enter, until_received
from tests.lab.netns import Network
from tests.lab.served import Served
from tests.peers.people import LOOKS, company, until

pytestmark = [pytest.mark.own_network, pytest.mark.needs("chromium"), pytest.mark.timeout(120)]

KEY = "a key that everybody in the call was told"
NOTHING: dict[str, Any] = {"frames": 0, "loud_blocks": 0}


@pytest.mark.parametrize("codec", ["VP8", "H264"])
async def test_with_one_key_each_sees_and_hears_the_other(
    jackfield_server: Served, network: Network, launch_chromium: Launch, codec: str
) -> None:
    """Pictures and sound both ways, a message too, and no error anywhere."""
    server = jackfield_server
    async with company(server, f"e2ee-{codec}") as people, client_page(network, launch_chromium, server.url) as [page]:
        ours = people.ours(LOOKS[0])
        await ours.join(server, people.room, codec=codec, e2ee_key=KEY)
        await enter(page, server, people.room, key=KEY)
        await ours.publish()
        await page.evaluate("(codec) => publish({videoCodec: codec, simulcast: false})", codec.lower())
        found = await until_received(page, lambda found: found["frames"] > 30 and found["energy"] > 0)
        assert (found["height"], found["codec"], found["errors"]) == (180, f"video/{codec}", [])
        report = await until(ours, lambda report: heard(report)["frames"] > 30 and heard(report)["loud_blocks"] > 3)
        assert report["errors"] == []
        (video,) = [track for track in ours.session.stats()["tracks"] if track["kind"] == "video"]
        assert (video["codec"], video["decodeErrors"]) == (codec, 0)
        await page.evaluate("room.localParticipant.publishData(new TextEncoder().encode('hush'), {reliable: true})")
        report = await until(ours, lambda report: report["data"])
        assert [(each["text"], each["from"]) for each in report["data"]] == [("hush", "page")]


def heard(report: dict[str, Any]) -> dict[str, Any]:
    return report["seen"].get("page", NOTHING)


async def test_with_another_key_neither_sees_the_other(
    jackfield_server: Served, network: Network, launch_chromium: Launch
) -> None:
    """What arrives is not shown on either side, and each says why."""
    server = jackfield_server
    async with company(server, "e2ee-not") as people, client_page(network, launch_chromium, server.url) as [page]:
        ours = people.ours(LOOKS[0])
        await ours.join(server, people.room, e2ee_key="another key")
        await enter(page, server, people.room, key=KEY)
        await ours.publish()
        await page.evaluate("publish({videoCodec: 'vp8', simulcast: false})")
        found = await until_received(page, lambda found: found["packets"] > 100 and found["errors"])
        assert found["frames"] == 0
        report = await until(ours, lambda report: len(report["errors"]) == 2)
        assert heard(report)["frames"] == 0
        assert {error[0] for error in report["errors"]} == {"ERROR_ENCRYPTION"}
        assert {error[2] for error in report["errors"]} == {"page's camera", "page's microphone"}


@pytest.mark.parametrize("codec", ["vp8", "h264"])
async def test_layers_are_switched_by_a_server_that_cannot_read_them(
    jackfield_server: Served, network: Network, launch_chromium: Launch, codec: str
) -> None:
    """Simulcast between two pages: keyframes are found in what stays in the clear, and every size is shown."""
    server = jackfield_server
    async with client_page(network, launch_chromium, server.url, 2) as [ada, bob]:
        for uid, page in (("ada", ada), ("bob", bob)):
            await enter(page, server, f"layers-{codec}", uid, KEY)
        await ada.evaluate("(codec) => publish({videoCodec: codec, simulcast: true})", codec)
        await until_received(bob, lambda found: found["height"] == 720)
        for quality, height in ((0, 180), (2, 720)):
            before = (await bob.evaluate("received()"))["frames"]
            await bob.evaluate("choose", quality)
            found = await until_received(
                bob, lambda found, h=height, n=before: found["height"] == h and found["frames"] > n + 15
            )
            assert found["errors"] == []


async def test_our_layers_are_switched_unread_as_well(
    jackfield_server: Served, network: Network, launch_chromium: Launch
) -> None:
    """A camera that we send encrypted in three sizes: the page gets the ones that it asks for."""
    server = jackfield_server
    settings = {"camera": "synthetic:card-front", "microphone": "none", "speaker": "none", "video_codecs": ["VP8"]}
    place = Place(server.url, server.key, server.secret)
    async with (
        Calls(place, plugins=load(Config()), remember=False) as calls,
        client_page(network, launch_chromium, server.url) as [page],
    ):
        await enter(page, server, "our-layers", key=KEY)
        pair = server.key, server.secret
        token = tokens.mint_call_token(*pair, uid="ours", name="Ours", session_id="our-layers", role="participant")
        await calls.join_session(call_token=token, settings={**settings, "simulcast": True, "e2ee_key": KEY})
        for quality, height in ((0, 180), (2, 720)):
            await until_received(page, lambda found: found["packets"])
            await page.evaluate("choose", quality)
            found = await until_received(page, lambda found, h=height: found["height"] == h, 30)
            assert found["errors"] == []
