"""Whole calls with hardware: a USB camera through the kernel's own driver, the adapter and the embedded server, to a
participant that recognises its pictures. Frames are counted; time is only printed."""

from __future__ import annotations

import asyncio
import random
import threading
import time

import pytest

from jackfield.values.errors import DeviceGone
from tests.lab.meeting import People, heard, left_over, names
from tests.lab.vm.calls import SIZE, looking, met, until
from tests.lab.vm.camera import FakeCamera
from tests.lab.vm.leftovers import IDLE_SHARE, thread_share

pytestmark = [
    pytest.mark.vm,
    pytest.mark.timeout(1800),
    pytest.mark.usefixtures("quiet_afterwards", "patience"),
    pytest.mark.parametrize("place", ["embedded"], indirect=True),
]


@pytest.mark.soak
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
@pytest.mark.parametrize("camera_with", ["mjpeg"], indirect=True)
async def test_larger_pictures_of_a_usb_camera_are_recognised_at_the_far_end(
    camera_with: FakeCamera, people: People
) -> None:
    """A handful of 1280×720, at whatever rate emulation has; what it is too slow to encode gets smaller on the way, in
    the same shape."""
    size = {"width": 1280, "height": 720, "fps": 15}
    _, bob = await met(people, camera="FakeCam", passthrough=False, video=size)
    async with looking(bob, "ada") as sight:
        await until(lambda: sight.count(0) >= 8, "eight pictures")
        streaming = camera_with.streaming
    print(f"the camera sends {streaming}; {sight.pictures.verdict().text}, as {sorted(set(sight.sizes))}")
    assert streaming is not None
    assert streaming[:3] == ["mjpeg", 1280, 720]
    assert all(width * 9 == height * 16 for width, height in sight.sizes)


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


@pytest.mark.parametrize("turns", [1, pytest.param(20, marks=pytest.mark.soak)])
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
    print(f"tasks, threads, descriptors: {kept}")
    few = max(
        1, turns // 4
    )  # a camera's threads come and go: what is left behind by each turn is there in all the last
    for what in (1, 2):
        assert min(each[what] for each in kept[-few:]) <= max(each[what] for each in kept[:few]), threading.enumerate()


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
            share = await asyncio.to_thread(thread_share, "v4l2")
            await asyncio.to_thread(camera.thaw)
            print(f"turn {turn}: tasks, threads, descriptors {left_over()}; {share:.0%} of a core for the camera")
            assert share < IDLE_SHARE


@pytest.mark.soak
async def test_a_camera_pulled_while_it_is_opened_does_not_end_the_call(camera: FakeCamera, people: People) -> None:
    """In the call, as it is put back, at the probe of a format and at its commit: its pictures come all the same."""
    ada, bob = await met(people, camera="FakeCam", passthrough=False)
    events, (track,) = heard(ada), bob.tracks()
    async with looking(bob, "ada") as sight:
        for at in ("probe", "commit"):
            await until(lambda: sight.count(0) >= 3, "pictures")
            await asyncio.to_thread(camera.unplug)
            camera.unplug_while_opening(at)
            await asyncio.to_thread(camera.plug, wait=False)
            await until(lambda: not camera.state["plugged"], f"the opening that is pulled at its {at}")
            since = len(sight.cards)
            await asyncio.to_thread(camera.plug)
            await until(lambda since=since: sight.count(0, since) >= 3, f"pictures after it was pulled at its {at}")
            print(f"pulled at the {at} of its format, and back: {names(events)}")
    assert ada.is_active
    assert bob.tracks() == (track,)


@pytest.mark.soak
async def test_a_camera_pulled_while_the_call_is_joined_is_a_named_error(camera: FakeCamera, people: People) -> None:
    """It was wished for, and it is gone; once it is put back, the next join has its pictures."""
    camera.unplug_while_opening()
    with pytest.raises(DeviceGone, match="FakeCam"):
        await people.join("ada", {**SIZE, "camera": "FakeCam", "passthrough": False})
    await asyncio.to_thread(camera.plug)
    _, bob = await met(people, camera="FakeCam", passthrough=False)
    async with looking(bob, "ada") as sight:
        await until(lambda: sight.count(0) >= 3, "pictures")


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
