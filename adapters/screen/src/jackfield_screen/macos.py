"""macOS: screens by CoreGraphics (Quartz Display Services), pictures by FFmpeg's avfoundation. Written and not run."""

from __future__ import annotations

import ctypes
import ctypes.util
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from jackfield.values.devices import Device
from jackfield.values.findings import Finding
from jackfield_screen.desktop import Area, modes
from jackfield_screen.options import Options
from jackfield_screen.polled import PolledDesktop

_MOST = 16
_ALLOW = (
    "System Settings → Privacy & Security → Screen & System Audio Recording: allow the terminal, then start it again"
)


def desktop(options: Options, environ: Mapping[str, str], load: Callable[[], Any] | None = None) -> PolledDesktop:
    """The screens of this Mac. ``load`` answers with CoreGraphics."""
    quartz = Quartz(load or _core_graphics)
    return PolledDesktop(quartz.listed, quartz.findings)


def _core_graphics() -> Any:
    library = ctypes.CDLL(ctypes.util.find_library("CoreGraphics"))
    library.CGDisplayCopyDisplayMode.restype = ctypes.c_void_p
    for name in ("CGDisplayModeGetPixelWidth", "CGDisplayModeGetPixelHeight"):
        getattr(library, name).restype = ctypes.c_size_t
        getattr(library, name).argtypes = [ctypes.c_void_p]
    library.CGDisplayModeRelease.argtypes = [ctypes.c_void_p]
    library.CGPreflightScreenCaptureAccess.restype = ctypes.c_bool
    return library


class Quartz:
    """CoreGraphics' list of displays; FFmpeg counts its "Capture screen N" in the order of that list."""

    def __init__(self, load: Callable[[], Any]) -> None:
        self._load = load
        self._library: Any = None

    @property
    def _quartz(self) -> Any:
        if self._library is None:
            self._library = self._load()
        return self._library

    def listed(self) -> Sequence[tuple[Device, Area]]:
        """Each display by its maker, model and serial number."""
        found, taken = [], set()
        for number, display in enumerate(self._displays()):
            mark = "-".join(f"{value:x}" for value in self._identity(display))
            id = f"screen:mac-{mark}" if mark not in taken else f"screen:mac-{mark}-{number}"
            taken.add(mark)
            found.append(self._one(id, number, display))
        return found

    def findings(self) -> Sequence[Finding]:
        """Whether this program may take the screen."""
        if self._quartz.CGPreflightScreenCaptureAccess():
            return []
        return [Finding("error", "screen recording", "macOS does not let this program take the screen", _ALLOW)]

    def _one(self, id: str, number: int, display: int) -> tuple[Device, Area]:
        width, height = self._size(display)
        allowed = self._quartz.CGPreflightScreenCaptureAccess()
        device = Device(
            id, "screen", f"Screen {number + 1}", f"Capture screen {number}", modes=modes(width, height),
            state="ready" if allowed else "denied", note="" if allowed else _ALLOW,
            rank=55 if self._quartz.CGDisplayIsMain(display) else 50,
        )  # fmt: skip
        return device, Area(f"Capture screen {number}:none", "avfoundation", width, height, options={"framerate": "60"})

    def _displays(self) -> list[int]:
        ids, count = (ctypes.c_uint32 * _MOST)(), ctypes.c_uint32()
        self._quartz.CGGetActiveDisplayList(_MOST, ids, ctypes.byref(count))
        return list(ids[: count.value])

    def _identity(self, display: int) -> tuple[int, int, int]:
        names = ("CGDisplayVendorNumber", "CGDisplayModelNumber", "CGDisplaySerialNumber")
        vendor, model, serial = (getattr(self._quartz, name)(display) & 0xFFFFFFFF for name in names)
        return vendor, model, serial

    def _size(self, display: int) -> tuple[int, int]:
        mode = self._quartz.CGDisplayCopyDisplayMode(display)
        size = self._quartz.CGDisplayModeGetPixelWidth(mode), self._quartz.CGDisplayModeGetPixelHeight(mode)
        self._quartz.CGDisplayModeRelease(mode)
        return size
