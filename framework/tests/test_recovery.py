"""Devices that are pulled out of a running publication, and what the far end gets meanwhile."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest
from attrs import evolve
from livekit.protocol.models import TrackInfo
from livekit.protocol.rtc import JoinResponse

from jackfield.plugins import Choice, Config
from jackfield.plugins.devices import Found, Wish
from jackfield.roles import CaptureSink, Control, Unwatch
from jackfield.session.feed import Feed
from jackfield.session.hotplug import HotPlug
from jackfield.session.own_media import OwnMedia
from jackfield.session.recovery import DELAYS_S, FLAP_S, Recovery, candidates, following
from jackfield.testing.timers import ManualTimers
from jackfield.values.devices import Device, DeviceChange, DeviceKind
from jackfield.values.errors import CallError, DeviceBusy, DeviceGone, EncoderError, SettingsError
from jackfield.values.formats import AudioFormat, MediaFormat, VideoFormat
from jackfield.values.media import AudioBlock, EncodedFrame, VideoFrame
from jackfield.values.settings import SessionSettings

LIMIT_S = 10.0
H264 = VideoFormat(320, 180, 15.0, codec="H264")
RAW = VideoFormat(320, 180, 15.0, "yuv420p")
#: 320x180, Constrained Baseline, as x264 writes it.
SPS = bytes.fromhex("000000016742c00dda05067e7840000003004000000f03c50aa8")
PPS = bytes.fromhex("0000000168ce0fc8")
FRONT = Device("bench:front", "camera", "Front", "/dev/a", modes=(RAW,), facing="front")
REAR = Device("bench:rear", "camera", "Rear", "/dev/b", modes=(RAW,), facing="rear")
SMART = Device("bench:smart", "camera", "Smart", "/dev/c", modes=(RAW, H264))
MIC = Device("bench:mic", "microphone", "Mic", modes=(AudioFormat(),))
OTHER_MIC = Device("bench:other", "microphone", "Other mic", modes=(AudioFormat(),))
TEST_TONE = Device("bench:tone", "microphone", "Test tone", modes=(AudioFormat(),), rank=5)


class BenchCapture:
    """An open device on the bench, fed by the test."""

    def __init__(self, device: Device, format: MediaFormat) -> None:
        self.device, self.format = device, format
        self.sink: CaptureSink | None = None
        self.stopped = False
        self.keyframes_asked = 0
        self.bitrates: list[int] = []

    def start(self, sink: CaptureSink) -> None:
        self.sink = sink

    def stop(self) -> None:
        self.stopped = True

    def force_keyframe(self) -> None:
        self.keyframes_asked += 1

    def set_bitrate_bps(self, bitrate_bps: int) -> None:
        self.bitrates.append(bitrate_bps)

    def give(self, *, keyframe: bool = True, size: tuple[int, int] = (320, 180), sps: bytes = SPS) -> None:
        assert self.sink is not None
        if isinstance(self.format, AudioFormat):
            self.sink.deliver(AudioBlock(np.full((480, 1), 1000, np.int16)))
        elif self.format.codec:
            data = (sps + PPS if keyframe else b"") + b"\0\0\0\1" + (b"\x65" if keyframe else b"\x41") + b"\x88camera"
            self.sink.deliver(EncodedFrame(data, "H264", keyframe, width=320, height=180))
        else:
            self.sink.deliver(
                VideoFrame.from_ndarray(np.zeros((size[1] * 3 // 2, size[0]), np.uint8), format="yuv420p")
            )


class Bench:
    """A driver whose devices the test plugs in and pulls out; also the plugins, with one encoder that marks."""

    name = "bench"
    kinds: frozenset[DeviceKind] = frozenset({"camera", "microphone"})

    def __init__(self, *devices: Device) -> None:
        self.there = list(devices)
        self.captures: list[BenchCapture] = []
        self.watchers: list[Callable[[DeviceChange], None]] = []
        self.refuse: dict[str, CallError] = {}
        self.choices: dict[str, Choice] = {}
        self.config = Config()
        self.encoders = 0
        self.playbacks: list[Any] = []

    # a driver
    def devices(self, kind: DeviceKind | None = None) -> list[Device]:
        return [device for device in self.there if kind in (None, device.kind)]

    def watch(self, changed: Callable[[DeviceChange], None]) -> Unwatch:
        self.watchers.append(changed)
        return lambda: self.watchers.remove(changed)

    def open(self, device: Device, format: MediaFormat) -> BenchCapture:
        if device.id in self.refuse:
            raise self.refuse[device.id]
        if device not in self.there:
            raise DeviceGone(f"{device.id} is not there")
        self.captures.append(BenchCapture(device, format))
        return self.captures[-1]

    def pull(self, device: Device, *, tell: bool = True) -> None:
        self.there.remove(device)
        for capture in self.captures:
            if capture.device.id == device.id and not capture.stopped and capture.sink is not None:
                capture.sink.fail(DeviceGone(f"{device.label} was unplugged"))
        self._tell("removed", device, tell)

    def plug(self, device: Device, *, tell: bool = True) -> None:
        self.there.append(device)
        self._tell("added", device, tell)

    def _tell(self, change: Any, device: Device, tell: bool) -> None:
        for watcher in list(self.watchers) if tell else ():
            threading.Thread(target=watcher, args=(DeviceChange(change, device),)).start()

    # the plugins
    def offers(self, hook: str) -> Sequence[Any]:
        return ()

    def modes(self, device: Device) -> Sequence[MediaFormat]:
        return device.modes

    def driver(self, device: Device) -> Bench:
        return self

    def device(
        self, kind: DeviceKind, wish: Any = None, *, facing: str = "", failed: Mapping[str, str] | None = None
    ) -> tuple[Device | None, Any, Any]:
        there = [
            evolve(device, state="unusable", note=failed[device.id]) if failed and device.id in failed else device
            for device in self.devices(kind)
        ]
        found = [Found(device, self, self.name) for device in there]
        taken, choice = Wish(kind, found, facing=facing).grant(wish)
        self.choices[kind] = choice
        return (taken.device, taken.driver, choice) if taken else (None, None, choice)

    def encoder(self, codec: str, encoding: Any, *_: Any, **__: Any) -> tuple[Any, Choice]:
        self.encoders += 1
        return Marking(codec), Choice(f"encoder {codec}", "marking", "bench", "the only one")


class Adjustable(Bench):
    """A bench whose cameras zoom."""

    zoom = 1

    def controls(self, device: Device) -> Sequence[Control]:
        return (Control("zoom", "Zoom", "integer", self.zoom, 1, 1, 5),)

    def set_control(self, device: Device, name: str, value: Any) -> None:
        self.zoom = value


class Plugged:
    """`Bench` as the registry of plugins: ``captures`` are its drivers there."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self.captures, self.playbacks = [bench], bench.playbacks

    def __getattr__(self, name: str) -> Any:
        return getattr(self._bench, name)


