"""What goes wrong with a device, on a fake PortAudio: each a named error, and nothing is left behind."""

from __future__ import annotations

import os
import queue
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jackfield_sounddevice import child, process, pulse
from jackfield_sounddevice.border import error_of
from jackfield_sounddevice.driver import Microphones, Speakers
from jackfield_sounddevice.listing import LinuxMachine
from jackfield_sounddevice.options import Options
from jackfield_sounddevice.streams import Instants

from jackfield.testing.fakes import FakeSink
from jackfield.values.devices import DeviceChange
from jackfield.values.errors import DeviceBusy, DeviceDenied, DeviceError, DeviceGone
from jackfield.values.formats import AudioFormat, VideoFormat
from tests.lab.sound_cards import SoundCards

FAKE = "jackfield_sounddevice.fake_portaudio"
LIMIT_S = 20.0


class Bench:
    """A made-up card, the drivers of both directions, and the temper of the fake that drives it."""

    def __init__(self, folder: Path) -> None:
        self.temper = folder / "temper"
        self.temper.mkdir()
        self.cards = SoundCards(folder / "root")
        self.cards.usb(0, serial="A", pcms="0c 0p")
        machine = LinuxMachine(Options(), self.cards.root, library_is_there=lambda: True)
        options = Options(stalled_after_s=0.5)
        self.mics, self.speakers = Microphones(options, machine, FAKE), Speakers(options, machine, FAKE)

    def be(self, temper: str) -> None:
        (self.temper / temper).touch()

    def microphone(self, format: Any = None) -> Any:
        return self.mics.open(self.mics.devices()[0], format or AudioFormat())

    def speaker(self) -> Any:
        return self.speakers.open(self.speakers.devices()[0], AudioFormat())


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """The bench; afterwards no process, thread or descriptor of a stream is left."""
    monkeypatch.setattr(pulse, "stops", lambda *_: ())
    made = Bench(tmp_path)
    monkeypatch.setenv("FAKE_PORTAUDIO", str(made.temper))
    descriptors = len(os.listdir("/proc/self/fd"))
    yield made
    until = time.monotonic() + LIMIT_S
    while process._running or any("sounddevice" in each.name for each in threading.enumerate()):
        assert time.monotonic() < until, (process._running, threading.enumerate())
        time.sleep(0.01)
    assert len(os.listdir("/proc/self/fd")) == descriptors


def failed(sink: FakeSink) -> Any:
    """The one error that a capture ended with."""
    until = time.monotonic() + LIMIT_S
    while not sink.errors:
        assert time.monotonic() < until
        time.sleep(0.01)
    (error,) = sink.errors
    return error


def silence(samples: int) -> Any:
    return np.zeros((samples, 2), np.int16)


def test_a_microphone_whose_callbacks_stop_is_gone(bench: Bench) -> None:
    """PortAudio says that the stream is active; nothing comes for half a second; the process is ended."""
    sink, capture = FakeSink(), bench.microphone()
    capture.start(sink)
    sink.wait(5)
    bench.be("frozen")
    error = failed(sink)
    assert isinstance(error, DeviceGone)
    assert error.retryable
    assert "no callback" in error.message
    capture.stop()


def test_a_microphone_that_is_pulled_out_is_gone_at_once(bench: Bench) -> None:
    """Its file vanished: nothing is waited for."""
    sink, capture = FakeSink(), bench.microphone()
    capture.start(sink)
    sink.wait(5)
    bench.cards.remove(0)
    error = failed(sink)
    assert isinstance(error, DeviceGone)
    assert "vanished" in error.message
    capture.stop()
    assert bench.mics.devices() == []


def test_a_speaker_that_is_pulled_out_says_so_once(bench: Bench) -> None:
    """And asks for no more sound."""
    asked: list[int] = []
    errors: queue.SimpleQueue[Any] = queue.SimpleQueue()
    player = bench.speaker()
    player.start(lambda samples: (asked.append(samples), silence(samples))[1], errors.put)
    bench.cards.remove(0)
    assert isinstance(errors.get(timeout=LIMIT_S), DeviceGone)
    count = len(asked)
    time.sleep(0.1)
    assert len(asked) == count
    player.stop()
    assert errors.empty()


def test_a_process_that_dies_is_an_error(bench: Bench) -> None:
    """As when a driver crashes: the call goes on."""
    sink, capture = FakeSink(), bench.microphone()
    capture.start(sink)
    sink.wait(1)
    os.kill(capture._process.pid, signal.SIGSEGV)
    error = failed(sink)
    assert isinstance(error, DeviceError)
    assert "has ended: exit status -11" in error.message
    capture.stop()


