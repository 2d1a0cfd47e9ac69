"""What a process of a benchmark and its owner say to each other, a JSON object a line. Imports nothing of Jackfield."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Iterable
from typing import Any


def say(**what: Any) -> None:
    """Tells the owner."""
    print(json.dumps(what), flush=True)


async def hear() -> dict[str, Any]:
    """What the owner says next; empty at its end."""
    line = await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    heard: dict[str, Any] = json.loads(line) if line.strip() else {}
    return heard


async def hold(seen: asyncio.Queue[str], working: Iterable[asyncio.Task[None]]) -> None:
    """A call whose other end's picture and sound ``seen`` is told of goes on until the owner says something; then what
    works for it is ended."""
    await asyncio.gather(seen.get(), seen.get())
    say(ready=True)
    await hear()
    for task in working:
        task.cancel()
    say(done=True)


class Seen:
    """Each picture that was seen: when (monotonic ns), its number, its width."""

    def __init__(self) -> None:
        self.pictures: list[tuple[int, int, int]] = []
        self.first = asyncio.Event()

    def saw(self, number: int, width: int) -> None:
        """A picture was decoded now."""
        self.pictures.append((time.monotonic_ns(), number, width))
        self.first.set()
