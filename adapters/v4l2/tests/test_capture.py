"""What befalls cameras: each is an error with a name, or the camera goes on; and nothing is left behind."""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from attrs import define
from jackfield_v4l2 import structs
from jackfield_v4l2.driver import V4l2Captures
from jackfield_v4l2.identity import Seen
from jackfield_v4l2.options import Options
from jackfield_v4l2.pixels import LAYOUTS
from jackfield_v4l2.structs import fourcc, fourcc_name
from jackfield_v4l2.testing import FakeCamera, FakeKernel, FakeNodes
from jackfield_v4l2.testing.nodes import seen_usb, usb_descriptors
from jackfield_v4l2.testing.pictures import BARS

from jackfield.roles import ForcesKeyframe, SetsBitrate
from jackfield.testing.fakes import FakeSink
from jackfield.values.errors import CallError, DeviceBusy, DeviceDenied, DeviceError, DeviceGone
from jackfield.values.formats import AudioFormat, VideoFormat
from jackfield.values.media import EncodedFrame, VideoFrame

SMALL = VideoFormat(640, 480, 15.0)
H264 = VideoFormat(640, 480, 15.0, codec="H264")
SIZES = {(640, 480): (30, 15)}
PATIENCE = Options(frozen_after_s=0.4, first_picture_s=0.6)


@define(eq=False)
class Lab:
    """One fake camera, its node, and the driver that finds it."""

    camera: FakeCamera
    kernel: FakeKernel
    nodes: FakeNodes
    driver: V4l2Captures
    running: list[Any]

    def open(self, format: VideoFormat = SMALL) -> Any:
        """The camera, opened."""
        capture = self.driver.open(self.driver.devices()[0], format)
        self.running.append(capture)
        return capture

    def start(self, format: VideoFormat = SMALL) -> tuple[Any, FakeSink]:
        """The camera, opened and running."""
        capture, sink = self.open(format), FakeSink()
        capture.start(sink)
        return capture, sink


def lab(camera: FakeCamera | None = None, options: Options = PATIENCE, seen: Seen | None = None) -> Lab:
    camera = camera or FakeCamera()
    kernel = FakeKernel(camera)
    nodes = FakeNodes(kernel, seen or seen_usb())
    return Lab(camera, kernel, nodes, V4l2Captures(options, nodes=nodes, kernel=kernel), [])


@pytest.fixture
def make() -> Iterator[Callable[..., Lab]]:
    """Makes labs; at the end every capture is stopped and no file, memory or thread of theirs is left."""
    files, threads, labs = open_files(), set(threading.enumerate()), []

    def made(*arguments: Any, **more: Any) -> Lab:
        labs.append(lab(*arguments, **more))
        return labs[-1]

    yield made
    for each in labs:
        for capture in each.running:
            capture.stop()
    until(lambda: not {each for each in threading.enumerate() if each not in threads})
    assert open_files() == files
    for each in labs:
        assert not each.kernel.handles
        assert each.camera.maps == 0


def open_files() -> set[str]:
    """What this process has open, but for the folder that is looked into."""
    found = {name: os.path.realpath(f"/proc/self/fd/{name}") for name in os.listdir("/proc/self/fd")}
    return {
        name for name, path in found.items() if not path.endswith("/fd") and os.path.lexists(f"/proc/self/fd/{name}")
    }


def until(true: Callable[[], bool], limit_s: float = 5.0) -> None:
    """Waits until this is so."""
    end = time.monotonic() + limit_s
    while not true():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.01)


def failed(sink: FakeSink) -> CallError:
    """The error that the capture ended with."""
    until(lambda: bool(sink.errors))
    return sink.errors[0]