class Marking:
    """An encoder whose frames tell how bright the picture was, and whether a keyframe was wanted."""

    def __init__(self, codec: str) -> None:
        self.codec, self._forced = codec, True

    def encode(self, media: VideoFrame | AudioBlock) -> list[EncodedFrame]:
        forced, self._forced = self._forced, False
        if isinstance(media, AudioBlock):
            data = b"silence" if not media.samples.any() else b"sound"
            return [EncodedFrame(data, "opus", True, media.time_ns)]
        data = b"picture" if bytes(media.picture.planes[0])[0] == 0 else b"placeholder"
        return [EncodedFrame(data, self.codec, forced, media.time_ns, width=media.width, height=media.height)]

    def force_keyframe(self) -> None:
        self._forced = True

    def close(self) -> None:
        pass


class Sender:
    """Keeps what is sent."""

    rejected = False
    muted = False
    max_bitrate_bps = 0

    def __init__(self) -> None:
        self.frames: list[tuple[float, EncodedFrame]] = []
        self.on_keyframe_request: Any = None
        self.on_bitrate: Any = None

    def send(self, frame: EncodedFrame, *, level_dbov: int | None) -> None:
        self.frames.append((time.monotonic(), frame))

    def stats(self) -> dict[str, Any]:
        return {}

    def what(self) -> list[bytes]:
        """What was sent, repetitions taken together."""
        found: list[bytes] = []
        for _, frame in self.frames:
            data = b"camera" if frame.data.endswith(b"camera") else frame.data
            if not found or found[-1] != data:
                found.append(data)
        return found


