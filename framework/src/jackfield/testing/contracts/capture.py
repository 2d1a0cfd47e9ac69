"""The contract of cameras, microphones and screens."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import pytest

from jackfield.roles import Control, HasControls, ListsModes
from jackfield.testing.contracts.devices import DeviceClauses
from jackfield.testing.fakes import FakeSink
from jackfield.values.devices import Device
from jackfield.values.errors import SettingsError
from jackfield.values.formats import AudioFormat, VideoFormat

#: A device may need this long until its first picture.
FIRST_MEDIA_S = 5.0
STOP_LIMIT_S = 1.0


class CaptureContract(DeviceClauses):
    """What a call relies on of whatever takes pictures and sound."""

    hook: ClassVar[str] = "register_captures"

    def test_a_device_is_of_a_kind_that_the_driver_names(self, offer: Any) -> None:
        """``kinds`` is the truth: the framework asks no further drivers for a kind."""
        assert offer.kinds <= {"camera", "microphone", "screen"}
        for device in offer.devices():
            assert device.kind in offer.kinds

    def test_an_open_device_delivers_media_in_its_format(self, offer: Any) -> None:
        """After ``start`` media flows, of the size, rate and layout that ``format`` says."""
        for device in self.some(offer):
            sink, capture = self._started(offer, device)
            try:
                media = sink.wait(3, FIRST_MEDIA_S)
            finally:
                capture.stop()
            assert not sink.errors
            assert len(media) >= 3, f"{device.id} delivered {len(media)} in {FIRST_MEDIA_S:g} s"
            for item in media:
                _check_media(item, capture.format)

    def test_capture_instants_grow_and_are_of_this_moment(self, offer: Any) -> None:
        """``time_ns`` is when the picture was taken, by ``time.monotonic_ns``, and never steps back."""
        for device in self.some(offer):
            before = time.monotonic_ns()
            sink, capture = self._started(offer, device)
            try:
                instants = [item.time_ns for item in sink.wait(3, FIRST_MEDIA_S)]
            finally:
                capture.stop()
            assert instants == sorted(instants)
            assert len(set(instants)) == len(instants)
            assert before - 1_000_000_000 < instants[0] <= time.monotonic_ns()

    def test_stopping_is_quick_and_final(self, offer: Any) -> None:
        """``stop`` returns within a second; nothing is delivered after it."""
        for device in self.some(offer):
            sink, capture = self._started(offer, device)
            sink.wait(1, FIRST_MEDIA_S)
            started = time.monotonic()
            capture.stop()
            assert time.monotonic() - started < STOP_LIMIT_S
            count = len(sink.media)
            time.sleep(0.15)
            assert len(sink.media) == count
            assert not sink.errors, "being stopped is no failure"

    def test_a_device_can_be_opened_again(self, offer: Any) -> None:
        """After ``stop`` the device is free."""
        for device in self.some(offer):
            for _ in range(2):
                sink, capture = self._started(offer, device)
                media = sink.wait(1, FIRST_MEDIA_S)
                capture.stop()
                assert media

    def test_what_was_opened_and_never_started_can_be_stopped(self, offer: Any) -> None:
        """``stop`` may be the first that is called; the device is free after it."""
        for device in self.some(offer):
            offer.open(device, self.format_for(device.kind)).stop()
            sink, capture = self._started(offer, device)
            media = sink.wait(1, FIRST_MEDIA_S)
            capture.stop()
            assert media

    def test_a_format_that_it_lacks_gives_the_nearest(self, offer: Any) -> None:
        """An unusual size is answered with one that the device has, and ``format`` says which."""
        for device in self.some(offer):
            if device.kind == "microphone":
                continue
            capture = offer.open(device, VideoFormat(1234, 568, 13.0))
            sink = FakeSink()
            capture.start(sink)
            try:
                media = sink.wait(1, FIRST_MEDIA_S)
            finally:
                capture.stop()
            assert media
            _check_media(media[0], capture.format)

    def test_modes_that_must_be_asked_for_can_be(self, offer: Any) -> None:
        """A driver that `ListsModes` answers for each device, in use or not, and opens no stream for it."""
        if not isinstance(offer, ListsModes):
            return
        for device in self.some(offer):
            sink, capture = self._started(offer, device)
            try:
                assert sink.wait(1, FIRST_MEDIA_S)
                modes = offer.modes(device)
                count = len(sink.media)
                assert len(sink.wait(count + 2, FIRST_MEDIA_S)) >= count + 2, "asking for modes disturbed the capture"
            finally:
                capture.stop()
            assert modes
            assert len(set(modes)) == len(modes)

    def test_controls_have_values_within_their_bounds(self, offer: Any) -> None:
        """A driver that `HasControls` names each control once, with what it stands at and what it may be set to."""
        for _, controls in self._controls(offer):
            assert len({control.name for control in controls}) == len(controls)
            for control in controls:
                assert control.label.strip()
                assert control.writable or control.note, f"{control.name} cannot be set and does not say why"
                if control.kind == "integer" and control.value is not None:
                    assert control.minimum <= int(control.value) <= control.maximum
                elif control.kind == "menu" and control.value is not None:
                    assert control.value in control.choices
                elif control.kind == "boolean":
                    assert isinstance(control.value, bool | None)

    def test_a_control_that_is_set_stays_so(self, offer: Any) -> None:
        """What is set is read again, as text or as a value; the default puts it back."""
        for device, controls in self._controls(offer):
            for control in controls:
                if control.kind not in ("integer", "boolean") or not control.writable or control.default is None:
                    continue
                other = not control.default if control.kind == "boolean" else control.maximum
                for value in (str(other), control.default):
                    offer.set_control(device, control.name, value)
                found = {each.name: each.value for each in offer.controls(device)}
                assert found[control.name] == control.default
                break

    def test_a_control_that_means_nothing_names_the_nearest_and_the_bounds(self, offer: Any) -> None:
        """A misspelt name is answered with the nearest, a value out of bounds with the bounds."""
        for device, controls in self._controls(offer):
            for control in [each for each in controls if each.kind == "integer" and each.writable][:1]:
                with pytest.raises(SettingsError, match=control.name):
                    offer.set_control(device, control.name + "x", control.minimum)
                with pytest.raises(SettingsError, match=str(control.maximum)):
                    offer.set_control(device, control.name, control.maximum + 1)
                with pytest.raises(SettingsError, match=control.name):
                    offer.set_control(device, control.name, "no number")

    def _controls(self, driver: Any) -> Iterator[tuple[Device, Sequence[Control]]]:
        if isinstance(driver, HasControls):
            for device in self.some(driver):
                yield device, driver.controls(device)

    def _started(self, driver: Any, device: Device) -> tuple[FakeSink, Any]:
        sink = FakeSink()
        capture = driver.open(device, self.format_for(device.kind))
        capture.start(sink)
        return sink, capture


def _check_media(item: Any, format: Any) -> None:
    from jackfield.values.media import AudioBlock, EncodedFrame, VideoFrame

    if isinstance(format, AudioFormat):
        assert isinstance(item, AudioBlock)
        assert str(item.samples.dtype) == "int16"
        assert item.samples.shape == (format.rate * format.ptime_ms // 1000, format.channels)
        assert item.rate == format.rate
    elif format.codec:
        assert isinstance(item, EncodedFrame)
        assert item.codec == format.codec
        assert item.data
    else:
        assert isinstance(item, VideoFrame)
        assert (item.width, item.height) == (format.width, format.height)
        if format.pixel_format:
            assert item.picture.format.name == format.pixel_format
