"""Who a camera is, for good: by who and where, from udev's properties alone."""

from __future__ import annotations

import pytest
from attrs import evolve
from jackfield_v4l2.descriptors import read
from jackfield_v4l2.driver import V4l2Captures
from jackfield_v4l2.identity import Seen, captures, device_of
from jackfield_v4l2.options import Options
from jackfield_v4l2.testing import FakeCamera, FakeKernel, FakeNodes
from jackfield_v4l2.testing.nodes import seen_usb, usb_descriptors

from jackfield.plugins.devices import Found, Wish
from jackfield.values.errors import SettingsError
from jackfield.values.formats import VideoFormat

VIVID = Seen(
    "/sys/devices/platform/vivid.0/video4linux/video0",
    "/dev/video0",
    {"ID_V4L_CAPABILITIES": ":capture:", "ID_V4L_PRODUCT": "vivid", "ID_PATH": "platform-vivid.0"},
    "vivid-000-vid-cap",
    driver="vivid",
)


def test_an_id_is_who_and_where() -> None:
    """Vendor, model and serial, at the port; a camera without a serial has the port to tell it by."""
    device = device_of(seen_usb(), may_open=True)
    assert device.id == "v4l2:usb-Fake_Optics_FakeCam_HD_FC0001@pci-0000:00:14.0-usb-0:1:1.0"
    assert (device.label, device.address, device.bus) == ("FakeCam HD", "/dev/video0", "usb-0000:00:14.0-1")
    assert device_of(seen_usb(serial=""), may_open=True).id == (
        "v4l2:usb-Fake_Optics_FakeCam_HD@pci-0000:00:14.0-usb-0:1:1.0"
    )
    assert device_of(VIVID, may_open=True).id == "v4l2:vivid-000-vid-cap@platform-vivid.0"


def test_an_id_outlives_what_changes() -> None:
    """Another number of the node, after a reboot or with other cameras about, is the same camera."""
    before, after = seen_usb(), evolve(seen_usb(), address="/dev/video7", sys_path=seen_usb().sys_path[:-1] + "7")
    assert device_of(before, may_open=True).id == device_of(after, may_open=True).id


def test_a_second_camera_with_the_same_serial_changes_nothing_for_the_first() -> None:
    """Each has its own id from the start, and a wish that fits both lists them."""
    first, second = seen_usb(), seen_usb("/dev/video2", "2")
    kernel = FakeKernel(FakeCamera(), FakeCamera("/dev/video2"))
    nodes = FakeNodes(kernel, first)
    driver = V4l2Captures(Options(), nodes=nodes, kernel=kernel)
    (alone,) = driver.devices()
    nodes.plug(second)
    both = driver.devices()
    assert both[0].id == alone.id != both[1].id
    found = [Found(device, driver, "v4l2") for device in both]
    with pytest.raises(SettingsError, match="matches 2 devices") as failed:
        Wish("camera", found).grant("v4l2:usb-Fake_Optics_FakeCam_HD_FC0001")
    assert all(device.id in str(failed.value) for device in both)
    assert Wish("camera", found).grant(alone.id)[0] is found[0]
    assert Wish("camera", found).grant("usb-0:2:1.0")[0] is found[1]


def test_nodes_that_give_no_pictures_are_left_out() -> None:
    """A UVC camera's second node gives metadata; where no udev rules ran, a device's first node is its camera."""
    assert captures(seen_usb())
    assert not captures(evolve(seen_usb(), properties={"ID_V4L_CAPABILITIES": ":"}))
    assert not captures(evolve(seen_usb(), properties={"ID_V4L_CAPABILITIES": ":video_output:"}))
    assert not captures(evolve(seen_usb(), address="/dev/v4l-touch0"))
    assert captures(evolve(seen_usb(), properties={}))
    assert not captures(evolve(seen_usb(), properties={}, index=1))


def test_two_cameras_in_one_device_have_their_own_ids() -> None:
    """A second capture node of one port says which it is."""
    assert device_of(evolve(seen_usb(), index=2), may_open=True).id.endswith(":1.0-index2")


@pytest.mark.parametrize(
    ("driver", "name"),
    [("unicam", "unicam-image"), ("rp1-cfe", "rp1-cfe-csi2_ch0"), ("vimc", "Raw Capture 0"), ("", "ipu3-cio2 0")],
)
def test_one_end_of_a_sensors_pipeline_is_listed_with_what_to_use_instead(driver: str, name: str) -> None:
    """It gives nothing on its own: who wants it is led to the pipe plugin."""
    device = device_of(evolve(VIVID, driver=driver, name=name), may_open=True)
    assert device.state == "unusable"
    assert "use pipe" in device.note


@pytest.mark.parametrize(
    ("removable", "panel", "facing"),
    [("fixed", "front", "front"), ("fixed", "back", "rear"), ("removable", "back", ""), ("fixed", "", "")],
)
def test_the_side_of_a_built_in_camera_is_known(removable: str, panel: str, facing: str) -> None:
    """Of a plugged one firmware knows only where the socket is."""
    assert device_of(evolve(seen_usb(), removable=removable, panel=panel), may_open=True).facing == facing


def test_usb_descriptors_tell_the_modes_with_nothing_opened() -> None:
    """Layouts, sizes and rates as the driver lists them, and the number of the H.264 unit."""
    camera = read(usb_descriptors(), 0)
    assert camera.modes == (
        VideoFormat(640, 480, 30.0, "mjpeg"),
        VideoFormat(640, 480, 30.0, "yuyv422"),
        VideoFormat(640, 480, 15.0, "yuyv422"),
        VideoFormat(640, 480, 30.0, codec="H264"),
        VideoFormat(640, 480, 15.0, codec="H264"),
    )
    assert camera.h264_unit == 7
    assert device_of(evolve(seen_usb(), descriptors=usb_descriptors()), may_open=True).modes == camera.modes


def test_descriptors_of_another_interface_or_of_no_sense_tell_nothing() -> None:
    """A second camera in one device is not given the first one's modes; rubbish is no error."""
    assert read(usb_descriptors(), 3).modes == ()
    for cut in range(0, len(usb_descriptors()), 7):
        read(usb_descriptors()[:cut], 0)
    assert read(bytes(range(256)) * 4, 0).modes == ()
