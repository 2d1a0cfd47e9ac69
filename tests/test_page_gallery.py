"""The page's components over a painted call that LiveKit has no part in: many people, a screen, a lost connection."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web
from playwright.async_api import Browser, Page, async_playwright, expect

from tests.lab.browser import FLAGS, Chromium
from tests.lab.machine import find_chromium
from tests.lab.needs import require
from tests.lab.web import WEB, build, button, flaws

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.asyncio(loop_scope="module")]
DESKTOP, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
LYING = {"width": 844, "height": 390}
INSIDE = """() => {
  const stage = document.querySelector('.jf-stage').getBoundingClientRect();
  return [...document.querySelectorAll('.jf-tile')].every((tile) => {
    const box = tile.getBoundingClientRect();
    return box.width >= 100 && box.left >= stage.left - 1 && box.right <= stage.right + 1;
  });
}"""

#: Through the further pages within the page itself: a round trip for each of fifty would be most of the test.
ON = """async (more) => {
  const seen = new Set();
  for (;;) {
    for (const each of document.querySelectorAll('.jf-name-text')) seen.add(each.innerText);
    if (more.disabled) return [...seen];
    more.click();
    await new Promise((drawn) => requestAnimationFrame(drawn));
  }
}"""


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`framework/web/test/gallery`, built as the page is."""
    made = tmp_path_factory.mktemp("gallery")
    found = build().find_node()
    assert found, build().NO_NODE
    build().install(*found)
    vite = [found[0], WEB / "node_modules" / "vite" / "bin" / "vite.js", "build", WEB / "test" / "gallery"]
    subprocess.run([*vite, "--outDir", made, "--emptyOutDir", "--logLevel", "warn"], cwd=WEB, check=True, timeout=60)
    return made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser(gallery: Path) -> AsyncIterator[tuple[Browser, str]]:
    """One Chromium for all of these tests, and where the gallery is served."""
    require("chromium")
    app = web.Application()
    app.router.add_static("/", gallery)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=find_chromium(), args=[*FLAGS])
        yield browser, f"http://127.0.0.1:{runner.addresses[0][1]}"
        await browser.close()
    await runner.cleanup()


@pytest_asyncio.fixture(loop_scope="module")
async def page(browser: tuple[Browser, str]) -> AsyncIterator[Page]:
    """A page whose relative addresses lead into the gallery; the test fails where its console complained."""
    context = await browser[0].new_context(base_url=browser[1])
    chromium = Chromium(context)
    page = await context.new_page()
    chromium.watch(page)
    yield page
    await context.close()
    assert chromium.errors == []


@pytest.mark.parametrize("layout", ["TILE", "SIDEBAR", "SPOTLIGHT"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE, LYING], ids=["desktop", "phone", "phone on its side"])
async def test_any_number_of_people_fits_in_every_layout(page: Page, layout: str, size: Any) -> None:
    """No tile is cut off at the side or too small to see; what does not fit is on further pages, each person once."""
    await page.set_viewport_size(size)
    for people in (1, 2, 50) if size is LYING else (2, 9, 50):
        await page.goto(f"/index.html?people={people}&layout={layout}")
        wanted = people + (1 if people > 2 else 0)
        await expect(page.locator(".jf-tile").first).to_be_visible()
        assert await page.evaluate(INSIDE), people
        assert await page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
        seen = await names(page)
        assert any("(you)" in each for each in seen), "the person themselves are on the first page"
        if await page.locator(".jf-pager").is_visible():
            await button(page, "More people").click()
            seen |= set(await button(page, "More people").evaluate(ON))
        assert len(seen) == wanted, people
    assert await flaws(page) == []


async def names(page: Page) -> set[str]:
    """Whose tiles are in the page."""
    return set(await page.locator(".jf-name-text").all_inner_texts())


