"""What is plugged in, and who wants to hear of it."""

from __future__ import annotations

import threading
from collections.abc import Callable

from attrs import evolve

from jackfield.roles import Unwatch
from jackfield.values.devices import Device, DeviceChange


class Plugs:
    """Does to made-up devices what a hand does to a cable. Any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pulled: set[str] = set()
        self._watching: list[Callable[[DeviceChange], None]] = []

    def is_in(self, device_id: str) -> bool:
        """Whether the device is plugged in."""
        with self._lock:
            return device_id not in self._pulled

    def watch(self, changed: Callable[[DeviceChange], None]) -> Unwatch:
        """Reports what ``pull`` and ``push`` do, until the answer is called."""
        with self._lock:
            self._watching.append(changed)
        return lambda: self._unwatch(changed)

    def pull(self, device: Device, lose: Callable[[], None]) -> None:
        """The device is gone: ``lose`` ends what is open of it, then watchers hear of it."""
        with self._lock:
            self._pulled.add(device.id)
        lose()
        self._tell(DeviceChange("removed", evolve(device, state="gone", note="unplugged")))

    def push(self, device: Device) -> None:
        """The device is back."""
        with self._lock:
            self._pulled.discard(device.id)
        self._tell(DeviceChange("added", device))

    def _unwatch(self, changed: Callable[[DeviceChange], None]) -> None:
        with self._lock:
            if changed in self._watching:
                self._watching.remove(changed)

    def _tell(self, change: DeviceChange) -> None:
        with self._lock:
            watching = list(self._watching)
        for changed in watching:
            changed(change)
