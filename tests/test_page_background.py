"""What is behind a person on the page: blurred, a picture, or as it is; others never get what was to be hidden."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.async_api import Locator, Page, expect

from jackfield import Calls, CallSession, Place, tokens
from jackfield.plugins import Config, load
from jackfield.server.app import Server
from jackfield.values.media import VideoFrame
from tests.lab.browser import Chromium, Launch
from tests.lab.web import KEY, SECRET, button, join, link, serious, serving

pytestmark = pytest.mark.needs("chromium")
Pixels = NDArray[np.int16]
#: How much neighbours differ where the stripes are seen, and where they are blurred.
SHARP, BLURRED = 60, 25


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with serving(drain_s=0.1) as server:
        yield server


@pytest.fixture
async def chromium(launch_chromium: Launch, tmp_path: Path) -> Chromium:
    """Its camera sees stripes, black and white, and nobody before them."""
    row = np.repeat(np.tile(np.uint8([16, 235]), 20), 32)
    picture = np.tile(row, (720, 1)).tobytes() + bytes([128]) * (640 * 360 * 2)
    (tmp_path / "room.y4m").write_bytes(b"YUV4MPEG2 W1280 H720 F30:1 C420jpeg\n" + 2 * (b"FRAME\n" + picture))
    return await launch_chromium([f"--use-file-for-fake-video-capture={tmp_path / 'room.y4m'}"])


def blue(path: Path) -> Path:
    """A picture that is blue all over."""
    picture = av.VideoFrame.from_ndarray(np.full((90, 160, 3), (20, 40, 220), np.uint8), format="rgb24")
    with av.open(str(path), "w", format="image2", options={"update": "1"}) as file:
        stream = file.add_stream("png", width=160, height=90, pix_fmt="rgb24")
        file.mux([*stream.encode(picture), *stream.encode(None)])
    return path


def is_blue(pixels: Pixels) -> bool:
    """Nobody is before the camera: what stands for the room is all there is to see."""
    red, green, blue = pixels.reshape(-1, 3).mean(axis=0)
    return bool(blue > 120 and red < 90 and green < 100)


def sharpness(pixels: Pixels) -> float:
    """How much neighbours differ at most, in the sharpest hundredth of the picture."""
    return float(np.percentile(np.abs(np.diff(pixels.mean(axis=2), axis=1)), 99))


@asynccontextmanager
async def watcher(server: Server) -> AsyncIterator[CallSession]:
    """A Python participant, who sees what the page really sends."""
    calls = Calls(Place(server.url, KEY, SECRET), plugins=load(Config()), remember=False)
    token = tokens.mint_call_token(KEY, SECRET, uid="eye", name="Eye", session_id="stand-up", role="participant")
    try:
        yield await calls.join_session(call_token=token, settings={"speaker": "none", "camera": "none"})
    finally:
        await calls.close()


async def seen(call: CallSession, holds: Callable[[Pixels], bool]) -> list[Pixels]:
    """What came of Grace's camera, up to the first picture for which this holds, that one the last."""
    found: list[Pixels] = []
    async with asyncio.timeout(30):
        while not (people := [each for each in call.participants.values() if each.name == "Grace" and each.video]):
            await asyncio.sleep(0.05)
        (grace,) = people
        assert grace.video
        async for frame in grace.video.frames():
            assert isinstance(frame, VideoFrame)
            found.append(frame.reformatted("rgb24", 320, 180).picture.to_ndarray().astype(np.int16))
            if holds(found[-1]):
                break
    return found


async def choose(page: Page, label: str) -> None:
    """One choice of the camera's menu; its action has ended when it is the one that holds."""
    await button(page, "Choose camera").click()
    await page.get_by_role("menuitemradio", name=label, exact=True).click()


def chosen(page: Page, label: str) -> Locator:
    return page.get_by_role("menuitemradio", name=label, exact=True, checked=True)


async def test_what_is_behind_a_person_is_blurred_replaced_and_seen_again(
    server: Server, chromium: Chromium, tmp_path: Path
) -> None:
    """Live, in the picture that others get; and the camera that is turned on again never shows the room before."""
    page = await chromium.context.new_page()
    async with watcher(server) as call:
        await join(page, link(server), "Grace")
        await seen(call, lambda pixels: sharpness(pixels) > SHARP)
        await choose(page, "Blurred")
        await seen(call, lambda pixels: sharpness(pixels) < BLURRED)
        async with page.expect_file_chooser() as asked:
            await choose(page, "A picture…")
        await (await asked.value).set_files(blue(tmp_path / "blue.png"))
        await seen(call, is_blue)
        await button(page, "Choose camera").click()
        await expect(page.get_by_role("menuitemradio", checked=True)).to_have_count(2)  # the camera is still named
        await page.keyboard.press("Escape")
        await button(page, "Turn camera off").click()
        await button(page, "Turn camera on").click()
        again = await seen(call, lambda pixels: True)
        again += [(await seen(call, lambda pixels: True))[-1] for _ in range(10)]
        assert all(is_blue(pixels) for pixels in again)
        await choose(page, "As it is")
        await seen(call, lambda pixels: sharpness(pixels) > SHARP and not is_blue(pixels))
        await button(page, "Choose camera").click()
        await expect(chosen(page, "As it is")).to_be_visible()
    assert serious(chromium.errors) == []


