"""macOS and Windows, as far as they can be tested elsewhere: what their systems tell becomes screens."""

from __future__ import annotations

import ctypes
import queue
import threading
from collections.abc import Callable
from typing import Any

import pytest
from attrs import define, evolve
from jackfield_screen import desktop, macos, windows
from jackfield_screen.grabber import _options
from jackfield_screen.options import Options
from jackfield_screen.polled import PolledDesktop
from jackfield_screen.windows import Monitor

from jackfield.values.devices import DeviceChange
from jackfield.values.errors import DeviceGone

LEFT = Monitor(r"\\.\DISPLAY1", "Dell U2720Q", r"\\?\DISPLAY#DEL40F1#5&2b&0&UID4352#{e6f0}", True, 0, 0, 2560, 1440)
RIGHT = evolve(LEFT, name=r"\\.\DISPLAY2", path=r"\\?\DISPLAY#DEL40F1#5&2b&0&UID4353#{e6f0}", primary=False, x=-1921)


@define
class CoreGraphics:
    """Quartz Display Services with two displays of one model."""

    allowed: bool = True

    def CGGetActiveDisplayList(self, most: int, ids: Any, count: Any) -> int:
        ids[0], ids[1] = 7, 9
        ctypes.cast(count, ctypes.POINTER(ctypes.c_uint32))[0] = 2
        return 0

    def CGDisplayVendorNumber(self, display: int) -> int:
        return 0x10AC

    def CGDisplayModelNumber(self, display: int) -> int:
        return 0x40F1

    def CGDisplaySerialNumber(self, display: int) -> int:
        return -1

    def CGDisplayIsMain(self, display: int) -> int:
        return int(display == 9)

    def CGDisplayCopyDisplayMode(self, display: int) -> int:
        return display

    def CGDisplayModeGetPixelWidth(self, mode: int) -> int:
        return 5120 if mode == 9 else 1920

    def CGDisplayModeGetPixelHeight(self, mode: int) -> int:
        return 2880 if mode == 9 else 1080

    def CGDisplayModeRelease(self, mode: int) -> None: ...

    def CGPreflightScreenCaptureAccess(self) -> bool:
        return self.allowed


def test_the_screens_of_a_mac_are_listed_in_their_true_size() -> None:
    """By maker, model and serial; the second of a kind by its place too; the main one first in rank."""
    found = macos.desktop(Options(), {}, lambda: CoreGraphics())
    first, second = found.devices()
    assert (first.id, second.id) == ("screen:mac-10ac-40f1-ffffffff", "screen:mac-10ac-40f1-ffffffff-1")
    assert (second.modes[0].width, second.rank, first.rank) == (5120, 55, 50)
    area = found.view(second).look()
    assert area is not None
    assert (area.url, area.format) == ("Capture screen 1:none", "avfoundation")
    assert _options(area, True, "1000") == {"framerate": "60", "capture_cursor": "1", "pixel_format": "bgr0"}
    assert found.diagnose() == []


def test_a_mac_that_does_not_allow_it_says_where_to() -> None:
    """Listed as denied, and an error of the doctor's."""
    found = macos.desktop(Options(), {}, lambda: CoreGraphics(allowed=False))
    assert {device.state for device in found.devices()} == {"denied"}
    (finding,) = found.diagnose()
    assert "Privacy & Security" in finding.fix


def test_the_screens_of_windows_are_parts_of_its_desktop() -> None:
    """By the path of the device interface, which lasts; even sizes; a place that may be left of zero."""
    found = windows.desktop(Options(), {}, lambda: [LEFT, evolve(RIGHT, width=1921)])
    first, second = found.devices()
    assert (first.id, first.label) == ("screen:windows-DEL40F1-5-2b-0-UID4352", "Dell U2720Q")
    assert (second.id, second.rank) == ("screen:windows-DEL40F1-5-2b-0-UID4353", 50)
    area = found.view(second).look()
    assert area is not None
    said = _options(area, False, "1000")
    assert said == {
        "framerate": "1000", "video_size": "1920x1440", "draw_mouse": "0", "offset_x": "-1921", "offset_y": "0",
    }  # fmt: skip


def test_a_screen_that_goes_is_reported_and_its_view_ends() -> None:
    """Lists are compared; what is taken is looked for now and then."""
    there = [LEFT, RIGHT]
    listed: Callable[[], Any] = lambda: list(windows._listed(there))  # noqa: E731
    found = PolledDesktop(listed, list, every_s=0.02)
    view, changes = found.view(found.devices()[1]), queue.Queue[DeviceChange]()
    view.look()
    unwatch = found.watch(changes.put)
    there.pop()
    assert (changes.get(timeout=5).change, len(found.devices())) == ("removed", 1)
    there.append(evolve(RIGHT, width=800))
    assert changes.get(timeout=5).device.modes[0].width == 800
    unwatch()
    there.pop()
    for _ in range(29):
        assert view.look()
    with pytest.raises(DeviceGone, match="unplugged"):
        view.look()
    assert not any(thread.name == "screen watch" for thread in threading.enumerate())


@pytest.mark.parametrize("platform", ["linux", "freebsd14", "darwin", "win32"])
def test_each_platform_has_its_desktop(platform: str) -> None:
    """Found without loading what only that platform has."""
    found = desktop.find(Options(), {}, platform)
    assert type(found).__name__ == ("PolledDesktop" if platform in ("darwin", "win32") else "X11Desktop")
