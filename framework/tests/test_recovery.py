"""Devices that are pulled out of a running publication, and what the far end gets meanwhile."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import pytest
from attrs import evolve

from jackfield.session.ending import within
from jackfield.session.feed import Feed
from jackfield.session.hotplug import HotPlug
from jackfield.session.recovery import Recovery, candidates
from jackfield.session.rests import HELD_S, RESTS_S
from jackfield.testing.timers import ManualTimers
from jackfield.values.devices import Device, DeviceChange, DeviceKind
from jackfield.values.errors import CallError, DeviceBusy, DeviceGone
from tests.lab.bench import FRONT, LIMIT_S, MIC, OTHER_MIC, RAW, REAR, TEST_TONE, Bench, BenchCapture, Plugged, call


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Devices here give what a test says and no more: that is no stall."""
    monkeypatch.setattr("jackfield.session.absence.PICTURE_STALL_S", 60.0)
    monkeypatch.setattr("jackfield.session.absence.SOUND_STALL_S", 60.0)


async def test_a_pulled_camera_leaves_a_placeholder_and_comes_back() -> None:
    """One track all along: picture, placeholder, picture; `device_lost`, then `device_restored`."""
    bench = Bench(FRONT)
    async with call(bench) as now:
        now.capture.give()
        await now.sent(b"picture")
        began = time.monotonic()
        await asyncio.to_thread(bench.pull, FRONT)
        await now.sent(b"picture", b"placeholder")
        print(f"placeholder after {1000 * (now.sender.frames[-1][0] - began):.0f} ms")
        assert now.own.publications[0].is_away
        moved = evolve(FRONT, address="/dev/elsewhere")
        await asyncio.to_thread(bench.plug, moved)
        await now.opened(2)
        assert now.capture.device.address == "/dev/elsewhere"
        assert "device_restored" not in now.names(), "no picture has come yet"
        now.capture.give()
        await now.sent(b"picture", b"placeholder", b"picture")
        await now.until(lambda: "device_restored" in now.names())
        assert now.names() == ["device_lost", "error", "device_restored"]
        assert not now.own.publications[0].is_away
        assert len(now.wire.senders) == 1

        def lists() -> list[list[str]]:
            told = [event for event in now.told if event.name == "cameras_changed"]
            return [[device.address for device in event.devices] for event in told]

        await now.until(lambda: lists()[-1:] == [["/dev/elsewhere"]])


async def test_a_return_that_nobody_told_of_is_found() -> None:
    """A driver whose watch is deaf: it is tried now and then."""
    bench = Bench(FRONT)
    async with call(bench) as now:
        now.capture.give()
        await now.sent(b"picture")
        bench.pull(FRONT, tell=False)
        await now.sent(b"picture", b"placeholder")
        bench.plug(FRONT, tell=False)
        await now.opened(2)
        now.capture.give()
        await now.until(lambda: "device_restored" in now.names())


