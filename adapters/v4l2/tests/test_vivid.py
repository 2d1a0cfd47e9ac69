"""The kernel's test driver: every raw layout by content, and what it can be made to do wrong. In the lab's VM."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from attrs import evolve
from jackfield_v4l2 import driver as driver_module
from jackfield_v4l2.driver import V4l2Captures
from jackfield_v4l2.kernel import Linux
from jackfield_v4l2.modes import Mode, codes_of
from jackfield_v4l2.node import Node
from jackfield_v4l2.options import Options
from jackfield_v4l2.pixels import LAYOUTS
from jackfield_v4l2.plugin import plugin
from jackfield_v4l2.structs import fourcc_name
from jackfield_v4l2.testing.live import LONG_S, failed, more, only, running
from jackfield_v4l2.testing.pictures import BARS

from jackfield.testing import CaptureContract
from jackfield.values.errors import DeviceBusy, DeviceDenied, DeviceError, DeviceGone, SettingsError
from jackfield.values.formats import VideoFormat
from tests.lab.vm import modules

pytestmark = [pytest.mark.vm, pytest.mark.usefixtures("nothing_is_left")]

SMALL = VideoFormat(320, 180, 30.0)
UNBIND = Path("/sys/bus/platform/drivers/vivid/unbind")
BIND = Path("/sys/bus/platform/drivers/vivid/bind")
#: vivid gives grey by the weights of Rec. 709.
GREYS = tuple((round(0.2126 * r + 0.7152 * g + 0.0722 * b),) * 3 for r, g, b in BARS)
WEBCAM = {"n_devs": 1, "node_types": "0x1", "num_inputs": 1, "input_types": "0x0"}


def bars_of(frame: Any) -> Any:
    """The colour in the middle of each bar."""
    pixels = frame.to_ndarray().astype(int)
    height, width = pixels.shape[:2]
    return np.array([pixels[height * 3 // 4, width * (2 * bar + 1) // 16] for bar in range(8)])


@pytest.mark.soak
@pytest.mark.usefixtures("vivid", "patience")
class TestContract(CaptureContract):
    """The contract, on the kernel's own driver."""

    plugin = plugin


@pytest.mark.soak
@pytest.mark.parametrize("multiplanar", [1, 2], ids=["single-planar", "multi-planar"])
def test_every_raw_layout_is_what_its_name_says(
    modprobe: Callable[..., None], cameras: V4l2Captures, monkeypatch: pytest.MonkeyPatch, multiplanar: int
) -> None:
    """The eight colour bars, in every layout that this adapter claims and the driver has, by either interface."""
    modprobe("vivid", **WEBCAM, multiplanar=multiplanar)
    device = only(cameras)
    cameras.set_control(device, "osd_text_mode", "None")
    with Node(Linux(), device.address) as node:
        codes = [code for code in codes_of(node, node.buffer_type()) if code in LAYOUTS]
    wrong, wanted = [], VideoFormat(640, 360, 30.0)
    for code in codes:
        mode = Mode(evolve(wanted, pixel_format=LAYOUTS[code].pixel_format), code)
        monkeypatch.setattr(
            driver_module, "modes_of", lambda node, wish, mode=mode: [mode]
        )  # listing all takes seconds
        with running(cameras, wanted) as (_, sink):
            grey = LAYOUTS[code].pixel_format.startswith("gray")
            off = int(np.abs(bars_of(sink.media[0]) - np.array(GREYS if grey else BARS)).max())
            if off > 24 or (sink.media[0].width, sink.media[0].height) != (640, 360):
                wrong.append(f"{fourcc_name(code)} as {LAYOUTS[code].pixel_format} is {off} off")
    assert wrong == []
    single = {code for code, layout in LAYOUTS.items() if layout.buffers == 1}
    claimed = set(LAYOUTS) if multiplanar == 2 else single
    assert {fourcc_name(code) for code in claimed - set(codes)} == set()


