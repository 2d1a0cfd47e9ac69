"""Devices that are chosen, swapped and adjusted in a running publication, and those that will not open."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from attrs import evolve

from jackfield.session.hotplug import HotPlug
from jackfield.session.own_media import OwnMedia
from jackfield.session.recovery import following
from jackfield.values.devices import Device, DeviceKind
from jackfield.values.errors import CallError, DeviceBusy, DeviceGone, EncoderError, SettingsError
from jackfield.values.settings import SessionSettings
from tests.lab.bench import FRONT, RAW, REAR, SMART, TEST_TONE, Adjustable, Bench, BenchCapture, Plugged, call


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Devices here give what a test says and no more: that is no stall."""
    monkeypatch.setattr("jackfield.session.absence.PICTURE_STALL_S", 60.0)
    monkeypatch.setattr("jackfield.session.absence.SOUND_STALL_S", 60.0)


async def test_no_listing_holds_up_the_event_loop() -> None:
    """Drivers ask the system, and some ask a program of their own."""
    bench = Bench(FRONT, REAR)
    async with call(bench, camera=FRONT.id) as now:
        listing = bench.devices

        def slow(kind: DeviceKind | None = None) -> list[Device]:
            loop_thread = threading.current_thread() is threading.main_thread()
            assert not loop_thread, "devices are listed on the event loop"
            return listing(kind)

        bench.devices = slow  # type: ignore[method-assign]
        await now.own.set_device("camera", REAR.id)
        await now.own.switch_camera()
        await now.own.controls("camera")
        await now.own.unpublish(await now.own.publish(REAR.id, name="second"))