class Wire:
    """A server that takes every track."""

    def __init__(self) -> None:
        self.joined, self.signal, self.over = JoinResponse(), self, False
        self.sending = asyncio.Event()
        self.sending.set()
        self.senders: list[Sender] = []
        self.said: list[Any] = []

    async def add_track(self, request: Any, kind: Any, codec: str) -> tuple[TrackInfo, Any]:
        self.senders.append(Sender())
        return TrackInfo(sid=f"TR_{len(self.senders)}"), self.senders[-1]

    def remove_track(self, sender: Any) -> None:
        pass

    def send(self, **said: Any) -> None:
        self.said.append(said)


class Call:
    """What a test looks at."""

    def __init__(self, bench: Bench, settings: SessionSettings) -> None:
        self.bench, self.told = bench, list[Any]()
        plugins: Any = Plugged(bench)
        self.hotplug = HotPlug(plugins, self.told.append)
        self.own = OwnMedia(settings, plugins, self.told.append, self.hotplug)
        self.wire: Any = Wire()

    @property
    def sender(self) -> Sender:
        sender: Sender = self.wire.senders[0]
        return sender

    @property
    def capture(self) -> BenchCapture:
        return self.bench.captures[-1]

    def names(self) -> list[str]:
        return [event.name for event in self.told if not event.name.endswith("s_changed")]

    async def until(self, condition: Callable[[], Any]) -> None:
        async with asyncio.timeout(LIMIT_S):
            while not condition():
                await asyncio.sleep(0.005)

    async def opened(self, count: int) -> None:
        """Until so many captures were opened, and the last is started."""
        await self.until(lambda: len(self.bench.captures) == count and self.capture.sink)

    async def sent(self, *expected: bytes) -> None:
        """Until these were sent, in this order, and nothing else."""
        try:
            await self.until(lambda: self.sender.what()[-len(expected) :] == list(expected))
        except TimeoutError:
            raise AssertionError(f"{self.sender.what()} was sent, and {self.names()} was told") from None


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Devices here give what a test says and no more: that is no stall."""
    monkeypatch.setattr("jackfield.session.absence.PICTURE_STALL_S", 60.0)
    monkeypatch.setattr("jackfield.session.absence.SOUND_STALL_S", 60.0)


@asynccontextmanager
async def call(bench: Bench, **settings: Any) -> AsyncIterator[Call]:
    """A call with a camera (or a microphone, where the bench has no camera) that has given its first media."""
    only = {"microphone": "none"} if bench.devices("camera") else {"camera": "none"}
    small = {"width": 320, "height": 180, "fps": 15}
    found = Call(bench, SessionSettings(**{**only, "video": small, **settings}))
    await found.own.prepare()
    await found.own.connect(found.wire)
    found.hotplug.start()
    await found.until(lambda: bench.watchers)
    await asyncio.sleep(0.05)  # what comes before the path is up is not sent
    try:
        yield found
    finally:
        await found.own.close()
        await found.hotplug.close()
    # one that was being opened when the call ended is closed as soon as it is open
    await found.until(lambda: all(capture.stopped for capture in bench.captures))
    assert not bench.watchers
    left = [thread.name for thread in threading.enumerate() if thread.name.startswith("jackfield encode")]
    assert left == []


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


async def test_what_a_camera_encodes_is_sent_as_it_is() -> None:
    """No encoder is opened; a keyframe that the far end wants, and the bitrate of the path, reach the camera."""
    bench = Bench(SMART)
    async with call(bench) as now:
        assert now.capture.format == H264
        now.capture.give()
        await now.sent(b"camera")
        assert bench.encoders == 0
        asked = now.capture.keyframes_asked
        now.sender.on_keyframe_request()
        now.sender.on_bitrate(250_000)
        assert now.capture.keyframes_asked == asked + 1
        assert now.capture.bitrates == [250_000]
        assert bench.choices["encoder H264"].chosen == "passthrough"
        stats = now.own.publications[0].stats()
        assert (stats["frameWidth"], stats["frameHeight"], stats["encoderImplementation"]) == (320, 180, "")


async def test_an_encoding_camera_that_is_pulled_is_covered_too() -> None:
    """An encoder is opened for the placeholder alone, and given back at the camera's first keyframe."""
    bench = Bench(SMART)
    async with call(bench) as now:
        now.capture.give()
        await now.sent(b"camera")
        await asyncio.to_thread(bench.pull, SMART)
        await now.sent(b"camera", b"placeholder")
        assert (now.sender.frames[-1][1].width, now.sender.frames[-1][1].height) == (320, 180)
        await asyncio.to_thread(bench.plug, SMART)
        await now.opened(2)
        now.capture.give(keyframe=False)
        await now.until(lambda: now.capture.keyframes_asked)
        now.capture.give()
        await now.sent(b"camera", b"placeholder", b"camera")
        await now.until(lambda: not now.own.publications[0].encoder)
        for _ in range(3):
            now.capture.give(keyframe=False)
        await now.until(lambda: "device_restored" in now.names())
        assert now.sender.what() == [b"camera", b"placeholder", b"camera"]


