"""In the lab's virtual machine: the microphone of a USB camera that is pulled out, put back and frozen."""

from __future__ import annotations

import queue
import time
from collections.abc import Iterator
from typing import Any

import pytest
from jackfield_sounddevice import process
from jackfield_sounddevice.plugin import plugin
from jackfield_synthetic.verifier import SyntheticVerifier

from jackfield.testing.fakes import FakeSink
from jackfield.values.devices import Device, DeviceChange
from jackfield.values.errors import CallError, DeviceGone
from jackfield.values.formats import AudioFormat
from tests.lab.vm.camera import FakeCamera

pytestmark = [pytest.mark.vm, pytest.mark.needs("portaudio")]

#: The emulated machine may stand still for a second.
OPTIONS = plugin.options(latency_ms=80.0, stalled_after_s=5.0)
FIRST_S = 60.0


@pytest.fixture
def mics(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The driver of microphones; a process has a minute to start, and none is left."""
    monkeypatch.setattr(process, "OPEN_LIMIT_S", FIRST_S)
    monkeypatch.setattr(process, "SILENT_LIMIT_S", FIRST_S / 2)
    yield plugin.register_captures(OPTIONS)[0]
    assert not process._running


def one(driver: Any, text: str) -> Device:
    """The device with that in its id."""
    (found,) = (device for device in driver.devices() if text in device.id)
    return found


def listening(driver: Any, device: Device) -> tuple[Any, FakeSink]:
    """A microphone that has been heard."""
    sink = FakeSink()
    capture = driver.open(device, AudioFormat(48_000, 1))
    capture.start(sink)
    assert len(sink.wait(50, FIRST_S)) >= 50
    return capture, sink


def ended(sink: FakeSink) -> CallError:
    """What a capture ended with."""
    until = time.monotonic() + FIRST_S
    while not sink.errors:
        assert time.monotonic() < until
        time.sleep(0.02)
    (error,) = sink.errors
    return error


@pytest.mark.soak
def test_a_usb_microphone_is_heard_pulled_out_put_back_and_frozen(mics: Any) -> None:
    """Its tone by content; each time it is gone, `DeviceGone`, and the same id when it is back."""
    changes: queue.Queue[DeviceChange] = queue.Queue()
    with FakeCamera("MIC1", pictures=False) as microphone:
        device = one(mics, "MIC1")
        assert device.label == "FakeMic"
        unwatch = mics.watch(lambda change: "MIC1" in change.device.id and changes.put(change))
        for turn in range(3):
            capture, sink = listening(mics, device)
            verifier = SyntheticVerifier()
            for block in sink.wait(150, FIRST_S):
                verifier.observe(block)  # type: ignore[arg-type]
            print(verifier.verdict().text)
            assert "synthetic:tone-low" in verifier.verdict().text
            pulled = time.monotonic()
            microphone.unplug()
            assert isinstance(ended(sink), DeviceGone)
            capture.stop()
            print(f"turn {turn}: gone was told {time.monotonic() - pulled:.2f} s after the plug was pulled")
            microphone.plug()
            told = [changes.get(timeout=FIRST_S) for _ in range(2)]
            assert [(each.change, each.device.id) for each in told] == [("removed", device.id), ("added", device.id)]
        capture, sink = listening(mics, device)
        microphone.freeze()
        assert isinstance(ended(sink), DeviceGone)
        capture.stop()
        unwatch()


@pytest.mark.soak
def test_two_microphones_of_one_serial_are_told_apart(mics: Any) -> None:
    """By where they are plugged in: two ids, two tones."""
    with FakeCamera("TWIN", 0, card=0, pictures=False), FakeCamera("TWIN", 1, card=1, pictures=False):
        twins = [device for device in mics.devices() if "TWIN" in device.id]
        assert len({device.id for device in twins}) == 2
        assert all("TWIN@" in device.id for device in twins)
        texts = []
        for device in twins:
            capture, sink = listening(mics, device)
            verifier = SyntheticVerifier()
            for block in sink.wait(150, FIRST_S):
                verifier.observe(block)  # type: ignore[arg-type]
            capture.stop()
            texts.append(verifier.verdict().text)
        assert any("tone-low" in text for text in texts)
        assert any("tone-high" in text for text in texts)
