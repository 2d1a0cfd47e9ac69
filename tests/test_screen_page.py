"""The screen of a Python participant in real Chromium: pictures move, buttons act on the Python session."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aiohttp import web
from playwright.async_api import Page, expect

from jackfield import Calls, CallSession, Place
from jackfield.plugins import Config, load
from jackfield.values.media import VideoFrame
from tests.lab.browser import Chromium
from tests.lab.meeting import until
from tests.lab.web import KEY, SECRET, button, flaws, serious, serving, tile, watch_picture
from tests.test_page_background import Pixels, blue, is_blue

pytestmark = pytest.mark.needs("chromium")
SMALL = {"video": {"width": 320, "height": 180, "fps": 15}, "speaker": "none"}


@asynccontextmanager
async def together(
    *uids: str, config: Config | None = None, screen: Mapping[str, Any] | None = None, **settings: Any
) -> AsyncIterator[tuple[Sequence[CallSession], str]]:
    """These in one session, the first with a screen and settings of its own; and the server's address."""
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(serving(drain_s=0.1))
        sessions = []
        for index, uid in enumerate(uids):
            place = Place(server.url, KEY, SECRET)
            calls = Calls(place, config=config, plugins=load(config or Config()), remember=False)
            await stack.enter_async_context(calls)
            await calls.login(uid)
            quiet = SMALL | {"camera": "none", "microphone": "none"} | (settings if index else dict(screen or {}))
            shown = {"renderers": ["render-web"], "hide_chat_button": False} if index == 0 else {}
            sessions.append(await calls.join_session(session_id="s", settings=quiet | shown))
        await until(lambda: all(len(each.participants) == len(uids) - 1 for each in sessions), "everybody")
        yield sessions, server.url


async def looking(chromium: Chromium, session: CallSession) -> Page:
    """A browser before its screen."""
    page = await chromium.context.new_page()
    chromium.watch(page)
    await page.goto(session.view)
    await button(page, "Leave").wait_for()
    return page


def keyframes(session: CallSession) -> int:
    """How many keyframes its camera was asked for."""
    return sum(track.get("pliCount", 0) + track.get("firCount", 0) for track in session.stats()["tracks"])


@pytest.mark.parametrize("codec", ["H264", "VP8"])
async def test_a_python_session_is_shown_and_acted_on(chromium: Chromium, codec: str) -> None:
    """Both pictures play, with no decoder in this process; mute, hand, chat and leaving act on the session."""
    async with (
        serving(drain_s=0.1) as server,
        Calls(Place(server.url, KEY, SECRET), plugins=load(Config()), remember=False) as one,
        Calls(Place(server.url, KEY, SECRET), plugins=load(Config()), remember=False) as other,
    ):
        media = SMALL | {"camera": "synthetic:card-front", "microphone": "synthetic:tone-low", "video_codecs": [codec]}
        await one.login("ada")
        await other.login("bob")
        shown = media | {"renderers": ["render-web"], "hide_chat_button": False}
        ada: CallSession = await one.join_session(session_id="s", settings=shown)
        bob = await other.join_session(session_id="s", settings=media)
        page = await chromium.context.new_page()
        chromium.watch(page)
        await page.goto(ada.view)
        assert await watch_picture(page, "bob", frames=20) == (320, 180)
        assert await watch_picture(page, "(you)", frames=20) == (320, 180)
        assert not any("decod" in str(track) and track.get("framesDecoded") for track in ada.stats()["tracks"])
        assert "#" not in page.url
        await button(page, "Mute microphone").click()
        await until(lambda: ada.is_audio_muted and bob.participants["ada"].audio_muted, "Ada's microphone off")
        await expect(button(page, "Unmute microphone")).to_be_visible()
        await button(page, "Turn camera off").click()
        await until(lambda: bob.participants["ada"].video_paused, "Ada's camera off")
        await button(page, "Turn camera on").click()
        assert await watch_picture(page, "(you)", frames=40) == (320, 180)
        await button(page, "Raise your hand").click()
        await until(lambda: bob.participants["ada"].raised_hand_at, "Ada's hand")
        await bob.send_chat("hello, screen")
        await button(page, "Open the chat (1 unread)").click()
        await expect(page.get_by_role("log", name="Messages")).to_contain_text("hello, screen")
        await page.get_by_label("Message", exact=True).fill("hello, robot")
        await page.keyboard.press("Enter")
        await until(lambda: [each.text for each in bob.chat] == ["hello, screen", "hello, robot"], "the answer")
        await bob.start_screen_sharing("synthetic:card-screen")
        await expect(page.get_by_role("list", name="Main place")).to_contain_text("bob · screen")
        await page.reload()
        assert (await watch_picture(page, "bob · screen", frames=5))[0] > 0
        assert await flaws(page) == []
        await button(page, "Leave").click()
        assert await ada.until_left() == "left"
        await expect(page.get_by_role("heading", name="You left the session")).to_be_visible()
        assert tile(page, "bob")
        assert serious(chromium.errors) == []
        await bob.leave()