async def test_a_profile_that_browsers_lack_is_named_and_encoded_anew() -> None:
    """A finding says which, and what to do; the camera is asked for raw pictures, so that nobody sees black."""
    bench = Bench(SMART)
    async with call(bench) as now:
        now.capture.give(sps=SPS.replace(b"\x67\x42\xc0", b"\x67\x58\xc0"))
        await now.opened(2)
        assert now.capture.format.codec is None  # type: ignore[union-attr]
        now.capture.give()
        await now.sent(b"picture")
        (event,) = [event for event in now.told if event.name == "error"]
        assert event.error.code == "VALIDATION_ERROR"
        assert "profile Extended, which browsers do not decode" in str(event.error)
        assert "passthrough=False" in str(event.error)


async def test_a_camera_that_was_unfit_once_is_asked_for_raw_pictures_when_it_is_back() -> None:
    """What it encodes has not changed; another camera's encoding is sent as it is."""
    other = evolve(SMART, id="bench:clever")
    bench = Bench(SMART, other)
    async with call(bench, camera=SMART.id) as now:
        now.capture.give(sps=SPS.replace(b"\x67\x42\xc0", b"\x67\x58\xc0"))
        await now.opened(2)
        now.capture.give()
        await now.sent(b"picture")
        await asyncio.to_thread(bench.pull, SMART)
        await now.sent(b"picture", b"placeholder")
        await asyncio.to_thread(bench.plug, SMART)
        await now.opened(3)
        assert now.capture.format.codec is None  # type: ignore[union-attr]
        now.capture.give()
        await now.sent(b"picture", b"placeholder", b"picture")
        await now.until(lambda: "device_restored" in now.names())
        await now.own.set_device("camera", other.id)
        assert now.capture.format.codec == "H264"  # type: ignore[union-attr]
        now.capture.give()
        await now.sent(b"placeholder", b"picture", b"camera")


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


async def test_a_camera_that_turns_to_raw_pictures_is_encoded_here() -> None:
    """A stream that changed in mid-call to what nobody decodes is decoded by its driver: the track goes on."""
    bench = Bench(SMART)
    async with call(bench) as now:
        now.capture.give()
        await now.sent(b"camera")
        now.capture.format = RAW
        now.capture.give()
        await now.until(lambda: bench.encoders == 1)
        await now.until(lambda: now.own.publications[0].encoder)
        now.capture.give()
        await now.sent(b"camera", b"picture")