async def test_the_settings_offer_the_background_too(server: Server, chromium: Chromium, tmp_path: Path) -> None:
    """What holds is chosen in the list, and the preview shows what the others see."""
    page = await chromium.context.new_page()
    async with watcher(server) as call:
        await join(page, link(server), "Grace")
        await seen(call, lambda pixels: sharpness(pixels) > SHARP)
        await button(page, "More").click()
        await page.get_by_role("menuitem", name="Settings").click()
        behind = page.get_by_role("dialog").get_by_label("Background")
        await expect(behind).to_have_value("none")
        await behind.select_option("Blurred")
        await seen(call, lambda pixels: sharpness(pixels) < BLURRED)
        async with page.expect_file_chooser() as asked:
            await behind.select_option("A picture…")
        await expect(behind).to_have_value("0.7")  # until there is one
        await (await asked.value).set_files(blue(tmp_path / "blue.png"))
        await seen(call, is_blue)
        await expect(behind).to_have_value("image")
        await page.wait_for_function(
            """() => {
              const pen = document.createElement("canvas").getContext("2d");
              pen.drawImage(document.querySelector(".jf-try"), 0, 0, 32, 18);
              const [red, green, blue] = pen.getImageData(1, 1, 1, 1).data;
              return blue > 100 && blue > 2 * red && blue > 2 * green;
            }"""
        )
        await behind.select_option("As it is")
        await seen(call, lambda pixels: sharpness(pixels) > SHARP and not is_blue(pixels))
        await expect(behind).to_have_value("none")
    assert serious(chromium.errors) == []


async def test_who_blurs_before_joining_is_never_seen_sharp(server: Server, chromium: Chromium) -> None:
    """The preview shows it, every picture that is sent has it, and the browser keeps it for the next time."""
    page = await chromium.context.new_page()
    async with watcher(server) as call:
        await page.goto(link(server))
        await page.get_by_label("Background").select_option("Blurred")
        shown = "() => document.querySelector('.jf-preview video').getVideoPlaybackQuality().totalVideoFrames > 5"
        await page.wait_for_function(shown)
        await join(page, page.url, "Grace")
        pictures = await seen(call, lambda pixels: True)
        pictures += [(await seen(call, lambda pixels: True))[-1] for _ in range(20)]
        assert max(sharpness(pixels) for pixels in pictures) < BLURRED
        await button(page, "Choose camera").click()
        await expect(chosen(page, "Blurred")).to_be_visible()
    assert serious(chromium.errors) == []


async def test_what_cannot_be_blurred_is_said_and_not_sent(server: Server, chromium: Chromium, tmp_path: Path) -> None:
    """Its files do not come: nothing changes, and a sentence says so. A file that is no picture is refused."""
    page = await chromium.context.new_page()
    await page.route("**/landscape.tflite", lambda route: route.abort())
    await join(page, link(server), "Grace")
    await choose(page, "A little blurred")
    await expect(page.get_by_text("The background could not be changed")).to_be_visible()
    (tmp_path / "words.png").write_text("these are words")
    async with page.expect_file_chooser() as asked:
        await choose(page, "A picture…")
    await (await asked.value).set_files(tmp_path / "words.png")
    await expect(page.get_by_text("That is no picture that this page may use")).to_be_visible()
    await button(page, "Choose camera").click()
    await expect(chosen(page, "As it is")).to_be_visible()


async def test_a_choice_while_the_camera_is_off_holds_when_it_is_on(server: Server, chromium: Chromium) -> None:
    """Nothing of the room is ever sent; and back again it is seen as it is."""
    page = await chromium.context.new_page()
    async with watcher(server) as call:
        await join(page, link(server), "Grace")
        await seen(call, lambda pixels: sharpness(pixels) > SHARP)
        for choice, holds in [("Blurred", lambda worst: worst < BLURRED), ("As it is", lambda worst: worst > SHARP)]:
            await button(page, "Turn camera off").click()
            await button(page, "Turn camera on").wait_for()
            await choose(page, choice)
            await asyncio.sleep(1)  # what was on its way has come
            await button(page, "Turn camera on").click()
            pictures = [(await seen(call, lambda pixels: True))[-1] for _ in range(12)]
            assert holds(max(sharpness(pixels) for pixels in pictures[2:]))
        await button(page, "Choose camera").click()
        await expect(chosen(page, "As it is")).to_be_visible()
    assert serious(chromium.errors) == []


async def test_a_blur_that_cannot_be_had_turns_the_camera_off(server: Server, chromium: Chromium) -> None:
    """Whoever chose it the last time does not join as they are without having said so."""
    page = await chromium.context.new_page()
    await page.add_init_script("localStorage.setItem('jackfield.blur', '0.7')")
    await page.route("**/landscape.tflite", lambda route: route.abort())
    await page.goto(link(server))
    await expect(page.get_by_text("so your camera was turned off")).to_be_visible()
    await page.get_by_label("Your name").fill("Grace")
    await button(page, "Join").click()
    await button(page, "Turn camera on").wait_for()
