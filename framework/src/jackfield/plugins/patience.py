"""Waiting for what may never answer, such as a driver: within a limit, after which it is left to itself."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as TooLate
from typing import Any, Generic, TypeVar

Answer = TypeVar("Answer")
_log = logging.getLogger(__name__)


def of_its_own(raised: BaseException) -> Exception:
    """What a job of a plugin raised, as an error of that job: one that wants to end the program ends its own work, and
    none ends a generator or a coroutine that waits for it."""
    if isinstance(raised, Exception) and not isinstance(raised, StopIteration | StopAsyncIteration):
        return raised
    return RuntimeError(f"it raised {type(raised).__name__}")


def started(job: Callable[[], Answer], name: str) -> Future[Answer]:
    """The job, on a thread that the end of the process does not wait for."""
    future: Future[Answer] = Future()
    future.set_running_or_notify_cancel()  # whoever waits may go; the job goes on

    def run() -> None:
        try:
            future.set_result(job())
        except BaseException as exc:
            future.set_exception(of_its_own(exc))

    threading.Thread(target=run, name=f"jackfield {name}", daemon=True).start()
    return future


def given_back(codec: Any, what: str, *, aside: bool) -> None:
    """The encoder or decoder is closed; what it says to that is of no interest to a call. ``aside``: on a thread of its
    own, since a driver that failed may hang in it."""

    def close() -> None:
        try:
            codec.close()
        except Exception:
            _log.warning("one %s could not be closed", what, exc_info=True)

    if aside:
        started(close, f"close {what}")
    else:
        close()


class Within(Generic[Answer]):
    """One job that makes something; made too late, it is closed again, on the job's own thread."""

    def __init__(self, limit_s: float, close: Callable[[Answer], object]) -> None:
        self._limit_s, self._close = limit_s, close
        self._lock = threading.Lock()
        self._left = False
        self._made: list[Answer] = []

    def run(self, job: Callable[[], Answer], name: str) -> Answer:
        """What the job answers or raises; ``TimeoutError`` past the limit, and the thread is left to the driver."""
        future = started(lambda: self._guarded(job), name)
        try:
            return future.result(self._limit_s)
        except TooLate:
            if future.done():
                raise
        with self._lock:
            self._left = True
            if self._made:
                return self._made[0]
        raise TimeoutError(f"not done within {self._limit_s:g} s")

    def _guarded(self, job: Callable[[], Answer]) -> Answer:
        made = job()
        with self._lock:
            if not self._left:
                self._made.append(made)
                return made
        self._close(made)
        return made