async def test_cameras_are_swapped_between_raw_and_encoded() -> None:
    """The track and its codec stay; an encoder is there exactly while it is needed."""
    bench = Bench(FRONT, SMART)
    async with call(bench, camera=FRONT.id) as now:
        now.capture.give()
        await now.sent(b"picture")
        assert await now.own.set_device("camera", SMART.id) == SMART
        now.capture.give()
        await now.sent(b"picture", b"camera")
        assert now.own.publications[0].encoder == ""
        await now.own.set_device("camera", FRONT.id)
        now.capture.give()
        await now.sent(b"picture", b"camera", b"picture")
        assert now.names() == ["camera_changed", "camera_changed"]
        assert len(now.wire.senders) == 1


async def test_a_camera_of_another_codec_is_asked_for_raw_pictures() -> None:
    """The track is VP8: a camera that can do H.264 gives what an encoder takes."""
    bench = Bench(FRONT, SMART)
    async with call(bench, camera=FRONT.id, video_codecs=["VP8"]) as now:
        await now.own.set_device("camera", SMART.id)
        assert now.capture.format.codec is None  # type: ignore[union-attr]
        now.capture.give()
        await now.sent(b"picture")


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
        with pytest.raises(DeviceGone, match="another program holds it"):
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


# --- how it waits and what it takes ------------------------------------------------------------------------------
async def test_a_device_that_flaps_is_given_more_time_each_time() -> None:
    """At once the first time; after it went as soon as it had come, ever later; a quiet while forgives."""
    clock, bench = ManualTimers(), Bench(FRONT)
    plugins: Any = Plugged(bench)
    recovery = Recovery(plugins, HotPlug(plugins, lambda _: None), clock=clock)
    waits: list[float] = []

    async def attempt(device: Device, driver: Any) -> None:
        pass

    async def lose() -> None:
        job = asyncio.ensure_future(recovery.until_back(FRONT, None, attempt))
        began = clock.now_ns()
        for _ in range(10_000):
            await asyncio.sleep(0.0005)
            if job.done():
                break
            clock.advance(0.01)
        waits.append((clock.now_ns() - began) / 1e9)

    async def run() -> None:
        await lose()

    for _ in range(3):
        recovery.start(FRONT, run)
        await asyncio.wait_for(recovery._task, LIMIT_S)  # type: ignore[arg-type]
    clock.advance(FLAP_S + 1)
    recovery.start(FRONT, run)
    await asyncio.wait_for(recovery._task, LIMIT_S)  # type: ignore[arg-type]
    assert waits[0] < 0.1
    assert waits[1] >= DELAYS_S[0]
    assert waits[2] >= DELAYS_S[1]
    assert waits[3] < 0.1


def test_candidates_are_the_lost_device_and_those_the_wish_allows() -> None:
    """Ready ones alone, the lost one first."""

    def ids(bench: Bench, lost: Device, wish: Any) -> list[str]:
        plugins: Any = Plugged(bench)
        return [device.id for device, _ in candidates(plugins, lost, wish)]

    assert ids(Bench(FRONT, REAR), FRONT, None) == [FRONT.id]
    assert ids(Bench(REAR), FRONT, None) == []
    assert ids(Bench(REAR), FRONT, [FRONT.id, REAR.id]) == [REAR.id]
    assert ids(Bench(MIC, OTHER_MIC, TEST_TONE), MIC, None) == [MIC.id, OTHER_MIC.id]
    assert ids(Bench(OTHER_MIC, TEST_TONE), MIC, MIC.id) == []
    assert ids(Bench(evolve(FRONT, id="bench:front@2")), evolve(FRONT, id="bench:front@1"), "front") == [
        "bench:front@2"
    ]


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
