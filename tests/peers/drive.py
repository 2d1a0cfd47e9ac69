"""Drives a peer process: commands as calls, each with its answer."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from tests.lab.machine import ROOT
from tests.lab.netns import Network


class Driver:
    """A peer process. `act` has one of its participants do something and returns what it says."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._count = 0
        self._reader = asyncio.get_running_loop().create_task(self._read())

    async def _read(self) -> None:
        assert self._process.stdout
        async for line in self._process.stdout:
            answer = json.loads(line)
            self._answers.pop(answer.pop("id")).set_result(answer)
        for future in self._answers.values():
            future.set_exception(ConnectionError("the peer process has ended"))

    async def try_(self, who: str, do: str, **arguments: Any) -> dict[str, Any]:
        """The answer, which may be an error."""
        self._count += 1
        future = self._answers[self._count] = asyncio.get_running_loop().create_future()
        assert self._process.stdin
        command = {"id": self._count, "as": who, "do": do, **arguments}
        self._process.stdin.write(json.dumps(command).encode() + b"\n")
        return await asyncio.wait_for(future, 30)

    async def act(self, who: str, do: str, **arguments: Any) -> dict[str, Any]:
        """The answer; an error fails the test."""
        answer = await self.try_(who, do, **arguments)
        assert "error" not in answer, f"{who} could not {do}: {answer['error']}"
        return answer

    async def until(self, who: str, holds: Callable[[dict[str, Any]], bool], timeout_s: float = 15) -> dict[str, Any]:
        """The first report that ``holds``; the last one is in the failure."""
        report: dict[str, Any] = {}
        for _ in range(round(timeout_s / 0.2)):
            report = await self.act(who, "report")
            if holds(report):
                return report
            await asyncio.sleep(0.2)
        raise AssertionError(f"{who} never saw it: {json.dumps(report, indent=1)}")

    async def close(self) -> None:
        """The process has ended."""
        assert self._process.stdin
        self._process.stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), 5)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        await self._reader


@asynccontextmanager
async def sdk_process(network: Network) -> AsyncIterator[Driver]:
    """A process with the official SDK, on the other host of the network."""
    command = network.elsewhere.command(sys.executable, "-m", "tests.peers.sdk")
    process = await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=1 << 22
    )
    driver = Driver(process)
    try:
        yield driver
    finally:
        await driver.close()