def of_bars(frame: VideoFrame) -> list[tuple[int, ...]]:
    """The colour in the middle of each bar."""
    pixels = frame.to_ndarray()
    height, width = pixels.shape[:2]
    return [tuple(map(int, pixels[height * 3 // 4, width * (2 * bar + 1) // 16])) for bar in range(8)]


def apart(found: list[tuple[int, ...]], expected: list[tuple[int, ...]]) -> int:
    """How far the colours are from what they should be."""
    return int(np.abs(np.array(found) - np.array(expected)).max())


# --- what comes
SINGLE = [code for code, layout in LAYOUTS.items() if layout.buffers == 1]


@pytest.mark.parametrize("code", LAYOUTS, ids=fourcc_name)
@pytest.mark.parametrize("padding", [0, 32])
def test_every_raw_layout_is_read_as_what_it_is(make: Any, code: int, padding: int) -> None:
    """By content, with rows as long as their pixels and longer; the lab's drivers are asked the same."""
    camera = FakeCamera(modes={code: {(640, 360): (30,)}}, multiplanar=code not in SINGLE, padding=padding)
    _, sink = make(camera).start(VideoFormat(640, 360, 30.0))
    frame = sink.wait(1)[0]
    assert frame.picture.format.name == "yuv420p"
    grey = LAYOUTS[code].pixel_format.startswith("gray")
    luma = [(round(0.299 * r + 0.587 * g + 0.114 * b),) * 3 for r, g, b in BARS]
    assert apart(of_bars(frame), luma if grey else list(BARS)) <= 24


def test_raw_pictures_come_as_they_are_when_they_are_asked_for_so(make: Any) -> None:
    """A program that wants the camera's own layout is given it."""
    capture, sink = make().start(VideoFormat(640, 480, 30.0, "yuyv422"))
    assert {frame.picture.format.name for frame in sink.wait(2)} == {"yuyv422"} == {capture.format.pixel_format}


def test_mjpeg_is_decoded_and_raw_is_cheaper(make: Any) -> None:
    """Of two modes as near, the raw one; where only MJPEG has the size, that, in colours that are right."""
    modes = {fourcc("YUYV"): {(640, 480): (30,)}, fourcc("MJPG"): {(640, 480): (30,), (1280, 720): (30,)}}
    both = make(FakeCamera(modes=modes))
    _, sink = both.start(VideoFormat(1280, 720, 30.0))
    frame = sink.wait(1)[0]
    assert (frame.width, frame.height) == (1280, 720)
    assert apart(of_bars(frame), list(BARS)) <= 8
    both.running.pop().stop()
    both.open(VideoFormat(640, 480, 30.0))
    assert next(iter(both.kernel.handles.values())).code == fourcc("YUYV")


@pytest.mark.parametrize("number", range(8))
def test_any_mode_of_the_list_can_be_asked_for(make: Any, number: int) -> None:
    """As it stands there: the camera is set to that very one, MJPEG is decoded, and ``format`` says what comes."""
    modes = {fourcc("YUYV"): SIZES, fourcc("MJPG"): SIZES, fourcc("H264"): SIZES, fourcc("NV12"): SIZES}
    cameras = make(FakeCamera(modes=modes))
    mode = cameras.driver.modes(cameras.driver.devices()[0])[number]
    capture, sink = cameras.start(mode)
    first = sink.wait(1)[0]
    (handle,) = cameras.kernel.handles.values()
    assert fourcc_name(handle.code) == list(map(fourcc_name, modes))[number // 2]
    assert handle.fps == capture.format.fps == mode.fps
    assert capture.format.codec == mode.codec
    if isinstance(first, VideoFrame):
        assert first.picture.format.name == ("yuv420p" if mode.pixel_format == "mjpeg" else mode.pixel_format)
        assert capture.format.pixel_format == first.picture.format.name


def test_h264_is_passed_on_as_it_is(make: Any) -> None:
    """Access units that can be joined at each keyframe, in the size that they themselves say."""
    _, sink = make(FakeCamera(modes={fourcc("H264"): SIZES})).start(H264)
    units = sink.wait(4)
    assert [unit.keyframe for unit in units] == [True, False, False, False]
    assert all(isinstance(unit, EncodedFrame) and unit.codec == "H264" for unit in units)
    assert units[0].data.startswith(b"\0\0\0\1")
    assert (units[0].width, units[0].height) == (640, 480)


def test_a_codec_that_it_lacks_names_what_it_has(make: Any) -> None:
    """The framework asks only for what is listed; a program may ask for more."""
    with pytest.raises(DeviceError, match=r"no H264 mode; it has mjpeg, yuyv422"):
        make().open(H264)


def test_no_instant_is_taken_from_another_clock(make: Any) -> None:
    """A driver whose clock is unknown, or whose instants are of yesterday, is not believed."""
    before = time.monotonic_ns()
    _, sink = make(FakeCamera(monotonic=False)).start()
    assert all(before < frame.time_ns <= time.monotonic_ns() for frame in sink.wait(3))


def test_pictures_outlive_the_camera(make: Any) -> None:
    """What was delivered is the taker's, after the driver's memory is gone."""
    cameras = make()
    capture, sink = cameras.start(VideoFormat(640, 480, 30.0, "yuyv422"))
    frame = sink.wait(1)[0]
    capture.stop()
    assert cameras.camera.maps == 0
    assert apart(of_bars(frame), list(BARS)) <= 8


# --- steering an encoder in the camera
@pytest.mark.parametrize("by_unit", [False, True])
def test_a_keyframe_and_a_bitrate_are_asked_of_the_camera(make: Any, by_unit: bool) -> None:
    """By V4L2's controls where the driver has them, else by the UVC H.264 unit."""
    camera = FakeCamera(modes={fourcc("H264"): SIZES}, unit=7 if by_unit else 0)
    if not by_unit:
        camera.controls += codec_controls()
    seen = seen_usb(descriptors=usb_descriptors()) if by_unit else None
    capture, sink = make(camera, seen=seen).start(H264)
    sink.wait(3)
    assert isinstance(capture, ForcesKeyframe)
    assert isinstance(capture, SetsBitrate)
    capture.set_bitrate_bps(700_000)
    until(lambda: camera.bitrates == [700_000])
    count = len(sink.media)
    capture.force_keyframe()
    units = sink.wait(count + 5)[count:]
    assert any(unit.keyframe for unit in units)


def test_a_camera_that_cannot_be_steered_does_not_say_so(make: Any) -> None:
    """Abilities are what this very camera has."""
    capture = make(FakeCamera(modes={fourcc("H264"): SIZES})).open(H264)
    assert not isinstance(capture, ForcesKeyframe | SetsBitrate)
    assert not isinstance(make().open(SMALL), ForcesKeyframe | SetsBitrate)


def codec_controls() -> list[Any]:
    from jackfield_v4l2.testing import FakeControl

    return [
        FakeControl(structs.CID_FORCE_KEY_FRAME, "Force Key Frame", structs.CTRL_BUTTON),
        FakeControl(structs.CID_BITRATE, "Video Bitrate", structs.CTRL_INTEGER, 50_000, 8_000_000, 1_000_000),
    ]


# --- what goes wrong at opening
def test_a_camera_in_use_is_busy_and_says_who_has_it(make: Any) -> None:
    """The name and number of the program, and what to do."""
    with pytest.raises(DeviceBusy, match=r"in use by ffmpeg \(4711\): close that"):
        make(FakeCamera(held_by="ffmpeg (4711)")).open()


def test_a_camera_of_another_user_is_denied_and_says_the_command(make: Any) -> None:
    """It is listed so, named by the doctor, and opening it says the same."""
    cameras = make(FakeCamera(denied=True))
    (device,) = cameras.driver.devices()
    assert device.state == "denied"
    assert "sudo usermod -aG video" in device.note
    with pytest.raises(DeviceDenied, match=r"/dev/video0 is for group video; sudo usermod -aG video"):
        cameras.driver.open(device, SMALL)
    (finding,) = cameras.driver.diagnose()
    assert (finding.key, finding.severity) == ("/dev/video0", "error")
    assert not cameras.kernel.asked, "nothing is opened to see this"


def test_a_camera_that_is_pulled_out_while_it_is_opened_is_gone(make: Any) -> None:
    """At whichever of the requests that opening takes; nothing is left open by any."""
    probe = make()
    probe.open()
    requests = list(probe.kernel.asked)
    for number in range(1, len(requests)):
        cameras = make()
        count = iter(range(len(requests) + 1))

        def pull(request: int, cameras: Lab = cameras, number: int = number, count: Any = count) -> None:
            if next(count, 0) == number - 1:
                cameras.nodes.unplug()

        cameras.camera.before = pull
        try:
            cameras.open()
        except DeviceGone:
            continue
        assert requests[number] in ("QBUF", "STREAMON"), f"pulled out at {number} ({requests[number]}) it opened"


@pytest.mark.parametrize(
    ("request_number", "number", "words"),
    [
        (structs.STREAMON, errno.ENOSPC, "USB bus has no room"),
        (structs.STREAMON, errno.EPIPE, "media pipeline is not set up"),
        (structs.REQBUFS, errno.ENOMEM, "no memory for its buffers"),
        (structs.S_FMT, errno.EIO, "the device or its cable"),
    ],
)
def test_what_the_driver_refuses_is_said_in_words(make: Any, request_number: int, number: int, words: str) -> None:
    """What failed, with its name, and what to do."""
    with pytest.raises(DeviceError, match=words) as error:
        make(FakeCamera(fails={request_number: [number]})).start()
    assert errno.errorcode[number] in error.value.message


@pytest.mark.parametrize(
    "camera", [FakeCamera(pipeline=True), FakeCamera(modes={fourcc("RGGB"): SIZES, fourcc("pRAA"): SIZES})]
)
def test_a_bare_sensor_is_refused_and_listed_so_from_then_on(make: Any, camera: FakeCamera) -> None:
    """What only opening shows is remembered."""
    cameras = make(camera)
    with pytest.raises(DeviceError, match="sensor: use pipe"):
        cameras.open()
    assert cameras.driver.devices()[0].state == "unusable"
    with pytest.raises(DeviceError, match="sensor: use pipe"):
        cameras.driver.modes(cameras.driver.devices()[0])


def test_a_camera_is_no_microphone(make: Any) -> None:
    """The wrong kind of format is an error in our words."""
    cameras = make()
    with pytest.raises(DeviceError, match="is a camera"):
        cameras.driver.open(cameras.driver.devices()[0], AudioFormat())


# --- what goes wrong while it runs
@pytest.mark.parametrize("answer", [errno.ENODEV, errno.EINVAL])
def test_a_camera_that_is_pulled_out_is_gone(make: Any, answer: int) -> None:
    """Whatever the driver answers when its device has left."""
    cameras = make(options=Options())
    capture, sink = cameras.start()
    sink.wait(2)
    cameras.camera.fails[structs.DQBUF] = [answer]
    cameras.nodes.unplug()
    error = failed(sink)
    assert isinstance(error, DeviceGone)
    assert error.retryable
    until(lambda: not cameras.kernel.handles)
    count = len(sink.media)
    capture.stop()
    assert len(sink.media) == count


def test_a_frozen_camera_is_started_anew_and_goes_on(make: Any) -> None:
    """Halfway through the deadline the stream is stopped and started; pictures come, and nobody hears of it."""
    cameras = make(options=Options(frozen_after_s=2.0))
    _, sink = cameras.start()
    sink.wait(2)
    cameras.camera.frozen = True
    until(lambda: cameras.kernel.asked.count("STREAMON") == 2)
    cameras.camera.frozen = False
    count = len(sink.media)
    assert len(sink.wait(count + 3)) >= count + 3
    assert not sink.errors


def test_a_frozen_camera_is_given_up_and_reported_when_it_runs_again(make: Any) -> None:
    """It is gone for its call, with the word frozen; who watches hears when it gives pictures again."""
    cameras, changes = make(), []
    unwatch = cameras.driver.watch(changes.append)
    _, sink = cameras.start()
    sink.wait(2)
    cameras.camera.frozen = True
    error = failed(sink)
    assert isinstance(error, DeviceGone)
    assert "frozen" in error.message
    assert error.details["frozen"]
    time.sleep(0.2)
    assert changes == []
    cameras.camera.frozen = False
    until(lambda: bool(changes), 10)
    assert [(change.change, change.device.state) for change in changes] == [("changed", "ready")]
    _, again = cameras.start()
    assert again.wait(2)
    unwatch()


def test_a_camera_that_is_looked_at_is_free_for_who_opens_it(make: Any) -> None:
    """The look at a frozen camera ends at once, so that nobody finds it busy by us."""
    cameras = make(options=Options(frozen_after_s=0.4, first_picture_s=0.4))
    unwatch = cameras.driver.watch(lambda change: None)
    _, sink = cameras.start()
    sink.wait(1)
    cameras.camera.frozen = True
    failed(sink)
    until(lambda: len(cameras.kernel.handles) == 1)  # the look, after the capture has closed
    _, again = cameras.start()
    cameras.camera.frozen = False
    assert again.wait(2)
    unwatch()


def test_a_camera_that_never_gives_a_picture_is_frozen_too(make: Any) -> None:
    """The first picture has a deadline of its own."""
    _, sink = make(FakeCamera(frozen=True)).start()
    assert "frozen" in failed(sink).message


def test_damaged_pictures_are_left_out(make: Any, caplog: Any) -> None:
    """Cut short, flagged by the driver, or garbage: the next whole one comes, and the log says it once."""
    modes = {fourcc("MJPG"): SIZES}
    cameras = make(FakeCamera(modes=modes), options=Options())
    _, sink = cameras.start()
    sink.wait(2)
    cameras.camera.cut = cameras.camera.flagged = 3
    until(lambda: not cameras.camera.cut)
    count = len(sink.media)
    frames = sink.wait(count + 3)
    assert len(frames) >= count + 3
    assert all(apart(of_bars(frame), list(BARS)) <= 8 for frame in frames)
    assert not sink.errors
    assert sum("damaged" in record.message for record in caplog.records if record.levelname == "WARNING") == 1


def test_a_camera_of_damaged_pictures_alone_is_an_error(make: Any) -> None:
    """It is there and gives something, so it is not gone: it is broken, or its cable is."""
    _, sink = make(FakeCamera(modes={fourcc("YUYV"): SIZES}, cut=10_000)).start()
    error = failed(sink)
    assert not isinstance(error, DeviceGone)
    assert "none of them whole" in error.message


def test_a_jpeg_camera_that_never_writes_the_end_is_believed_in_the_end(make: Any, monkeypatch: Any) -> None:
    """After so many in a row that can all be read, that is its way."""
    from jackfield_v4l2 import pictures
    from jackfield_v4l2.testing import pictures as painted

    monkeypatch.setattr(pictures, "_NEVER_ENDS", 4)
    endless = painted._jpeg(640, 480)[:-2]
    monkeypatch.setattr("jackfield_v4l2.testing.kernel.content", lambda *_, **__: [endless])
    _, sink = make(FakeCamera(modes={fourcc("MJPG"): SIZES}), options=Options()).start()
    assert sink.wait(2)


def test_pictures_of_another_size_are_delivered_as_they_are(make: Any) -> None:
    """The encoder follows; ``format`` says what comes."""
    cameras = make(FakeCamera(modes={fourcc("MJPG"): SIZES}, really=(320, 240)))
    capture, sink = cameras.start()
    assert {(frame.width, frame.height) for frame in sink.wait(2)} == {(320, 240)}
    assert (capture.format.width, capture.format.height) == (320, 240)


def test_of_raw_pictures_that_wait_the_newest_is_taken(make: Any) -> None:
    """A taker that is late is not given old pictures."""
    cameras = make(options=Options())
    capture, gate = cameras.open(), threading.Event()

    class Slow(FakeSink):
        def deliver(self, media: Any) -> None:
            super().deliver(media)
            gate.wait(5)

    sink = Slow()
    capture.start(sink)
    sink.wait(1)
    time.sleep(0.1)
    gate.set()
    sink.wait(3)
    assert cameras.kernel.asked.count("QBUF") > len(sink.media)


# --- the end
def test_stopping_is_quick_when_the_driver_blocks(make: Any) -> None:
    """The thread is left to it, and closes everything once the driver answers."""
    cameras = make(options=Options())
    capture, sink = cameras.start()
    sink.wait(1)
    let = threading.Event()
    cameras.camera.before = lambda request: let.wait(10) and None
    time.sleep(0.05)
    begun = time.monotonic()
    capture.stop()
    took = time.monotonic() - begun
    let.set()
    until(lambda: not cameras.kernel.handles)
    assert took < 5.0  # the driver blocks for ten; a second is the promise, on a machine that has time
    assert cameras.camera.maps == 0


def test_a_capture_that_was_never_started_is_closed_too(make: Any) -> None:
    """Also twice."""
    cameras = make()
    capture = cameras.open()
    capture.stop()
    capture.stop()
    assert not cameras.kernel.handles
