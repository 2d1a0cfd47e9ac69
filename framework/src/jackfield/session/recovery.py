"""A device that was lost in mid-call: waiting for its return, or taking the next one in order of preference."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from typing import Any

from jackfield.media.clock import Clock, LoopClock
from jackfield.plugins import Plugins
from jackfield.session.explaining import Wish, found_again
from jackfield.session.hotplug import HotPlug
from jackfield.session.opening import aside
from jackfield.session.rests import Rests
from jackfield.values.devices import LEAST_RANK, Device, DeviceChange, DeviceKind
from jackfield.values.errors import CallError, DeviceBusy, DeviceGone

logger = logging.getLogger("jackfield.devices")

#: While nothing is heard of hot-plug, it is tried again after these; the last goes on.
DELAYS_S = (0.25, 0.5, 1.0, 2.0, 4.0)
#: A device that rests for longer is not waited for where the wish allows others.
SHORT_REST_S = 1.0
#: Kinds that are replaced by another device though nobody named one. No other camera is turned on unasked.
_REPLACED: frozenset[DeviceKind] = frozenset({"microphone", "speaker"})

NO_OTHER = "there is no other camera to switch to; see `jackfield devices camera`"


class Recovery:
    """Of one publication, or of the loudspeaker. Used on the event loop; runs once at a time."""

    def __init__(self, plugins: Plugins, hotplug: HotPlug, *, clock: Clock | None = None) -> None:
        self._plugins, self._hotplug, self._clock = plugins, hotplug, clock or LoopClock()
        self.lost: Device | None = None
        self._task: asyncio.Task[None] | None = None
        self._rests = Rests(self._clock)

    @property
    def is_running(self) -> bool:
        """Whether a device is waited for."""
        return self._task is not None and not self._task.done()

    def start(self, lost: Device, job: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """The device has gone; ``job`` awaits `until_back`."""
        self.lost = lost
        self._task = asyncio.create_task(self._logged(job), name=f"wait for {lost.id}")

    async def _logged(self, job: Callable[[], Coroutine[Any, Any, None]]) -> None:
        try:
            await job()
        except Exception:
            logger.exception("waiting for a device failed")

    async def until_back(
        self, lost: Device, wish: Wish, attempt: Callable[[Device, Any], Awaitable[None]], *, is_there: bool = False
    ) -> Device:
        """Returns once ``attempt`` has put a device into use: ``lost`` itself, or one that the wish allows instead.

        It is tried at once, at each change that is heard of, and after ever longer pauses. One that fails again and
        again rests meanwhile, up to a minute, until it is plugged in anew. ``is_there``: it is plugged in and gave
        nothing, so the others come before it.
        """
        self._rests.went()
        news = asyncio.Event()

        def changed(change: DeviceChange) -> None:
            if change.change != "removed" and change.device.kind == lost.kind:
                if change.change == "added":
                    self._rests.plugged_in(change.device.id)
                news.set()

        unwatch = self._hotplug.on_change(changed)
        try:
            for delay_s in self._delays(lost):
                await self._pause(news, delay_s)
                there = await aside(lambda: candidates(self._plugins, lost, wish, is_there=is_there))
                device = await self._taken(there, attempt)
                if device is not None:
                    await found_again(self._plugins, device, lost, wish)
                    return device
        finally:
            unwatch()
        raise AssertionError("the delays never end")

    async def _taken(
        self, there: Sequence[tuple[Device, Any]], attempt: Callable[[Device, Any], Awaitable[None]]
    ) -> Device | None:
        """The first that can be used, of those that do not rest."""
        for device, driver in there:
            if self._rests.left_s(device.id):
                continue
            try:
                await attempt(device, driver)
            except CallError as error:
                logger.info("%s cannot be used yet: %s", device.id, error.message)
                if not isinstance(error, DeviceBusy):  # whoever has it may give it back at any moment
                    self._rests.failed(device.id)
            except Exception:
                logger.warning("%s cannot be used yet", device.id, exc_info=True)
                self._rests.failed(device.id)
            else:
                self._rests.came(device.id)
                return device
        return None

    def _delays(self, lost: Device) -> Iterator[float]:
        rest_s = self._rests.left_s(lost.id)
        yield rest_s if rest_s <= SHORT_REST_S else 0.0
        yield from DELAYS_S
        while True:
            yield DELAYS_S[-1]

    async def _pause(self, news: asyncio.Event, seconds: float) -> None:
        if seconds:
            timer = self._clock.call_later(seconds, news.set)
            await news.wait()
            timer.cancel()
        news.clear()

    async def stop(self) -> None:
        """Nothing is waited for any more."""
        task, self._task = self._task, None
        if task is not None and task is not asyncio.current_task():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def following(cameras: Sequence[Device], used: Device | None) -> Device:
    """The camera to switch to: hardware before made-up ones, then one that faces the other way, then the next in line.

    `DeviceGone` where no other is ready.
    """
    ready = [each for each in cameras if each.state == "ready"]
    others = [each for each in ready if used is None or each.id != used.id]
    if not others:
        raise DeviceGone(NO_OTHER)
    real = [each for each in others if each.rank >= LEAST_RANK] or others
    facing = {"front": "rear", "rear": "front"}.get(used.facing if used else "")
    turned = [each for each in real if each.facing == facing] if facing else []
    in_line = sorted(turned or real, key=lambda each: each.id)
    return next((each for each in in_line if used is None or each.id > used.id), in_line[0])


def candidates(plugins: Plugins, lost: Device, wish: Wish, *, is_there: bool = False) -> list[tuple[Device, Any]]:
    """The lost device if it is there again, then those that may stand in for it, best first; all of them ready.

    One that ``is_there`` and gave nothing comes last.
    """
    wishes: list[str] = [lost.id]
    if isinstance(wish, str):
        wishes.append(wish)  # in another port a device may have another id, and still be what was wished for
    elif isinstance(wish, Sequence):
        wishes += [each for each in wish if each != "none"]
    elif wish is None and lost.kind in _REPLACED:
        others = [device for device in plugins.devices(lost.kind) if device.rank >= LEAST_RANK]
        wishes += [device.id for device in sorted(others, key=lambda device: -device.rank)]
    found: dict[str, tuple[Device, Any]] = {}
    for each in wishes:
        try:
            device, driver, _ = plugins.device(lost.kind, each)
        except CallError:
            continue
        if device is not None:
            found.setdefault(device.id, (device, driver))
    if is_there and lost.id in found:
        found[lost.id] = found.pop(lost.id)
    return list(found.values())
