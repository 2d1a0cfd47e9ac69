"""What a video node that udev knows is for good: which camera, where, and whether it can be one.

An id is ``v4l2:<who>@<where>``. *Who* is vendor, model and serial number (udev's ID_SERIAL; a device without a serial
has none there), *where* is the port (ID_PATH). Both stand in every id: whether a serial is one camera's own is not to
be known from one camera, and so an id does not change when a second camera with the same serial comes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

from attrs import field, frozen

from jackfield.values.devices import Device, DeviceState
from jackfield_v4l2.descriptors import UsbCamera, read

#: Drivers whose nodes are one end of a pipeline between a sensor and memory: they give nothing until it is set up.
_PIPELINES = frozenset(
    {
        *("unicam", "bcm2835-unicam", "rp1-cfe", "pispbe", "bcm2835-isp", "bcm2835_isp", "imx7-csi", "imx8-isi"),
        *("mxc-isi", "rkisp1", "rkcif", "rockchip-cif", "ipu3-cio2", "ipu3-imgu", "intel-ipu6", "intel-ipu7"),
        *("isys", "qcom-camss", "omap3isp", "j721e-csi2rx", "cal", "dcmipp", "stm32-dcmipp", "vimc", "mtk-cam"),
        *("tegra-video", "amd_isp_capture"),
    }
)
SENSOR = "sensor: use pipe with a program that drives it, as rpicam-vid, libcamera-vid or gst-launch-1.0"
_USB = re.compile(r"/([^/]+)/usb\d+/(?:[^/]+/)*\d+-([\d.]+)/[^/]+:\d+\.(\d+)(?:/|$)")


@frozen
class Seen:
    """One video node as udev and sysfs show it, nothing opened."""

    sys_path: str
    address: str
    properties: Mapping[str, str] = field(factory=dict)
    #: ``name`` and ``index`` of the node.
    name: str = ""
    index: int = 0
    driver: str = ""
    #: Of the USB device: its descriptors, and whether it is ``fixed`` (built in) or ``removable``.
    descriptors: bytes = field(default=b"", repr=False)
    removable: str = ""
    #: On which side of the machine firmware says that it is: ``front``, ``back``.
    panel: str = ""

    @property
    def usb(self) -> UsbCamera:
        """What its USB descriptors say."""
        place = _USB.search(self.sys_path)
        return read(self.descriptors, int(place[3])) if place and self.descriptors else UsbCamera()


def captures(seen: Seen) -> bool:
    """Whether the node gives pictures: a camera's second node gives metadata, others take pictures."""
    if not seen.address.rpartition("/")[2].startswith("video"):
        return False  # radios, teletext, touch screens
    can = seen.properties.get("ID_V4L_CAPABILITIES")
    if can is None:  # no udev rules ran here, as in a container: a device's first node is its camera
        return seen.index == 0
    return ":capture:" in can


def device_of(seen: Seen, may_open: bool, denied: str = "", note: str = "") -> Device:
    """The camera. ``note`` is what was learnt when it was opened, and makes it unusable."""
    state: DeviceState = "ready"
    if _is_pipeline(seen) or note:
        state, note = "unusable", note or SENSOR
    elif not may_open:
        state, note = "denied", denied
    usb = seen.usb
    return Device(
        id=f"v4l2:{_who(seen)}@{_where(seen)}",
        kind="camera",
        label=_label(seen),
        address=seen.address,
        bus=_bus(seen),
        modes=usb.modes,
        state=state,
        note=note,
        rank=_rank(seen, usb),
        facing=_facing(seen),
    )


def _is_pipeline(seen: Seen) -> bool:
    names = {seen.driver, seen.name.split(" ")[0], seen.name.split("-")[0]}
    return bool(names & _PIPELINES) or any(seen.driver.startswith(f"{each}_") for each in ("rkisp1", "intel_ipu6"))


def _who(seen: Seen) -> str:
    serial = seen.properties.get("ID_SERIAL")
    if serial:
        return f"{seen.properties.get('ID_BUS', 'usb')}-{serial}"
    # a driver's own name for the node tells its instances apart where they share a path
    return re.sub(r"[^\w.+-]+", "_", seen.name or _product(seen)).strip("_") or "camera"


def _where(seen: Seen) -> str:
    place = seen.properties.get("ID_PATH") or _bus(seen) or seen.address.rpartition("/")[2]
    return place if seen.index == 0 else f"{place}-index{seen.index}"


def _product(seen: Seen) -> str:
    return seen.properties.get("ID_V4L_PRODUCT") or seen.name


def _label(seen: Seen) -> str:
    """The product; UVC says it twice (``C920: C920``), cut at 32 characters."""
    name = _product(seen).strip()
    first, _, second = name.partition(": ")
    return (first if second and first.startswith(second.strip()) else name) or seen.address


def _bus(seen: Seen) -> str:
    """As the kernel names a USB device's place, ``usb-0000:00:14.0-1.2``; else udev's path."""
    place = _USB.search(seen.sys_path)
    return f"usb-{place[1]}-{place[2]}" if place else seen.properties.get("ID_PATH", "")


def _rank(seen: Seen, usb: UsbCamera) -> int:
    if usb.modes and all(mode.pixel_format.startswith("gray") for mode in usb.modes):
        return 20  # infrared, for faces
    return 40 if "/devices/virtual/" in seen.sys_path else 50


def _facing(seen: Seen) -> Literal["front", "rear", ""]:
    """Firmware knows the side of a built-in camera; of a plug it knows only where the socket is."""
    if seen.removable not in ("fixed", ""):
        return ""
    sides: dict[str, Literal["front", "rear"]] = {"front": "front", "back": "rear"}
    return sides.get(seen.panel, "")
