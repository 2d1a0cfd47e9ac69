"""Commands as devices: what is listed, what an open one gives, and what is said when it fails."""

from __future__ import annotations

import queue
import sys
import time
import typing
from itertools import pairwise
from pathlib import Path

import pytest
from jackfield_pipe.captures import reader_of
from jackfield_pipe.driver import PipeDriver
from jackfield_pipe.options import ENCODED, SOUND, Options, PipeDevice
from jackfield_pipe.plugin import plugin
from jackfield_synthetic.barcode import read_counter
from jackfield_synthetic.tones import hear

from jackfield.media import h264
from jackfield.media.program.raw import LAYOUTS, SAMPLES
from jackfield.plugins import Config
from jackfield.plugins.loader import load
from jackfield.roles import Diagnoses, ForcesKeyframe, SetsBitrate
from jackfield.testing.fakes import FakeSink
from jackfield.values.errors import DeviceError, DeviceGone
from jackfield.values.formats import AudioFormat, VideoFormat
from jackfield.values.media import EncodedFrame, VideoFrame

CARD = (sys.executable, str(Path(__file__).with_name("card_on_stdout.py")))
PASSED_ON = VideoFormat(320, 180, 30.0, codec="H264")


def driver_of(**tables: PipeDevice) -> PipeDriver:
    return PipeDriver(Options(devices={name.replace("_", "-"): table for name, table in tables.items()}))


def card(form: str, *more: str, **keys: object) -> PipeDevice:
    raw = {} if form in ENCODED | SOUND else {"width": 320, "height": 180}
    return PipeDevice(command=(*CARD, form, *more), format=form, **({"timeout_s": 8.0} | raw | keys))


@pytest.fixture
def opened():
    """Opens the first device of a driver, starts it, and stops it at the end."""
    running = []

    def open_it(driver, format=PASSED_ON, *, start=True):
        capture = driver.open(driver.devices()[0], format)
        running.append(capture)
        sink = FakeSink()
        if start:
            capture.start(sink)
        return capture, sink

    yield open_it
    for capture in running:
        capture.stop()


# --- listing
def test_every_table_is_a_device():
    """Its id is its name as it was written; placeholders are sizes to choose from; nothing is started."""
    driver = driver_of(
        front_door=PipeDevice(
            command=f"{CARD[0]} --width {{width}} --height {{height}}", format="h264", facing="front"
        ),
        line_in=PipeDevice(command=CARD[0], format="s16le", rate=16_000, channels=2, label="Line in"),
        screen=PipeDevice(command=CARD[0], format="nv12", kind="screen", width=640, height=480, fps=15, rank=7),
    )
    door, line, screen = driver.devices()
    assert (door.id, door.kind, door.facing, door.state) == ("pipe:front-door", "camera", "front", "ready")
    assert VideoFormat(1280, 720, 30.0, codec="H264") in door.modes
    assert (line.id, line.kind, line.label) == ("pipe:line-in", "microphone", "Line in")
    assert line.modes == (AudioFormat(16_000, 2),)
    assert (screen.kind, screen.modes, screen.rank) == ("screen", (VideoFormat(640, 480, 15.0, "nv12"),), 7)


def test_a_command_shows_no_password_and_no_word_that_cannot_be_one():
    """In its listing, its notes, its error, and its table's `repr`."""
    driver = driver_of(
        door=PipeDevice(command="rtsp://u:geheim@cam/x", format="h264"),
        nul=PipeDevice(command=("a\0b", "x"), format="h264"),
        half=PipeDevice(command=(CARD[0], "\ud800"), format="h264"),
    )
    door, *others = driver.devices()
    with pytest.raises(DeviceError) as caught:
        driver.open(door, PASSED_ON)
    shown = f"{door} {caught.value} {driver._options} {driver.diagnose()}"
    assert "rtsp://…@cam/x" in shown
    assert "geheim" not in shown
    for device in others:
        assert (device.state, "\0" in str(device)) == ("unusable", False)
        assert "holds a NUL or half of a surrogate pair" in device.note


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("timeout_s", value) for value in (float("inf"), float("nan"), -1.0, 0, 1e300)),
        *(("give_up_s", value) for value in (float("inf"), float("nan"), -1.0)),
        ("fps", float("nan")),
        ("width", -2),
    ],
)
def test_a_time_without_an_end_and_a_size_that_cannot_be_are_findings(key, value):
    """The table is left out, with the key, what was found and what is allowed; nothing waits for ever."""
    table = {"command": CARD[0], "format": "h264", key: value}
    config = Config(tables={"pipe": {"door": table}})
    options, (finding,) = config.options("pipe", Options)
    assert options.devices == {}
    assert finding.key == f"[pipe.door] {key}"
    assert repr(value) in finding.found
    assert finding.fix


