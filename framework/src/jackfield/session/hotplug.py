"""Devices that come and go during a call: one watch for all drivers, and whoever needs to know is told."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from jackfield.plugins import Plugins
from jackfield.roles import CaptureDriver, PlaybackDriver, Unwatch
from jackfield.session.opening import aside
from jackfield.values import events
from jackfield.values.devices import Device, DeviceChange, DeviceKind
from jackfield.values.events import Event

logger = logging.getLogger("jackfield.devices")

#: Changes of one kind within this are told as one: a camera that is plugged in makes several.
TOGETHER_S = 0.05
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
        self._starting: asyncio.Task[None] | None = None
        self._telling: dict[DeviceKind, asyncio.Task[None]] = {}
        self._closed = False

    def start(self) -> None:
        """Drivers are watched from soon on; those whose watch fails are named in the log."""
        if self._starting is None and not self._closed:
            self._starting = asyncio.create_task(aside(self._watch), name="watch devices")

    def _watch(self) -> None:
        drivers: list[CaptureDriver | PlaybackDriver] = [*self._plugins.captures, *self._plugins.playbacks]
        for driver in drivers:
            try:
                self._unwatches.append(driver.watch(self._changed))
            except Exception as exc:
                logger.warning("plugin %s cannot watch its devices: %s", driver.name, exc)

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
        """Nobody is watched, and nothing more is told."""
        self._closed = True
        telling: list[asyncio.Task[Any]] = list(self._telling.values())
        for task in telling:
            task.cancel()
        await asyncio.gather(*telling, *([self._starting] if self._starting else ()), return_exceptions=True)
        unwatches, self._unwatches = self._unwatches, []
        await aside(lambda: _end(unwatches))


def _end(unwatches: list[Unwatch]) -> None:
    for unwatch in unwatches:
        try:
            unwatch()
        except Exception:
            logger.warning("a driver cannot end its watch", exc_info=True)
