"""Every call can be awaited, or told where to report: ``on_success`` and ``on_error``."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from jackfield.values.errors import CallError

logger = logging.getLogger("jackfield.calls")

Answer = TypeVar("Answer")
OnSuccess = Callable[[Any], Any] | None
OnError = Callable[[CallError], Any] | None

#: Calls under way that nobody may be awaiting.
_running: set[asyncio.Task[Any]] = set()


def answered(
    job: Coroutine[Any, Any, Answer], on_success: OnSuccess = None, on_error: OnError = None
) -> Awaitable[Answer]:
    """The job itself, to be awaited; with a callback it runs at once, awaited or not.

    ``on_success`` gets the answer. With ``on_error`` the error goes there, and what is awaited gives None instead of
    raising: the one case that the annotation leaves out. A callback that fails is logged, and changes nothing.
    """
    if on_success is None and on_error is None:
        return job
    task: asyncio.Task[Any] = asyncio.get_running_loop().create_task(_reported(job, on_success, on_error))
    _running.add(task)
    task.add_done_callback(_running.discard)
    return task


async def _reported(job: Coroutine[Any, Any, Answer], on_success: OnSuccess, on_error: OnError) -> Answer | None:
    try:
        answer = await job
    except Exception as exc:
        if on_error is None:
            raise
        await _tell(on_error, exc if isinstance(exc, CallError) else _unexpected(exc))
        return None
    if on_success is not None:
        await _tell(on_success, answer)
    return answer


def _unexpected(exc: Exception) -> CallError:
    """Nobody may be awaiting: a program that waits for one of its callbacks hears of this too."""
    logger.error("jackfield itself failed", exc_info=exc)
    return CallError(f"jackfield itself failed: {type(exc).__name__}: {exc}; the log says where")


async def _tell(callback: Callable[[Any], Any], value: Any) -> None:
    try:
        told = callback(value)
        if asyncio.iscoroutine(told):
            await told
    except Exception:
        logger.exception("the callback %s failed", getattr(callback, "__qualname__", callback))
