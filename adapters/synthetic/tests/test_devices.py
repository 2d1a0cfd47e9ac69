"""The made-up devices behave as devices do: on time, gone and back, busy, denied."""

from __future__ import annotations

import queue
import time
from itertools import pairwise

import av
import numpy as np
import pytest
from jackfield_synthetic.barcode import read_counter
from jackfield_synthetic.driver import SyntheticCaptures
from jackfield_synthetic.options import Options
from jackfield_synthetic.plugin import plugin
from jackfield_synthetic.speaker import SyntheticSpeakers
from jackfield_synthetic.tones import ToneSource, hear

from jackfield.roles import Verifies
from jackfield.values.devices import Device
from jackfield.values.errors import DeviceBusy, DeviceDenied, DeviceError, DeviceGone
from jackfield.values.formats import AudioFormat, VideoFormat
from jackfield.values.media import AudioBlock, VideoFrame

SMALL = VideoFormat(320, 180, 50.0)


class Sink:
    """Keeps what is delivered."""

    def __init__(self):
        self.media: queue.Queue = queue.Queue()
        self.errors: queue.Queue = queue.Queue()

    def deliver(self, media):
        self.media.put(media)

    def fail(self, error):
        self.errors.put(error)

    def next(self, count=1):
        """So many frames or blocks, within two seconds each."""
        return [self.media.get(timeout=2) for _ in range(count)]


@pytest.fixture
def started():
    """Starts devices, and stops them at the end."""
    running = []

    def start(driver, device_id, format):
        capture = driver.open(next(device for device in driver.devices() if device.id == device_id), format)
        sink = Sink()
        capture.start(sink)
        running.append(capture)
        return capture, sink

    yield start
    for capture in running:
        capture.stop()


def test_there_are_two_of_each_to_switch_between():
    """Front and rear cameras and two microphones, of low rank, with ids that begin with the plugin's name."""
    (driver,) = plugin.register_captures(Options())
    devices = driver.devices()
    cameras = [device for device in devices if device.kind == "camera"]
    assert [device.facing for device in cameras] == ["front", "rear"]
    assert sum(device.kind == "microphone" for device in devices) == 2
    assert all(device.plugin == "synthetic" and device.rank < 10 and device.state == "ready" for device in devices)
    assert len({device.id for device in devices}) == len(devices)
    assert driver.kinds == {device.kind for device in devices}


def test_a_camera_keeps_its_beat(started):
    """Fifty pictures a second, counted without a hole, in the size that was asked for."""
    capture, sink = started(SyntheticCaptures(Options()), "synthetic:card-front", SMALL)
    frames = sink.next(26)
    assert capture.format.width == frames[0].width == 320
    assert [read_counter(frame).counter for frame in frames] == list(range(26))
    span_ns = frames[-1].time_ns - frames[0].time_ns
    assert span_ns == pytest.approx(500_000_000, abs=200_000_000)


def test_a_microphone_keeps_its_beat(started):
    """Blocks follow each other with no gap in time."""
    _, sink = started(SyntheticCaptures(Options()), "synthetic:tone-high", AudioFormat())
    blocks = sink.next(20)
    assert {block.time_ns - before.time_ns for before, block in pairwise(blocks)} == {10_000_000}
    assert hear(blocks[:10]).device == "synthetic:tone-high"


def test_after_stop_nothing_comes(started):
    """Stop takes well under a second and is final."""
    capture, sink = started(SyntheticCaptures(Options()), "synthetic:card-rear", SMALL)
    sink.next()
    begun = time.monotonic()
    capture.stop()
    assert time.monotonic() - begun < 1
    count = sink.media.qsize()
    time.sleep(0.1)
    assert sink.media.qsize() == count


