"""What a desktop must be able to do, and which one this process belongs to."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from attrs import field, frozen

from jackfield.roles import Unwatch
from jackfield.values.devices import Device, DeviceChange
from jackfield.values.findings import Finding
from jackfield.values.formats import VideoFormat
from jackfield_screen.options import Options

#: Rates that a screen is listed with; it can be asked for any other.
RATES = (30.0, 60.0, 15.0, 5.0)
PIXEL_FORMAT = "bgr0"


@frozen
class Area:
    """What is to be taken, in pixels: of the whole picture that FFmpeg's device ``format`` has at ``url``.

    ``options`` are those of that device beside size, place, rate and cursor (libavdevice's documentation names them).
    """

    url: str
    format: str
    width: int
    height: int
    x: int = 0
    y: int = 0
    options: Mapping[str, str] = field(factory=dict)


class View(Protocol):
    """One screen or window, followed while its pictures are taken. Used by one thread."""

    def look(self) -> Area | None:
        """Where it is now; None while it cannot be seen (minimised). `DeviceGone` when it is not there any more."""

    def close(self) -> None:
        """What following it took is given back."""


class Desktop(Protocol):
    """One kind of desktop."""

    def devices(self) -> Sequence[Device]:
        """Its screens and windows now."""

    def watch(self, changed: Callable[[DeviceChange], None]) -> Unwatch:
        """Reports what comes, goes and changes its size or title."""

    def view(self, device: Device) -> View:
        """The screen or window, to be followed; `DeviceError` says why not."""

    def diagnose(self) -> Sequence[Finding]:
        """Why it shows nothing."""


def modes(width: int, height: int) -> tuple[VideoFormat, ...]:
    """The modes of a screen of this size. Encoders want even sizes: the last odd row and column are left out."""
    return tuple(VideoFormat(width & ~1, height & ~1, rate, PIXEL_FORMAT) for rate in RATES)


def find(options: Options, environ: Mapping[str, str] = os.environ, platform: str = sys.platform) -> Desktop:
    """The desktop of this process. Imports what is needed for that one alone."""
    name = {"darwin": "macos", "win32": "windows"}.get(platform, "x11.desktop")
    module = importlib.import_module(f"jackfield_screen.{name}")
    desktop: Desktop = module.desktop(options, environ)
    return desktop
