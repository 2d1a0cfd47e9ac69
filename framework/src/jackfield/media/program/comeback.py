"""Devices that failed, and are worth another try after a while."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from attrs import evolve, frozen

from jackfield.roles import Unwatch
from jackfield.values.devices import Device, DeviceChange, DeviceState
from jackfield.values.errors import CallError, DeviceBusy, DeviceDenied

logger = logging.getLogger("jackfield.program")

#: A device that failed counts as gone for so long. Then it is tried, while somebody watches.
AFTER_S = 10.0


@frozen
class _Lost:
    device: Device
    state: DeviceState
    note: str
    until: float


class Comeback:
    """Which devices of a driver failed lately. While somebody watches, each is tried again, and told of when it may do.

    ``worth_trying`` looks, on a thread, whether opening the device could work now; it may take seconds. What it raises
    is logged and means no.
    """

    def __init__(
        self,
        worth_trying: Callable[[Device], bool] = lambda device: True,
        *,
        after_s: float = AFTER_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._worth_trying, self._after_s, self._clock = worth_trying, after_s, clock
        self._lock = threading.Lock()
        self._lost: dict[str, _Lost] = {}
        self._watching: list[Callable[[DeviceChange], None]] = []
        self._changed = threading.Condition(self._lock)
        self._thread: threading.Thread | None = None

    def now(self, device: Device) -> Device:
        """The device with the state that it is in."""
        with self._lock:
            lost = self._lost.get(device.id)
            if lost is None or (not self._watching and self._clock() >= lost.until):
                return device
            return evolve(device, state=lost.state, note=lost.note)

    def lost(self, device: Device, error: CallError) -> None:
        """It failed; whoever watches is told. Any thread."""
        state: DeviceState = "gone"
        if isinstance(error, DeviceDenied | DeviceBusy):
            state = "denied" if isinstance(error, DeviceDenied) else "busy"
        gone = evolve(device, state=state, note=error.message)
        with self._changed:
            self._lost[device.id] = _Lost(device, state, error.message, self._clock() + self._after_s)
            self._look_after()
            self._changed.notify_all()
        self._tell(DeviceChange("changed", gone))

    def found(self, device: Device) -> None:
        """It works. Any thread."""
        with self._lock:
            self._lost.pop(device.id, None)

    def watch(self, changed: Callable[[DeviceChange], None]) -> Unwatch:
        """Reports devices that failed, and that they are worth a try again."""
        with self._lock:
            self._watching.append(changed)
            self._look_after()
        return lambda: self._unwatch(changed)

    def _unwatch(self, changed: Callable[[DeviceChange], None]) -> None:
        with self._changed:
            if changed in self._watching:
                self._watching.remove(changed)
            thread = None if self._watching else self._thread
            self._changed.notify_all()
        if thread is not None and thread is not threading.current_thread():
            thread.join(1.0)

    def _look_after(self) -> None:
        if self._watching and self._lost and self._thread is None:
            self._thread = threading.Thread(target=self._run, name="jackfield devices that failed", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while (due := self._due()) is not None:
            if self._looks_well(due.device):
                self.found(due.device)
                self._tell(DeviceChange("changed", due.device))
                continue
            with self._lock:
                if due.device.id in self._lost:
                    self._lost[due.device.id] = evolve(due, until=self._clock() + self._after_s)

    def _looks_well(self, device: Device) -> bool:
        try:
            return self._worth_trying(device)
        except Exception:  # a fault of a plugin's: the next look may go better, and other devices have theirs
            logger.exception("%s: whether it works again could not be seen", device.id)
            return False

    def _due(self) -> _Lost | None:
        """The next that is to be tried, once it is time; None when nobody watches or nothing is lost."""
        with self._changed:
            while self._watching and self._lost:
                first = min(self._lost.values(), key=lambda lost: lost.until)
                wait_s = first.until - self._clock()
                if wait_s <= 0:
                    return first
                self._changed.wait(wait_s)
            self._thread = None
            return None

    def _tell(self, change: DeviceChange) -> None:
        with self._lock:
            watching = list(self._watching)
        for changed in watching:
            try:
                changed(change)
            except Exception:
                logger.exception("a watcher of %s failed", change.device.id)
