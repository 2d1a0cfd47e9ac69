"""Hot-plug: something says that it is worth looking, and what differs from the last look is told."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Protocol

from attrs import evolve

from jackfield.values.devices import Device, DeviceChange

logger = logging.getLogger("jackfield.sounddevice")

#: How often it is looked where waiting fails.
LOOK_S = 2.0


class News(Protocol):
    """What waits for something to come or go; used by one thread, which also releases it, closed by another."""

    def wait(self) -> bool:
        """True when it is worth looking again; False once closed."""

    def close(self) -> None:
        """`wait` answers False at once."""

    def release(self) -> None:
        """Everything that was opened is closed. `wait` is not called any more; `close` may be."""


class Watch:
    """Tells ``changed`` how each listing differs from the one before, on a thread of its own, until `end`."""

    def __init__(
        self, listed: Callable[[], Sequence[Device]], news: News, changed: Callable[[DeviceChange], None]
    ) -> None:
        self._listed, self._news, self._changed = listed, news, changed
        self._known = {device.id: device for device in listed()}
        self._ended = threading.Event()
        self._blind = False
        self._thread = threading.Thread(target=self._run, name="sounddevice watch", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Nothing is told any more."""
        self._ended.set()
        self._news.close()
        if self._thread is not threading.current_thread():
            self._thread.join(2.0)

    def _run(self) -> None:
        try:
            while self._told():
                try:
                    self._look()
                except Exception:
                    logger.warning("sound devices could not be listed again", exc_info=True)
        finally:
            self._news.release()

    def _told(self) -> bool:
        """Whether to look again; where nothing can be waited for, every two seconds."""
        try:
            return self._news.wait()
        except Exception:
            level = logging.DEBUG if self._blind else logging.WARNING
            logger.log(level, "sound devices are looked for every %g s: waiting failed", LOOK_S, exc_info=True)
            self._blind = True
            return not self._ended.wait(LOOK_S)

    def _look(self) -> None:
        now = {device.id: device for device in self._listed()}
        changes = differences(self._known, now)
        self._known = now
        for change in changes:
            if not self._ended.is_set():
                self._changed(change)


def differences(before: dict[str, Device], now: dict[str, Device]) -> list[DeviceChange]:
    """What was removed, added or changed, in this order."""
    gone = [evolve(device, state="gone", note="unplugged") for key, device in before.items() if key not in now]
    return [
        *(DeviceChange("removed", device) for device in gone),
        *(DeviceChange("added", device) for key, device in now.items() if key not in before),
        *(
            DeviceChange("changed", device)
            for key, device in now.items()
            if key in before and _visible(before[key]) != _visible(device)
        ),
    ]


def _visible(device: Device) -> Device:
    """A rank that moves because something else came is no change of the device."""
    return evolve(device, rank=0)
