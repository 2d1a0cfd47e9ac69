"""Leaving a call, one step after the other, whatever becomes of each."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

logger = logging.getLogger("jackfield.call")

#: What one step of leaving may take.
END_TIMEOUT_S = 6.0
#: Steps that took longer, and go on: what they are at is given back as soon as it can be.
_left: set[asyncio.Task[Any]] = set()


async def within(step: Coroutine[Any, Any, Any]) -> None:
    """One step of leaving, which neither hangs nor stops the next. One that takes too long goes on by itself."""
    task = asyncio.get_running_loop().create_task(step)
    try:
        done, _ = await asyncio.wait({task}, timeout=END_TIMEOUT_S)
    except asyncio.CancelledError:
        task.cancel()
        raise
    if done:
        _seen(task)
        return
    logger.warning("a step of leaving took longer than %g s, and is left to itself", END_TIMEOUT_S)
    _left.add(task)
    task.add_done_callback(_left.discard)
    task.add_done_callback(_seen)


def _seen(task: asyncio.Task[Any]) -> None:
    error = None if task.cancelled() else task.exception()
    if error is not None:
        logger.warning("a step of leaving failed", exc_info=error)
