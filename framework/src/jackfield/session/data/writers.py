"""A stream that we send, as its writer holds it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Generic, TypeVar

from livekit.protocol.models import DataPacket, DataStream

from jackfield.values.errors import CallError, StreamError
from jackfield.values.streams import ByteStreamInfo, TextStreamInfo

#: One chunk's content: below what every implementation's data channel takes in one message (LiveKit's documentation).
CHUNK_BYTES = 15_000
#: What may be said before the first byte: topic, name and attributes together.
HEADER_MAX = 15_000
ABORT_S = 2.0

Info = TypeVar("Info", TextStreamInfo, ByteStreamInfo)
#: Sends a packet when its turn has come and there is room for it.
Send = Callable[[DataPacket], Awaitable[None]]


class StreamWriter(Generic[Info]):
    """A stream under way; each `write` returns when its bytes have been handed to the network.

    Use it on the event loop, by one task at a time: as ``async with``, which ends it and, where the block raises,
    tells the receivers that it broke off. ``info`` is what they were told, ``sent`` counts bytes.
    """

    def __init__(self, info: Info, send: Send, to: Sequence[str]) -> None:
        self.info: Info = info
        self.sent = 0
        self._send, self._to = send, tuple(to)
        self._index = 0
        self._over = False

    async def begin(self, header: DataStream.Header) -> None:
        """The receivers know of it. ``ValueError`` when what is said of it does not fit one packet."""
        if header.ByteSize() > HEADER_MAX:
            found = header.ByteSize()
            raise ValueError(f"topic, name and attributes of a stream hold {HEADER_MAX} bytes; these have {found}")
        await self._send(DataPacket(stream_header=header, destination_identities=self._to))

    async def _write(self, content: bytes) -> None:
        if self._over:
            raise StreamError(f"the stream {self.info.stream_id} is closed")
        if self.info.size is not None and self.sent + len(content) > self.info.size:
            found = self.sent + len(content)
            raise StreamError(f"{self.info.size} bytes were announced for the stream, and {found} are written")
        chunk = DataStream.Chunk(stream_id=self.info.stream_id, chunk_index=self._index, content=content)
        await self._send(DataPacket(stream_chunk=chunk, destination_identities=self._to))
        self._index += 1
        self.sent += len(content)

    async def aclose(self, *, reason: str = "") -> None:
        """It is at its end; with ``reason`` it broke off. Fine to call twice."""
        if self._over:
            return
        self._over = True
        trailer = DataStream.Trailer(stream_id=self.info.stream_id, reason=reason)
        await self._send(DataPacket(stream_trailer=trailer, destination_identities=self._to))

    async def abort(self, reason: str) -> None:
        """The receivers are told that it broke off, where they can be."""
        try:
            async with asyncio.timeout(ABORT_S):
                await self.aclose(reason=reason)
        except (CallError, TimeoutError):
            pass

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            await self.aclose()
        else:
            await self.abort("it was cancelled" if isinstance(error, asyncio.CancelledError) else "its writer failed")


class TextStreamWriter(StreamWriter[TextStreamInfo]):
    """A text stream that we send: answers of a language model as they come, lines of a log."""

    async def __aenter__(self) -> TextStreamWriter:
        return self

    async def write(self, text: str) -> None:
        """More of it. No character is cut in two: receivers decode each chunk by itself."""
        for piece in split_text(text):
            await self._write(piece)


class ByteStreamWriter(StreamWriter[ByteStreamInfo]):
    """A byte stream that we send."""

    async def __aenter__(self) -> ByteStreamWriter:
        return self

    async def write(self, data: bytes) -> None:
        """More of it."""
        view = memoryview(data)
        for at in range(0, len(view), CHUNK_BYTES):
            await self._write(bytes(view[at : at + CHUNK_BYTES]))


def split_text(text: str, size: int = CHUNK_BYTES) -> list[bytes]:
    """The text as UTF-8 in pieces of at most ``size`` bytes, each of whole characters."""
    data, pieces, at = text.encode(), [], 0
    while at < len(data):
        end = min(at + size, len(data))
        while end < len(data) and data[end] & 0xC0 == 0x80:
            end -= 1
        pieces.append(data[at:end])
        at = end
    return pieces
