"""The page at /join/SESSION before and around a call: who is let in, what is said when not, and that all can use it."""

from __future__ import annotations

import json
import re
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from playwright.async_api import Page, expect

from jackfield import tokens
from jackfield.server.app import Server
from jackfield.testing import service
from tests.lab.browser import Chromium, Launch
from tests.lab.web import DARK_PHONE, button, flaws, link, serious, serving, stored

pytestmark = pytest.mark.needs("chromium")
NO_CAMERA = ("--use-fake-device-for-media-stream=device-count=0",)
REFUSING = ("--use-fake-ui-for-media-stream=deny",)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with serving() as server:
        yield server


@pytest.fixture
async def page(chromium: Chromium) -> AsyncIterator[Page]:
    """An empty page; the test fails where its console or its scripts complained."""
    yield await chromium.context.new_page()
    assert serious(chromium.errors) == []


async def test_an_invite_leaves_the_address_and_outlives_a_reload(server: Server, page: Page) -> None:
    """Nobody reads the invite over a shoulder, in the history or in a picture of the screen; a reload still has it."""
    await page.goto(link(server))
    await expect(page.get_by_role("heading")).to_have_text("Join stand-up")
    assert page.url == f"{server.url}/join/stand-up"
    await page.reload()
    await expect(page.get_by_role("heading")).to_have_text("Join stand-up")
    assert list(await stored(page)) == ["jackfield.invite.stand-up"]


async def test_a_session_of_any_name_is_found(server: Server, page: Page) -> None:
    """Names that an address cannot hold as they are come through."""
    name = "café / bar & 100 %"
    await page.goto(link(server, name))
    await expect(page.get_by_role("heading")).to_have_text(f"Join {name}")


@pytest.mark.parametrize("look", [{}, DARK_PHONE], ids=["light desktop", "dark phone"])
async def test_from_the_first_page_one_gets_to_a_session(
    server: Server, chromium: Chromium, look: dict[str, Any]
) -> None:
    """By its name, or by a link; what is neither is said to be so."""
    browser = chromium.context.browser
    assert browser
    page = await (await browser.new_context(**look)).new_page()
    chromium.watch(page)
    await page.goto(server.url + "/")
    await expect(page.get_by_role("heading")).to_have_text("Join a session")
    assert await flaws(page) == []
    field = page.get_by_label("Session name, or the link you were sent")
    await field.fill("https://elsewhere.example/")
    await button(page, "Continue").click()
    await expect(page.get_by_role("alert")).to_have_text("That is neither a session name nor a link to a session.")
    await field.fill("café / bar")
    await field.press("Enter")
    await expect(page.get_by_role("heading")).to_have_text("Log in to join café / bar")
    await page.goto(server.url + "/")
    await field.fill(link(server))
    await button(page, "Continue").click()
    await expect(page.get_by_role("heading")).to_have_text("Join stand-up")
    assert serious(chromium.errors) == []


async def test_every_page_has_one_style_sheet_the_same(server: Server, page: Page) -> None:
    """What comes later in it is to be stronger: cut into several, in another order, buttons would turn red."""
    sheets = []
    for path in ("/", "/join/stand-up"):
        await page.goto(server.url + path)
        sheets.append(await page.evaluate("() => [...document.styleSheets].map(({ href }) => href)"))
    assert len(sheets[0]) == 1
    assert sheets[0] == sheets[1]


async def test_who_has_no_invite_logs_in(server: Server, page: Page) -> None:
    """A wrong key is refused in words, the right one goes on, is remembered by the tab, and ends with the log-out."""
    await page.goto(f"{server.url}/join/stand-up")
    await page.get_by_label("User id").fill("ada")
    await page.get_by_label("Log-in key").fill("wrong")
    await button(page, "Log in").click()
    await expect(page.get_by_role("alert")).to_contain_text("The log-in key is wrong")
    await page.get_by_label("Log-in key").fill(service.LOGIN_KEY)
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("Logged in as ada.")).to_be_visible()
    await page.reload()
    await expect(page.get_by_label("Your name")).to_have_value("ada")
    await button(page, "Log out").click()
    await expect(page.get_by_role("heading")).to_have_text("Log in to join stand-up")
    assert await stored(page) == {}


