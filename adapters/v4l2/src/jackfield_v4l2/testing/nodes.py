"""udev's side, made up: which nodes there are, and its word when they come and go."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import Any

from attrs import evolve

from jackfield.roles import Unwatch
from jackfield_v4l2.descriptors import H264_UNIT
from jackfield_v4l2.identity import Seen
from jackfield_v4l2.testing.kernel import FakeKernel
from jackfield_v4l2.udev import Action


def seen_usb(address: str = "/dev/video0", port: str = "1", *, serial: str = "FC0001", **more: Any) -> Seen:
    """A USB camera's node as udev shows it, in a port."""
    who = "Fake_Optics_FakeCam_HD" + (f"_{serial}" if serial else "")
    properties = {
        "ID_V4L_CAPABILITIES": ":capture:",
        "ID_V4L_PRODUCT": "FakeCam HD: FakeCam HD",
        "ID_BUS": "usb",
        "ID_SERIAL": who,
        "ID_PATH": f"pci-0000:00:14.0-usb-0:{port}:1.0",
    }
    node = address.rpartition("/")[2]
    path = f"/sys/devices/pci0000:00/0000:00:14.0/usb1/1-{port}/1-{port}:1.0/video4linux/{node}"
    seen = Seen(path, address, properties, "FakeCam HD: FakeCam HD", 0, "uvcvideo")
    return evolve(seen, **more)


def usb_descriptors() -> bytes:
    """A camera with MJPEG, YUYV and H.264 at 640x480, the last two at 30 and 15, and an H.264 unit of number 7."""

    def one(*octets: int, tail: bytes = b"") -> bytes:
        return bytes([len(octets) + len(tail) + 1, *octets]) + tail

    tail = bytes.fromhex("00001000800000aa00389b71")
    intervals = struct.pack("<II", 333_333, 666_666)
    frame = struct.pack("<BHHIII", 0, 640, 480, 1, 1, 614_400)
    control = one(4, 0, 0, 0, 0x0E, 1, 0, 0) + one(0x24, 1, 0x10, 1, 0, 0, 0, 0, 0, 0, 1, 1)
    control += one(0x24, 6, 7, tail=H264_UNIT + bytes([2, 1, 3, 2, 0, 0, 0]))
    stream = one(4, 1, 0, 1, 0x0E, 2, 0, 0) + one(0x24, 6, 1, 1, 1, 1, 0, 0, 0, 0)
    stream += one(0x24, 7, 1, tail=frame + struct.pack("<IB", 333_333, 1) + intervals[:4])
    stream += one(0x24, 4, 2, 1, tail=b"YUY2" + tail + bytes([16, 1, 0, 0, 0, 0]))
    stream += one(0x24, 5, 1, tail=frame + struct.pack("<IB", 333_333, 2) + intervals)
    stream += one(0x24, 0x10, 3, 1, tail=b"H264" + tail + bytes([16, 1, 0, 0, 0, 0, 1]))
    h264 = struct.pack("<BHHII", 0, 640, 480, 1, 1) + struct.pack("<IBI", 333_333, 2, 0)
    stream += one(0x24, 0x11, 1, tail=h264 + intervals)
    return one(1, 0, 2, 0, 0, 0, 0, 0) + control + stream


class FakeNodes:
    """Nodes that a test plugs in and pulls out, with their cameras."""

    def __init__(self, kernel: FakeKernel, *there: Seen) -> None:
        self._kernel = kernel
        self._there = list(there)
        self._watching: list[Callable[[Action, Seen], None]] = []

    def seen(self) -> Sequence[Seen]:
        """See `Nodes`."""
        return list(self._there)

    def watch(self, changed: Callable[[Action, Seen], None]) -> Unwatch:
        """See `Nodes`."""
        self._watching.append(changed)
        return lambda: self._watching.remove(changed) if changed in self._watching else None

    @property
    def watchers(self) -> int:
        """How many watch."""
        return len(self._watching)

    def unplug(self, address: str = "/dev/video0") -> None:
        """The node and its camera are gone. What udev then tells is bare, as it is in truth."""
        (seen,) = (each for each in self._there if each.address == address)
        self._there.remove(seen)
        for camera in self._kernel.cameras:
            if camera.address == address:
                camera.plugged = False
        self._tell("remove", evolve(seen, name="", index=0, driver="", descriptors=b""))

    def plug(self, seen: Seen) -> None:
        """A node is there, and its camera with it."""
        self._there.append(seen)
        for camera in self._kernel.cameras:
            if camera.address == seen.address:
                camera.plugged = True
        self._tell("add", seen)

    def _tell(self, action: Action, seen: Seen) -> None:
        for changed in list(self._watching):
            changed(action, seen)
