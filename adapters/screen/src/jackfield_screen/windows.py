"""Windows: screens by user32 (Multiple Display Monitors), pictures by FFmpeg's gdigrab. Written and not run."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from attrs import frozen

from jackfield.values.devices import Device
from jackfield_screen.desktop import Area, modes
from jackfield_screen.options import Options
from jackfield_screen.polled import PolledDesktop

_PER_MONITOR_AWARE_V2 = -4
_INTERFACE_NAME = 1


class _Rect(ctypes.Structure):
    _fields_ = [(name, ctypes.c_long) for name in ("left", "top", "right", "bottom")]


class _MonitorInfo(ctypes.Structure):
    _fields_ = [
        ("size", ctypes.c_uint32), ("monitor", _Rect), ("work", _Rect), ("flags", ctypes.c_uint32),
        ("device", ctypes.c_wchar * 32),
    ]  # fmt: skip


class _DisplayDevice(ctypes.Structure):
    _fields_ = [
        ("size", ctypes.c_uint32), ("name", ctypes.c_wchar * 32), ("string", ctypes.c_wchar * 128),
        ("flags", ctypes.c_uint32), ("id", ctypes.c_wchar * 128), ("key", ctypes.c_wchar * 128),
    ]  # fmt: skip


@frozen
class Monitor:
    """A monitor as Windows has it; ``path`` is that of its device interface and lasts."""

    name: str
    label: str
    path: str
    primary: bool
    x: int
    y: int
    width: int
    height: int


def desktop(
    options: Options, environ: Mapping[str, str], monitors: Callable[[], Sequence[Monitor]] | None = None
) -> PolledDesktop:
    """The screens of this Windows."""
    found = monitors or _monitors
    return PolledDesktop(lambda: list(_listed(found())), list)


def _listed(monitors: Sequence[Monitor]) -> Iterator[tuple[Device, Area]]:
    for each in monitors:
        parts = each.path.split("#")
        mark = "-".join(parts[1:3]) if len(parts) > 2 else each.name
        id = f"screen:windows-{re.sub(r'[^A-Za-z0-9]+', '-', mark).strip('-')}"
        area = Area("desktop", "gdigrab", each.width & ~1, each.height & ~1, each.x, each.y)
        rank = 55 if each.primary else 50
        label = each.label or each.name
        yield Device(id, "screen", label, each.name, modes=modes(each.width, each.height), rank=rank), area


def _monitors() -> Sequence[Monitor]:
    user32: Any = ctypes.windll.user32  # type: ignore[attr-defined]
    user32.SetThreadDpiAwarenessContext(ctypes.c_void_p(_PER_MONITOR_AWARE_V2))  # sizes in true pixels
    handles: list[int] = []
    kinds = (ctypes.c_void_p, ctypes.c_void_p, ctypes.POINTER(_Rect), ctypes.c_void_p)

    def seen(monitor: int, context: int, place: object, data: int) -> int:
        handles.append(monitor)
        return 1

    callback = ctypes.WINFUNCTYPE(ctypes.c_int, *kinds)(seen)  # type: ignore[attr-defined]
    user32.EnumDisplayMonitors(None, None, callback, None)
    return [_monitor(user32, handle) for handle in handles]


def _monitor(user32: Any, handle: int) -> Monitor:
    info = _MonitorInfo(size=ctypes.sizeof(_MonitorInfo))
    user32.GetMonitorInfoW(ctypes.c_void_p(handle), ctypes.byref(info))
    device = _DisplayDevice(size=ctypes.sizeof(_DisplayDevice))
    user32.EnumDisplayDevicesW(info.device, 0, ctypes.byref(device), _INTERFACE_NAME)
    place = info.monitor
    size = place.right - place.left, place.bottom - place.top
    return Monitor(info.device, device.string, device.id, bool(info.flags & 1), place.left, place.top, *size)