async def test_the_page_and_the_program_look_at_the_same(chromium: Chromium) -> None:
    """Layout, pin, badge, list and picture-in-picture, whoever chose them."""
    async with together("ada", "bob") as ((ada, bob), _):
        page = await looking(chromium, ada)
        stage = page.locator(".jf-stage")
        ada.set_layout("SIDEBAR")
        await expect(stage).to_have_attribute("data-layout", "SIDEBAR")
        ada.set_layout("TILE")
        await expect(stage).to_have_attribute("data-layout", "TILE")
        ada.pin_participant("bob")
        await expect(page.get_by_role("list", name="Main place")).to_contain_text("bob")
        await button(page, "Unpin bob").click()
        await until(lambda: ada.pinned is None, "nobody pinned")
        await button(page, "Pin bob").click()
        await until(lambda: ada.pinned is not None and ada.pinned.uid == "bob", "Bob pinned")
        await bob.send_chat("one")
        await button(page, "Open the chat (1 unread)").click()
        await until(lambda: ada.chat_unread_count == 0, "that it is read")
        await bob.send_chat("two")
        await expect(page.get_by_role("log", name="Messages")).to_contain_text("two")
        await until(lambda: len(ada.chat) == 2 and ada.chat_unread_count == 0, "that it is read while it is open")
        ada.show_participant_list()
        await expect(page.get_by_role("tab", name="People", selected=True)).to_be_visible()
        ada.enable_picture_in_picture_layout()
        await expect(page.locator(".jf-controls")).to_be_hidden()
        await expect(tile(page, "bob")).to_be_visible()
        ada.disable_picture_in_picture_layout()
        await expect(page.locator(".jf-controls")).to_be_visible()
        assert serious(chromium.errors) == []


async def test_what_is_behind_the_camera_is_chosen_in_the_settings(chromium: Chromium, tmp_path: Path) -> None:
    """Blurred, a picture of the person's own, as it is: in the camera that others get; the page shows what a program
    chose."""
    settings: Any = {"camera": "synthetic:card-front", "video": SMALL["video"]}
    async with together("ada", "bob", screen=settings) as ((ada, bob), _):
        page = await looking(chromium, ada)
        await button(page, "More").click()
        await page.get_by_role("menuitem", name="Settings").click()
        behind = page.get_by_role("dialog").get_by_label("Background")
        await expect(behind).to_have_value("none")
        await behind.select_option("Blurred")
        await until(lambda: ada.background is not None and ada.background.blur == 0.7, "the blur")
        async with page.expect_file_chooser() as asked:
            await behind.select_option("A picture…")
        await (await asked.value).set_files(blue(tmp_path / "blue.png"))
        await sees(bob, "ada", is_blue)
        await expect(behind).to_have_value("image")
        await expect(page.get_by_role("dialog").get_by_role("status")).to_be_hidden()
        assert await flaws(page) == []
        await behind.select_option("As it is")
        await sees(bob, "ada", lambda pixels: not is_blue(pixels))
        await ada.set_background_blur(0.3)
        await expect(behind).to_have_value("0.2")  # the nearest of those that are offered
        await page.get_by_role("button", name="Close settings").click()
        await button(page, "Choose camera").click()
        await expect(page.get_by_role("menuitemradio", name="A little blurred", checked=True)).to_be_visible()
        assert serious(chromium.errors) == []


