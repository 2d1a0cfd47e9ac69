"""The signalling that Janus is measured with."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from jackfield.bench.load.janus import JanusError, Signalling


class Wire:
    """A WebSocket whose other end answers as it is told to."""

    def __init__(self, *answers: dict[str, Any]) -> None:
        self.sent: list[dict[str, Any]] = []
        self._answers = list(answers)
        self._frames: asyncio.Queue[aiohttp.WSMessage] = asyncio.Queue()

    async def send_json(self, message: dict[str, Any]) -> None:
        self.sent.append(message)
        self.come({"janus": "ack", "transaction": message["transaction"]})
        self.come({"transaction": message["transaction"]} | self._answers.pop(0))

    def come(self, message: dict[str, Any]) -> None:
        self._frames.put_nowait(aiohttp.WSMessage(aiohttp.WSMsgType.TEXT, json.dumps(message), ""))

    async def __aiter__(self) -> AsyncIterator[aiohttp.WSMessage]:
        while True:
            yield await self._frames.get()


def spoken(wire: Any) -> tuple[Signalling, asyncio.Task[None]]:
    signalling = Signalling(wire)
    return signalling, asyncio.create_task(signalling.read())


async def test_an_answer_comes_after_its_acknowledgement() -> None:
    """The session's number goes with every later request; what nobody asked for is kept."""
    wire = Wire({"janus": "success", "data": {"id": 7}}, {"janus": "success", "data": {"id": 8}})
    signalling, reading = spoken(wire)
    await signalling.open()
    assert await signalling.attach() == 8
    assert [message.get("session_id") for message in wire.sent] == [None, 7]
    wire.come({"janus": "webrtcup"})
    assert (await signalling.events.get())["janus"] == "webrtcup"
    reading.cancel()


async def test_what_janus_or_its_plugin_refuses_is_an_error() -> None:
    """Janus has an error of its own; a plugin's stands in what it says."""
    refusals = (
        {"janus": "error", "error": {"code": 458, "reason": "No such session"}},
        {"janus": "event", "plugindata": {"data": {"videoroom": "event", "error_code": 426, "error": "No such room"}}},
    )
    signalling, reading = spoken(Wire(*refusals))
    with pytest.raises(JanusError, match="No such session"):
        await signalling.attach()
    with pytest.raises(JanusError, match="No such room"):
        await signalling.tell(8, "join")
    reading.cancel()