def test_a_size_that_nobody_shows_is_a_finding():
    """Sides that may each be are no picture together: a gigabyte of it."""
    table = {"command": CARD[0], "format": "rgba", "width": 16_384, "height": 16_384}
    options, (finding,) = Config(tables={"pipe": {"door": table}}).options("pipe", Options)
    assert options.devices == {}
    assert "16384x16384 are more pixels" in finding.fix


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        ("W16384 H16384 F25:1", "its YUV4MPEG2 has pictures of 16384x16384, and 8192x4320 are the largest"),
        ("W0 H-4 F25:1", "it begins with b'YUV4MPEG2 W0 H-4"),
    ],
)
def test_y4m_of_an_impossible_size_is_a_device_error(opened, said, fault):
    """At once, and not after the wait for a first picture."""
    command = ("sh", "-c", f"echo YUV4MPEG2 {said}; exec cat /dev/zero")
    with pytest.raises(DeviceGone) as caught:
        opened(driver_of(door=PipeDevice(command=command, format="y4m", give_up_s=0.0)), VideoFormat())
    assert fault in str(caught.value)


def test_a_command_that_is_not_there_is_unusable_and_says_so(tmp_path):
    """Before anything is opened: in the listing, in what doctor asks, and in the error of whoever opens it."""
    plain = tmp_path / "plain"
    plain.write_text("#!/bin/sh\n")
    driver = driver_of(
        one=PipeDevice(command="no-such-camera -o -", format="h264"),
        two=PipeDevice(command=str(plain), format="h264"),
    )
    one, two = driver.devices()
    assert (one.state, two.state) == ("unusable", "unusable")
    assert one.note == ("there is no command no-such-camera on the PATH; install it, or correct [pipe.one] command")
    assert "no program that this user may run" in two.note
    assert isinstance(driver, Diagnoses)
    assert [(finding.severity, finding.key) for finding in driver.diagnose()] == [
        ("error", "pipe:one"),
        ("error", "pipe:two"),
    ]
    with pytest.raises(DeviceError, match="no-such-camera"):
        driver.open(one, PASSED_ON)


def test_doctor_tries_each_command():
    """One that gives nothing is a warning with its last words; one that works is stopped again."""
    driver = driver_of(
        good=card("h264"), dead=PipeDevice(command=("sh", "-c", "echo no camera >&2; exit 3"), format="h264")
    )
    (finding,) = driver.diagnose()
    assert (finding.severity, finding.key) == ("warning", "pipe:dead")
    assert "no camera" in finding.found
    assert "[pipe.dead]" in finding.fix


def test_a_camera_cannot_be_opened_as_a_microphone():
    """The wrong kind of format is an error in our words."""
    driver = driver_of(one=card("h264"))
    with pytest.raises(DeviceError, match="is a camera"):
        driver.open(driver.devices()[0], AudioFormat())


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"command": "", "format": "h264"}, "names no program"),
        ({"command": "a | b", "format": "h264"}, "no shell reads '|'"),
        ({"command": "a 'b", "format": "h264"}, "a quote in command is not closed: close or escape it"),
        ({"command": "a b\\", "format": "h264"}, "command ends with a backslash"),
        ({"command": "a", "format": "nv12"}, "set width and height"),
        ({"command": "a", "format": "h265"}, "one of h264"),
        ({"command": "a", "format": "h264", "on_keyframe": "SIGNOTHING"}, "SIGUSR1"),
        ({"command": "a", "format": "s16le", "channels": 7}, "channels"),
        ({"format": "h264"}, "is missing"),
    ],
)
def test_a_wrong_table_is_a_finding(table, said):
    """Nothing starts half configured, and the finding says what to write; the other commands go on."""
    right = {"command": CARD[0], "format": "h264"}
    plugins = load(Config(tables={"pipe": {"front": table, "rear": right}}), only={"pipe"})
    (offers,) = (loaded.offers["register_captures"] for loaded in plugins.loaded)
    assert [device.id for device in offers[0].devices()] == ["pipe:rear"]
    findings = "; ".join(map(str, plugins.findings))
    assert said.lower() in findings.lower()
    assert "[pipe.front] is left out" in findings