@pytest.mark.parametrize(
    ("session_id", "invited_to", "age_s", "said"),
    [
        ("stand-up", "stand-up", 3600, "This invite has expired"),
        ("stand-up", "other", 0, "This invite does not open the session"),
    ],
)
async def test_an_invite_that_is_no_good_is_told_and_forgotten(
    server: Server, page: Page, session_id: str, invited_to: str, age_s: float, said: str
) -> None:
    """The reason and the next step are on the page, and a reload does not try the same invite again."""
    invite = link(server, invited_to, ttl_s=60, clock=lambda: time.time() - age_s).partition("#")[2]
    await page.goto(f"{server.url}/join/{session_id}#{invite}")
    await page.get_by_label("Your name").fill("Eve")
    await button(page, "Join").click()
    await expect(page.get_by_role("heading")).to_have_text(said)
    await expect(page.get_by_text("Ask whoever invited you for a new link.")).to_be_visible()
    assert await stored(page) == {}
    await button(page, "Log in instead").click()
    await expect(page.get_by_label("User id")).to_be_visible()


async def test_a_log_in_that_expires_before_joining_is_asked_for_again(server: Server, page: Page) -> None:
    """The name and the devices were chosen meanwhile: the page says why, and goes on after the log-in."""
    await page.goto(f"{server.url}/join/stand-up")
    old = tokens.mint_log_in(service.API_KEY, service.API_SECRET, "ada", ttl_s=-60)
    kept = json.dumps({"authToken": old.auth_token, "uid": "ada", "name": "Ada"})
    await page.evaluate("(kept) => sessionStorage.setItem('jackfield.login', kept)", kept)
    await page.reload()
    await page.get_by_label("Your name").fill("Ada L.")
    await button(page, "Join").click()
    await expect(page.get_by_text("Your log-in has expired. Log in again to join.")).to_be_visible()
    await page.get_by_label("User id").fill("ada")
    await page.get_by_label("Log-in key").fill(service.LOGIN_KEY)
    await page.keyboard.press("Enter")
    await expect(page.get_by_label("Your name")).to_have_value("Ada L.")
    await button(page, "Join").click()
    await button(page, "Leave").wait_for()


async def test_a_server_that_went_away_is_told(server: Server, chromium: Chromium) -> None:
    """The person stays where they are and may try again."""
    page = await chromium.open(link(server))
    await page.get_by_label("Your name").fill("Ada")
    await server.close()
    await button(page, "Join").click()
    await expect(page.get_by_role("alert")).to_contain_text("The server cannot be reached")
    await expect(button(page, "Join")).to_be_enabled()


async def test_devices_are_shown_and_can_be_chosen(server: Server, page: Page) -> None:
    """A preview plays, the meter moves, the lists name what is there, and what was turned off is really off."""
    await page.goto(link(server))
    await expect(page.get_by_label("Camera", exact=True)).to_contain_text("fake_device_0")
    await expect(page.get_by_label("Microphone", exact=True).locator("option")).to_have_count(3)
    await expect(page.get_by_label("Speaker", exact=True).locator("option")).to_have_count(3)
    await page.wait_for_function("() => document.querySelector('[role=meter]').ariaValueNow > 0")
    await page.wait_for_function("() => document.querySelector('video').videoWidth === 1280")
    await page.get_by_label("Microphone", exact=True).select_option(label="Fake Audio Input 2")
    await button(page, "Turn camera off").click()
    await expect(page.get_by_text("Your camera is off")).to_be_visible()
    assert await page.evaluate("document.querySelector('video').srcObject") is None
    await page.reload()
    await expect(page.get_by_label("Microphone", exact=True).locator("option:checked")).to_have_text(
        "Fake Audio Input 2"
    )


