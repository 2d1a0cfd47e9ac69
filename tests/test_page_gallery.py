"""The page's components over a painted call that LiveKit has no part in: many people, a screen, a lost connection."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from playwright.async_api import Page, expect

from tests.lab.browser import Chromium
from tests.lab.web import WEB, build, button, flaws

pytestmark = pytest.mark.needs("chromium")
DESKTOP, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
LYING = {"width": 844, "height": 390}
INSIDE = """() => {
  const stage = document.querySelector('.jf-stage').getBoundingClientRect();
  return [...document.querySelectorAll('.jf-tile')].every((tile) => {
    const box = tile.getBoundingClientRect();
    return box.width >= 100 && box.left >= stage.left - 1 && box.right <= stage.right + 1;
  });
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


@pytest.fixture
async def page(gallery: Path, chromium: Chromium) -> AsyncIterator[Page]:
    """A page whose relative addresses lead into the gallery; the test fails where its console complained."""
    app = web.Application()
    app.router.add_static("/", gallery)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    browser = chromium.context.browser
    assert browser
    context = await browser.new_context(base_url=f"http://127.0.0.1:{runner.addresses[0][1]}")
    page = await context.new_page()
    chromium.watch(page)
    yield page
    await context.close()
    await runner.cleanup()
    assert chromium.errors == []


@pytest.mark.parametrize("size", [DESKTOP, PHONE, LYING], ids=["desktop", "phone", "phone on its side"])
@pytest.mark.parametrize("people", [2, 9, 50])
async def test_any_number_of_people_fits(page: Page, people: int, size: Any) -> None:
    """No tile is cut off at the side or too small to see; what does not fit scrolls, with the keyboard too."""
    await page.set_viewport_size(size)
    await page.goto(f"/index.html?people={people}")
    further = 1 if people > 2 else 0
    await expect(page.locator(".jf-tile")).to_have_count(people + further)
    assert await page.evaluate(INSIDE)
    assert await page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    scrolls = await page.evaluate(
        "() => (({scrollHeight: a, clientHeight: b}) => a > b + 1)(document.querySelector('.jf-people'))"
    )
    assert await page.locator(".jf-people[tabindex='0']").count() == int(scrolls)
    if people <= 9:
        assert await flaws(page) == []


async def test_a_shared_screen_takes_the_main_place_and_gives_it_back(page: Page) -> None:
    """Whole and large, the people beside it; when it ends the tiles are equal again."""
    await page.set_viewport_size(DESKTOP)  # type: ignore[arg-type]
    await page.goto("/index.html?people=5&screen=1")
    main = page.get_by_role("list", name="Shared screen").get_by_role("listitem")
    await expect(main).to_contain_text("Grace Hopper · screen")
    box = await main.bounding_box()
    assert box
    assert box["width"] > 800
    assert await flaws(page) == []
    without = "people.map((each) => ({...each, pictures: each.pictures.filter(({source}) => source !== 'screen')}))"
    await page.evaluate(
        f"() => {{ const {{people}} = call; call.people = {without}; call.tell({{kind: 'changed'}}); }}"
    )
    await expect(page.get_by_role("list", name="Shared screen")).to_be_hidden()
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


async def test_a_view_that_is_closed_leaves_nothing(page: Page) -> None:
    """The container is empty and the call is left alone: whoever closes the view may go on with it."""
    await page.goto("/index.html?people=4")
    await page.evaluate("() => view.close()")
    assert await page.evaluate("() => document.getElementById('here').childElementCount") == 0
    assert await page.evaluate("() => call.state") == "connected"
