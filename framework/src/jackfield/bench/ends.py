"""The processes of a measured call, as their owner sees them."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

START_S, ANSWER_S = 40.0, 30.0
_END_S = 15.0


class End:
    """One process of the call, spoken to by lines."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.said: dict[str, Any] = {}

    async def hear(self, key: str, patience_s: float) -> Any:
        """What it says under ``key``, and beside it in `said`; `SystemExit` when it ends before, or says nothing."""
        assert self._process.stdout is not None
        try:
            async with asyncio.timeout(patience_s):
                while line := await self._process.stdout.readline():
                    if line.startswith(b"{") and key in (said := json.loads(line)):
                        self.said = said
                        return said[key]
        except TimeoutError:
            raise SystemExit(f"an end of the call did not say {key!r} within {patience_s:g} s") from None
        raise SystemExit(f"an end of the call ended before it said {key!r}")

    def say(self, **what: Any) -> None:
        """Tells it."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(what).encode() + b"\n")

    async def close(self) -> None:
        """It has ended."""
        if self._process.returncode is None:
            try:
                await asyncio.wait_for(self._process.wait(), _END_S)
            except TimeoutError:
                self._process.kill()
                await self._process.wait()


@asynccontextmanager
async def running(*command: str, **environment: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process for the length of a block."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | environment,
        limit=1 << 26,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await End(process).close()
