"""What opens on a thread — devices, encoders, loudspeakers — and is closed again when nobody waits for it any more."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from jackfield.plugins.patience import of_its_own, started
from jackfield.values.errors import CallError, PluginError

logger = logging.getLogger("jackfield.media")

Thing = TypeVar("Thing")


class TooSlow(TimeoutError):
    """It did not open in time, and is closed should it open yet."""


async def opened(
    open: Callable[[], Thing], close: Callable[[Thing], object], *, timeout_s: float | None = None
) -> Thing:
    """What ``open`` answers, on a thread. `TooSlow` when it takes longer.

    When that, a cancellation or the end of the loop comes first, the thing is closed as soon as it is open: a device
    driver cannot be interrupted, and nobody would know of the device.
    """
    late = _Late(open, close)
    opening = asyncio.wrap_future(started(late.run, "open"))
    try:
        done, _ = await asyncio.wait({opening}, timeout=timeout_s)
        if not done:
            raise TooSlow(f"not open within {timeout_s} s")
        return opening.result()
    except BaseException:
        opening.add_done_callback(_seen)
        late.give_up()
        raise


async def begun(start: Callable[[], object], stop: Callable[[], object], *, timeout_s: float | None = None) -> None:
    """Starts, on a thread, what is open. When nobody waits for it any more, it is stopped once its start has ended,
    be it with an error."""

    def run() -> Exception | None:
        try:
            start()
        except BaseException as exc:
            return of_its_own(exc)
        return None

    error = await opened(run, lambda _: stop(), timeout_s=timeout_s)
    if error is not None:
        raise error


async def aside(job: Callable[[], Thing]) -> Thing:
    """What a job answers that may block, such as listing devices; on a thread of its own, not one of the loop's few: a
    driver that hangs takes nobody else's, and the end of the program does not wait for it. Begun at once: it is done
    even if nobody waits any more."""
    return await asyncio.wrap_future(started(job, "aside"))


def as_call_error(error: object, who: str) -> CallError:
    """What a plugin said when its device ended: an error of ours, whatever it gave."""
    if isinstance(error, CallError):
        return error
    return PluginError(f"{who} ended, and its plugin said {error!r:.200}; tell who wrote it")


async def bordered(job: Awaitable[Thing], what: str, instead: str) -> Thing:
    """What a driver answers. A foreign error is its plugin's: ``what`` failed, and ``instead`` is to be done."""
    try:
        return await job
    except (CallError, TooSlow):
        raise
    except Exception as exc:
        raise PluginError(f"{what}: {type(exc).__name__}: {exc}; {instead}") from exc


class _Late(Generic[Thing]):
    """Decides, under a lock, who closes: whoever opened, or whoever gave up after that."""

    def __init__(self, open: Callable[[], Thing], close: Callable[[Thing], object]) -> None:
        self._open, self._close = open, close
        self._lock = threading.Lock()
        self._given_up = False
        self._things: list[Thing] = []

    def run(self) -> Thing:
        """On the thread."""
        thing = self._open()
        with self._lock:
            if not self._given_up:
                self._things.append(thing)
                return thing
        self._closed(thing)
        return thing

    def give_up(self) -> None:
        """Nobody waits any more."""
        with self._lock:
            self._given_up = True
            things, self._things = self._things, []
        for thing in things:
            threading.Thread(target=self._closed, args=(thing,), name="jackfield close", daemon=True).start()

    def _closed(self, thing: Thing) -> None:
        try:
            self._close(thing)
        except Exception:
            logger.warning("what opened too late could not be closed", exc_info=True)


def _seen(opening: asyncio.Future[Thing]) -> None:
    """An error after we gave up is no longer of interest."""
    if not opening.cancelled() and opening.exception() is not None:
        logger.debug("what opened too late failed: %r", opening.exception())
