"""Streams that we send: headers, whole texts, whole files, and writers for what comes bit by bit."""

from __future__ import annotations

import asyncio
import mimetypes
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from livekit.protocol.models import DataStream

from jackfield.session.data.writers import CHUNK_BYTES, ByteStreamWriter, Send, TextStreamWriter
from jackfield.values.errors import StreamError
from jackfield.values.streams import ByteStreamInfo, TextStreamInfo

Progress = Callable[[float], None]
_AT_ONCE = 64 * CHUNK_BYTES


class OutgoingStreams:
    """``send`` takes packets when there is room for them."""

    def __init__(self, send: Send) -> None:
        self._send = send

    async def begin_text(
        self,
        topic: str,
        to: Sequence[str],
        attributes: Mapping[str, str] | None,
        *,
        size: int | None = None,
        reply_to: str = "",
    ) -> TextStreamWriter:
        """A text stream has begun."""
        info = TextStreamInfo(
            stream_id=str(uuid.uuid4()),
            topic=topic,
            size=size,
            timestamp_ms=_now_ms(),
            attributes=dict(attributes or {}),
            reply_to=reply_to,
        )
        header = _header(info)
        header.text_header.SetInParent()
        header.text_header.reply_to_stream_id = reply_to
        writer = TextStreamWriter(info, self._send, to)
        await writer.begin(header)
        return writer

    async def begin_bytes(
        self,
        name: str,
        topic: str,
        to: Sequence[str],
        attributes: Mapping[str, str] | None,
        *,
        size: int | None = None,
        mime_type: str = "",
    ) -> ByteStreamWriter:
        """A byte stream has begun."""
        info = ByteStreamInfo(
            stream_id=str(uuid.uuid4()),
            topic=topic,
            name=name,
            mime_type=mime_type or "application/octet-stream",
            size=size,
            timestamp_ms=_now_ms(),
            attributes=dict(attributes or {}),
        )
        header = _header(info)
        header.byte_header.name = name
        writer = ByteStreamWriter(info, self._send, to)
        await writer.begin(header)
        return writer

    async def send_file(
        self,
        path: str | Path,
        topic: str,
        to: Sequence[str],
        attributes: Mapping[str, str] | None,
        *,
        name: str = "",
        mime_type: str = "",
        on_progress: Progress | None = None,
    ) -> ByteStreamInfo:
        """The file has been sent, read on another thread; never more of it is in memory than goes out at once."""
        path = Path(path)
        size = (await asyncio.to_thread(path.stat)).st_size
        mime_type = mime_type or mimetypes.guess_type(path.name)[0] or ""
        file = await asyncio.to_thread(path.open, "rb")
        try:
            writer = await self.begin_bytes(name or path.name, topic, to, attributes, size=size, mime_type=mime_type)
            async with writer:
                while piece := await asyncio.to_thread(file.read, _AT_ONCE):
                    await _write_all(writer, piece, on_progress)
                if writer.sent < size:
                    raise StreamError(f"{path.name} became shorter while it was sent: {writer.sent} of {size} bytes")
        finally:
            await asyncio.to_thread(file.close)
        return writer.info


async def _write_all(writer: ByteStreamWriter, data: bytes, on_progress: Progress | None) -> None:
    for at in range(0, len(data), CHUNK_BYTES):
        await writer.write(data[at : at + CHUNK_BYTES])
        if on_progress is not None and writer.info.size:
            on_progress(writer.sent / writer.info.size)


def _header(info: TextStreamInfo | ByteStreamInfo) -> DataStream.Header:
    header = DataStream.Header(
        stream_id=info.stream_id,
        timestamp=info.timestamp_ms,
        topic=info.topic,
        mime_type=info.mime_type,
        attributes=dict(info.attributes),
    )
    if info.size is not None:
        header.total_length = info.size
    return header


def _now_ms() -> int:
    return round(time.time() * 1000)