def test_every_format_has_a_reader():
    """What the options allow is what can be read."""
    allowed = set(typing.get_args(typing.get_type_hints(PipeDevice)["format"]))
    assert allowed == {*LAYOUTS, *SAMPLES, "h264", "mjpeg", "y4m"}
    for form in allowed:
        table, wish = card(form), AudioFormat() if form in SOUND else VideoFormat()
        from jackfield_pipe.captures import _placeholders

        (device,) = driver_of(one=table).devices()
        assert reader_of(device, table, _placeholders(table, wish), wish)


# --- media
def test_h264_is_passed_on_as_it_was_made(opened):
    """Access units, whole, keyframes with their parameter sets, the size that the stream says."""
    capture, sink = opened(driver_of(one=card("h264", "--gop", "10")))
    frames = sink.wait(25)
    assert capture.format == VideoFormat(320, 180, 30.0, codec="H264")
    assert all(isinstance(frame, EncodedFrame) and frame.data.startswith(b"\0\0\0\1") for frame in frames)
    assert {(frame.width, frame.height) for frame in frames} == {(320, 180)}
    keyframes = [number for number, frame in enumerate(frames) if frame.keyframe]
    assert len(keyframes) >= 2
    assert {after - before for before, after in pairwise(keyframes)} == {10}
    assert all(h264.SPS in h264.nal_types(frames[number].data) for number in keyframes)
    assert not isinstance(capture, ForcesKeyframe | SetsBitrate)


@pytest.mark.parametrize("form", ["h264", "mjpeg", "y4m", "yuv420p", "nv12", "rgb24"])
def test_pictures_are_recognised_in_every_form(opened, form):
    """Decoded or raw, each is the card's, in order, and none is missing."""
    capture, sink = opened(driver_of(one=card(form)), VideoFormat(320, 180, 30.0))
    frames = sink.wait(12)
    assert all(isinstance(frame, VideoFrame) for frame in frames)
    assert (capture.format.width, capture.format.height, capture.format.codec) == (320, 180, None)
    counters = [read_counter(frame).counter for frame in frames]
    assert counters == list(range(counters[0], counters[0] + len(counters)))


def test_sound_is_recognised(opened):
    """The tones, block by block, at the rate that was set."""
    _, sink = opened(driver_of(one=card("s16le")), AudioFormat(16_000))
    blocks = sink.wait(40)
    assert {block.rate for block in blocks} == {48_000}
    assert hear(blocks[:10]).device == "synthetic:tone-low"


def test_placeholders_are_the_wish_or_what_was_set(opened):
    """Sizes are made even; what is set is kept; other braces are the command's own."""
    text = "import sys, os, time; sys.exit(' '.join(sys.argv[1:]))"
    table = PipeDevice(
        command=(sys.executable, "-c", text, "{width}x{height}@{fps}", "{bitrate}", "{other}", "{rate}/{channels}"),
        format="h264",
        fps=12.5,
        bitrate_bps=300_000,
    )
    driver = driver_of(one=table)
    with pytest.raises(DeviceGone, match=r"641?0x480@12\.5 300000 \{other\} 48000/1"):
        driver.open(driver.devices()[0], VideoFormat(641, 481, 30.0, codec="H264"))


def test_no_picture_waits_for_the_next(opened):
    """At two pictures a second, each is delivered well before the next one is made."""
    _, sink = opened(driver_of(one=card("h264", "--fps", "2", "--gop", "2", fps=2.0)), VideoFormat(320, 180, 2.0))
    late_ms = [(time.monotonic_ns() - read_counter(frame).time_ns) / 1e6 for frame in _as_they_come(sink, 4)]
    assert min(late_ms) < 350, late_ms


def _as_they_come(sink, count):
    for number in range(1, count + 1):
        yield sink.wait(number)[number - 1]


def test_a_picture_in_pieces_is_not_taken_for_whole(opened):
    """Pauses within pictures cost a few at first; then it waits, and every picture is recognised."""
    _, sink = opened(driver_of(one=card("h264", "--pieces", "3", "--pause", "0.012")), VideoFormat(320, 180, 30.0))
    frames = sink.wait(60, 20.0)
    assert len(frames) >= 60
    assert all(read_counter(frame) for frame in frames[-20:])


