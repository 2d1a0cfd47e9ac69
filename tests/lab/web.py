"""The page at /join/SESSION in tests: a server that serves it, links to it, and what a person does on it."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from types import ModuleType
from typing import Any

from playwright.async_api import Locator, Page

from jackfield import tokens
from jackfield.links import JoinLink
from jackfield.server.app import Server
from jackfield.server.launch import make_sfu
from jackfield.testing import service
from tests.lab.machine import ROOT

WEB = ROOT / "framework" / "web"
KEY, SECRET = service.API_KEY, service.API_SECRET
DARK_PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark"}
# What the browser itself writes for each refused request.
OF_ITSELF = "Failed to load resource: the server responded with a status of 4"


@cache
def build() -> ModuleType:
    """`framework/web/build.py` as a module."""
    spec = importlib.util.spec_from_file_location("jackfield_web_build", WEB / "build.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@asynccontextmanager
async def serving(**changed: Any) -> AsyncIterator[Server]:
    """The whole embedded server in this process, SFU included."""
    server = Server(service.settings(**changed), make_sfu)
    await server.start()
    try:
        yield server
    finally:
        await server.close()


def link(server: Server, session_id: str = "stand-up", **options: Any) -> str:
    """A link that lets its holder into the session."""
    made = tokens.mint_invite(KEY, SECRET, session_id, **options)
    return str(JoinLink(server.url, session_id, made[0]))


async def join(page: Page, url: str, name: str) -> None:
    """The page is in the call under this name."""
    await page.goto(url)
    await page.get_by_label("Your name").fill(name)
    # Whoever joins before the browser answered joins without a camera.
    await page.locator("button[data-face=on]", has_text="camera").wait_for()
    await button(page, "Join").click()
    await button(page, "Leave").wait_for()


def button(page: Page, name: str) -> Locator:
    """The button of exactly this name."""
    return page.get_by_role("button", name=name, exact=True)


def tile(page: Page, name: str) -> Locator:
    """The tile of this person."""
    return page.locator(".jf-tile").filter(has_text=name)


async def watch_picture(page: Page, name: str, frames: int = 20) -> tuple[int, int]:
    """The size of this person's picture, once so many of its frames were shown."""
    video = await tile(page, name).locator("video").element_handle()
    shown = "([video, frames]) => video.getVideoPlaybackQuality().totalVideoFrames >= frames"
    await page.wait_for_function(shown, arg=[video, frames])
    width, height = await page.evaluate("video => [video.videoWidth, video.videoHeight]", video)
    return width, height


async def flaws(page: Page) -> list[str]:
    """What axe-core holds against the page as it stands, by the rules of WCAG 2 A and AA and its own good practice."""
    await page.evaluate((WEB / "node_modules" / "axe-core" / "axe.min.js").read_text())
    found = await page.evaluate("axe.run().then(({violations}) => violations)")
    return [f"{rule['id']}: {node['html'][:200]}" for rule in found for node in rule["nodes"]]


def serious(errors: list[str]) -> list[str]:
    """The console's errors without the lines that a browser writes whatever a page does."""
    return [error for error in errors if not error.startswith(OF_ITSELF)]


async def stored(page: Page) -> dict[str, str]:
    """What the page keeps for its tab."""
    kept: dict[str, str] = json.loads(await page.evaluate("JSON.stringify(sessionStorage)"))
    return kept
