"""A recorder's process, seen from the server."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Sequence
from typing import Any, Final, Protocol

import attrs
from attrs import frozen

from jackfield import own_python
from jackfield.log_limit import limited_logger
from jackfield.values.errors import CallError, NetworkError

logger = limited_logger("jackfield.server")

#: A recorder joins within this time, and has its files closed within that.
BEGIN_S: Final = 20.0
END_S: Final = 10.0


@frozen
class Order:
    """What to record, and into which folder. ``token`` lets its holder in as a recorder."""

    url: str
    token: str
    folder: str
    fingerprint: str | None = None


class Recorder(Protocol):
    """Something that records one call."""

    async def begun(self) -> None:
        """It records; `CallError` says why it does not."""

    async def ended(self) -> str:
        """It has ended, and why. May be awaited by several."""

    async def stop(self) -> None:
        """It ends, and its files are whole."""


class RecorderProcess:
    """One that has been started."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._begun: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._reading = asyncio.create_task(self._read(), name="recorder")

    @classmethod
    async def started(cls, order: Order, program: Sequence[str] = ()) -> RecorderProcess:
        """Started, with its order. The order goes in by its input: arguments are for everybody to read."""
        process = await asyncio.create_subprocess_exec(
            *(program or own_python.command("jackfield.cli.live.recorder")),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=own_python.environment(),
            start_new_session=True,  # a Ctrl-C that ends the server is ours to pass on
        )
        assert process.stdin is not None
        with contextlib.suppress(ConnectionError):
            process.stdin.write(json.dumps(attrs.asdict(order)).encode() + b"\n")
            await process.stdin.drain()
        return cls(process)

    async def begun(self) -> None:
        """It records; `CallError` says why it does not."""
        try:
            async with asyncio.timeout(BEGIN_S):
                await asyncio.shield(self._begun)
        except TimeoutError:
            self._kill()  # it has nothing to make whole, and whoever asked waits no longer than a little more
            await self.ended()
            raise NetworkError(f"the recorder did not begin within {BEGIN_S:g} s; try again") from None

    async def ended(self) -> str:
        """It has ended, and why."""
        return await asyncio.shield(self._reading)

    async def stop(self) -> None:
        """It ends, and its files are whole; one that does not within ten seconds is killed."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            async with asyncio.timeout(END_S):
                await self.ended()
        except TimeoutError:
            logger.warning("a recorder did not end in %g s and is killed; its files may lack their last second", END_S)
            self._kill()
            await self.ended()

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    async def _read(self) -> str:
        assert self._process.stdout is not None
        reason = "killed"
        async for line in self._process.stdout:
            said = _words(line)
            if said.get("state") == "recording" and not self._begun.done():
                self._begun.set_result(None)
            elif said.get("state") == "failed":
                reason = str(said.get("message"))
                self._fail(CallError(reason, code=said.get("code") or "ERROR_INTERNAL"))
            elif said.get("state") == "ended":
                reason = str(said.get("reason"))
        await self._process.wait()
        self._fail(NetworkError("the recorder ended before it began; the server's log has its last words"))
        return reason

    def _fail(self, error: CallError) -> None:
        if not self._begun.done():
            self._begun.set_exception(error)
            self._begun.exception()  # whoever waits gets it; nobody may be waiting


def _words(line: bytes) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
