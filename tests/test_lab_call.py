"""Whole calls with hardware: a USB camera and microphone through the kernel's own drivers, the adapters and the
embedded server, to a participant that recognises picture and tone. Frames are counted; time is only printed."""

from __future__ import annotations

import asyncio
import os
import random
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from jackfield_synthetic.barcode import read_counter
from jackfield_synthetic.verifier import SyntheticVerifier

from jackfield import CallSession
from tests.lab.meeting import People, heard, left_over, names
from tests.lab.vm.camera import FakeCamera

pytestmark = [
    pytest.mark.vm,
    pytest.mark.timeout(900),
    pytest.mark.parametrize("place", ["embedded"], indirect=True),
]

SIZE = {"video": {"width": 640, "height": 480, "fps": 15}}
LIMIT_S = 240.0


async def until(condition: Callable[[], Any], what: str) -> Any:
    """Waits for something to become true: emulated, that may take long."""
    async with asyncio.timeout(LIMIT_S):
        while not (found := condition()):
            await asyncio.sleep(0.05)
        return found


class Sight:
    """What the far end has seen: the card of each picture in order, None where it was a placeholder."""

    def __init__(self) -> None:
        self.cards: list[int | None] = []
        self.pictures, self.tones = SyntheticVerifier(), SyntheticVerifier()

    def count(self, card: int | None, since: int = 0) -> int:
        return sum(1 for each in self.cards[since:] if each == card)


@asynccontextmanager
async def looking(session: CallSession, uid: str, *, sound: bool = False) -> AsyncIterator[Sight]:
    """Somebody is looked at, and listened to where that is asked for."""
    sight, person = Sight(), session.participants[uid]

    async def look() -> None:
        async for frame in person.video.frames():
            reading = read_counter(frame)
            sight.cards.append(reading.card if reading else None)
            sight.pictures.observe(frame)

    async def listen() -> None:
        async for block in person.audio.blocks():
            sight.tones.observe(block)

    tasks = [asyncio.create_task(each()) for each in ([look, listen] if sound else [look])]
    try:
        yield sight
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def met(people: People, **settings: Any) -> tuple[CallSession, CallSession]:
    """Ada, who sends what the settings name, and Bob, who receives all of it."""
    ada = await people.join("ada", {**SIZE, **settings})
    bob = await people.join("bob")
    await until(lambda: len(bob.tracks()) == len(ada.publications), "the subscription")
    return ada, bob


@pytest.fixture
def camera_with(request: pytest.FixtureRequest) -> Iterator[FakeCamera]:
    """A camera that has one format alone."""
    with FakeCamera(formats=(request.param,)) as camera:
        yield camera


@pytest.mark.parametrize("camera_with", ["mjpeg", "yuyv"], indirect=True)
async def test_pictures_of_a_usb_camera_are_recognised_at_the_far_end(camera_with: FakeCamera, people: People) -> None:
    """Thirty pictures, decoded or raw, encoded for the call, all of the camera's own card."""
    ada, bob = await met(people, camera="FakeCam", passthrough=False)
    async with looking(bob, "ada") as sight:
        await until(lambda: sight.count(0) >= 30, "thirty pictures")
    assert sight.pictures.verdict().ok, sight.pictures.verdict().text
    assert camera_with.streaming is not None
    await ada.leave()
    assert camera_with.streaming is None


