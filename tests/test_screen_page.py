"""The screen of a Python participant in real Chromium: pictures move, buttons act on the Python session."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from jackfield import Calls, CallSession, Place
from jackfield.plugins import Config, load
from tests.lab.browser import Chromium
from tests.lab.meeting import until
from tests.lab.web import KEY, SECRET, button, flaws, serious, serving, tile, watch_picture

pytestmark = pytest.mark.needs("chromium")
SMALL = {"video": {"width": 320, "height": 180, "fps": 15}, "speaker": "none"}


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