async def test_who_is_pinned_keeps_the_main_place(page: Page) -> None:
    """From a tile or from the list; asked again, the layout that was chosen is back."""
    await page.set_viewport_size(DESKTOP)  # type: ignore[arg-type]
    await page.goto("/index.html?people=5&hands=1")
    main = page.get_by_role("list", name="Main place").get_by_role("listitem")
    await expect(main).to_be_hidden()
    await page.get_by_role("list", name="People in this session").get_by_text("Robot 7", exact=True).first.hover()
    await button(page, "Pin Robot 7").first.click()
    await expect(main).to_contain_text("Robot 7")
    await button(page, "Show who is here").click()
    rows = page.get_by_role("list", name="Who is here").get_by_role("listitem")
    await expect(rows.first).to_contain_text("Grace Hopper")
    await page.get_by_label("Find somebody by name").fill("ada")
    await expect(rows).to_have_count(1)
    await button(page.get_by_role("list", name="Who is here"), "Pin Ada Lovelace").click()
    await expect(main).to_contain_text("Ada Lovelace")
    await button(page.get_by_role("list", name="Who is here"), "Unpin Ada Lovelace").click()
    await expect(main).to_be_hidden()
    assert await flaws(page) == []


async def test_a_moderator_mutes_pauses_and_removes(page: Page) -> None:
    """From the list, each by name; removing and ending are asked about first."""
    await page.set_viewport_size(DESKTOP)  # type: ignore[arg-type]
    await page.goto("/index.html?people=3")
    await button(page, "Show who is here").click()
    await page.get_by_label("Find somebody by name").fill("Ada")
    for label in ("Mute Ada Lovelace", "Turn off camera of Ada Lovelace", "Remove Ada Lovelace"):
        await button(page, label).click()
    asked = page.get_by_role("dialog", name="Remove Ada Lovelace from the session?")
    assert await flaws(page) == []
    await page.keyboard.press("Escape")
    await expect(asked).to_be_hidden()
    await button(page, "Remove Ada Lovelace").click()
    await button(asked, "Remove").click()
    await button(page, "More").click()
    await page.get_by_role("menuitem", name="End for everyone").click()
    await button(page.get_by_role("dialog", name="End the session for everyone?"), "End for everyone").click()
    done = await page.evaluate("() => call.done.filter((each) => !each.endsWith('clicked'))")
    assert done == ["mute p0", "pause p0", "remove p0", "end"]


async def test_the_list_shows_how_things_are_beside_what_can_be_done(page: Page) -> None:
    """States are marks, actions are words; a press of one never shows as the other, and neither covers the other."""
    await page.set_viewport_size(DESKTOP)  # type: ignore[arg-type]
    await page.goto("/index.html?people=3")
    await button(page, "Show who is here").click()
    row = page.get_by_role("list", name="Who is here").get_by_role("listitem").filter(has_text="Ada Lovelace")
    await expect(row.get_by_role("button")).to_have_text(["Pin", "Mute", "Turn off camera", "Remove"])
    assert await row.get_by_role("button").locator("svg").count() == 0
    for mark in ("Microphone on", "Camera on"):
        await expect(row.get_by_role("img", name=mark)).to_be_visible()
    await expect(row.get_by_role("img", name="Pinned")).to_have_count(0)
    await button(row, "Pin Ada Lovelace").click()
    await expect(row.get_by_role("img", name="Pinned")).to_be_visible()
    await expect(button(row, "Unpin Ada Lovelace")).to_have_text("Unpin")
    lowest = await row.locator(".jf-row-marks").evaluate("marks => marks.getBoundingClientRect().bottom")
    assert await row.locator(".jf-row-actions").evaluate("actions => actions.getBoundingClientRect().top") >= lowest - 8
    assert await flaws(page) == []


async def test_the_menu_is_in_groups_and_what_ends_the_call_is_set_apart(page: Page) -> None:
    """Each group has a heading; the last has none, a line before it, and the colour of danger."""
    await page.set_viewport_size(DESKTOP)  # type: ignore[arg-type]
    await page.goto("/index.html?people=3")
    await button(page, "More").click()
    menu = page.get_by_role("menu", name="More")
    await expect(menu.locator(".jf-menu-title:visible")).to_have_text(["Layout", "View", "Session", "Devices"])
    for group, item in (("Session", "Copy invite link"), ("Devices", "Settings"), ("View", "Hide captions")):
        await expect(menu.get_by_role("group", name=group).get_by_role("menuitem", name=item)).to_be_visible()
    await expect(menu.get_by_role("separator")).to_have_count(4)
    last = menu.get_by_role("menuitem").last
    await expect(last).to_have_text("End for everyone")
    colour = "item => getComputedStyle(item).color"
    assert await last.evaluate(colour) != await menu.get_by_role("menuitem", name="Settings").evaluate(colour)
    assert await flaws(page) == []


