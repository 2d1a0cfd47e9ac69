"""Devices that come and go during a call: one watch for all drivers, and whoever needs to know is told."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

from jackfield.plugins import Plugins
from jackfield.plugins.patience import started
from jackfield.roles import CaptureDriver, PlaybackDriver, Unwatch
from jackfield.session.opening import aside
from jackfield.values import events
from jackfield.values.devices import Device, DeviceChange, DeviceKind
from jackfield.values.events import Event

logger = logging.getLogger("jackfield.devices")

#: Changes of one kind within this are told as one: a camera that is plugged in makes several.
TOGETHER_S = 0.05
#: What ending a watch may take before the call goes on without it.
UNWATCH_S = 1.0
_LISTS: dict[DeviceKind, Callable[[tuple[Device, ...]], Event]] = {
    "camera": events.CamerasChanged,
    "microphone": events.MicrophonesChanged,
    "speaker": events.SpeakersChanged,
    "screen": events.ScreensChanged,
}


class HotPlug:
    """Listens to every driver from `start` to `close`; handlers run on the event loop."""

    def __init__(self, plugins: Plugins, emit: Callable[[Event], None]) -> None:
        self._plugins, self._emit = plugins, emit
        self._loop = asyncio.get_running_loop()
        self._handlers: list[Callable[[DeviceChange], None]] = []
        self._unwatches: list[Unwatch] = []
        self._lock = threading.Lock()
        self._telling: dict[DeviceKind, asyncio.Task[None]] = {}
        self._closed = False

    def start(self) -> None:
        """Drivers are watched from soon on, each on a thread of its own: one that hangs holds up no other."""
        drivers: list[CaptureDriver | PlaybackDriver] = [*self._plugins.captures, *self._plugins.playbacks]
        for driver in drivers:
            started(partial(self._watch, driver), "watch devices")

    def _watch(self, driver: CaptureDriver | PlaybackDriver) -> None:
        try:
            unwatch = driver.watch(self._changed)
        except Exception as exc:
            logger.warning("plugin %s cannot watch its devices: %s", driver.name, exc)
            return
        with self._lock:
            if not self._closed:
                self._unwatches.append(unwatch)
                return
        _end(unwatch)

    def on_change(self, handler: Callable[[DeviceChange], None]) -> Unwatch:
        """Calls ``handler`` at each change, until the answer is called."""
        self._handlers.append(handler)
        return lambda: self._handlers.remove(handler) if handler in self._handlers else None

    def _changed(self, change: DeviceChange) -> None:
        try:
            self._loop.call_soon_threadsafe(self._tell, change)
        except RuntimeError:
            logger.debug("the loop is closed")

    def _tell(self, change: DeviceChange) -> None:
        if self._closed:
            return
        device: object = getattr(change, "device", None)
        if not isinstance(device, Device) or device.kind not in _LISTS:
            logger.warning("a plugin reports %.200r, which is no change of a device", change)
            return
        logger.info("%s %s: %s", change.device.kind, change.change, change.device.id)
        for handler in list(self._handlers):
            handler(change)
        kind = change.device.kind
        if kind not in self._telling:
            self._telling[kind] = asyncio.create_task(self._tell_list(kind), name=f"list {kind}s")

    async def _tell_list(self, kind: DeviceKind) -> None:
        await asyncio.sleep(TOGETHER_S)
        del self._telling[kind]
        devices = await aside(lambda: self._plugins.devices(kind))
        if not self._closed:
            self._emit(_LISTS[kind](tuple(devices)))

    async def close(self) -> None:
        """Nobody is watched, and nothing more is told; a driver that cannot be stopped soon is left to itself."""
        with self._lock:
            self._closed = True
            unwatches, self._unwatches = self._unwatches, []
        telling: list[asyncio.Task[Any]] = list(self._telling.values())
        for task in telling:
            task.cancel()
        ending = [asyncio.ensure_future(aside(partial(_end, unwatch))) for unwatch in unwatches]
        await asyncio.gather(*telling, return_exceptions=True)
        if ending:
            await asyncio.wait(ending, timeout=UNWATCH_S)


def _end(unwatch: Unwatch) -> None:
    try:
        unwatch()
    except Exception:
        logger.warning("a driver cannot end its watch", exc_info=True)