def test_an_unplugged_device_fails_is_missing_and_comes_back(started):
    """The capture ends with DeviceGone, watchers hear of both, and it opens again afterwards."""
    driver, changes = SyntheticCaptures(Options()), []
    unwatch = driver.watch(changes.append)
    _, sink = started(driver, "synthetic:card-front", SMALL)
    device = driver.devices()[0]
    driver.unplug("synthetic:card-front")
    assert isinstance(sink.errors.get(timeout=1), DeviceGone)
    assert device not in driver.devices()
    with pytest.raises(DeviceGone):
        driver.open(device, SMALL)
    driver.plug("synthetic:card-front")
    assert device in driver.devices()
    assert [(change.change, change.device.id) for change in changes] == [("removed", device.id), ("added", device.id)]
    _, again = started(driver, "synthetic:card-front", SMALL)
    again.next()
    unwatch()
    driver.unplug("synthetic:card-front")
    assert len(changes) == 2


def test_devices_that_fail_are_listed_when_they_are_asked_for(started):
    """Busy and denied fail at opening; gone fails after a while, and is back after another."""
    driver = SyntheticCaptures(Options(errors=True, gone_after_s=0.1, gone_for_s=0.1))
    by_id = {device.id: device for device in driver.devices()}
    with pytest.raises(DeviceBusy, match="another program"):
        driver.open(by_id["synthetic:busy"], SMALL)
    with pytest.raises(DeviceDenied):
        driver.open(by_id["synthetic:denied"], SMALL)
    back: queue.Queue = queue.Queue()
    driver.watch(lambda change: back.put(change.change))
    _, sink = started(driver, "synthetic:gone", SMALL)
    assert isinstance(sink.errors.get(timeout=2), DeviceGone)
    assert [back.get(timeout=2), back.get(timeout=2)] == ["removed", "added"]


def test_a_camera_cannot_be_opened_as_a_microphone():
    """The wrong kind of format is an error in our words."""
    driver = SyntheticCaptures(Options())
    with pytest.raises(DeviceError, match="camera"):
        driver.open(driver.devices()[0], AudioFormat())


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """Half a second of card and tone in a file."""
    from jackfield_synthetic.card import CardSource

    path = tmp_path_factory.mktemp("film") / "film.mkv"
    cards, tones = CardSource(0, VideoFormat(320, 180, 25)), ToneSource(0, AudioFormat(ptime_ms=20))
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=25)
        video.width, video.height, video.pix_fmt = 320, 180, "yuv420p"
        audio = container.add_stream("libopus", rate=48_000, layout="mono")
        for _ in range(12):
            container.mux(video.encode(cards.take(0).picture))
        for _ in range(25):
            sound = av.AudioFrame.from_ndarray(tones.take(0).samples.reshape(1, -1), format="s16", layout="mono")
            sound.sample_rate = 48_000
            container.mux(audio.encode(sound))
        container.mux(video.encode(None))
        container.mux(audio.encode(None))
    return path


def test_a_file_is_a_camera_and_a_microphone_and_starts_over(started, film):
    """Its pictures come at its own rate and size, its sound at the rate that was asked for, past its end."""
    driver = SyntheticCaptures(Options(file=str(film)))
    capture, sink = started(driver, "synthetic:file", VideoFormat())
    assert (capture.format.width, capture.format.fps) == (320, 25.0)
    assert [read_counter(frame).counter for frame in sink.next(15)] == [*range(12), 0, 1, 2]
    _, sound = started(driver, "synthetic:file-sound", AudioFormat(rate=16_000, channels=2))
    blocks = sound.next(60)
    assert {block.samples.shape for block in blocks} == {(160, 2)}
    assert hear(blocks[10:20]).device == "synthetic:tone-low"