async def test_a_device_that_opens_and_gives_nothing_is_not_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is tried again, and the placeholder stays."""
    monkeypatch.setattr("jackfield.session.supply.FIRST_MEDIA_S", 0.05)
    bench = Bench(FRONT)
    async with call(bench) as now:
        now.capture.give()
        now.capture.sink.fail(DeviceGone("frozen"))  # type: ignore[union-attr]
        await now.until(lambda: len(bench.captures) >= 3)
        assert "device_restored" not in now.names()
        assert now.own.publications[0].is_away
        assert all(capture.stopped for capture in bench.captures[:-1])


async def test_the_next_preference_takes_over_at_once() -> None:
    """Of a list in order, the next that is there, and `camera_changed` says so."""
    bench = Bench(FRONT, REAR)
    async with call(bench, camera=[FRONT.id, REAR.id]) as now:
        now.capture.give()
        await now.sent(b"picture")
        await asyncio.to_thread(bench.pull, FRONT)
        await now.opened(2)
        assert now.capture.device is REAR
        now.capture.give()
        await now.until(lambda: "camera_changed" in now.names())
        assert now.names() == ["device_lost", "error", "camera_changed"]
        assert now.own.publications[0].device is REAR


async def test_a_frozen_camera_comes_after_the_others_of_the_wish() -> None:
    """It is plugged in and can be opened, and gives nothing: opening it again first would cost seconds of picture."""
    bench = Bench(FRONT, REAR)
    async with call(bench, camera=[FRONT.id, REAR.id]) as now:
        now.capture.give()
        await now.sent(b"picture")
        now.capture.sink.fail(DeviceGone("frozen", details={"frozen": True}))  # type: ignore[union-attr]
        await now.opened(2)
        assert now.capture.device is REAR
        now.capture.give()
        await now.until(lambda: "camera_changed" in now.names())
    assert [capture.device for capture in bench.captures] == [FRONT, REAR]


async def test_what_was_wished_for_is_explained_after_a_loss_too() -> None:
    """Which was asked for first, what became of it, and that it is in use again."""
    bench = Bench(FRONT, REAR)
    async with call(bench, camera=[FRONT.id, REAR.id]) as now:
        await asyncio.to_thread(bench.pull, FRONT)
        await now.opened(2)
        now.capture.give()
        await now.until(lambda: "camera_changed" in now.names())
        assert bench.choices["camera"].chosen == REAR.id
        (lost, *_) = bench.choices["camera"].passed_over
        assert (lost.name, "no camera matches 'bench:front'" in lost.reason) == (FRONT.id, True)
    bench = Bench(FRONT)
    async with call(bench, camera="Front") as now:
        await asyncio.to_thread(bench.pull, FRONT)
        await asyncio.to_thread(bench.plug, FRONT)
        await now.opened(2)
        now.capture.give()
        await now.until(lambda: "device_restored" in now.names())
        assert (bench.choices["camera"].asked, bench.choices["camera"].chosen) == ("camera Front", FRONT.id)


async def test_a_microphone_that_stands_in_says_for_which() -> None:
    """Where nobody named one, what is in use did not become the best by itself."""
    bench = Bench(MIC, OTHER_MIC)
    async with call(bench) as now:
        await asyncio.to_thread(bench.pull, MIC)
        await now.opened(2)
        now.capture.give()
        await now.until(lambda: "microphone_changed" in now.names())
        assert (bench.choices["microphone"].asked, bench.choices["microphone"].chosen) == (
            "best microphone",
            OTHER_MIC.id,
        )


async def test_no_other_camera_is_turned_on_unasked() -> None:
    """Who named none, or one, sees a placeholder: where another camera looks is nobody's to guess."""
    bench = Bench(FRONT, REAR)
    async with call(bench) as now:
        now.capture.give()
        await now.sent(b"picture")
        await asyncio.to_thread(bench.pull, FRONT)
        await now.sent(b"picture", b"placeholder")
        await asyncio.sleep(0.4)
        assert [capture.device for capture in bench.captures] == [FRONT]


async def test_a_pulled_microphone_is_silence_and_the_next_one_takes_over() -> None:
    """Sound never stalls, and no made-up microphone is taken for a real one."""
    bench = Bench(MIC, TEST_TONE)
    async with call(bench) as now:
        for _ in range(4):
            now.capture.give()
        await now.sent(b"sound")
        await asyncio.to_thread(bench.pull, MIC)
        await now.sent(b"sound", b"silence")
        silent = len(now.sender.frames)
        await now.until(lambda: len(now.sender.frames) > silent + 10)
        assert [capture.device for capture in bench.captures] == [MIC]
        await asyncio.to_thread(bench.plug, OTHER_MIC)
        await now.opened(2)
        assert now.capture.device is OTHER_MIC
        for _ in range(4):
            now.capture.give()
        await now.sent(b"sound", b"silence", b"sound")
        await now.until(lambda: "microphone_changed" in now.names())
        assert now.names() == ["device_lost", "error", "microphone_changed"]


