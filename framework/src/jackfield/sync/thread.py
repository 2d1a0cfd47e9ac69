"""An event loop on a thread of its own, and another thread on which a program's callbacks run."""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import queue
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from jackfield.values.errors import NetworkError

logger = logging.getLogger("jackfield.sync")

Answer = TypeVar("Answer")
#: How long a blocking call waits at most, unless it says otherwise.
LIMIT_S = 60.0
#: How often a wait looks whether Ctrl-C was pressed, where the system does not wake it.
_LOOK_S = 1.0
#: What is cancelled, or told at the end, has so long.
_END_S = 10.0
#: So many callbacks may wait for their turn; further ones are left out.
_WAITING_MAX = 1000


class LoopThread:
    """Runs coroutines for threads that block until they are done. Any thread may use it, save its own loop's.

    Callbacks run one after the other on a second thread, so that they may block, and use the call, as they like.
    """

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="jackfield.sync", daemon=True)
        self._callbacks = threading.Thread(target=self._call, name="jackfield.sync callbacks", daemon=True)
        self._is_over = False
        self._thread.start()
        self._callbacks.start()

    @property
    def is_over(self) -> bool:
        """Whether nothing runs here any more."""
        return self._is_over

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def run(self, job: Coroutine[Any, Any, Answer], *, limit_s: float | None = LIMIT_S, what: str = "this") -> Answer:
        """What the coroutine answers, or raises. `NetworkError` when it takes longer than ``limit_s`` (None: no limit).

        Ctrl-C cancels it, and is raised once it has ended.
        """
        if self._is_over or threading.current_thread() is self._thread:
            job.close()
            if self._is_over:
                raise NetworkError(f"{what} was asked for after `close`; make another `jackfield.sync.Calls`")
            raise RuntimeError(f"{what} waits for the thread that it was called on; use `await` there")
        future = asyncio.run_coroutine_threadsafe(job, self._loop)
        left_s = limit_s
        try:
            while True:
                step_s = _LOOK_S if left_s is None else min(_LOOK_S, left_s)
                done, _ = concurrent.futures.wait([future], timeout=step_s)
                if done:
                    return future.result()
                if left_s is not None:
                    left_s -= step_s
                    if left_s <= 0:
                        raise NetworkError(f"{what} was not done within {limit_s:g} s; try again, or give it longer")
        except BaseException:
            if not future.done():
                future.cancel()
            raise

    # --- callbacks
    def later(self, callback: Callable[..., Any]) -> Callable[..., Any]:
        """A function for the loop that has ``callback`` called on the callbacks' thread; it answers with a future."""

        def submit(*arguments: Any) -> asyncio.Future[Any]:
            answer: concurrent.futures.Future[Any] = concurrent.futures.Future()
            wrapped = asyncio.wrap_future(answer, loop=self._loop)
            wrapped.add_done_callback(lambda each: each.cancelled() or each.exception())
            if self._jobs.qsize() >= _WAITING_MAX:
                logger.warning("%s is left out: %d callbacks wait for their turn", callback, _WAITING_MAX)
                answer.cancel()
            else:
                self._jobs.put(lambda: _answer(answer, callback, arguments))
            return wrapped

        submit.__qualname__ = getattr(callback, "__qualname__", repr(callback))
        submit.__module__ = getattr(callback, "__module__", "") or ""
        return submit

    def _call(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()

    def close(self) -> None:
        """Both threads end, once the callbacks that wait have run; fine to call twice."""
        if self._is_over:
            return
        self._jobs.put(None)
        if threading.current_thread() is not self._callbacks:
            self._callbacks.join(_END_S)
        self.run(self._settled(), limit_s=_END_S)
        self._is_over = True
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_END_S)
        if not self._thread.is_alive():
            self._loop.close()

    async def _settled(self) -> None:
        await self._loop.shutdown_asyncgens()
        await self._loop.shutdown_default_executor()


def _answer(answer: concurrent.futures.Future[Any], callback: Callable[..., Any], arguments: Any) -> None:
    if not answer.set_running_or_notify_cancel():
        return
    try:
        answer.set_result(callback(*arguments))
    except BaseException as exc:
        answer.set_exception(exc)