@pytest.mark.soak
@pytest.mark.needs("portaudio")
async def test_the_microphone_of_a_usb_camera_is_recognised_at_the_far_end(
    camera: FakeCamera, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its tones, three tenths of a second at least, with its pictures beside them."""
    # a process with PortAudio in it starts slowly here
    monkeypatch.setattr("jackfield_sounddevice.process.OPEN_LIMIT_S", LIMIT_S)
    monkeypatch.setattr("jackfield.session.feed.OPEN_TIMEOUT_S", LIMIT_S)
    _, bob = await met(people, camera="FakeCam", microphone="FakeCam")
    async with looking(bob, "ada", sound=True) as sight:
        await until(lambda: sight.tones.verdict().frames >= 3 and sight.count(0) >= 15, "tone and picture")
    assert "tone-low" in sight.tones.verdict().text


@pytest.mark.parametrize("camera_with", ["h264"], indirect=True)
async def test_h264_is_passed_through_and_a_pli_is_answered_by_the_camera(
    camera_with: FakeCamera, people: People
) -> None:
    """No encoder is opened; who comes late is given an IDR by the camera, which makes none by itself; and the call's
    bitrate reaches it."""
    ada, bob = await met(people, camera="FakeCam", video_codecs=["H264"])
    async with looking(bob, "ada") as sight:
        await until(lambda: sight.count(0) >= 15, "pictures")
        late = await people.join("late")
        await until(lambda: late.tracks(), "the subscription")
        async with looking(late, "ada") as second:
            await until(lambda: second.count(0) >= 5, "pictures for who came late")
    assert camera_with.idr_requests >= 1
    (sent,) = [each for each in ada.stats()["publications"] if each["kind"] == "video"]
    assert (sent["codec"], sent["encoderImplementation"]) == ("H264", "")
    chosen = {asked: each.chosen for asked, each in people.plugins.choices.items() if asked.startswith("encoder")}
    assert chosen == {"encoder H264": "passthrough"}, "an encoder was opened"
    await until(lambda: camera_with.state["bitrates_bps"], "the bitrate")
    print(f"IDR requests {camera_with.idr_requests}, bitrates {camera_with.state['bitrates_bps'][-5:]}")


@pytest.mark.parametrize("turns", [2, pytest.param(20, marks=pytest.mark.soak)])
async def test_a_usb_camera_is_pulled_and_put_back_in_the_call(camera: FakeCamera, people: People, turns: int) -> None:
    """At seeded random moments: a placeholder each time, then its pictures again on the same track; nothing is left."""
    ada, bob = await met(people, camera="FakeCam", passthrough=False)
    events, (track,), draw, kept = heard(ada), bob.tracks(), random.Random(20), []
    async with looking(bob, "ada") as sight:
        for turn in range(turns):
            since = len(sight.cards)
            await until(lambda since=since: sight.count(0, since) >= 3, f"pictures of turn {turn}")
            await asyncio.sleep(draw.random())
            since, began = len(sight.cards), time.monotonic()
            await asyncio.to_thread(camera.unplug)
            await until(lambda since=since: sight.count(None, since) >= 1, f"the placeholder of turn {turn}")
            covered = time.monotonic()
            await asyncio.to_thread(camera.plug)
            since, plugged = len(sight.cards), time.monotonic()
            await until(lambda since=since: sight.count(0, since) >= 1, f"the return of turn {turn}")
            print(f"turn {turn}: placeholder {covered - began:.1f} s, picture again {time.monotonic() - plugged:.1f} s")
            kept.append(left_over())
    assert ada.is_active
    assert bob.tracks() == (track,)
    assert names(events).count("device_lost") >= turns
    print(f"tasks, threads, descriptors: {kept[0]} … {kept[-1]}")
    assert kept[-1][1] <= kept[0][1] + 1
    assert kept[-1][2] <= kept[0][2] + 2


@pytest.mark.soak
async def test_a_frozen_camera_is_covered_and_thaws_in_the_call(camera: FakeCamera, people: People) -> None:
    """Five times; while it is frozen no thread spins."""
    _, bob = await met(people, camera="FakeCam", passthrough=False)
    async with looking(bob, "ada") as sight:
        for turn in range(5):
            since = len(sight.cards)
            await until(lambda since=since: sight.count(0, since) >= 3, f"pictures of turn {turn}")
            since = len(sight.cards)
            await asyncio.to_thread(camera.freeze)
            await until(lambda since=since: sight.count(None, since) >= 2, f"the placeholder of turn {turn}")
            await asyncio.to_thread(camera.thaw)
            print(f"turn {turn}: {threading.active_count()} threads, {len(os.listdir('/proc/self/fd'))} descriptors")


@pytest.mark.soak
async def test_a_camera_pulled_while_it_is_opened_does_not_end_the_call(camera: FakeCamera, people: People) -> None:
    """The call is joined all the same, and has its pictures once the camera is back."""
    camera.unplug_while_opening()
    ada = await people.join("ada", {**SIZE, "camera": "FakeCam", "passthrough": False})
    bob = await people.join("bob")
    await asyncio.to_thread(camera.plug)
    await until(lambda: bob.tracks(), "the subscription")
    async with looking(bob, "ada") as sight:
        await until(lambda: sight.count(0) >= 5, "pictures")
    assert ada.is_active


@pytest.mark.soak
async def test_two_cameras_with_one_serial_are_swapped_in_the_call(camera: FakeCamera, people: People) -> None:
    """By id, there and back: the far end sees which."""
    with FakeCamera(camera.serial, port=1, card=1, sound=False):
        driver = next(each for each in people.plugins.captures if each.name == "v4l2")
        first, second = sorted(driver.devices(), key=lambda device: device.address != camera.video)
        ada, bob = await met(people, camera=first.id, passthrough=False)
        async with looking(bob, "ada") as sight:
            for id, card in ((first.id, 0), (second.id, 1), (first.id, 0)):
                await ada.set_camera(id)
                since = len(sight.cards)
                await until(lambda since=since, card=card: sight.count(card, since) >= 3, f"card {card}")
