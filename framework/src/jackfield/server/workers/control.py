"""The line between a worker and the first process, at the worker's end: it is asked, and tells who comes and goes."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from aiohttp import WSMsgType, web

from jackfield.log_limit import limited_logger
from jackfield.server.sfu import Sfu
from jackfield.server.sfu.tokens import Refused
from jackfield.server.workers import wire

logger = limited_logger("jackfield.server")

#: What waits to be told; more is lost, with a word.
_WAITING = 20_000


class Control:
    """One worker's. Questions are answered side by side, for one of them may take as long as calls go on."""

    def __init__(self, sfu: Sfu) -> None:
        self._sfu = sfu
        #: Whether everybody has been told to leave, as the first process wished.
        self.was_closed = False
        self._waiting: asyncio.Queue[dict[str, Any]] = asyncio.Queue(_WAITING)
        self._answering: set[asyncio.Task[None]] = set()
        sfu.listen(lambda happening: self._tell(wire.told(happening)))

    def _tell(self, words: dict[str, Any]) -> None:
        try:
            self._waiting.put_nowait(words)
        except asyncio.QueueFull:
            logger.error("the first process does not hear what happens: some of it is lost")

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """Until the line ends."""
        line = web.WebSocketResponse(compress=False, max_msg_size=0)
        await line.prepare(request)
        telling = asyncio.create_task(self._keep_telling(line))
        try:
            async for message in line:
                if message.type is WSMsgType.TEXT:
                    task = asyncio.create_task(self._answer(json.loads(message.data)))
                    self._answering.add(task)
                    task.add_done_callback(self._answering.discard)
        finally:
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)
        return line

    async def _keep_telling(self, line: web.WebSocketResponse) -> None:
        while True:
            await line.send_str(json.dumps(await self._waiting.get()))

    async def _answer(self, asked: dict[str, Any]) -> None:
        try:
            answer = await self._act(**asked["words"], method=asked["ask"])
        except Exception:
            logger.exception("%s failed", asked["ask"])
            answer = None
        self._tell({"id": asked["id"], "answer": answer})

    async def _act(self, method: str, **words: Any) -> Any:
        match method:
            case "look":
                return self._look().said()
            case "mark":
                return await self._sfu.mark(**words)
            case "remove":
                return await self._sfu.remove(**words)
            case "drain":
                return await self._sfu.drain(**words)
            case "close":
                self.was_closed = True
                return await self._sfu.close()
        raise ValueError(f"nobody answers {method!r}")

    def _look(self) -> wire.Look:
        refusal = ""
        try:
            self._sfu.rooms.require_place()
        except Refused as refused:
            refusal = refused.reason
        return wire.Look(self._sfu.metrics(), frozenset(room.name for room in self._sfu.rooms), refusal)
