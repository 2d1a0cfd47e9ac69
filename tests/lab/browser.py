"""Chromium, headless, with its own fake camera and microphone."""

from __future__ import annotations

import shlex
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from attrs import Factory, define
from playwright.async_api import BrowserContext, ConsoleMessage, Page, async_playwright

from tests.lab.machine import find_chromium
from tests.lab.needs import require
from tests.lab.netns import Namespace

FLAGS = (
    "--no-sandbox",
    "--use-fake-device-for-media-stream=fps=30",
    "--use-fake-ui-for-media-stream",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-domain-reliability",
    "--disable-sync",
    "--no-first-run",
    "--autoplay-policy=no-user-gesture-required",
    "--disable-dev-shm-usage",
    "--no-pings",
    "--allow-loopback-in-peer-connection",
)


@define(slots=False)  # Playwright keeps notes on the object whose method it calls
class Chromium:
    """A running browser: ``context`` opens pages, ``errors`` holds what their consoles and scripts complained of."""

    context: BrowserContext
    errors: list[str] = Factory(list)

    async def open(self, url: str) -> Page:
        """A page that has loaded this address; whatever it complains of from its first line on is in ``errors``."""
        page = await self.context.new_page()
        await page.goto(url)
        return page

    def watch(self, page: Page) -> None:
        page.on("pageerror", lambda error: self.errors.append(f"{error.name}: {error.message}"))
        page.on("console", self._heard)

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.errors.append(f"{message.text} ({message.location.get('url', '')})")


def _within(namespace: Namespace, program: str, folder: Path) -> str:
    """A script that starts this program on another host of the test's network."""
    script = folder / "chromium-elsewhere"
    script.write_text(f'#!/bin/sh\nexec {shlex.join(namespace.command(program))} "$@"\n')
    script.chmod(0o755)
    return str(script)


Launch = Callable[..., Awaitable[Chromium]]


@pytest.fixture
async def launch_chromium(tmp_path: Path) -> AsyncIterator[Launch]:
    """Starts browsers: ``await launch_chromium(flags=(), namespace=None, permissions=("camera", "microphone"))``.

    ``namespace`` starts it on another host of the test's network. Certificates are not checked. All end with the test.
    """
    require("chromium")
    async with AsyncExitStack() as stack:
        playwright = await stack.enter_async_context(async_playwright())

        async def launch(
            flags: Sequence[str] = (),
            namespace: Namespace | None = None,
            permissions: Sequence[str] = ("camera", "microphone"),
        ) -> Chromium:
            program = _within(namespace, find_chromium(), tmp_path) if namespace else find_chromium()
            browser = await playwright.chromium.launch(executable_path=program, args=[*FLAGS, *flags])
            stack.push_async_callback(browser.close)
            context = await browser.new_context(ignore_https_errors=True, permissions=list(permissions))
            context.set_default_timeout(20_000)
            chromium = Chromium(context)
            context.on("page", chromium.watch)
            return chromium

        yield launch


@pytest.fixture
async def chromium(launch_chromium: Launch) -> Chromium:
    """One headless Chromium with a fake camera at 30 frames a second and a fake microphone, both permitted."""
    return await launch_chromium()
