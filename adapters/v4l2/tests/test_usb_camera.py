"""A USB webcam through the kernel's own uvcvideo: pictures by content, and all that befalls it. In the lab's VM."""

from __future__ import annotations

import os
import threading
from typing import Any

import pytest
from jackfield_synthetic.barcode import read_counter
from jackfield_v4l2.driver import V4l2Captures
from jackfield_v4l2.options import Options
from jackfield_v4l2.plugin import plugin
from jackfield_v4l2.testing.live import LONG_S, failed, more, only, running

from jackfield.plugins.devices import Found, Wish
from jackfield.roles import ForcesKeyframe, SetsBitrate
from jackfield.testing import CaptureContract
from jackfield.testing.fakes import FakeSink
from jackfield.values.errors import DeviceBusy, DeviceGone, SettingsError
from jackfield.values.formats import VideoFormat
from jackfield.values.media import VideoFrame
from tests.lab.vm import modules
from tests.lab.vm.camera import FakeCamera

pytestmark = [pytest.mark.vm, pytest.mark.usefixtures("nothing_is_left")]

MJPEG, RAW = VideoFormat(640, 480, 15.0, "mjpeg"), VideoFormat(640, 480, 15.0, "yuyv422")
H264 = VideoFormat(640, 480, 15.0, codec="H264")


@pytest.mark.soak
@pytest.mark.usefixtures("camera", "patience")
class TestContract(CaptureContract):
    """The contract, on a USB camera."""

    plugin = plugin


def test_the_listing_shows_the_modes_that_the_driver_has(camera: FakeCamera, cameras: V4l2Captures) -> None:
    """Read from the USB descriptors, with no device opened, they are those that the driver lists when it is asked."""
    device = only(cameras)
    assert device.id.startswith("v4l2:usb-")
    assert camera.serial in device.id
    assert device.bus == "usb-vhci_hcd.0-1"
    assert set(device.modes) == set(cameras.modes(device))
    assert {mode.codec or mode.pixel_format for mode in device.modes} == {"mjpeg", "yuyv422", "H264"}


@pytest.mark.soak
@pytest.mark.parametrize(
    "format", [MJPEG, RAW, VideoFormat(640, 480, 15.0, "yuv420p"), VideoFormat(1280, 720, 15.0)], ids=str
)
def test_pictures_are_those_that_the_camera_sends(camera: FakeCamera, cameras: V4l2Captures, format: Any) -> None:
    """Its test card is read in each, in the size that was asked for."""
    with running(cameras, format) as (_, sink):
        frames = more(sink, 3)
    assert {(frame.width, frame.height) for frame in frames} == {(format.width, format.height)}
    assert all(read_counter(frame) is not None for frame in frames)


@pytest.mark.soak
def test_h264_is_passed_on_as_the_camera_encoded_it(camera: FakeCamera, cameras: V4l2Captures) -> None:
    """Whole access units, the first a keyframe; decoded by whoever likes, they are its test card."""
    import av

    with running(cameras, H264) as (capture, sink):
        more(sink, 6)
        units = sink.media[:6]
    assert camera.state is not None
    assert capture.format.codec == "H264"
    assert units[0].keyframe
    assert (units[0].width, units[0].height) == (640, 480)
    decoder = av.CodecContext.create("h264", "r")
    pictures = [picture for unit in units for picture in decoder.decode(av.Packet(unit.data))]
    assert read_counter(VideoFrame(pictures[0])) is not None
    assert [unit.time_ns for unit in units] == sorted({unit.time_ns for unit in units})


@pytest.mark.soak
def test_a_keyframe_and_a_bitrate_reach_the_camera(camera: FakeCamera, cameras: V4l2Captures) -> None:
    """Through the kernel's driver to the H.264 unit, while it streams; an IDR comes."""
    with running(cameras, H264) as (capture, sink):
        assert isinstance(capture, ForcesKeyframe)
        assert isinstance(capture, SetsBitrate)
        more(sink, 3)
        before, asked = len(sink.media), camera.idr_requests
        capture.force_keyframe()
        modules.wait_for(lambda: camera.idr_requests == asked + 1, LONG_S)
        modules.wait_for(lambda: any(unit.keyframe for unit in sink.media[before:]), LONG_S)
        capture.set_bitrate_bps(640_000)
        modules.wait_for(lambda: camera.bitrate_bps == 640_000, LONG_S)
        more(sink, 2)


@pytest.mark.soak
def test_it_is_pulled_out_and_put_back_and_is_the_same_camera(camera: FakeCamera, cameras: V4l2Captures) -> None:
    """Three times while it is read, MJPEG, raw and H.264: gone for its call, heard of by who watches, opened again."""
    changes: list[Any] = []
    unwatch = cameras.watch(changes.append)
    device = only(cameras)
    for turn, format in enumerate((MJPEG, RAW, H264)):
        with running(cameras, format) as (_, sink):
            camera.unplug()
            assert isinstance(failed(sink), DeviceGone)
        with pytest.raises(DeviceGone, match="is not plugged in"):
            cameras.open(device, format)
        camera.plug()
        modules.wait_for(lambda turn=turn: len(changes) >= 2 * turn + 2, LONG_S)
    unwatch()
    assert [(change.change, change.device.id) for change in changes] == [
        ("removed", device.id),
        ("added", device.id),
    ] * 3
    assert changes[-1].device.modes == device.modes


