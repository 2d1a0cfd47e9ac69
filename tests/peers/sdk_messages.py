"""What the official SDK's participant sends and hears beside media: text streams, byte streams, remote calls."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any

from livekit import rtc


class Messages:
    """Mixed into the participant of `tests.peers.sdk`; ``streams`` holds what came."""

    room: rtc.Room
    tasks: set[asyncio.Task[None]]

    def __init__(self) -> None:
        self.streams: list[dict[str, Any]] = []

    def _kept(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def handle(self, *, topic: str, **_: Any) -> dict[str, Any]:
        """Streams of this topic are read, and a method of this name answers with its payload turned round."""

        async def text(reader: rtc.TextStreamReader, identity: str) -> None:
            self.streams.append({"text": await reader.read_all(), "from": identity, **told(reader.info)})

        async def data(reader: rtc.ByteStreamReader, identity: str) -> None:
            content = b"".join([piece async for piece in reader])
            self.streams.append({"from": identity, "name": reader.info.name, **summed(content), **told(reader.info)})

        async def method(call: rtc.RpcInvocationData) -> str:
            if call.payload == "fail":
                raise rtc.RpcError(77, "as asked", "with data")
            return f"{call.caller_identity}: {call.payload[::-1]}"

        self.room.register_text_stream_handler(topic, lambda *given: self._kept(text(*given)))
        self.room.register_byte_stream_handler(topic, lambda *given: self._kept(data(*given)))
        self.room.local_participant.register_rpc_method(topic, method)
        return {}

    async def send_text(
        self, *, text: str, topic: str, to: list[str] | None = None, attributes: dict[str, str] | None = None, **_: Any
    ) -> dict[str, Any]:
        info = await self.room.local_participant.send_text(
            text, topic=topic, destination_identities=to, attributes=attributes
        )
        return {"stream": info.stream_id}

    async def send_file(self, *, path: str, topic: str, **_: Any) -> dict[str, Any]:
        info = await self.room.local_participant.send_file(path, topic=topic)
        return {"stream": info.stream_id}

    async def call(self, *, to: str, method: str, payload: str, **_: Any) -> dict[str, Any]:
        try:
            local = self.room.local_participant
            return {
                "answer": await local.perform_rpc(
                    destination_identity=to, method=method, payload=payload, response_timeout=8
                )
            }
        except rtc.RpcError as error:
            return {"code": int(error.code), "message": error.message, "data": error.data}

    async def heard_streams(self, **_: Any) -> dict[str, Any]:
        return {"streams": self.streams}


def told(info: Any) -> dict[str, Any]:
    return {"topic": info.topic, "size": info.size, "attributes": dict(info.attributes or {})}


def summed(content: bytes) -> dict[str, Any]:
    return {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
