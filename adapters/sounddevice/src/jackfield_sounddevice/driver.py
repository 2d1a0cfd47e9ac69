"""The drivers: what there is, what comes and goes, and what it is to open one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from jackfield.roles import Capture, Player, Unwatch
from jackfield.values.devices import Device, DeviceChange, DeviceKind
from jackfield.values.errors import DeviceError, DeviceGone
from jackfield.values.findings import Finding
from jackfield.values.formats import AudioFormat, MediaFormat
from jackfield_sounddevice.endpoint import Direction, Endpoint
from jackfield_sounddevice.listing import Machine
from jackfield_sounddevice.options import Options
from jackfield_sounddevice.process import StreamProcess
from jackfield_sounddevice.streams import SoundCapture, SoundPlayer
from jackfield_sounddevice.watching import Watch

#: Blocks that are kept ahead of a loudspeaker: one that plays, and one for a thread that is late.
AHEAD = 2


class Sound:
    """What both drivers share. ``library`` is the module that speaks to PortAudio."""

    name = "sounddevice"

    def __init__(self, options: Options, machine: Machine, library: str = "sounddevice") -> None:
        self._options, self._machine, self._library = options, machine, library

    def listed(self, direction: Direction) -> Sequence[Device]:
        """The devices of one direction."""
        return [each.device for each in self._machine.endpoints() if each.direction == direction]

    def watched(self, direction: Direction, changed: Callable[[DeviceChange], None]) -> Unwatch:
        """Reports what comes and goes in one direction."""
        return Watch(lambda: self.listed(direction), self._machine.news(), changed).end

    def process(self, device: Device, direction: Direction, format: MediaFormat) -> tuple[StreamProcess, AudioFormat]:
        """The device, opened by a process of its own."""
        if not isinstance(format, AudioFormat):
            raise DeviceError(f"{device.id} is a {device.kind} and cannot be opened as {format}")
        request = {
            "library": self._library,
            "channels": format.channels,
            "rates": [format.rate, 48_000, 44_100],
            "block_ms": format.ptime_ms,
            "latency_s": self._options.latency_ms / 1000,
            "stalled_after_s": self._options.stalled_after_s,
            "ahead": AHEAD,
        }
        return StreamProcess(self._endpoint(device, direction), request), format

    def _endpoint(self, device: Device, direction: Direction) -> Endpoint:
        """Where the device is now: its card may have another number since it was listed."""
        for each in self._machine.endpoints():
            if each.device.id == device.id and each.direction == direction:
                return each
        raise DeviceGone(f"{device.label} ({device.id}) is not plugged in", details={"device": device.id})


class Microphones(Sound):
    """The driver of what records."""

    kinds: frozenset[DeviceKind] = frozenset({"microphone"})

    def devices(self) -> Sequence[Device]:
        """What is there now."""
        return self.listed("input")

    def watch(self, changed: Callable[[DeviceChange], None]) -> Unwatch:
        """Reports plugging and unplugging, once the device can be opened."""
        return self.watched("input", changed)

    def open(self, device: Device, format: MediaFormat) -> Capture:
        """The microphone, in the rate and channels that were asked for, whatever its own are."""
        return SoundCapture(*self.process(device, "input", format))

    def diagnose(self) -> Sequence[Finding]:
        """What is missing for sound in either direction."""
        return self._machine.findings()


class Speakers(Sound):
    """The driver of what plays."""

    def devices(self) -> Sequence[Device]:
        """What is there now."""
        return self.listed("output")

    def watch(self, changed: Callable[[DeviceChange], None]) -> Unwatch:
        """Reports plugging and unplugging, once the device can be opened."""
        return self.watched("output", changed)

    def open(self, device: Device, format: AudioFormat) -> Player:
        """The loudspeaker, in its own rate: `Player.format` says which."""
        return SoundPlayer(*self.process(device, "output", format))
