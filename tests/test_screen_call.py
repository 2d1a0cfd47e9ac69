"""A screen in a call: what an X server shows arrives at the far end, as a screen, in its own size, as it changes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest

from jackfield import Calls, CallSession, Place, tokens
from jackfield.plugins import Config, load
from jackfield.server.app import Server
from jackfield.session.sharing import first_screen
from jackfield.values.errors import DeviceError, DeviceGone
from tests.lab.embedded import KEY, SECRET
from tests.lab.meeting import heard, names
from tests.lab.meeting import until as happens
from tests.lab.xserver import XServer

pytestmark = pytest.mark.needs("xvfb")

RED, GREEN, BLUE = 0xC03020, 0x20A040, 0x2040C0
QUIET = {"camera": "none", "microphone": "none", "speaker": "none", "video": {"width": 320, "height": 180, "fps": 15}}
LIMIT_S = 20.0


@pytest.fixture
async def two(embedded: Server, x_server: XServer) -> AsyncIterator[tuple[CallSession, CallSession]]:
    """Two participants; the screens are those of the X server."""
    plugins = load(Config(tables={"screen": {"display": x_server.display}}))
    place = Place(embedded.url, KEY, SECRET)
    calls = [Calls(place, plugins=plugins, remember=False) for _ in range(2)]
    made = []
    for each, uid in zip(calls, ("ada", "bob"), strict=True):
        token = tokens.mint_call_token(KEY, SECRET, uid=uid, name="", session_id="room")
        made.append(await each.join_session(call_token=token, settings=QUIET))
    yield made[0], made[1]
    await asyncio.gather(*(each.close() for each in calls))


async def until(frames: Any, wanted: Any) -> np.ndarray:
    """The pixels of the first picture of which ``wanted`` is true; the last one seen where none came in time."""
    last = None
    try:
        async with asyncio.timeout(LIMIT_S):
            async for frame in frames:
                last = frame.to_ndarray()
                if wanted(last):
                    return last
    except TimeoutError:
        pass
    raise AssertionError(f"no such picture came; the last was {None if last is None else last.shape}")


def is_like(pixel: np.ndarray, colour: int) -> bool:
    """The same colour to the eye: encoders keep it roughly."""
    wanted = np.array([colour >> 16, colour >> 8 & 255, colour & 255])
    return bool(np.abs(pixel.astype(int) - wanted).max() < 24)


async def test_a_screen_is_seen_as_a_screen(two: tuple[CallSession, CallSession], x_server: XServer) -> None:
    """Beside no camera; whole and sharp whatever size ``video`` asks of cameras; a window that moves moves."""
    ada, bob = two
    x_server.paint(BLUE)
    window = x_server.window("moving", RED, x=100, y=100, width=400, height=300)
    (desktop,) = (device for device in ada.devices("screen") if device.id == "screen:x11-desktop")
    publication = await ada.publish(desktop)
    assert publication.source == "screen"
    person = bob.participants["ada"]
    frames = person.screen.frames()

    def there(x: int, y: int, colour: int) -> Any:
        return lambda picture: picture.shape == (800, 1280, 3) and is_like(picture[y, x], colour)

    picture = await until(frames, there(300, 250, RED))
    assert is_like(picture[50, 50], BLUE)
    assert is_like(picture[700, 1200], BLUE)
    assert person.is_presenting
    assert person.video_paused, "a screen is no camera"
    window.change(x=800, y=450)
    picture = await until(frames, there(1000, 600, RED))
    assert is_like(picture[250, 300], BLUE)
    await ada.unpublish(publication)


async def test_a_window_that_grows_and_closes(two: tuple[CallSession, CallSession], x_server: XServer) -> None:
    """The far end sees its new size; closed it is lost, and a window of its name that opens again goes on."""
    ada, bob = two
    lost, restored = [], []
    ada.on("device_lost", lost.append)
    ada.on("device_restored", restored.append)
    window = x_server.window("growing", GREEN, width=320, height=240)
    (device,) = (device for device in ada.devices("screen") if device.label == "growing")
    await ada.publish(device)
    frames = bob.participants["ada"].screen.frames()
    await until(frames, lambda picture: picture.shape == (240, 320, 3) and is_like(picture[120, 160], GREEN))
    window.change(width=641, height=480)
    window.paint(RED)
    await until(frames, lambda picture: picture.shape == (480, 640, 3) and is_like(picture[240, 320], RED))
    window.close()
    async with asyncio.timeout(LIMIT_S):
        while not lost:
            await asyncio.sleep(0.05)
    assert "was closed" in str(lost[0].error)
    x_server.window("growing", BLUE, width=400, height=300)
    await until(frames, lambda picture: picture.shape == (300, 400, 3) and is_like(picture[150, 200], BLUE))
    async with asyncio.timeout(LIMIT_S):
        while not restored:
            await asyncio.sleep(0.05)
    assert [event.device.id for event in restored] == [device.id]


async def test_a_screen_by_its_id(two: tuple[CallSession, CallSession], x_server: XServer) -> None:
    """A string is enough; the pictures keep the beat that ``video`` asks for."""
    ada, bob = two
    x_server.paint(GREEN)
    publication = await ada.publish("screen:x11-screen", name="slides")
    assert publication.device is not None
    assert publication.device.label == "Screen (screen)"
    await until(bob.participants["ada"].screen.frames(), lambda picture: is_like(picture[100, 100], GREEN))
    before = publication.stats()["framesEncoded"]
    await asyncio.sleep(2)
    assert 20 <= publication.stats()["framesEncoded"] - before <= 45


async def test_sharing_what_there_is(two: tuple[CallSession, CallSession], x_server: XServer) -> None:
    """The first screen where none is named; another one in the same track, the old one where it cannot be had; beside
    somebody else who shares; each start and stop is told once, however often it is asked for."""
    ada, bob = two
    told, own = heard(bob), heard(ada)
    x_server.paint(BLUE)
    first, second = await asyncio.gather(ada.start_screen_sharing(), ada.start_screen_sharing())
    assert first is second
    assert first.device is not None
    assert first.device.label == "Screen (screen)"
    await until(bob.participants["ada"].screen.frames(), lambda picture: is_like(picture[100, 100], BLUE))
    window = x_server.window("slides", RED, width=400, height=300)
    assert await ada.start_screen_sharing("slides") is first
    await until(
        bob.participants["ada"].screen.frames(),
        lambda picture: picture.shape[:2] == (300, 400) and is_like(picture[9, 9], RED),
    )
    with pytest.raises(DeviceGone, match="no screen matches 'slidse'; did you mean slides"):
        await ada.start_screen_sharing("slidse")
    assert first.device is not None
    assert first.device.label == "slides"
    await bob.start_screen_sharing("screen:x11-desktop")
    await until(ada.participants["bob"].screen.frames(), lambda picture: picture.shape[:2] == (800, 1280))
    await asyncio.gather(ada.stop_screen_sharing(), ada.stop_screen_sharing())
    assert not ada.is_screen_sharing
    assert bob.is_screen_sharing
    await happens(lambda: "participant_stopped_screen_share" in names(told), "the end at Bob's")
    assert [name for name in names(told) if "screen_share" in name] == [
        "participant_started_screen_share",
        "screen_share_started",
        "participant_stopped_screen_share",
    ]
    assert [each.name for each in own if each.name in ("screen_share_started", "screen_share_stopped")] == [
        "screen_share_started",
        "screen_share_stopped",
    ]
    window.close()


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({}, "there is no screen here to share.*jackfield doctor"),
        ({"XDG_SESSION_TYPE": "wayland"}, "is unusable.*Xorg"),
    ],
)
def test_no_screen_is_shared_unasked_where_none_can_be_seen(
    environ: dict[str, str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No made-up one either: in words, what is missing."""
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "XDG_SESSION_TYPE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(DeviceError, match=said):
        first_screen(load(Config()))
