"""Plugging and unplugging, as it is reported; and the plugin where there is no Linux."""

from __future__ import annotations

import os
import queue
import sys

import pytest
from attrs import evolve
from jackfield_v4l2.driver import V4l2Captures
from jackfield_v4l2.options import Options
from jackfield_v4l2.revival import Revival
from jackfield_v4l2.testing import FakeCamera, FakeKernel, FakeNodes
from jackfield_v4l2.testing.nodes import seen_usb
from jackfield_v4l2.udev import Udev, _Watching

from jackfield.plugins.config import Config
from jackfield.plugins.loader import load
from jackfield.values.devices import Device, DeviceChange
from jackfield.values.errors import PluginError


def test_a_camera_that_is_pulled_and_put_back_keeps_its_id() -> None:
    """What udev tells of one that is gone is bare: it is reported as what it was. Metadata nodes are no cameras."""
    camera = FakeCamera()
    kernel = FakeKernel(camera)
    nodes = FakeNodes(kernel, seen_usb())
    driver = V4l2Captures(Options(), nodes=nodes, kernel=kernel)
    changes: list[DeviceChange] = []
    unwatch = driver.watch(changes.append)
    (before,) = driver.devices()
    nodes.unplug()
    assert driver.devices() == []
    nodes.plug(evolve(seen_usb("/dev/video1"), properties={"ID_V4L_CAPABILITIES": ":"}, index=1))
    camera.address = "/dev/video3"
    nodes.plug(seen_usb("/dev/video3"))
    told = [(change.change, change.device.id, change.device.state) for change in changes]
    assert told == [("removed", before.id, "gone"), ("added", before.id, "ready")]
    assert changes[1].device.address == "/dev/video3"
    unwatch()
    unwatch()
    nodes.unplug("/dev/video3")
    assert len(changes) == 2
    assert nodes.watchers == 0


def test_two_nodes_of_one_name_and_path_have_ids_of_their_own() -> None:
    """A driver's instances that nothing else tells apart: the node's number is all that is left."""
    seen = seen_usb(serial="")
    twin = evolve(seen, address="/dev/video1", sys_path=seen.sys_path[:-1] + "1")
    kernel = FakeKernel(FakeCamera(), FakeCamera("/dev/video1"))
    driver = V4l2Captures(Options(), nodes=FakeNodes(kernel, seen, twin), kernel=kernel)
    first, second = driver.devices()
    assert second.id == f"{first.id}-video1"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="its pipe is Linux's pipe2. To run it: use Linux")
def test_a_look_at_a_frozen_camera_that_raises_means_not_yet(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged; the next look finds the camera, and neither thread nor pipe is left."""
    monkeypatch.setattr(Revival, "PAUSE_S", 0.02)
    camera = Device("v4l2:cam", "camera", "Cam")
    looks: queue.Queue[Device] = queue.Queue()
    back: queue.Queue[Device] = queue.Queue()

    def try_it(device: Device) -> Device:
        looks.put(device)
        if looks.qsize() == 1:
            raise ValueError("bad descriptor")
        return device

    before = set(os.listdir("/proc/self/fd"))
    revival = Revival(try_it)
    unwatch = revival.watch(back.put)
    revival.froze(camera)
    assert back.get(timeout=10) == camera
    unwatch()
    assert looks.qsize() == 2
    assert "bad descriptor" in caplog.text
    assert revival._thread is None
    assert set(os.listdir("/proc/self/fd")) == before


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="udev is of Linux. To run it: use Linux")
def test_udev_is_listed_and_watched_with_nothing_left() -> None:
    """The machine's own nodes, whatever they are; the thread ends with the watching."""
    import threading

    udev = Udev()
    assert all(seen.address for seen in udev.seen())
    before = threading.active_count()
    stop = udev.watch(lambda action, seen: None)
    assert threading.active_count() == before + 1
    stop()
    stop()
    assert threading.active_count() == before


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="its pipe is Linux's pipe2. To run it: use Linux")
def test_news_that_were_lost_are_caught_up_with() -> None:
    """The kernel drops what a full socket has no room for: what differs then is told, and the watch goes on."""
    here, gone, came = (seen_usb(f"/dev/video{number}") for number in range(3))
    here, gone, came = (evolve(seen, sys_path=f"/sys/{at}") for at, seen in enumerate((here, gone, came)))
    lists = [[here, gone], [here, came]]
    readable, writable = os.pipe()

    class Monitor:
        def fileno(self) -> int:
            return readable

        def poll(self, timeout: float) -> None:
            os.read(readable, 1)
            raise OSError(105, "No buffer space available")

    told: queue.Queue[tuple[str, str]] = queue.Queue()
    watching = _Watching(Monitor(), lambda action, seen: told.put((action, seen.sys_path)), lambda: lists.pop(0))
    os.write(writable, b"x")
    assert [told.get(timeout=5), told.get(timeout=5)] == [("remove", "/sys/1"), ("add", "/sys/2")]
    lists.append([here])
    os.write(writable, b"x")
    assert told.get(timeout=5) == ("remove", "/sys/2")
    watching.stop()
    os.close(writable)
    os.close(readable)


def test_a_missing_libudev_is_a_finding_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """Listing says why it cannot, in our words, and doctor what to install."""
    import pyudev

    def missing(*names: object) -> None:
        raise ImportError("No library named udev")

    monkeypatch.setattr(pyudev, "Context", missing)
    driver = V4l2Captures(Options())
    with pytest.raises(PluginError, match="cameras cannot be listed: No library named udev; apt-get install libudev1"):
        driver.devices()
    (finding,) = driver.diagnose()
    assert (finding.severity, finding.key) == ("error", "udev")
    assert finding.found == "cameras cannot be listed: No library named udev"
    assert finding.fix.startswith("apt-get install libudev1")


def test_elsewhere_than_on_linux_the_plugin_is_a_row_that_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """And no camera is listed by it."""
    monkeypatch.setattr(sys, "platform", "darwin")
    loading = load(Config(), only={"v4l2"})
    (row,) = loading.rows
    assert row.state == "failed"
    assert "V4L2 is of Linux, and this is darwin" in row.reason
    assert not loading.loaded
