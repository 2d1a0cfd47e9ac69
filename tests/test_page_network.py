"""The page from another machine: over plain http to watch and listen, over https with camera and microphone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import expect

from jackfield.server import certificate
from jackfield.server.app import Server
from tests.lab.browser import Chromium, Launch
from tests.lab.netns import Network
from tests.lab.web import button, join, link, serious, serving, tile, watch_picture

pytestmark = [pytest.mark.own_network, pytest.mark.needs("chromium")]


@pytest.fixture
async def plain(network: Network) -> AsyncIterator[Server]:
    async with serving(host=network.here.address) as server:
        yield server


@pytest.fixture
async def encrypted(network: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Server]:
    monkeypatch.setenv("JACKFIELD_STATE_DIR", str(tmp_path / "state"))
    kept = certificate.kept([network.here.address])
    tls = {"tls_cert": kept.cert, "tls_key": kept.key, "tls_fingerprint": kept.fingerprint}
    async with serving(host=network.here.address, **tls) as server:
        yield server


@pytest.fixture
async def elsewhere(network: Network, launch_chromium: Launch) -> Chromium:
    """A browser on the other host."""
    return await launch_chromium(namespace=network.elsewhere)


async def test_over_plain_http_one_reads_why_there_is_no_camera_and_watches(plain: Server, elsewhere: Chromium) -> None:
    """The page says what the browser withholds and what would help, and joins; asking for the camera says it again."""
    page = await elsewhere.open(link(plain))
    await expect(page.get_by_role("note")).to_contain_text("This page came over plain http from another machine")
    await expect(page.get_by_role("note")).to_contain_text("open an https link")
    await page.get_by_label("Your name").fill("Grace")
    await button(page, "Join to watch and listen").click()
    await expect(page.get_by_text("You are the only one here.")).to_be_visible()
    await button(page, "Turn camera on").click()
    await expect(page.get_by_role("log")).to_contain_text("browsers give no camera or microphone to such a page")
    await expect(tile(page, "Grace (you)").get_by_role("img", name="Microphone off")).to_be_visible()
    assert serious(elsewhere.errors) == []


async def test_over_https_two_pages_on_another_machine_see_each_other(encrypted: Server, elsewhere: Chromium) -> None:
    """A self-signed certificate is enough once the person has accepted it."""
    ada, grace = await elsewhere.context.new_page(), await elsewhere.context.new_page()
    assert encrypted.url.startswith("https://")
    await join(ada, link(encrypted), "Ada")
    await join(grace, link(encrypted), "Grace")
    for page, other in ((ada, "Grace"), (grace, "Ada")):
        await page.bring_to_front()
        await watch_picture(page, other)
    assert serious(elsewhere.errors) == []