def test_a_process_that_stands_still_is_ended(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever holds it: no word for some time, and it is killed."""
    monkeypatch.setattr(process, "SILENT_LIMIT_S", 1.0)
    sink, capture = FakeSink(), bench.microphone()
    capture.start(sink)
    sink.wait(1)
    os.kill(capture._process.pid, signal.SIGSTOP)
    error = failed(sink)
    assert isinstance(error, DeviceError)
    assert "nothing was heard of it" in error.message
    capture.stop()


@pytest.mark.parametrize("direction", ["microphone", "speaker"])
def test_what_was_opened_and_never_started_is_stopped(bench: Bench, direction: str) -> None:
    """Its process has ended, and the card is free."""
    stream = getattr(bench, direction)()
    assert process.is_own(stream._process.pid)
    stream.stop()
    assert not process.is_own(stream._process.pid)


def test_a_process_that_cannot_be_killed_holds_nobody_up(bench: Bench) -> None:
    """As one whose driver never answers: it is left behind, said to be ours, and reaped once it ends."""
    sink, capture = FakeSink(), bench.microphone()
    capture.start(sink)
    sink.wait(1)
    pid = capture._process.pid
    os.kill(pid, signal.SIGSTOP)
    capture._process._child.kill = lambda: None
    stopping = threading.Thread(target=capture.stop, daemon=True)
    started = time.monotonic()
    stopping.start()
    stopping.join(LIMIT_S)
    print(f"stop took {time.monotonic() - started:.2f} s")
    try:
        assert not stopping.is_alive()
        assert process.is_own(pid)
    finally:
        os.kill(pid, signal.SIGKILL)
    assert not sink.errors


def test_stopping_a_process_that_stands_still_takes_less_than_a_second(bench: Bench) -> None:
    """It is killed, and nobody is told of a failure."""
    sink, capture = FakeSink(), bench.microphone()
    capture.start(sink)
    sink.wait(1)
    os.kill(capture._process.pid, signal.SIGSTOP)
    started = time.monotonic()
    capture.stop()
    assert time.monotonic() - started < 1.0
    assert not sink.errors


@pytest.mark.parametrize(
    ("temper", "kind", "words"),
    [
        ("missing", DeviceError, "apt-get install libportaudio2"),
        ("refuses", DeviceError, "Device unavailable"),
        ("absent", DeviceError, "PortAudio lists no input device"),
    ],
)
def test_what_cannot_be_opened_says_why(bench: Bench, temper: str, kind: type, words: str) -> None:
    """The library is missing, or the device refuses."""
    bench.be(temper)
    with pytest.raises(kind, match=words):
        bench.microphone()


def test_the_file_of_a_device_says_why_it_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Busy, denied and gone are told apart by opening it, which PortAudio's own errors do not."""
    refused = child.Refused("gone", "not listed")
    assert child.why(str(tmp_path / "none"), refused) == "gone"
    for error, kind in ((16, "busy"), (13, "denied"), (19, "gone")):

        def opening(*_: Any, error: int = error) -> int:
            raise OSError(error, os.strerror(error))

        with monkeypatch.context() as patched:
            patched.setattr(child.os, "open", opening)
            assert child.why(str(tmp_path), refused) == kind


def test_every_refusal_is_an_error_of_ours(bench: Bench) -> None:
    """With the device's name in it, and what to do."""
    device = bench.mics.devices()[0]
    kinds = {"gone": DeviceGone, "stalled": DeviceGone, "busy": DeviceBusy, "denied": DeviceDenied}
    for kind, error in kinds.items():
        made = error_of({"kind": kind, "text": "x"}, device)
        assert type(made) is error
        assert device.label in made.message
        assert made.details["device"] == device.id


def test_pictures_are_not_to_be_had_from_a_microphone(bench: Bench) -> None:
    """What was asked and what it is."""
    with pytest.raises(DeviceError, match="is a microphone and cannot be opened as"):
        bench.microphone(VideoFormat())


@pytest.mark.parametrize("format", [AudioFormat(16_000, 1), AudioFormat(44_100, 2, 20), AudioFormat(48_000, 2, 5)])
def test_the_tone_is_where_it_was_in_whatever_format(bench: Bench, format: AudioFormat) -> None:
    """Rate, channels and length of a block are those that were asked for."""
    sink, capture = FakeSink(), bench.microphone(format)
    capture.start(sink)
    media = sink.wait(600 // format.ptime_ms, LIMIT_S)
    capture.stop()
    heard = np.concatenate([block.samples for block in media])  # type: ignore[union-attr]
    assert {block.samples.shape for block in media} == {(format.rate * format.ptime_ms // 1000, format.channels)}  # type: ignore[union-attr]
    spectrum = np.abs(np.fft.rfft(heard[:, 0] * np.hanning(len(heard))))
    assert np.argmax(spectrum) * format.rate / len(heard) == pytest.approx(1000, abs=5)


def test_hot_plug_is_told_with_ids_that_last(bench: Bench) -> None:
    """Gone and back with another number: removed, then added, once each, under one id."""
    changes: queue.Queue[DeviceChange] = queue.Queue()
    device = bench.mics.devices()[0]
    unwatch = bench.mics.watch(lambda change: "usb" in change.device.id and changes.put(change))
    bench.cards.remove(0)
    gone = changes.get(timeout=LIMIT_S)
    bench.cards.usb(4, serial="A", pcms="0c 0p")
    back = changes.get(timeout=LIMIT_S)
    unwatch()
    assert (gone.change, gone.device.id, gone.device.state) == ("removed", device.id, "gone")
    assert (back.change, back.device.id, back.device.address) == ("added", device.id, "hw:4,0")
    assert changes.empty()


def test_instants_follow_the_devices_clock() -> None:
    """Jitter of 8 ms becomes less than one; a pause is believed; none is earlier than the one before."""
    instants, chance = Instants(48_000), np.random.default_rng(1)
    true = np.arange(400) * 10_000_000
    told = np.array([instants.of(int(at + chance.integers(0, 8_000_000)), 480) for at in true])
    assert np.abs(np.diff(told) - 10_000_000)[100:].max() < 300_000
    late = instants.of(int(true[-1]) + 5_000_000_000, 480)
    assert late == true[-1] + 5_000_000_000
    assert instants.of(0, 480) > late
