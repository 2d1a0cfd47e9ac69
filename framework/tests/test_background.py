"""Another background in a running publication: whatever the camera is, and never its own picture by mistake."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from attrs import define, evolve, field

from jackfield.plugins import Choice
from jackfield.plugins.selection import Offer
from jackfield.roles import BACKGROUND, Backdrop, ShowsBackdrop
from jackfield.session.sources import VideoSource
from jackfield.testing import FakeProcessorFactory
from jackfield.values.devices import Device
from jackfield.values.errors import PluginError
from jackfield.values.formats import MediaFormat
from jackfield.values.media import EncodedFrame, VideoFrame
from tests.lab.bench import FRONT, H264, REAR, SMART, Bench, BenchCapture, Call, call

#: How bright what is sent is, and what that means: a camera's picture, one with another background, a covered one.
MEANS = {0: b"picture", 85: b"clad", 40: b"covered"}
SCREEN = Device("bench:screen", "screen", "Screen", modes=FRONT.modes)


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Devices here give what a test says and no more: that is no stall."""
    monkeypatch.setattr("jackfield.session.absence.PICTURE_STALL_S", 60.0)


@define(eq=False)
class Clad:
    """Makes every picture grey; raises where it is told to."""

    raises: bool = False
    refuses: bool = False
    shown: list[Backdrop] = field(factory=list)
    frames: list[VideoFrame] = field(factory=list)
    closed: bool = False

    def show_backdrop(self, backdrop: Backdrop) -> None:
        if self.refuses:
            raise PluginError("it has no model")
        self.shown.append(backdrop)

    def process(self, frame: VideoFrame) -> VideoFrame:
        self.frames.append(frame)
        if self.raises:
            raise RuntimeError("it was told to fail")
        grey = np.full((frame.height * 3 // 2, frame.width), 85, np.uint8)
        return VideoFrame.from_ndarray(grey, format="yuv420p", time_ns=frame.time_ns)

    def close(self) -> None:
        self.closed = True


class Telling:
    """An encoder whose frames tell what was to be seen."""

    def __init__(self, codec: str) -> None:
        self.codec = codec

    def encode(self, media: Any) -> list[EncodedFrame]:
        data = MEANS[bytes(media.picture.planes[0])[0]]
        return [EncodedFrame(data, self.codec, True, media.time_ns, width=media.width, height=media.height)]

    def force_keyframe(self) -> None:
        pass

    def close(self) -> None:
        pass


class Dressing(Bench):
    """A bench with a plugin that changes backgrounds, and one that does something else."""

    kinds = frozenset({"camera", "screen"})

    def __init__(self, *devices: Device) -> None:
        super().__init__(*devices)
        self.made: list[Clad] = []
        self.make: Callable[[], Clad] = Clad
        self.other = FakeProcessorFactory("turn", kind="video", does=("rotate",))

        class Factory(FakeProcessorFactory):
            def open(inner, what: Any, device: Any, settings: Any) -> Any:
                assert tuple(what) == (BACKGROUND,)
                self.made.append(self.make())
                return self.made[-1]

        self.factory = Factory("mist", kind="video", does=(BACKGROUND,))

    def offers(self, hook: str) -> list[Any]:
        # what changes backgrounds comes last, whatever its rank
        return [Offer("mist", self.factory), Offer("turn", self.other)] if hook == "register_processors" else []

    def encoder(self, codec: str, encoding: Any, *_: Any, **__: Any) -> Any:
        self.encoders += 1
        return Telling(codec), Choice(f"encoder {codec}", "telling", "bench", "the only one")


async def gives(now: Call, *expected: bytes) -> None:
    """The camera gives pictures until these were sent."""
    async with asyncio.timeout(10):
        while now.sender.what()[-len(expected) :] != list(expected):
            now.capture.give()
            await asyncio.sleep(0.01)


def errors(now: Call) -> list[str]:
    return [event.error.message for event in now.told if event.name == "error"]


async def test_it_comes_and_goes_in_mid_call_and_stays_with_the_camera() -> None:
    """Through another camera, a pause, a loss and joining anew; each backdrop has a processor of its own, the last."""
    bench = Dressing(FRONT, REAR)
    async with call(bench, camera=FRONT.id) as now:
        await gives(now, b"picture")
        await now.own.set_backdrop(Backdrop(0.5))
        assert isinstance(bench.made[0], ShowsBackdrop)
        now.capture.give()
        await now.sent(b"picture", b"clad")
        assert len(bench.other.opened[-1].frames) == len(bench.made[0].frames)
        await now.own.set_device("camera", REAR.id)
        await gives(now, b"picture", b"clad")
        await now.own.set_muted("camera", True)
        await now.own.set_muted("camera", False)
        now.capture.give()
        await asyncio.to_thread(bench.pull, REAR)
        await now.sent(b"clad", b"covered")  # the placeholder of a camera that is away is as grey
        await asyncio.to_thread(bench.plug, REAR)
        await now.until(lambda: not now.capture.stopped and now.capture.sink)
        await gives(now, b"picture", b"clad", b"covered", b"clad")
        await now.own.joined_anew()
        now.capture.give()
        await now.until(lambda: now.wire.senders[1].what() == [b"clad"])
        assert {each.shown[0].blur for each in bench.made} == {0.5}
        await now.own.set_backdrop(None)
        now.capture.give()
        await now.until(lambda: now.wire.senders[1].what() == [b"clad", b"picture"])
        assert all(each.closed for each in bench.made)
        assert errors(now) == ["Rear was unplugged"]


async def test_it_is_there_from_the_first_picture_where_it_was_set_before() -> None:
    """With no camera, and with one that is muted."""
    bench = Dressing(FRONT)
    async with call(bench, camera="none") as now:
        await now.own.set_backdrop(Backdrop())
        assert bench.made[0].closed, "it was only tried"
        await now.own.set_device("camera", FRONT.id)
        await gives(now, b"clad")
        assert now.sender.what() == [b"clad"]
    async with call(bench, start_video_paused=True) as now:
        await now.own.set_backdrop(Backdrop())
        await now.own.set_muted("camera", False)
        await gives(now, b"clad")
        assert now.sender.what() == [b"clad"]


@pytest.mark.parametrize("muted", [False, True])
async def test_a_camera_that_encodes_is_asked_for_raw_pictures(muted: bool) -> None:
    """At once, or when it is turned on; what it encoded is not seen any more. It may encode again as another's turn
    comes."""
    bench = Dressing(SMART, FRONT)
    async with call(bench, camera=SMART.id) as now:
        await gives(now, b"camera")
        await now.own.set_muted("camera", muted)
        await now.own.set_backdrop(Backdrop())
        await now.own.set_muted("camera", False)
        assert now.capture.format.codec is None  # type: ignore[union-attr]
        await gives(now, b"camera", b"clad")
        await now.own.set_backdrop(None)
        await gives(now, b"camera", b"clad", b"picture")
        await now.own.set_device("camera", FRONT.id)
        await now.own.set_device("camera", SMART.id)
        await gives(now, b"picture", b"camera")


class Stubborn(Dressing):
    """One camera of it encodes whatever it is asked for."""

    def open(self, device: Device, format: MediaFormat) -> BenchCapture:
        return super().open(device, H264 if device.id == SMART.id else format)


async def test_a_camera_that_can_do_nothing_but_encode_is_refused() -> None:
    """In words; what was sent goes on. Nor does it take the place of one that is seen with another background."""
    bench = Stubborn(SMART, FRONT)
    async with call(bench, camera=SMART.id) as now:
        await gives(now, b"camera")
        with pytest.raises(PluginError, match=r"Smart \(bench:smart\) gives its pictures as H264 alone"):
            await now.own.set_backdrop(Backdrop())
        count = len(now.sender.frames)
        now.capture.give()
        await now.until(lambda: len(now.sender.frames) > count)
        assert now.sender.what() == [b"camera"]
        await now.own.set_device("camera", FRONT.id)
        await now.own.set_backdrop(Backdrop())
        await gives(now, b"camera", b"clad")
        with pytest.raises(PluginError, match="as H264 alone"):
            await now.own.set_device("camera", SMART.id)
        front = next(each for each in reversed(bench.captures) if each.device == FRONT)
        count = len(now.sender.frames)
        front.give()
        await now.until(lambda: len(now.sender.frames) > count)
        assert now.sender.what() == [b"camera", b"clad"]


async def test_what_cannot_be_shown_changes_nothing() -> None:
    """The error says why of each plugin; what was seen before is seen on."""
    bench = Dressing(FRONT)
    async with call(bench) as now:
        bench.make = lambda: Clad(refuses=True)
        with pytest.raises(PluginError, match=r"nothing can change the background: mist \(mist\): .*it has no model"):
            await now.own.set_backdrop(Backdrop())
        await gives(now, b"picture")
        assert bench.made[0].closed
        bench.make = Clad
        await now.own.set_backdrop(Backdrop())
        bench.factory.lacking = "no library"
        with pytest.raises(PluginError, match="no library"):
            await now.own.set_backdrop(Backdrop())
        await gives(now, b"picture", b"clad")


async def test_what_fails_in_mid_call_covers_the_camera() -> None:
    """From that very picture on, one error tells of it; to ask again tries again, and to clear shows the camera."""
    bench = Dressing(FRONT)
    async with call(bench) as now:
        await now.own.set_backdrop(Backdrop())
        await gives(now, b"clad")
        bench.made[-1].raises = True
        for _ in range(3):
            await gives(now, b"clad", b"covered")
        assert now.sender.frames[-1][1].width == 320
        await now.until(lambda: errors(now))
        (told,) = errors(now)
        assert told.startswith(
            "processor mist (mist) failed and is left out: RuntimeError: it was told to fail; what the"
        )
        assert "is covered" in told
        await now.own.set_backdrop(Backdrop())
        await gives(now, b"clad", b"covered", b"clad")
        bench.made[-1].raises = True
        await gives(now, b"clad", b"covered")
        await now.own.set_backdrop(None)
        await gives(now, b"clad", b"covered", b"picture")
        assert b"picture" not in now.sender.what()[:-1]


async def test_one_that_hangs_covers_the_camera(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is seen while it hangs, and a covered picture from then on."""
    monkeypatch.setattr("jackfield.session.encode.PATIENCE_S", 0.2)
    bench, let = Dressing(FRONT), threading.Event()

    class Hangs(Clad):
        def process(self, frame: VideoFrame) -> VideoFrame:
            let.wait(20)
            return frame

    bench.make = Hangs
    async with call(bench) as now:
        await now.own.set_backdrop(Backdrop())
        await gives(now, b"covered")
        let.set()
        await asyncio.sleep(0.05)
        await gives(now, b"covered")
        assert now.sender.what() == [b"covered"]
        await now.until(lambda: bench.made[-1].closed)


async def test_screens_and_what_programs_make_are_left_alone() -> None:
    """But for what a program publishes as its camera: that gets a background, and nothing else is done to it."""
    bench = Dressing(evolve(SCREEN), FRONT)
    async with call(bench, camera="none") as now:
        await now.own.set_backdrop(Backdrop())
        tried = len(bench.made)
        await now.own.publish(SCREEN, source="screen")
        drawn, camera = VideoSource(32, 32), VideoSource(32, 32)
        await now.own.publish(drawn, source="unknown")
        assert len(bench.made) == tried
        await now.own.publish(camera)
        assert len(bench.made) == tried + 1
        black = np.zeros((32, 32, 3), np.uint8)
        for _ in range(3):
            now.capture.give()
            drawn.push(VideoFrame.from_ndarray(np.zeros((48, 32), np.uint8), format="yuv420p"))
            camera.push(black)
            await asyncio.sleep(0.02)
        await now.until(lambda: all(sender.frames for sender in now.wire.senders))
        assert [sender.what() for sender in now.wire.senders] == [[b"picture"], [b"picture"], [b"clad"]]
        opened = [len(each.frames) for each in bench.other.opened]
        assert len(opened) == 1, "the screen alone is a device"
        encoded = VideoSource(32, 32, codec="H264")
        with pytest.raises(PluginError, match="this source gives its pictures as H264 alone"):
            await now.own.publish(encoded, source="camera")
