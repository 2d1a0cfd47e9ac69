"""A bench on which a test plugs devices in and pulls them out of a call whose server takes everything."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
from attrs import evolve
from livekit.protocol.models import TrackInfo
from livekit.protocol.rtc import JoinResponse

from jackfield.plugins import Choice, Config
from jackfield.plugins.devices import Found, Wish
from jackfield.roles import CaptureSink, Control, Unwatch
from jackfield.session.hotplug import HotPlug
from jackfield.session.own_media import OwnMedia
from jackfield.values.devices import Device, DeviceChange, DeviceKind
from jackfield.values.errors import CallError, DeviceGone
from jackfield.values.formats import AudioFormat, MediaFormat, VideoFormat
from jackfield.values.media import AudioBlock, EncodedFrame, VideoFrame
from jackfield.values.settings import SessionSettings

LIMIT_S = 10.0
H264 = VideoFormat(320, 180, 15.0, codec="H264")
RAW = VideoFormat(320, 180, 15.0, "yuv420p")
#: A grey picture of 320x180, Constrained Baseline, as x264 writes it, and the one after it.
SPS = bytes.fromhex("000000016742c00dd901419f9e10000003001000000303c8f142a480")
PPS = bytes.fromhex("0000000168cb80e4b2")
IDR = bytes.fromhex("000000016588843f" + "27" * 20 + "5d75d7" * 55 + "80")
SLICE = bytes.fromhex("00000001419a39e03c60")
#: Filler that no decoder looks at, by which a test knows it.
MARK = b"\0\0\0\1\x0ccamera"
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
        self.start_fails: CallError | None = None

    def start(self, sink: CaptureSink) -> None:
        if self.start_fails is not None:
            raise self.start_fails
        self.sink = sink

    def stop(self) -> None:
        self.stopped = True

    def force_keyframe(self) -> None:
        self.keyframes_asked += 1

    def set_bitrate_bps(self, bitrate_bps: int) -> None:
        self.bitrates.append(bitrate_bps)

    def give(
        self, *, keyframe: bool = True, size: tuple[int, int] = (320, 180), sps: bytes = SPS, idr: bytes = IDR
    ) -> None:
        assert self.sink is not None
        if isinstance(self.format, AudioFormat):
            self.sink.deliver(AudioBlock(np.full((480, 1), 1000, np.int16)))
        elif self.format.codec:
            data = sps + PPS + idr if keyframe else SLICE
            self.sink.deliver(EncodedFrame(data + MARK, "H264", keyframe, width=320, height=180))
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
        self.start_fails: CallError | None = None
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
        self.captures[-1].start_fails = self.start_fails
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

    def kind_of(self, wish: str) -> DeviceKind:
        return next((device.kind for device in self._bench.there if wish in (device.id, device.label)), "camera")

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

    def send(self, frame: EncodedFrame, *, rid: str = "", level_dbov: int | None) -> None:
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
        self.joined, self.signal, self.over, self.is_open = JoinResponse(), self, False, True
        self.sending = asyncio.Event()
        self.sending.set()
        self.senders: list[Sender] = []
        self.said: list[Any] = []

    async def add_track(self, request: Any, kind: Any, codec: str, layers: Any) -> tuple[TrackInfo, Any]:
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