# --- keyframes and bitrate
def test_a_signal_makes_a_keyframe(opened):
    """Where the command was said to listen; asked for once, it comes once."""
    capture, sink = opened(driver_of(one=card("h264", "--gop", "600", on_keyframe="SIGUSR1")))
    sink.wait(5)
    assert isinstance(capture, ForcesKeyframe)
    assert not isinstance(capture, SetsBitrate)
    count = len(sink.media)
    capture.force_keyframe()
    frames = sink.wait(count + 20)
    assert sum(frame.keyframe for frame in frames[count:]) == 1


def test_a_restart_makes_a_keyframe_and_a_bitrate(opened):
    """Where that was configured; not twice within five seconds, and not for a small change."""
    text = (
        "import sys, os; os.write(2, sys.argv[1].encode()); os.execv(sys.executable, [sys.executable, *sys.argv[2:]])"
    )
    table = PipeDevice(
        command=(sys.executable, "-c", text, "{bitrate}", CARD[1], "h264", "--gop", "600"),
        format="h264",
        timeout_s=8.0,
        on_keyframe="restart",
        on_bitrate="restart",
        bitrate_bps=1_000_000,
    )
    capture, sink = opened(driver_of(one=table))
    sink.wait(3)
    assert isinstance(capture, ForcesKeyframe)
    assert isinstance(capture, SetsBitrate)
    capture.set_bitrate_bps(1_100_000)
    assert not capture._again.is_set()
    capture.set_bitrate_bps(400_000)
    capture.force_keyframe()
    count = len(sink.media)
    assert any(frame.keyframe for frame in sink.wait(count + 3, 20.0)[count:])
    assert capture._program.words == "400000"
    assert sink.errors == []


# --- failures
def test_its_last_words_are_in_the_error():
    """A command that dies at once is `DeviceGone` with what it said and what to do."""
    driver = driver_of(one=PipeDevice(command=("sh", "-c", "echo no cameras available >&2; exit 3"), format="h264"))
    with pytest.raises(DeviceGone) as caught:
        driver.open(driver.devices()[0], PASSED_ON)
    assert "one (sh) (pipe:one)" in caught.value.message
    assert "status 3; it said: no cameras available; run its command by hand, and correct [pipe.one]" in str(
        caught.value
    )


def test_garbage_is_said_to_be_garbage():
    """A command that prints text where H.264 was announced."""
    table = PipeDevice(
        command=("sh", "-c", "while true; do echo Error: busy; sleep 0.1; done"), format="h264", timeout_s=1
    )
    driver = driver_of(one=table)
    with pytest.raises(DeviceGone, match="no picture or sound could be made of them"):
        driver.open(driver.devices()[0], PASSED_ON)


def test_one_that_dies_goes_on_and_one_that_keeps_dying_is_given_up_and_comes_back(opened, tmp_path):
    """Watchers hear that it is gone, with its last words, and after a while that it is worth another try."""
    broken = tmp_path / "broken"
    text = f"test -e {broken} && {{ echo lens cap >&2; exit 1; }}; exec {CARD[0]} {CARD[1]} h264 --frames 60"
    table = PipeDevice(command=("sh", "-c", text), format="h264", give_up_s=6.0, timeout_s=8.0)
    driver, changes = driver_of(one=table), queue.Queue()
    driver._comeback._after_s = 0.3
    unwatch = driver.watch(changes.put)
    _, sink = opened(driver)
    assert len(sink.wait(75, 30.0)) >= 75, "it was not started again"
    broken.touch()
    change = changes.get(timeout=20)
    assert (change.device.id, change.device.state) == ("pipe:one", "gone")
    assert "lens cap" in change.device.note
    assert [type(error) for error in sink.errors] == [DeviceGone]
    broken.unlink()
    change = changes.get(timeout=20)
    assert (change.change, change.device.state) == ("changed", "ready")
    _, again = opened(driver)
    assert again.wait(3)
    unwatch()


def test_the_plugin_offers_one_driver():
    """For cameras, microphones and screens."""
    (driver,) = plugin.register_captures(Options())
    assert (driver.name, driver.devices()) == ("pipe", [])
    assert driver.kinds == {"camera", "microphone", "screen"}