async def sees(session: CallSession, uid: str, holds: Callable[[Pixels], bool]) -> None:
    """Until a picture of theirs is so."""
    async with asyncio.timeout(30):
        async for frame in session.participants[uid].video.frames():
            assert isinstance(frame, VideoFrame)
            if holds(frame.reformatted("rgb24", 320, 180).picture.to_ndarray().astype(np.int16)):
                return


async def test_a_page_of_another_site_holds_it_in_a_frame(chromium: Chromium) -> None:
    """Where its origin is named, and there alone; the secret stays out of every address that is shown."""
    held = web.Application()
    addresses: list[str] = []

    async def host(_: web.Request) -> web.Response:
        return web.Response(
            text=f'<title>Kiosk</title><iframe src="{addresses[0]}" width="900" height="600"></iframe>',
            content_type="text/html",
        )

    held.router.add_get("/", host)
    runner = web.AppRunner(held)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    config = Config(tables={"render-web": {"origins": [f"http://localhost:{port}"]}})
    async with together("ada", "bob", config=config) as ((ada, _), _):
        addresses.append(ada.view)
        page = await chromium.context.new_page()
        await page.goto(f"http://localhost:{port}/")
        frame = page.frame_locator("iframe")
        await expect(frame.locator(".jf-tile").filter(has_text="bob")).to_be_visible()
        await frame.get_by_role("button", name="Raise your hand", exact=True).click()
        await until(lambda: ada.is_hand_raised, "the hand")
        other = await chromium.context.new_page()
        await other.goto(f"http://127.0.0.1:{port}/")
        await asyncio.sleep(1)
        assert await other.frame_locator("iframe").locator(".jf-tile").count() == 0
        await page.close()
        await other.close()
    await runner.cleanup()


async def test_what_the_browser_cannot_decode_is_said_and_asked_for_no_more(chromium: Chromium) -> None:
    """H.265 in a Chromium without it: initials, words, and no keyframes for nobody."""
    async with together("ada", "bob", camera="synthetic:card-front", video_codecs=["H265"]) as ((ada, bob), _):
        page = await chromium.context.new_page()
        await page.goto(ada.view)
        supported = "VideoDecoder.isConfigSupported({codec: 'hev1.1.6.L153.B0'}).then(({supported}) => supported)"
        assert not await page.evaluate(supported)
        await expect(page.get_by_role("log", name="Notices")).to_contain_text("cannot decode H.265, in which bob sends")
        await expect(tile(page, "bob").locator(".jf-avatar")).to_be_visible()
        asked = keyframes(bob)
        await asyncio.sleep(2)
        assert keyframes(bob) - asked <= 1
        assert serious(chromium.errors) == []


async def test_a_link_that_is_over_says_so(chromium: Chromium) -> None:
    """A wrong secret opens nothing, and the page says what to do; the right one tells how the call ended, and what
    settings hide is not there."""
    async with (
        serving(drain_s=0.1) as server,
        Calls(Place(server.url, KEY, SECRET), plugins=load(Config()), remember=False) as calls,
    ):
        await calls.login("ada")
        quiet = {"camera": "none", "microphone": "none", "speaker": "none", "renderers": ["render-web"]}
        ada = await calls.join_session(session_id="s", settings=quiet)
        page = await chromium.context.new_page()
        await page.goto(ada.view.partition("#")[0] + "#wrong")
        await expect(page.get_by_role("heading", name="This link does not open the call")).to_be_visible()
        screen = await chromium.context.new_page()
        await screen.goto(ada.view)
        await button(screen, "Leave").wait_for()
        await expect(button(screen, "Open the chat")).to_have_count(0)
        await ada.end_for_all()
        await expect(screen.get_by_role("heading", name="The session is over")).to_be_visible()
