"""Between the call's event loop and Qt's thread, which may be one and the same thread or two."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Coroutine
from typing import Any

from PySide6.QtCore import QCoreApplication, QObject, Signal, Slot

from jackfield.values.errors import CallError, PluginError

#: Qt's thread, where it is another one, is waited for so long.
ANSWER_S = 10.0

logger = logging.getLogger("jackfield.render-qt")


class Crossing(QObject):
    """Carries calls over. Made on the event loop's thread."""

    _posted = Signal(object)

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._loop = loop
        self._loop_thread = threading.get_ident()
        self._tasks: set[asyncio.Task[None]] = set()
        application = QCoreApplication.instance()
        assert application is not None
        self.is_one_thread = self.thread() is application.thread()
        self._runner = _Runner()
        self._runner.moveToThread(application.thread())
        self._posted.connect(self._runner.run)

    def gui(self, function: Callable[[], object]) -> None:
        """Runs on Qt's thread: at once where this is it, else as soon as Qt comes to it."""
        self._posted.emit(function)

    async def in_gui(self, function: Callable[[], Any]) -> Any:
        """Runs on Qt's thread, and answers with what it gave."""
        if self.is_one_thread:
            return function()
        done = asyncio.Event()
        answer: list[Any] = []

        def run() -> None:
            try:
                answer.append((function(), None))
            except BaseException as error:
                answer.append((None, error))
            self._loop.call_soon_threadsafe(done.set)

        self.gui(run)
        try:
            async with asyncio.timeout(ANSWER_S):
                await done.wait()
        except TimeoutError:
            raise PluginError(
                f"Qt's thread has not answered for {ANSWER_S:g} s: it runs no event loop, or waits for the call; "
                "see docs/qt.md for the loops that work"
            ) from None
        value, error = answer[0]
        if error is not None:
            raise error
        return value

    def call(self, function: Callable[[], object]) -> None:
        """Runs on the event loop: at once where this is its thread."""
        if threading.get_ident() == self._loop_thread:
            function()
            return
        try:
            self._loop.call_soon_threadsafe(function)
        except RuntimeError:
            logger.debug("the event loop is closed")

    def task(self, action: Callable[[], Coroutine[Any, Any, Any]], failed: Callable[[str], None]) -> None:
        """Runs the action on the event loop; ``failed`` gets on Qt's thread what a person may read of its error."""

        async def run() -> None:
            try:
                await action()
            except CallError as error:
                self._say(failed, error.message)
            except ValueError as error:
                self._say(failed, str(error))
            except Exception:
                logger.exception("an action failed")
                self._say(failed, "That did not work; the log says why")

        def begin() -> None:
            task = self._loop.create_task(run(), name="render-qt action")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        self.call(begin)

    def _say(self, failed: Callable[[str], None], words: str) -> None:
        self.gui(lambda: failed(words))


class _Runner(QObject):
    """Lives on Qt's thread."""

    @Slot(object)
    def run(self, function: Callable[[], object]) -> None:
        try:
            function()
        except Exception:
            logger.exception("the widget failed; the call goes on")