@pytest.mark.soak
def test_sizes_and_rates_are_what_is_asked_for(vivid: str, cameras: V4l2Captures) -> None:
    """The driver's sizes, two rates; a size between them is answered with the nearest, and ``format`` says which."""
    for width, height, fps in ((320, 180, 30.0), (640, 360, 15.0), (640, 480, 15.0), (1280, 720, 5.0)):
        with running(cameras, VideoFormat(width, height, fps)) as (capture, sink):
            assert (sink.media[0].width, sink.media[0].height) == (width, height)
            assert (capture.format.width, capture.format.fps) == (width, fps)
    with running(cameras, VideoFormat(650, 350, 30.0)) as (capture, sink):
        assert (capture.format.width, capture.format.height) == (640, 360)


def test_listing_opens_nothing_and_modes_are_asked_for(vivid: str, cameras: V4l2Captures) -> None:
    """No USB descriptors here: the listing has no modes until they were asked for."""
    assert only(cameras).modes == ()
    modes = cameras.modes(only(cameras))
    assert VideoFormat(640, 360, 30.0, "yuyv422") in modes
    assert only(cameras).modes == tuple(modes)


def test_a_second_program_finds_the_camera_busy_and_is_told_who_has_it(vivid: str, cameras: V4l2Captures) -> None:
    """By the name and number of the process that holds it."""
    with running(cameras, SMALL), pytest.raises(DeviceBusy, match=rf"\({os.getpid()}\)"):
        V4l2Captures(Options()).open(only(cameras), SMALL)


def test_another_user_is_denied_and_told_the_group(vivid: str, cameras: V4l2Captures) -> None:
    """Listed so before anything is opened, and said again when it is."""
    os.setresuid(65534, 65534, 0)
    try:
        device = only(cameras)
        with pytest.raises(DeviceDenied, match="for group video; sudo usermod -aG video"):
            cameras.open(device, SMALL)
    finally:
        os.setresuid(0, 0, 0)
    assert device.state == "denied"
    assert only(cameras).state == "ready"


@pytest.mark.soak
def test_a_camera_that_goes_while_it_is_read_is_gone_and_comes_back_with_its_id(
    vivid: str, cameras: V4l2Captures
) -> None:
    """Its driver lets go of it: whoever reads fails, whoever watches hears; taken up again it is the same camera."""
    changes: list[Any] = []
    unwatch = cameras.watch(changes.append)
    device = only(cameras)
    with running(cameras, SMALL) as (_, sink):
        UNBIND.write_text("vivid.0")
        assert isinstance(failed(sink), DeviceGone)
    modules.wait_for(lambda: changes)
    with pytest.raises(DeviceGone):
        cameras.open(device, SMALL)
    BIND.write_text("vivid.0")
    modules.wait_for(lambda: len(changes) >= 2)
    assert [(change.change, change.device.id) for change in changes] == [("removed", device.id), ("added", device.id)]
    unwatch()
    with running(cameras, SMALL):
        pass


@pytest.mark.soak
def test_a_camera_that_disconnects_itself_is_gone(vivid: str, cameras: V4l2Captures) -> None:
    """As a USB camera does whose cable is loose: the node outlives the device for a blink."""
    with running(cameras, SMALL) as (_, sink):
        cameras.set_control(only(cameras), "disconnect", "")
        assert isinstance(failed(sink), DeviceGone)


@pytest.mark.soak
def test_a_frozen_camera_is_given_up_and_found_again(vivid: str) -> None:
    """Every picture is dropped; the deadline ends it, not the driver. When pictures come again, it is reported."""
    cameras, changes = V4l2Captures(Options(frozen_after_s=4.0, first_picture_s=LONG_S)), []
    with running(cameras, SMALL) as (_, sink):
        unwatch = cameras.watch(changes.append)
        cameras.set_control(only(cameras), "percentage_of_dropped_buffers", 100)
        error = failed(sink)
        assert isinstance(error, DeviceGone)
        assert "frozen" in str(error)
    cameras.set_control(only(cameras), "percentage_of_dropped_buffers", 0)
    modules.wait_for(lambda: changes, LONG_S)
    assert [change.change for change in changes] == ["changed"]
    unwatch()
    with running(cameras, SMALL):
        pass


