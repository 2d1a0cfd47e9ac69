"""The drivers: what there is, what comes and goes, and what it is to open one."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Sequence

from jackfield.roles import Capture, Player, Unwatch
from jackfield.values.devices import Device, DeviceChange, DeviceKind
from jackfield.values.errors import DeviceError, DeviceGone
from jackfield.values.findings import Finding
from jackfield.values.formats import AudioFormat, MediaFormat
from jackfield_sounddevice.endpoint import SERVED, Direction, Endpoint
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
        self._open: weakref.WeakSet[StreamProcess] = weakref.WeakSet()
        self._lock = threading.Lock()

    def listed(self, direction: Direction) -> Sequence[Device]:
        """The devices of one direction."""
        return [each.device for each in self._machine.endpoints() if each.direction == direction]

    def watched(self, direction: Direction, changed: Callable[[DeviceChange], None]) -> Unwatch:
        """Reports what comes and goes in one direction, and ends what is open of the sound server's that went."""

        def told(change: DeviceChange) -> None:
            if change.change == "removed" and change.device.id.startswith(SERVED):
                self._taken_away(change.device.id, direction)
            changed(change)

        return Watch(lambda: self.listed(direction), self._machine.news(), told).end

    def _taken_away(self, device_id: str, direction: Direction) -> None:
        """The server moves its streams to another device, and they go on as if nothing had been. A server that lists
        nothing is one that did not answer in time."""
        served = {each.id for each in self.listed(direction) if each.id.startswith(SERVED)}
        if not served or device_id in served:
            return
        with self._lock:
            running = list(self._open)
        for each in running:
            each.lose(device_id, "the sound server has it no more")

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
        process = StreamProcess(self._endpoint(device, direction), request)
        with self._lock:
            self._open.add(process)
        return process, format

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
