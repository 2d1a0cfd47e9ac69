"""The server that a bench starts."""

from __future__ import annotations

import asyncio


async def until_open(host: str, port: int, server: asyncio.subprocess.Process, limit_s: float) -> None:
    """It takes connections. `SystemExit` when it ended before that, `TimeoutError` after ``limit_s`` seconds."""
    async with asyncio.timeout(limit_s):
        while True:
            if server.returncode is not None:
                raise SystemExit(f"jackfield serve ended with {server.returncode} before it could be joined")
            try:
                _, writer = await asyncio.open_connection(host, port)
            except OSError:
                await asyncio.sleep(0.05)
                continue
            writer.close()
            return
