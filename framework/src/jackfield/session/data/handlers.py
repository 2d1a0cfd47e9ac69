"""A program's handlers, called so that none can stop another; coroutines become tasks that end with the call."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from jackfield.log_limit import limited_logger

logger = limited_logger("jackfield.streams")


class Handlers:
    """Handlers that run."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Future[Any]] = set()

    def call(self, handler: Callable[..., Any], *arguments: Any, what: str) -> None:
        """Calls it on the event loop; what it raises is logged, and goes no further."""
        try:
            answer = handler(*arguments)
        except Exception:
            logger.exception("%s failed; the call goes on", what)
            return
        if isinstance(answer, Awaitable):
            self.run(answer, what=what)

    def run(self, job: Awaitable[Any], *, what: str) -> None:
        """Runs it to its end, or the call's."""
        task = asyncio.ensure_future(self._finish(job, what))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _finish(self, job: Awaitable[Any], what: str) -> None:
        try:
            await job
        except Exception:
            logger.exception("%s failed; the call goes on", what)

    async def close(self) -> None:
        """None runs any more. What ended by itself when its stream broke off has had its turn."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=0.2)
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
