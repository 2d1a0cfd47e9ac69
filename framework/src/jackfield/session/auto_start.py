"""What a call begins by itself, because its settings say so, where this installation can do it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from jackfield.values.errors import CallError

#: Setting → the action of a `CallSession` that it begins.
ACTIONS = {"auto_start_recording": "start_recording", "auto_start_transcription": "start_transcription"}


class AutoStart:
    """Begins it once the call is joined, and nobody waits for it. ``failed`` is told what could not be begun, and by
    which setting it was asked for."""

    def __init__(self, call: Any, failed: Callable[[CallError, str], None]) -> None:
        self._call, self._failed = call, failed
        self._tasks: list[asyncio.Task[None]] = []

    def begin(self) -> None:
        """What the settings ask for is on its way."""
        for setting, action in ACTIONS.items():
            start = getattr(self._call, action, None)
            if start is not None and getattr(self._call.settings, setting):
                self._tasks.append(asyncio.create_task(self._started(start, setting), name=setting))

    async def _started(self, start: Callable[[], Awaitable[Any]], setting: str) -> None:
        try:
            await start()
        except CallError as error:
            self._failed(error, setting)

    def end(self) -> None:
        """Nothing is begun any more."""
        for task in self._tasks:
            task.cancel()