@pytest.mark.soak
def test_pictures_that_the_driver_calls_damaged_are_left_out(vivid: str, cameras: V4l2Captures) -> None:
    """And the next one comes."""
    with running(cameras, SMALL) as (_, sink):
        cameras.set_control(only(cameras), "inject_v4l2_buf_flag_error", "")
        count = len(sink.media)
        assert len(sink.wait(count + 3, LONG_S)) >= count + 3
        assert not sink.errors


@pytest.mark.soak
def test_a_driver_that_breaks_down_is_started_anew(vivid: str) -> None:
    """Its queue is dead until the stream is stopped: that is done halfway through the deadline, and no core spins."""
    cameras = V4l2Captures(Options(frozen_after_s=8.0, first_picture_s=LONG_S))
    with running(cameras, SMALL) as (_, sink):
        cameras.set_control(only(cameras), "inject_fatal_streaming_error", "")
        began, wall = time.process_time(), time.monotonic()
        more(sink, 3)
        assert not sink.errors
        assert time.process_time() - began < max(4.0, (time.monotonic() - wall) / 2)


@pytest.mark.soak
@pytest.mark.parametrize(
    "button", ["inject_vidioc_reqbufs_error", "inject_vidioc_qbuf_error", "inject_vidioc_streamon_error"]
)
def test_a_request_that_fails_at_opening_is_a_named_error(vivid: str, cameras: V4l2Captures, button: str) -> None:
    """And nothing is left open by it: the next attempt works."""
    cameras.set_control(only(cameras), button, "")
    with pytest.raises(DeviceError, match="failed at"), running(cameras, SMALL):
        pass
    with running(cameras, SMALL):
        pass


def test_controls_are_the_drivers_own(vivid: str, cameras: V4l2Captures) -> None:
    """Of every kind; a read-only one says so."""
    device = only(cameras)
    found = {control.name: control for control in cameras.controls(device)}
    assert {"integer", "boolean", "menu", "button"} <= {control.kind for control in found.values()}
    assert "Aperture" not in found["menu"].choices
    assert all(choice.isdigit() for choice in found["integer_menu"].choices)
    cameras.set_control(device, "test_pattern", "100% Black")
    cameras.set_control(device, "integer_64_bits", 1 << 40)
    found = {control.name: control for control in cameras.controls(device)}
    assert (found["test_pattern"].value, found["integer_64_bits"].value) == ("100% Black", 1 << 40)
    with pytest.raises(SettingsError, match="it can only be read"):
        cameras.set_control(device, "read_only_integer_32_bits", 1)
    with pytest.raises(SettingsError, match="from 0 to 255"):
        cameras.set_control(device, "brightness", 256)


@pytest.mark.soak
def test_another_signal_is_followed_and_a_lost_one_is_named(modprobe: Callable[..., None]) -> None:
    """An HDMI input whose source changes its size: pictures go on in the new one. Without a signal it is given up."""
    modprobe("vivid", **(WEBCAM | {"input_types": "0x3"}))
    cameras = V4l2Captures(Options(frozen_after_s=8.0, first_picture_s=30.0))
    device = only(cameras)
    with running(cameras, VideoFormat()) as (capture, sink):
        before = (capture.format.width, capture.format.height)
        choices = next(each for each in cameras.controls(device) if each.name == "dv_timings").choices
        other = next(each for each in choices if "640x480" in each)
        cameras.set_control(device, "dv_timings_signal_mode", "Selected DV Timings")
        cameras.set_control(device, "dv_timings", other)
        modules.wait_for(lambda: (capture.format.width, capture.format.height) == (640, 480) != before, LONG_S)
        modules.wait_for(lambda: sink.media[-1].width == 640, LONG_S)
        assert not sink.errors
        cameras.set_control(device, "dv_timings_signal_mode", "No Signal")
        error = failed(sink)
        assert isinstance(error, DeviceGone)
        assert "no signal" in str(error)