def test_a_file_that_is_missing_or_garbage_says_so(tmp_path):
    """It is listed as unusable; opening what is no media is an error in our words."""
    driver = SyntheticCaptures(Options(file=str(tmp_path / "none.mp4")))
    (listed,) = (device for device in driver.devices() if device.id == "synthetic:file")
    assert listed.state == "unusable"
    assert "none.mp4" in listed.note
    (tmp_path / "text.mp4").write_text("no film")
    for device_id, format in (("synthetic:file", VideoFormat()), ("synthetic:file-sound", AudioFormat())):
        driver = SyntheticCaptures(Options(file=str(tmp_path / "text.mp4")))
        device = next(device for device in driver.devices() if device.id == device_id)
        with pytest.raises(DeviceError, match=r"text\.mp4"):
            driver.open(device, format)


def test_the_verifier_counts_and_measures():
    """Pictures recognised and missing, and the delay from the time that they carry."""
    from jackfield_synthetic.card import CardSource

    now = [1_000_000_000]
    driver = SyntheticCaptures(Options(), clock_ns=lambda: now[0])
    assert isinstance(driver, Verifies)
    source, verifier = CardSource(1, SMALL, clock_ns=lambda: now[0]), driver.verifier()
    assert not verifier.verdict().ok
    for number in range(10):
        frame = source.take(0)
        now[0] += 20_000_000
        if number != 4:
            verifier.observe(frame)
    verdict = verifier.verdict()
    assert (verdict.ok, verdict.frames, verdict.lost, verdict.latency_ms) == (True, 9, 1, 20.0)
    assert "synthetic:card-rear" in verdict.text
    black = VideoFrame.from_ndarray(np.zeros((270, 320), np.uint8), format="yuv420p")
    for _ in range(10):
        verifier.observe(black)
    assert not verifier.verdict().ok


def test_the_verifier_listens():
    """Tenths of a second with our tones count, silence between them is lost, silence before them is not."""
    verifier, source = SyntheticCaptures(Options()).verifier(), ToneSource(0, AudioFormat(ptime_ms=20))
    silence = AudioBlock(np.zeros((960, 1), np.int16))
    for block in [silence] * 20 + [source.take(0) for _ in range(50)] + [silence] * 5:
        verifier.observe(block)
    verdict = verifier.verdict()
    assert (verdict.ok, verdict.frames, verdict.lost) == (True, 10, 1)
    assert "synthetic:tone-low" in verdict.text


def test_the_loudspeaker_asks_on_time_and_measures():
    """It takes a block at each beat and knows whose tones it played; stopped, it asks no more."""
    driver = SyntheticSpeakers()
    (device,) = driver.devices()
    assert isinstance(device, Device)
    player, source, asked = driver.open(device, AudioFormat()), ToneSource(1, AudioFormat()), []

    def fill(samples):
        asked.append(samples)
        return source.take(0).samples

    player.start(fill, lambda error: None)
    deadline = time.monotonic() + 3
    while len(asked) < 45 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert driver.players == (player,)
    player.stop()
    assert set(asked) == {480}
    assert player.played_ms == len(asked) * 10
    assert player.verdict().ok
    assert "tone-high" in player.verdict().text
    assert driver.players == ()


def test_a_loudspeaker_that_is_unplugged_says_so_and_comes_back():
    """The player fails once, asks no more, and the driver's watchers hear of both."""
    driver = SyntheticSpeakers()
    changes, failures, asked = [], [], []
    unwatch = driver.watch(lambda change: changes.append((change.change, change.device.state)))
    (device,) = driver.devices()
    player = driver.open(device, AudioFormat())
    player.start(lambda samples: (asked.append(samples), np.zeros((samples, 1), np.int16))[1], failures.append)
    driver.unplug()
    assert [type(error) for error in failures] == [DeviceGone]
    count = len(asked)
    assert driver.devices() == ()
    with pytest.raises(DeviceGone):
        driver.open(device, AudioFormat())
    time.sleep(0.05)
    assert len(asked) == count
    player.stop()
    driver.plug()
    assert driver.devices() == (device,)
    assert changes == [("removed", "gone"), ("added", "ready")]
    unwatch()
    assert len(failures) == 1
