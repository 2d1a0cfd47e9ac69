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
from jackfield.values.devices import Device, DeviceChange, DeviceKind
from jackfield.values.errors import CallError, DeviceGone

logger = logging.getLogger("jackfield.devices")

#: While nothing is heard of hot-plug, it is tried again after these; the last goes on.
DELAYS_S = (0.25, 0.5, 1.0, 2.0, 4.0)
#: A device that goes again within this flaps, and is given more time each time.
FLAP_S = 5.0
#: Made-up devices have lower ranks: nobody who lost a microphone wants a test tone instead.
LEAST_RANK = 10
#: Kinds that are replaced by another device though nobody named one. No other camera is turned on unasked.
_REPLACED: frozenset[DeviceKind] = frozenset({"microphone", "speaker"})

NO_OTHER = "there is no other camera to switch to; see `jackfield devices camera`"


class Recovery:
    """Of one publication, or of the loudspeaker. Used on the event loop; runs once at a time."""

    def __init__(self, plugins: Plugins, hotplug: HotPlug, *, clock: Clock | None = None) -> None:
        self._plugins, self._hotplug, self._clock = plugins, hotplug, clock or LoopClock()
        self.lost: Device | None = None
        self._task: asyncio.Task[None] | None = None
        #: How often in a row the device went as soon as it had come, and when it came last.
        self._flaps = 0
        self._came_ns: int | None = None

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

        It is tried at once, at each change that is heard of, and after ever longer pauses; a device that flaps is
        left alone for a while first. ``is_there``: it is plugged in and gave nothing, so the others come before it.
        """
        soon = self._came_ns is not None and self._clock.now_ns() - self._came_ns < FLAP_S * 1e9
        self._flaps = self._flaps + 1 if soon else 0
        news = asyncio.Event()

        def changed(change: DeviceChange) -> None:
            if change.change != "removed" and change.device.kind == lost.kind:
                news.set()

        unwatch = self._hotplug.on_change(changed)
        try:
            for delay_s in self._delays():
                await self._pause(news, delay_s)
                for device, driver in await aside(lambda: candidates(self._plugins, lost, wish, is_there=is_there)):
                    if await _succeeds(attempt, device, driver):
                        await found_again(self._plugins, device, lost, wish)
                        self._came_ns = self._clock.now_ns()
                        return device
        finally:
            unwatch()
        raise AssertionError("the delays never end")

    def _delays(self) -> Iterator[float]:
        yield DELAYS_S[min(self._flaps, len(DELAYS_S)) - 1] if self._flaps else 0.0
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


async def _succeeds(attempt: Callable[[Device, Any], Awaitable[None]], device: Device, driver: Any) -> bool:
    try:
        await attempt(device, driver)
    except CallError as error:
        logger.info("%s cannot be used yet: %s", device.id, error.message)
        return False
    except Exception:
        logger.warning("%s cannot be used yet", device.id, exc_info=True)
        return False
    return True


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
