"""Screens and windows: what there is, what comes and goes, and opening one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from jackfield.roles import Capture, Unwatch
from jackfield.values.devices import Device, DeviceChange, DeviceKind
from jackfield.values.errors import DeviceError, DeviceGone
from jackfield.values.findings import Finding
from jackfield.values.formats import MediaFormat, VideoFormat
from jackfield_screen.options import Options

if TYPE_CHECKING:
    from jackfield_screen.desktop import Desktop


class ScreenCaptures:
    """The driver. ``desktop`` is looked for when it is first needed."""

    name = "screen"
    kinds: frozenset[DeviceKind] = frozenset({"screen"})

    def __init__(self, options: Options) -> None:
        self._options = options

    @cached_property
    def desktop(self) -> Desktop:
        """The desktop that this process belongs to."""
        from jackfield_screen.desktop import find

        return find(self._options)

    def devices(self) -> Sequence[Device]:
        """Every screen, the whole desktop, and windows; nothing where there is no display."""
        return self.desktop.devices()

    def watch(self, changed: Callable[[DeviceChange], None]) -> Unwatch:
        """Reports monitors and windows that come, go and change their size or title."""
        return self.desktop.watch(changed)

    def open(self, device: Device, format: MediaFormat) -> Capture:
        """The screen in its own size, at the rate of ``format``."""
        if not isinstance(format, VideoFormat):
            raise DeviceError(f"{device.id} is a screen and cannot be opened as {format}")
        listed = next((known for known in self.devices() if known.id == device.id), None)
        if listed is None:
            raise DeviceGone(f"{device.label} ({device.id}) is not there; `jackfield devices screen` lists what is")
        if listed.state != "ready":
            raise DeviceError(f"{listed.label} ({listed.id}) cannot be taken: {listed.note}")
        from jackfield_screen.captures import ScreenCapture

        return ScreenCapture(listed, self.desktop.view(listed), format.fps or 30.0, cursor=self._options.cursor)

    def diagnose(self) -> Sequence[Finding]:
        """Why no screen can be taken, where none can."""
        return self.desktop.diagnose()
