"""The commands of the configuration as devices: listed by what can be seen of them, opened by starting them."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import evolve

from jackfield.media.program.comeback import Comeback
from jackfield.media.program.process import without_logins
from jackfield.plugins.side_by_side import side_by_side
from jackfield.roles import Capture, Unwatch
from jackfield.values.devices import Device, DeviceChange, DeviceKind
from jackfield.values.errors import CallError, DeviceError, DeviceGone
from jackfield.values.findings import Finding
from jackfield.values.formats import AudioFormat, MediaFormat, VideoFormat
from jackfield_pipe.options import Options, PipeDevice

if TYPE_CHECKING:
    from jackfield_pipe.captures import PipeCapture

#: What a command whose size is a placeholder is listed with.
SIZES = ((1280, 720), (1920, 1080), (640, 480), (640, 360))
#: The doctor waits so long for all of them.
_DIAGNOSIS_S = 16.0


class PipeDriver:
    """The driver. A command that failed is tried again after a while, as long as somebody watches."""

    name = "pipe"
    kinds: frozenset[DeviceKind] = frozenset({"camera", "microphone", "screen"})

    def __init__(self, options: Options) -> None:
        self._options = options
        self._comeback = Comeback(lambda device: not unusable(self._options.devices[_name(device)]))

    def devices(self) -> Sequence[Device]:
        """One for each table. One whose command is not there is unusable, and says so."""
        return [self._comeback.now(listed(name, each)) for name, each in self._options.devices.items()]

    def watch(self, changed: Callable[[DeviceChange], None]) -> Unwatch:
        """Reports a command that was given up, and when it is worth a try again."""
        return self._comeback.watch(changed)

    def open(self, device: Device, format: MediaFormat) -> Capture:
        """The command has been started and gave its first picture or sound; `DeviceError` has its last words."""
        configured = self._options.devices.get(_name(device))
        if configured is None or device.plugin != self.name:
            raise DeviceGone(f"there is no {device.id}: write a table [pipe.{_name(device)}]")
        known = listed(_name(device), configured)
        if known.state != "ready":
            raise DeviceError(f"{known.label} ({known.id}) cannot be used: {known.note}")
        if isinstance(format, AudioFormat) != (known.kind == "microphone"):
            raise DeviceError(f"{known.id} is a {known.kind} and cannot be opened as {format}")
        from jackfield_pipe.captures import open_capture

        capture = open_capture(known, configured, format, lambda error: self._comeback.lost(known, error))
        self._opened(known, capture)
        return capture

    def _opened(self, device: Device, capture: PipeCapture) -> None:
        capture.ready()
        self._comeback.found(device)

    def diagnose(self) -> Sequence[Finding]:
        """Commands that are not there, and those that give nothing: each is started, side by side, and ended again."""
        found = []
        there = []
        for name, each in self._options.devices.items():
            if problem := unusable(each):
                fix = f"install it (it belongs to a package of your system), or correct [pipe.{name}] command"
                found.append(Finding("error", f"pipe:{name}", problem, fix))
            else:
                there.append((name, each))
        answers = side_by_side([partial(self._tried, name, each) for name, each in there], _DIAGNOSIS_S)
        for (name, _), answer in zip(there, answers, strict=True):
            if isinstance(answer, Exception):
                words = answer.message if isinstance(answer, CallError) else str(answer)
                problem, _, fix = words.rpartition("; ")
                found.append(Finding("warning", f"pipe:{name}", problem or fix, fix))
        return found

    def _tried(self, name: str, configured: PipeDevice) -> None:
        from jackfield_pipe.captures import open_capture

        format = AudioFormat() if configured.is_sound else VideoFormat()
        capture = open_capture(listed(name, configured), configured, format, lambda error: None)
        capture.ready()
        capture.stop()


def listed(name: str, configured: PipeDevice) -> Device:
    """The device, as far as it can be known without starting the command."""
    problem = unusable(configured)
    fix = f"; install it, or correct [pipe.{name}] command"
    kind: DeviceKind = "microphone" if configured.is_sound else configured.kind
    command = without_logins(_showable(configured.words[0]))
    label = configured.label or f"{name} ({Path(command).name})"
    device = Device(f"pipe:{name}", kind, label, command, modes=_modes(configured), rank=configured.rank)
    if problem:
        device = evolve(device, state="unusable", note=problem + fix)
    return evolve(device, facing=configured.facing)


def unusable(configured: PipeDevice) -> str:
    """Why its command cannot be started here, empty where it can."""
    if sys.platform == "win32":
        return "commands are read on Linux and macOS, and not on Windows"
    if not all(_sendable(word) for word in configured.words):
        return "a word of its command holds a NUL or half of a surrogate pair, which no command can"
    command = configured.words[0]
    shown = without_logins(command)
    if shutil.which(command):
        return ""
    if os.sep in command and Path(command).exists():
        return f"{shown} is there and is no program that this user may run (chmod +x)"
    where = "" if os.sep in command else " on the PATH"
    return f"there is no command {shown}{where}"


def _showable(word: str) -> str:
    return word.encode(errors="replace").decode().replace("\0", "?")


def _sendable(word: str) -> bool:
    try:
        return b"\0" not in os.fsencode(word)
    except UnicodeEncodeError:
        return False


def _modes(configured: PipeDevice) -> tuple[MediaFormat, ...]:
    if configured.is_sound:
        return (AudioFormat(configured.rate, configured.channels),)
    codec = "H264" if configured.format == "h264" else None
    layout = "" if codec or configured.format == "y4m" else configured.format
    placeholders = any("{width}" in word or "{height}" in word for word in configured.words)
    fixed = (configured.width, configured.height)
    sizes = SIZES if placeholders and not all(fixed) else (fixed,)
    return tuple(
        VideoFormat(configured.width or width, configured.height or height, configured.fps or 30.0, layout, codec)
        for width, height in sizes
    )


def _name(device: Device) -> str:
    return device.id.partition(":")[2]