async def test_a_camera_that_stalls_is_covered_until_it_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """It did not fail: nobody is told that it went, and others see a placeholder meanwhile."""
    monkeypatch.setattr("jackfield.session.absence.PICTURE_STALL_S", 0.2)
    bench = Bench(FRONT)
    async with call(bench) as now:
        now.capture.give()
        await now.sent(b"picture", b"placeholder")
        now.capture.give()
        await now.sent(b"picture", b"placeholder", b"picture")
        assert now.names() == []
        assert len(bench.captures) == 1


@pytest.mark.parametrize("mends_itself", [False, True])
async def test_a_device_that_only_stalls_is_opened_anew(mends_itself: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A driver that hangs without a word is closed and opened, unless it says that it sees to that itself."""
    monkeypatch.setattr("jackfield.session.absence.PICTURE_STALL_S", 0.2)
    monkeypatch.setattr("jackfield.session.absence.REOPEN_S", 0.2)
    bench = Bench(FRONT)
    async with call(bench) as now:
        if mends_itself:
            now.capture.mends_itself = True  # type: ignore[attr-defined]
        now.capture.give()
        await now.sent(b"picture", b"placeholder")
        if mends_itself:
            await asyncio.sleep(1.0)
            assert (now.names(), len(bench.captures)) == ([], 1)
            return
        stalled = now.capture
        await now.opened(2)
        assert stalled.stopped
        now.capture.give()
        await now.until(lambda: "device_restored" in now.names())
        assert now.names() == ["device_lost", "error", "device_restored"]
        assert "Front (bench:front) gives nothing any more" in str(now.told[0].error)
        assert now.sender.what()[:3] == [b"picture", b"placeholder", b"picture"]


async def test_a_device_that_goes_while_its_return_is_being_told_is_waited_for_again() -> None:
    """Listing takes a while, and cables are pulled in it: nothing of it ends the wait."""
    bench = Bench(FRONT)
    async with call(bench) as now:
        now.capture.give()
        await now.sent(b"picture")
        await asyncio.to_thread(bench.pull, FRONT)
        await now.sent(b"picture", b"placeholder")
        await asyncio.to_thread(bench.plug, FRONT)
        await now.opened(2)
        listing = bench.devices

        def slow(kind: DeviceKind | None = None) -> list[Device]:
            time.sleep(0.2)
            return listing(kind)

        bench.devices = slow  # type: ignore[method-assign]
        now.capture.give()
        await asyncio.sleep(0.1)
        await asyncio.to_thread(bench.pull, FRONT)
        await asyncio.to_thread(bench.plug, FRONT)
        await now.opened(3)
        now.capture.give()
        await now.until(lambda: "device_restored" in now.names())
        await now.until(lambda: not now.own.publications[0].is_away)


@pytest.mark.parametrize("foreign", ["open", "start", "stop"])
async def test_a_foreign_error_neither_ends_the_wait_nor_the_end(foreign: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plugin's own error in an attempt is "not yet"; in closing a device it is logged, and all else is closed."""
    bench = Bench(FRONT)
    async with call(bench) as now:
        now.capture.give()
        await now.sent(b"picture")
        with monkeypatch.context() as broken:
            kind: Any = Bench if foreign == "open" else BenchCapture
            real = getattr(kind, foreign)

            def raises(self: Any, *arguments: Any) -> Any:
                if foreign == "stop":
                    real(self, *arguments)
                raise RuntimeError("the wheel came off")

            broken.setattr(kind, foreign, raises)
            await asyncio.to_thread(bench.pull, FRONT)
            await now.sent(b"picture", b"placeholder")
            await asyncio.to_thread(bench.plug, FRONT)
            await asyncio.sleep(0.5)
        await now.until(lambda: now.capture.sink and not now.capture.stopped)
        now.capture.give()
        await now.until(lambda: "device_restored" in now.names())
        monkeypatch.setattr(BenchCapture, "stop", raises if foreign == "stop" else BenchCapture.stop)


async def test_a_driver_that_hangs_takes_nobody_elses_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is left to itself: other work of the program goes on at once."""
    monkeypatch.setattr("jackfield.session.feed.OPEN_TIMEOUT_S", 0.05)
    held = threading.Event()
    hung: Any = type("Hung", (), {"name": "hung", "open": lambda *_: held.wait(LIMIT_S)})()
    feeds = [Feed(RAW, device=FRONT, driver=hung) for _ in range(40)]
    results = await asyncio.gather(*(feed.open() for feed in feeds), return_exceptions=True)
    assert all(isinstance(result, DeviceGone) for result in results)
    assert await asyncio.wait_for(asyncio.to_thread(lambda: "at once"), 2.0) == "at once"
    held.set()


async def test_a_lost_camera_can_be_paused_and_resumed() -> None:
    """Paused, nothing stands in; resumed while it is away, an error says so; once it is back, it works."""
    bench = Bench(FRONT)
    async with call(bench) as now:
        now.capture.give()
        await now.sent(b"picture")
        await asyncio.to_thread(bench.pull, FRONT)
        await now.sent(b"picture", b"placeholder")
        await now.own.set_muted("camera", True)
        sent = len(now.sender.frames)
        with pytest.raises(DeviceGone):
            await now.own.set_muted("camera", False)
        assert len(now.sender.frames) <= sent + 1
        bench.plug(evolve(FRONT, address="/dev/elsewhere"), tell=False)
        await now.own.set_muted("camera", False)
        assert now.capture.device.address == "/dev/elsewhere"
        now.capture.give()
        await now.until(lambda: now.sender.frames[-1][1].data == b"picture")


@pytest.mark.parametrize("moment", ["lost", "opening"])
async def test_a_call_that_ends_while_a_device_is_away_leaves_nothing(moment: str) -> None:
    """Neither thread nor task nor device; the fixture looks."""
    bench = Bench(FRONT)
    before = asyncio.all_tasks()
    async with call(bench) as now:
        now.capture.give()
        await asyncio.to_thread(bench.pull, FRONT)
        await now.until(lambda: now.own.publications[0].is_away)
        if moment == "opening":
            await asyncio.to_thread(bench.plug, FRONT)
            await now.opened(2)
    await asyncio.sleep(0.05)
    assert asyncio.all_tasks() == before


async def test_a_call_that_is_left_while_another_camera_opens_closes_both(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where nobody waits for that any more: no camera goes on with its light on."""
    monkeypatch.setattr("jackfield.session.ending.END_TIMEOUT_S", 0.1)
    bench, held = Bench(FRONT, REAR), threading.Event()
    really = bench.open

    def open(device: Device, format: Any) -> BenchCapture:
        if device.id == REAR.id:
            held.wait(LIMIT_S)
        return really(device, format)

    bench.open = open  # type: ignore[method-assign]
    async with call(bench, camera=FRONT.id) as now:
        now.capture.give()
        await now.sent(b"picture")
        swapping = asyncio.ensure_future(now.own.set_device("camera", REAR.id))
        await asyncio.sleep(0.05)
        await within(now.own.close())
        assert not bench.captures[0].stopped
        held.set()
        with pytest.raises(DeviceGone, match="no longer published"):
            await swapping
        await now.until(lambda: len(bench.captures) == 2 and all(each.stopped for each in bench.captures))
        await now.until(lambda: not [thread for thread in threading.enumerate() if "encode" in thread.name])


# --- how it waits and what it takes ------------------------------------------------------------------------------
class Waits:
    """A recovery on a clock of the test's, and how long it waited for what."""

    def __init__(self, bench: Bench, wish: Any = None) -> None:
        self.clock, self.wish = ManualTimers(), wish
        plugins: Any = Plugged(bench)
        self.hotplug = HotPlug(plugins, lambda _: None)
        self._recovery = Recovery(plugins, self.hotplug, clock=self.clock)

    async def lose(self, lost: Device, error: CallError | None = None, limit_s: float = 1000.0) -> Device | None:
        """What is taken for the one that went; ``waited_s`` and ``tried`` say after how long, and how many openings,
        each of which fails with ``error``."""
        began, self.tried = self.clock.now_ns(), 0

        async def attempt(device: Device, driver: Any) -> None:
            self.tried += 1
            if error is not None:
                raise error

        job = asyncio.ensure_future(self._recovery.until_back(lost, self.wish, attempt))
        self.waited_s = 0.0
        while not job.done() and self.waited_s < limit_s:
            self.clock.advance(0.05)
            self.waited_s = (self.clock.now_ns() - began) / 1e9
            while not job.done() and not self.clock.pending:
                await asyncio.sleep(0)
        if not job.done():
            job.cancel()
            return None
        return await job


async def test_a_device_that_flaps_is_given_more_time_each_time() -> None:
    """At once the first time; after it went soon after it had come, ever later, up to a minute; one that held for a
    while is forgiven, and one that was plugged in anew is taken at once."""
    waits = Waits(Bench(FRONT))
    for rest_s in (0.0, *RESTS_S, RESTS_S[-1]):
        await waits.lose(FRONT)
        assert rest_s <= waits.waited_s < rest_s + 4.2
        waits.clock.advance(HELD_S - 1)
    assert rest_s == 60.0
    losing = asyncio.ensure_future(waits.lose(FRONT))
    while not waits.hotplug._handlers:
        await asyncio.sleep(0)
    waits.hotplug._tell(DeviceChange("added", FRONT))
    await losing
    assert waits.waited_s < 5.0
    await waits.hotplug.close()
    waits.clock.advance(HELD_S + 1)
    await waits.lose(FRONT)
    assert waits.waited_s < 0.1


async def test_others_that_the_wish_allows_are_taken_while_a_device_rests() -> None:
    """Of microphones, where nobody named one, any; of those that are named, the next. A short rest is waited for."""
    for bench, wish, lost, other in (
        (Bench(MIC, OTHER_MIC), None, MIC, OTHER_MIC),
        (Bench(FRONT, REAR), [FRONT.id, REAR.id], FRONT, REAR),
    ):
        waits = Waits(bench, wish)
        assert [await waits.lose(lost) for _ in range(5)] == [lost] * 4 + [other]
        assert waits.waited_s < 0.1


@pytest.mark.parametrize(("error", "least", "most"), [(DeviceGone("it is mute"), 10, 20), (DeviceBusy(""), 140, 160)])
async def test_a_device_that_never_comes_is_tried_more_and_more_seldom(error: CallError, least: int, most: int) -> None:
    """In ten minutes; one that somebody else has may be given back at any moment."""
    waits = Waits(Bench(FRONT))
    assert await waits.lose(FRONT, error, limit_s=600.0) is None
    assert least <= waits.tried <= most


def test_candidates_are_the_lost_device_and_those_the_wish_allows() -> None:
    """Ready ones alone, the lost one first; last where it is there and gave nothing."""

    def ids(bench: Bench, lost: Device, wish: Any, *, is_there: bool = False) -> list[str]:
        plugins: Any = Plugged(bench)
        return [device.id for device, _ in candidates(plugins, lost, wish, is_there=is_there)]

    assert ids(Bench(FRONT, REAR), FRONT, None) == [FRONT.id]
    assert ids(Bench(REAR), FRONT, None) == []
    assert ids(Bench(REAR), FRONT, [FRONT.id, REAR.id]) == [REAR.id]
    assert ids(Bench(FRONT, REAR), FRONT, [FRONT.id, REAR.id], is_there=True) == [REAR.id, FRONT.id]
    assert ids(Bench(FRONT, REAR), FRONT, None, is_there=True) == [FRONT.id]
    assert ids(Bench(MIC, OTHER_MIC, TEST_TONE), MIC, None) == [MIC.id, OTHER_MIC.id]
    assert ids(Bench(OTHER_MIC, TEST_TONE), MIC, MIC.id) == []
    assert ids(Bench(evolve(FRONT, id="bench:front@2")), evolve(FRONT, id="bench:front@1"), "front") == [
        "bench:front@2"
    ]