@pytest.mark.parametrize("step", ["adapt", "start"])
async def test_a_swap_that_fails_halfway_leaves_the_old_device_on(step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the new one cannot be encoded, or cannot be started: it is closed, and the picture goes on."""
    bench = Bench(SMART, FRONT)
    async with call(bench, camera=SMART.id) as now:
        now.capture.give()
        await now.sent(b"camera")
        if step == "adapt":
            monkeypatch.setattr(Bench, "encoder", refusing(EncoderError("no encoder can be had")))
        else:
            monkeypatch.setattr(BenchCapture, "start", refusing(DeviceBusy("no bandwidth"), FRONT))
        with pytest.raises(CallError):
            await now.own.set_device("camera", FRONT.id)
        (goes_on,) = [each for each in bench.captures if each.device is SMART and not each.stopped]
        await now.until(lambda: goes_on.sink)
        sent = len(now.sender.frames)
        goes_on.give()
        await now.until(lambda: len(now.sender.frames) > sent)
        assert now.own.publications[0].device is SMART
        assert [capture.stopped for capture in bench.captures if capture.device is FRONT] == [True]


def refusing(error: CallError, device: Device | None = None) -> Any:
    """A method that raises; with ``device``, on captures of it alone."""
    start = BenchCapture.start

    def method(self: Any, *arguments: Any, **_: Any) -> None:
        if device is not None and self.device is not device:
            start(self, *arguments)
            return
        raise error

    return method


async def test_a_choice_that_fails_does_not_end_the_wait() -> None:
    """The lost camera is still waited for."""
    bench = Bench(FRONT, REAR)
    bench.refuse[REAR.id] = DeviceBusy("another program holds it")
    async with call(bench, camera=FRONT.id) as now:
        now.capture.give()
        await now.sent(b"picture")
        await asyncio.to_thread(bench.pull, FRONT)
        await now.sent(b"picture", b"placeholder")
        with pytest.raises(DeviceBusy):
            await now.own.set_device("camera", REAR.id)
        await asyncio.to_thread(bench.plug, FRONT)
        await now.opened(2)
        now.capture.give()
        await now.until(lambda: "device_restored" in now.names())


@pytest.mark.parametrize("wish", [None, [FRONT.id, REAR.id]])
async def test_a_device_that_will_not_open_at_the_join_is_passed_over(wish: Any) -> None:
    """The next one that there is, or that was named after it, is taken."""
    bench = Bench(FRONT, REAR)
    bench.refuse[FRONT.id] = DeviceBusy("another program holds it")
    async with call(bench, camera=wish) as now:
        now.capture.give()
        await now.sent(b"picture")
        assert now.own.publications[0].device == REAR


async def test_where_no_camera_opens_none_is_named() -> None:
    """Neither at the join, nor by a choice in mid-call that fails: then the one in use stays the one that is told."""
    bench = Bench(FRONT, evolve(TEST_TONE, id="bench:card", kind="camera", modes=(RAW,)))
    bench.refuse = {FRONT.id: DeviceBusy("held by zoom")}
    plugins: Any = Plugged(bench)
    own = OwnMedia(SessionSettings(microphone="none"), plugins, [].append, HotPlug(plugins, [].append))
    await own.prepare()
    choice = bench.choices["camera"]
    assert (choice.asked, choice.chosen) == ("best camera", "")
    assert [(each.name, each.reason) for each in choice.passed_over] == [(FRONT.id, "held by zoom")]
    bench = Bench(FRONT, REAR)
    async with call(bench, camera=FRONT.id) as now:
        bench.refuse = {REAR.id: DeviceBusy("held by zoom")}
        with pytest.raises(DeviceBusy):
            await now.own.set_device("camera", REAR.id)
        assert bench.choices["camera"].chosen == FRONT.id


async def test_no_made_up_device_stands_in_for_one_that_will_not_open() -> None:
    """Who named none joins without, and who named one hears why."""
    bench = Bench(FRONT, evolve(REAR, rank=5))
    bench.refuse[FRONT.id] = DeviceBusy("another program holds it")
    plugins: Any = Plugged(bench)
    for wish in (None, FRONT.id):
        settings = SessionSettings(camera=wish, microphone="none")
        own = OwnMedia(settings, plugins, lambda _: None, HotPlug(plugins, lambda _: None))
        if wish is None:
            await own.prepare()
            assert own.publications == []
        else:
            with pytest.raises(DeviceBusy, match="another program holds it"):
                await own.prepare()
        assert bench.captures == []


async def test_a_device_that_will_not_open_leaves_the_old_one_on() -> None:
    """`set_camera` says why, and the picture goes on."""
    bench = Bench(FRONT, REAR)
    bench.refuse[REAR.id] = DeviceBusy("another program holds it")
    async with call(bench, camera=FRONT.id) as now:
        with pytest.raises(DeviceBusy):
            await now.own.set_device("camera", REAR.id)
        now.capture.give()
        await now.sent(b"picture")
        assert now.own.publications[0].device is FRONT


async def test_of_several_named_cameras_the_first_that_opens_is_taken() -> None:
    """In mid-call as at the join; and switching goes past one that another program holds."""
    held = evolve(SMART, id="bench:held")
    bench = Bench(FRONT, held, REAR)
    bench.refuse[held.id] = DeviceBusy("another program holds it")
    async with call(bench, camera=FRONT.id) as now:
        assert await now.own.set_device("camera", [held.id, REAR.id]) == REAR
        with pytest.raises(DeviceBusy, match="another program holds it"):
            await now.own.set_device("camera", [held.id])
        bench.there.remove(FRONT)
        bench.there.append(evolve(FRONT, facing=""))
        assert (await now.own.switch_camera()).id == FRONT.id
        bench.refuse[REAR.id] = DeviceBusy("it too")
        with pytest.raises(DeviceBusy):
            await now.own.switch_camera()
        assert now.own.publications[0].device.id == FRONT.id  # type: ignore[union-attr]


async def test_choosing_the_camera_in_use_changes_nothing() -> None:
    """Nobody is told of a change, and the device stays open; one that is away is opened anew."""
    bench = Bench(FRONT, REAR)
    async with call(bench) as now:
        await now.own.set_device("camera", FRONT.id)
        assert now.names() == []
        assert (len(bench.captures), now.capture.stopped) == (1, False)
        await now.own.set_device("camera", "none")
        await now.own.set_device("camera", "none")
        assert now.names() == ["camera_changed"]


async def test_who_chooses_another_device_waits_for_the_lost_one_no_more() -> None:
    """The choice is in force, and the return of the old one changes nothing."""
    bench = Bench(FRONT, REAR)
    async with call(bench, camera=FRONT.id) as now:
        now.capture.give()
        await now.sent(b"picture")
        await asyncio.to_thread(bench.pull, FRONT)
        await now.sent(b"picture", b"placeholder")
        await now.own.set_device("camera", REAR.id)
        now.capture.give()
        await now.sent(b"picture", b"placeholder", b"picture")
        await asyncio.to_thread(bench.plug, FRONT)
        await asyncio.sleep(0.3)
        assert now.own.publications[0].device is REAR
        assert now.names() == ["device_lost", "error", "camera_changed"]


async def test_the_device_in_use_is_adjusted_by_name() -> None:
    """Listed and set through its driver; a driver that cannot is named, and so is a call without a camera."""
    bench = Bench(FRONT)
    async with call(bench) as now:
        assert await now.own.controls("camera") == ()
        with pytest.raises(SettingsError, match="cannot be adjusted"):
            await now.own.set_control("camera", "zoom", 3)
        adjustable = Adjustable(FRONT)
        now.own._plugins.driver = lambda device: adjustable  # type: ignore[method-assign]
        await now.own.set_control("camera", "zoom", 3)
        (control,) = await now.own.controls("camera")
        assert (control.name, control.value) == ("zoom", 3)
        with pytest.raises(DeviceGone, match="no microphone"):
            await now.own.controls("microphone")


@pytest.mark.parametrize(
    ("cameras", "used", "expected"),
    [
        ((FRONT, REAR), FRONT, REAR),
        ((FRONT, REAR, SMART), REAR, FRONT),
        ((FRONT, SMART), FRONT, SMART),
        ((FRONT, SMART), SMART, FRONT),
        ((FRONT, REAR), None, FRONT),
        ((FRONT, evolve(REAR, rank=5), SMART), FRONT, SMART),
        ((FRONT, evolve(REAR, state="busy", note="held"), SMART), FRONT, SMART),
    ],
)
def test_switching_takes_the_camera_that_faces_the_other_way(
    cameras: tuple[Device, ...], used: Device | None, expected: Device
) -> None:
    """Else the next in line; neither made-up ones while there is hardware, nor ones that cannot be used."""
    assert following(cameras, used) == expected


def test_switching_with_one_camera_is_an_error() -> None:
    """It says where to look."""
    with pytest.raises(DeviceGone, match="no other camera"):
        following((FRONT,), FRONT)
