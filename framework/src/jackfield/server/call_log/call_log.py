"""The log of one server's calls: takes what happens without waiting, and writes it a little later."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Final

from jackfield.log_limit import limited_logger
from jackfield.server.call_log.store import BEAT_S, DAY_S, Store, Wanted
from jackfield.server.happenings import Came, Happening, Over
from jackfield.values.errors import NetworkError

logger = limited_logger("jackfield.server")

#: What waits to be written; more is lost, with a word.
_WAITING: Final = 20_000
_CLOSE_S: Final = 5.0


class CallLog:
    """Kept at ``path`` for ``days`` (0: for ever). A disk that fails costs log entries, and no call."""

    def __init__(self, path: Path, *, days: float = 90.0, clock: Callable[[], float] = time.time) -> None:
        self._path, self._days, self._clock = path, days, clock
        self._waiting: asyncio.Queue[Happening] = asyncio.Queue(_WAITING)
        self._ongoing: set[str] = set()
        self._store: Store | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Writes from now on; where the file cannot be opened, that is said, and nothing is kept."""
        try:
            self._store = await Store.open(self._path, self._clock)
        except (OSError, sqlite3.Error) as exc:
            logger.error("no call is logged: %s cannot be opened: %s", self._path, exc)
            return
        self._tasks = [asyncio.create_task(self._write()), asyncio.create_task(self._beat())]

    def hear(self, happening: Happening) -> None:
        """Something has happened."""
        if isinstance(happening, Came) and not happening.dependent:
            self._ongoing.add(happening.call_id)
        elif isinstance(happening, Over):
            self._ongoing.discard(happening.call_id)
        if self._tasks:
            try:
                self._waiting.put_nowait(happening)
            except asyncio.QueueFull:
                logger.warning("the disk is too slow for the log of calls: entries are lost")

    async def calls(self, wanted: Wanted) -> list[dict[str, Any]]:
        """The calls that are wanted, newest first, up to what has happened by now. `NetworkError` where there is no
        log, or it cannot be read."""
        if self._store is None:
            raise NetworkError("this server's log of calls cannot be opened; its own log says why")
        await self._waiting.join()
        try:
            return await self._store.calls(wanted)
        except sqlite3.Error as exc:
            logger.error("the log of calls cannot be read: %s", exc)
            raise NetworkError("the log of calls cannot be read; the server's own log says why") from exc

    async def close(self) -> None:
        """What has happened is written."""
        if self._tasks:
            with suppress(TimeoutError):
                async with asyncio.timeout(_CLOSE_S):
                    await self._waiting.join()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        store, self._store = self._store, None
        if store is not None:
            await store.close()

    async def _write(self) -> None:
        while True:
            batch = [await self._waiting.get()]
            while not self._waiting.empty():
                batch.append(self._waiting.get_nowait())
            await self._safely(partial(_take, batch))
            for _ in batch:
                self._waiting.task_done()

    async def _beat(self) -> None:
        forgotten_at = 0.0
        while True:
            await self._safely(lambda store: store.beat(sorted(self._ongoing)))
            if self._days and time.monotonic() - forgotten_at > DAY_S / 24:
                forgotten_at = time.monotonic()
                await self._safely(lambda store: store.forget(self._days))
            await asyncio.sleep(BEAT_S)

    async def _safely(self, write: Callable[[Store], Awaitable[None]]) -> None:
        if self._store is None:
            return
        try:
            await write(self._store)
        except (OSError, sqlite3.Error) as exc:
            logger.error("the log of calls cannot be written: %s", exc)
        except Exception:  # whatever it is, who reads the log waits for what is written
            logger.exception("the log of calls cannot be written")


async def _take(batch: Sequence[Happening], store: Store) -> None:
    await store.take(batch)
