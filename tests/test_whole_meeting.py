"""A whole meeting: two people in browsers and a Python participant. Each does what people do in a meeting, and each
step is seen by the others; how long that took is printed."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Locator, Page, expect

from jackfield import Calls, CallSession, Place, tokens
from jackfield.plugins import Config, load
from jackfield.server.app import Server
from jackfield.server.recording.kept import Kept, files
from tests.lab.browser import Launch
from tests.lab.meeting import until
from tests.lab.web import KEY, SECRET, button, flaws, join, link, serious, serving, tile, watch_picture

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.timeout(180)]
#: Two of each device, so that one can be chosen instead of the other.
DEVICES = ("--use-fake-device-for-media-stream=fps=15,device-count=2",)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    async with serving(drain_s=0.1, recordings=tmp_path / "recordings") as server:
        yield server


class Steps:
    """How long each step took until the others saw it."""

    def __init__(self) -> None:
        self.took: list[str] = []

    async def __call__(self, what: str, act: Awaitable[Any], *seen: Awaitable[Any]) -> None:
        """Does it, and waits until everything of ``seen`` has come true."""
        began = time.monotonic()
        await act
        for each in seen:
            await each
        self.took.append(f"{what}: {(time.monotonic() - began) * 1000:.0f} ms")


async def from_menu(page: Page, item: str) -> None:
    await page.bring_to_front()
    await button(page, "More").click()
    await page.get_by_role("menuitem", name=item, exact=True).click()


async def choose(page: Page, menu: str, item: Locator | None = None) -> None:
    """The last entry of this menu, or another one."""
    await page.bring_to_front()
    await button(page, menu).click()
    await (item or page.get_by_role("menuitemradio").last).click()


async def robot(server: Server) -> tuple[Calls, CallSession]:
    """A Python participant with a test picture and a tone."""
    calls = Calls(Place(server.url, KEY, SECRET), plugins=load(Config()), remember=False)
    token = tokens.mint_call_token(KEY, SECRET, uid="robot", name="Robot 7", session_id="stand-up", role="moderator")
    wish = {"speaker": "none", "video": {"width": 320, "height": 180, "fps": 10}}
    return calls, await calls.join_session(call_token=token, settings=wish)


async def test_two_browsers_and_a_python_participant_hold_a_meeting(
    server: Server, launch_chromium: Launch, tmp_path: Path
) -> None:
    """Pre-join, mute, camera, devices, hand, chat, screen, recording, pin, layout, kick, end; no console complains."""
    chromium = await launch_chromium(DEVICES)
    ada, grace = await chromium.context.new_page(), await chromium.context.new_page()
    step = Steps()
    await step("Ada joins", join(ada, link(server, role="moderator"), "Ada"))
    await step("Grace joins", join(grace, link(server), "Grace"), tile(ada, "Grace").wait_for())
    calls, call = await robot(server)
    try:
        await step("the robot is seen", watch_picture(grace, "Robot 7", 5))
        people = {person.name: person for person in call.participants.values()}
        assert set(people) == {"Ada", "Grace"}
        await media(step, ada, grace, people)
        await words(step, ada, grace, call, people)
        await stage(step, ada, grace, call, tmp_path)
        await step("Grace is removed", call.remove_participant(people["Grace"]), heading(grace, "You were removed"))
        await step("the end for all", end(ada), heading(ada, "The session is over"))
        await step("at the robot's", until(lambda: not call.is_active, "the end"))
    finally:
        await calls.close()
        print("\n".join(step.took))
    assert serious(chromium.errors) == []


async def media(step: Steps, ada: Page, grace: Page, people: dict[str, Any]) -> None:
    """Microphone and camera off and on, and another camera."""
    on_ada = tile(ada, "Grace").get_by_role("img", name="Microphone off")
    await grace.bring_to_front()
    await step("Grace mutes", button(grace, "Mute microphone").click(), on_ada.wait_for())
    await until(lambda: people["Grace"].audio_muted, "at the robot's")
    await step("and unmutes", button(grace, "Unmute microphone").click(), on_ada.wait_for(state="hidden"))
    avatar = tile(ada, "Grace").locator(".jf-avatar")
    await step("her camera is off", button(grace, "Turn camera off").click(), avatar.wait_for())
    await until(lambda: people["Grace"].video_paused, "at the robot's")
    await step("and on", button(grace, "Turn camera on").click(), avatar.wait_for(state="hidden"))
    await until(lambda: not people["Grace"].video_paused, "at the robot's")
    await step("another camera", choose(grace, "Choose camera"))
    await ada.bring_to_front()
    await step("its picture", watch_picture(ada, "Grace", 5))


async def words(step: Steps, ada: Page, grace: Page, call: CallSession, people: dict[str, Any]) -> None:
    """Hands and chat, each way."""
    await grace.bring_to_front()
    hand = tile(ada, "Grace").get_by_role("img", name="Hand raised")
    await step("Grace raises a hand", button(grace, "Raise your hand").click(), hand.wait_for())
    await until(lambda: people["Grace"].raised_hand_at, "her hand at the robot's")
    await step("and lowers it", button(grace, "Lower your hand").click(), hand.wait_for(state="hidden"))
    await step(
        "the robot's hand", call.raise_hand(), tile(grace, "Robot 7").get_by_role("img", name="Hand raised").wait_for()
    )
    await step(
        "the robot writes",
        call.send_chat("<b>two metres</b> to go"),
        button(ada, "Open the chat (1 unread)").wait_for(),
    )
    await ada.bring_to_front()
    await button(ada, "Open the chat (1 unread)").click()
    log = ada.get_by_role("log", name="Messages")
    await expect(log).to_contain_text("<b>two metres</b> to go")
    await ada.get_by_label("Message", exact=True).fill("stop there")
    await step(
        "Ada answers", ada.keyboard.press("Enter"), until(lambda: call.chat[-1].text == "stop there", "her answer")
    )
    assert await flaws(ada) == []
    await ada.keyboard.press("Escape")


async def stage(step: Steps, ada: Page, grace: Page, call: CallSession, folder: Path) -> None:
    """Layouts, pins, a screen, and the recording of it all."""
    await step("recording", from_menu(ada, "Record the session"), grace.locator(".jf-recorded").wait_for())
    await until(lambda: call.is_recording, "the recording, at the robot's")
    await grace.bring_to_front()
    main = grace.get_by_role("list", name="Main place")
    shown = expect(main.locator(".jf-tile")).to_contain_text("Ada")
    await step("Ada shares her screen", share(ada), shown)
    await until(lambda: people_who_share(call) == ["Ada"], "at the robot's")
    await step("and no more", share(ada), expect(main).to_be_hidden())
    await grace.bring_to_front()
    await step(
        "Grace's layout", choose(grace, "More", grace.get_by_role("menuitemradio", name="Spotlight")), main.wait_for()
    )
    await step("she pins the robot", pin(grace, "Robot 7"), expect(main).to_contain_text("Robot 7"))
    await step(
        "no more recording", from_menu(ada, "Stop recording"), grace.locator(".jf-recorded").wait_for(state="hidden")
    )
    ((recording, where),) = Kept(folder / "recordings").listed()
    assert recording.reason == "stopped"
    assert len(files(where)) == 3


def people_who_share(call: CallSession) -> list[str]:
    return [person.name for person in call.participants.values() if person.is_presenting]


async def share(page: Page) -> None:
    await page.bring_to_front()
    await page.get_by_role("button", name="your screen").click()


async def pin(page: Page, name: str) -> None:
    await button(page, "Show who is here").click()
    await button(page.get_by_role("list", name="Who is here"), f"Pin {name}").click()


async def end(page: Page) -> None:
    await from_menu(page, "End for everyone")
    await button(page.get_by_role("dialog"), "End for everyone").click()


async def heading(page: Page, text: str) -> None:
    await expect(page.get_by_role("heading", name=text)).to_be_visible()