async def test_names_keep_their_direction_to_themselves(page: Page) -> None:
    """On tiles, in the list, in notices and in the chat: what follows a name from right to left stands after it."""
    await page.set_viewport_size(DESKTOP)  # type: ignore[arg-type]
    await page.goto("/index.html?people=2&panel=people")
    await page.evaluate("() => call.say((own) => ({ ...own, name: 'דנה 7' }))")
    await page.evaluate("() => call.tell({ kind: 'joined', name: 'דנה 7' })")
    for place in (page.locator(".jf-name-text"), page.locator(".jf-row-name"), page.locator(".jf-toast")):
        await expect(place.locator("bdi", has_text="דנה 7").first).to_be_visible()
    tile = page.locator(".jf-name-text", has_text="דנה")
    await expect(tile).to_have_text("דנה 7 (you)")
    after = """text => {
      const range = document.createRange();
      range.selectNode(text.lastChild);
      return range.getBoundingClientRect().left - text.firstChild.getBoundingClientRect().right;
    }"""
    assert await tile.evaluate(after) >= -1


@pytest.mark.parametrize(
    ("what", "said"),
    [("microphone", "A moderator muted you"), ("camera", "A moderator turned off your camera")],
)
async def test_who_is_turned_off_by_a_moderator_reads_so(page: Page, what: str, said: str) -> None:
    """The protocol does not say by which."""
    await page.goto("/index.html?people=2")
    await page.evaluate("what => call.tell({ kind: 'turnedOff', what })", what)
    await expect(page.get_by_role("log", name="Notices")).to_contain_text(said)


