"""Qt's events in a program that runs asyncio and no Qt loop."""

from __future__ import annotations

import asyncio

from PySide6.QtCore import QCoreApplication, QEvent, QEventLoop, QThread
from PySide6.QtWidgets import QApplication

#: Between two looks: a hundredth of a second is not seen, and costs next to nothing.
EVERY_S = 0.01
#: Qt may be at it for so long at once.
_AT_MOST_MS = 20


def has_loop() -> bool:
    """Whether a Qt loop runs on this thread already: the application's own, or qasync's."""
    return QThread.currentThread().loopLevel() > 0


def delete_deferred() -> None:
    """What was given to ``deleteLater`` is gone: only a loop of Qt's own does that by itself."""
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)


class Pump:
    """Lets Qt work a hundred times a second, from the event loop; to be made on it."""

    def __init__(self) -> None:
        self._task = asyncio.create_task(self._go_on(), name="render-qt pump")

    async def _go_on(self) -> None:
        while True:
            application = QApplication.instance()
            if application is None:
                return
            application.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, _AT_MOST_MS)
            delete_deferred()
            await asyncio.sleep(EVERY_S)

    async def stop(self) -> None:
        """Qt works no more."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