async def test_who_has_no_camera_joins_with_the_microphone(server: Server, launch_chromium: Launch) -> None:
    """What is missing is said beside its list and again where it is asked for; the rest works."""
    chromium = await launch_chromium(flags=NO_CAMERA)
    page = await chromium.open(link(server))
    await expect(page.get_by_text("No camera was found. Plug one in, and it appears here.")).to_be_visible()
    await expect(button(page, "Turn microphone off")).to_be_visible()
    await page.get_by_label("Your name").fill("Ada")
    await button(page, "Join").click()
    await expect(page.get_by_text("You are the only one here.")).to_be_visible()
    await button(page, "Turn camera on").click()
    await expect(page.get_by_role("log")).to_contain_text("No camera was found.")
    assert chromium.errors == []


async def test_who_refused_camera_and_microphone_reads_the_way_back(server: Server, launch_chromium: Launch) -> None:
    """Each says where to allow it, joining works without, and the call says it again."""
    chromium = await launch_chromium(flags=REFUSING, permissions=())
    page = await chromium.open(link(server))
    for thing in ("camera", "microphone"):
        await expect(page.get_by_text(f"The browser does not let this page use your {thing}.")).to_be_visible()
    await page.get_by_label("Your name").fill("Ada")
    await button(page, "Join").click()
    await button(page, "Unmute microphone").click()
    await expect(page.get_by_role("log")).to_contain_text("Allow it in the site settings beside the address")
    assert chromium.errors == []


@pytest.mark.parametrize("look", [{}, DARK_PHONE], ids=["light desktop", "dark phone"])
async def test_axe_finds_no_flaw_before_and_in_a_call(
    server: Server, chromium: Chromium, look: dict[str, object]
) -> None:
    """Log-in, preparing, the call with a menu open, and the page after it, at both sizes and in both colours."""
    browser = chromium.context.browser
    assert browser
    context = await browser.new_context(permissions=["camera", "microphone"], **look)
    page = await context.new_page()
    chromium.watch(page)
    await page.goto(f"{server.url}/join/stand-up")
    assert await flaws(page) == []
    await page.goto(link(server, role="moderator"))
    await page.get_by_label("Your name").fill("Ada")
    assert await flaws(page) == []
    await button(page, "Join").click()
    await button(page, "Choose microphone and speaker").click()
    await expect(page.get_by_role("menuitemradio")).to_have_count(6)
    assert await flaws(page) == []
    await page.keyboard.press("Escape")
    await button(page, "Leave").click()
    await expect(page.get_by_role("heading")).to_have_text("You left the session")
    assert await flaws(page) == []
    wide = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
    assert await page.evaluate(wide), "the page is wider than its window"
    assert serious(chromium.errors) == []


async def test_the_keyboard_is_enough(server: Server, page: Page) -> None:
    """Name, Enter, through the controls with Tab, a device with the arrow keys, out with Leave; focus is never lost."""
    await page.goto(link(server))
    await page.keyboard.type("Ada")
    await button(page, "Turn camera off").wait_for()
    await page.keyboard.press("Enter")
    await button(page, "Mute microphone").focus()
    await page.keyboard.press("Space")
    await expect(button(page, "Unmute microphone")).to_be_focused()
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("menuitemradio", name="Fake Default Audio Input")).to_be_focused()
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await expect(button(page, "Choose microphone and speaker")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("menuitemradio", name="Fake Audio Input 1")).to_have_attribute("aria-checked", "true")
    await page.keyboard.press("Escape")
    await button(page, "Leave").press("Enter")
    await expect(page.get_by_role("heading")).to_be_focused()


async def test_nothing_comes_from_elsewhere(server: Server, chromium: Chromium) -> None:
    """Every file and every connection is the server's own, and the policy that says so is kept."""
    page = await chromium.context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    response = await page.goto(link(server))
    assert response
    policy = response.headers["content-security-policy"]
    assert "'unsafe" not in policy
    assert "default-src 'none'" in policy
    await page.get_by_label("Your name").fill("Ada")
    await button(page, "Join").click()
    await button(page, "Leave").wait_for()
    assert [url for url in asked if not re.match(rf"{re.escape(server.url)}/|blob:|data:", url)] == []
    assert chromium.errors == []