async def test_chat_is_text_and_counts_what_was_not_read(page: Page) -> None:
    """Markup stays what it is, links are links, a hundred kilobytes are shortened; unread messages are counted."""
    await page.set_viewport_size(DESKTOP)  # type: ignore[arg-type]
    await page.goto("/index.html?people=2&messages=1")
    await expect(button(page, "Open the chat (2 unread)")).to_be_visible()
    await button(page, "Open the chat (2 unread)").click()
    log = page.get_by_role("log", name="Messages")
    await expect(log).to_contain_text("<b>Markup</b> is shown as it was typed.")
    await expect(log.get_by_role("link")).to_have_attribute("href", "https://notes.example/stand-up")
    await expect(button(page, "Open the chat")).to_be_visible()
    await page.evaluate("() => void call.write('Bo', '<img src=x onerror=alert(1)>' + 'a'.repeat(100_000))")
    await button(page, "Show all 100,028 characters").click()
    await page.get_by_label("Message", exact=True).fill("first line")
    await page.keyboard.press("Shift+Enter")
    await page.keyboard.type("second line")
    await page.keyboard.press("Enter")
    await expect(log.locator(".jf-own").last).to_contain_text("first line\nsecond line")
    await page.get_by_label("Message", exact=True).fill("x" * 100_001)
    await expect(page.get_by_role("status").filter(has_text="1 characters too long")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(log).to_be_hidden()
    assert await flaws(page) == []


async def test_the_idle_prompt_counts_down_and_takes_an_answer(page: Page) -> None:
    """It is over everything, and Stay ends it."""
    await page.goto("/index.html?people=1&idle=1")
    prompt = page.get_by_role("dialog", name="Are you still there?")
    await expect(prompt).to_contain_text("2:34")
    assert await flaws(page) == []
    await button(prompt, "Stay").click()
    await expect(prompt).to_be_hidden()


async def test_every_button_is_told_of_before_it_acts(page: Page) -> None:
    """And one that is kept from acting does nothing."""
    await page.set_viewport_size(DESKTOP)  # type: ignore[arg-type]
    await page.goto("/index.html?people=2")
    for label in ("Mute microphone", "Turn camera off", "Share your screen", "Raise your hand", "Open the chat"):
        await button(page, label).click()
    told = await page.evaluate("() => call.done")
    buttons = ("toggle_audio", "toggle_video", "screen_share", "raise_hand", "chat")
    assert told == [f"{each}_button_clicked" for each in buttons]
    await expect(button(page, "Lower your hand")).to_have_attribute("aria-pressed", "true")
    await page.evaluate("() => { call.pressed = () => false; }")
    await button(page, "Unmute microphone").click()
    await expect(button(page, "Unmute microphone")).to_be_visible()


async def test_what_settings_hide_is_not_there(page: Page) -> None:
    """The vendor's defaults leave the chat and more out; a phone keeps the rest under More."""
    await page.set_viewport_size(DESKTOP)  # type: ignore[arg-type]
    await page.goto("/index.html?people=2&defaults=1")
    await expect(button(page, "Raise your hand")).to_be_visible()
    await expect(button(page, "Open the chat")).to_have_count(0)
    await page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    await expect(button(page, "Raise your hand")).to_be_hidden()
    await button(page, "More").click()
    await expect(page.get_by_role("menuitem", name="Raise your hand")).to_be_visible()
    await expect(page.get_by_role("menuitem", name="Copy invite link")).to_have_count(0)
    assert await flaws(page) == []


async def test_a_shared_screen_takes_the_main_place_and_gives_it_back(page: Page) -> None:
    """Whole and large, the people beside it; when it ends the tiles are equal again."""
    await page.set_viewport_size(DESKTOP)  # type: ignore[arg-type]
    await page.goto("/index.html?people=5&screen=1")
    main = page.get_by_role("list", name="Main place").get_by_role("listitem")
    await expect(main).to_contain_text("Grace Hopper · screen")
    box = await main.bounding_box()
    assert box
    assert box["width"] > 800
    assert await flaws(page) == []
    without = "people.map((each) => ({...each, pictures: each.pictures.filter(({source}) => source !== 'screen')}))"
    await page.evaluate(
        f"() => {{ const {{people}} = call; call.people = {without}; call.tell({{kind: 'changed'}}); }}"
    )
    await expect(page.get_by_role("list", name="Main place")).to_be_hidden()
    await expect(page.get_by_role("list", name="People in this session").get_by_role("listitem")).to_have_count(6)


async def test_sound_that_waits_for_a_click_gets_one(page: Page) -> None:
    """The bar is there until it is pressed."""
    await page.goto("/index.html?blocked=1")
    await button(page, "Play sound").click()
    await expect(button(page, "Play sound")).to_be_hidden()


async def test_who_may_only_watch_is_told_on_the_buttons(page: Page) -> None:
    """Microphone and camera cannot be turned on, and say why."""
    await page.goto("/index.html?watching=1")
    await expect(button(page, "Mute microphone")).to_be_disabled()
    title = "You may only watch and listen in this session"
    await expect(button(page, "Turn camera off")).to_have_attribute("title", title)


async def test_an_action_that_fails_is_told(page: Page) -> None:
    """A device that cannot be chosen is a notice, and nothing else changes."""
    await page.goto("/index.html?toasts=1")
    await button(page, "Choose camera").click()
    await page.get_by_role("menuitemradio", name="The second").click()
    await expect(page.get_by_role("log")).to_contain_text("Something went wrong: it is painted")
    assert await flaws(page) == []


async def test_a_menu_follows_a_device_that_takes_its_time(page: Page) -> None:
    """Opened again before the device is: the choice moves when it is, and the focus stays in the menu."""
    await page.goto("/index.html?people=2")
    await page.evaluate("() => { call.opened = new Promise((opened) => { window.opens = opened; }); }")
    await button(page, "Choose camera").click()
    await page.get_by_role("menuitemradio", name="The second").click()
    await page.keyboard.press("Enter")
    first, second = (page.get_by_role("menuitemradio", name=name) for name in ("The first", "The second"))
    await expect(first).to_be_focused()
    await page.evaluate("() => window.opens()")
    await expect(second).to_have_attribute("aria-checked", "true")
    await expect(first).to_be_focused()


async def test_a_view_that_is_closed_leaves_nothing(page: Page) -> None:
    """The container is empty and the call is left alone: whoever closes the view may go on with it."""
    await page.goto("/index.html?people=4")
    await page.evaluate("() => view.close()")
    assert await page.evaluate("() => document.getElementById('here').childElementCount") == 0
    assert await page.evaluate("() => call.state") == "connected"