@pytest.mark.soak
def test_what_is_reported_as_added_can_be_opened_at_once(camera: FakeCamera, cameras: V4l2Captures) -> None:
    """On the very thread that reports it: the node is there, with its owner and group."""
    opened: list[Any] = []

    def at_once(change: Any) -> None:
        if change.change == "added":
            try:
                opened.append(cameras.open(change.device, MJPEG))
            except Exception as error:
                opened.append(error)

    camera.unplug()
    unwatch = cameras.watch(at_once)
    camera.plug()
    modules.wait_for(lambda: opened, LONG_S)
    unwatch()
    assert not isinstance(opened[0], Exception), opened[0]
    opened[0].stop()


@pytest.mark.soak
@pytest.mark.parametrize("at", ["probe", "commit"])
def test_it_is_pulled_out_while_it_is_opened(camera: FakeCamera, cameras: V4l2Captures, at: str) -> None:
    """A named error, at once or from the capture that just opened; put back it works."""
    camera.unplug_while_opening(at)
    sink = FakeSink()
    try:
        capture = cameras.open(only(cameras), MJPEG)
    except DeviceGone:
        pass
    else:
        try:
            capture.start(sink)
            assert isinstance(failed(sink), DeviceGone)
        except DeviceGone:
            pass
        capture.stop()
    modules.wait_for(lambda: not cameras.devices(), LONG_S)
    camera.plug()
    with running(cameras, MJPEG):
        pass


@pytest.mark.soak
def test_a_frozen_camera_goes_on_or_is_given_up_and_found_again(camera: FakeCamera) -> None:
    """A short freeze is nobody's business; a long one ends the capture, and it is reported when it runs again."""
    cameras, changes = V4l2Captures(Options(frozen_after_s=16.0, first_picture_s=LONG_S)), []
    unwatch = cameras.watch(changes.append)
    with running(cameras, MJPEG) as (_, sink):
        camera.freeze()
        threading.Event().wait(2)
        camera.thaw()
        more(sink, 2)
        assert not sink.errors
        camera.freeze()
        error = failed(sink)
    assert isinstance(error, DeviceGone)
    assert "frozen" in str(error)
    camera.thaw()
    modules.wait_for(lambda: changes, LONG_S)
    assert [change.change for change in changes] == ["changed"]
    unwatch()
    with running(cameras, MJPEG):
        pass


@pytest.mark.soak
def test_damaged_and_cut_pictures_are_left_out(camera: FakeCamera, cameras: V4l2Captures) -> None:
    """Those that are delivered are whole, but for noise that decodes: the counter of every one can be read."""
    with running(cameras, MJPEG) as (_, sink):
        camera.truncate(20)
        assert all(read_counter(frame) is not None for frame in more(sink, 3))
        camera.corrupt(8)
        more(sink, 3)
        assert not sink.errors


@pytest.mark.soak
@pytest.mark.parametrize("format", [MJPEG, RAW], ids=str)
def test_pictures_of_a_wrong_size_are_delivered_or_left_out(
    camera: FakeCamera, cameras: V4l2Captures, format: VideoFormat
) -> None:
    """MJPEG says its size, and the encoder follows; raw ones of the wrong length are no pictures. Then it goes on."""
    with running(cameras, format) as (_, sink):
        camera.wrong_size(20)  # a slow taker skips some
        if format is MJPEG:
            modules.wait_for(lambda: any(frame.width != 640 for frame in sink.media), LONG_S)
        modules.wait_for(lambda: sink.media[-1].width == 640, LONG_S)
        more(sink, 2)
        assert not sink.errors


@pytest.mark.soak
def test_it_is_busy_for_a_second_program(camera: FakeCamera, cameras: V4l2Captures) -> None:
    """And can be asked for its modes and adjusted all the same."""
    with running(cameras, MJPEG) as (_, sink):
        with pytest.raises(DeviceBusy, match=rf"\({os.getpid()}\)"):
            V4l2Captures(Options()).open(only(cameras), MJPEG)
        assert cameras.modes(only(cameras))
        cameras.set_control(only(cameras), "brightness", 12)
        more(sink, 2)
    controls = {control.name: control.value for control in cameras.controls(only(cameras))}
    assert controls["brightness"] == 12


@pytest.mark.soak
def test_two_cameras_with_one_serial_are_told_apart(camera: FakeCamera, cameras: V4l2Captures) -> None:
    """The first keeps its id, each gives its own pictures, and a wish that fits both lists them."""
    alone = only(cameras)
    with FakeCamera(camera.serial, port=1, card=1) as second:
        first, other = sorted(cameras.devices(), key=lambda device: device.id != alone.id)
        assert first.id == alone.id != other.id
        assert {first.address, other.address} == {camera.video, second.video}
        with pytest.raises(SettingsError, match="matches 2 devices"):
            Wish("camera", [Found(each, cameras, "v4l2") for each in (first, other)]).grant(camera.serial)
        seen = []
        for device in (first, other):
            capture, sink = cameras.open(device, MJPEG), FakeSink()
            capture.start(sink)
            assert sink.wait(1, LONG_S), sink.errors
            seen.append(read_counter(sink.media[0]))
            capture.stop()
        assert [mark.card for mark in seen] == [0, 1]
        camera.unplug()
        assert [device.id for device in cameras.devices()] == [other.id]
        camera.plug()
        assert {device.id for device in cameras.devices()} == {first.id, other.id}
