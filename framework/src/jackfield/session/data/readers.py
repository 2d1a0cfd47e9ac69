"""A stream that arrives, as its reader holds it: bounded, in order, ended or broken off with one error."""

from __future__ import annotations

import asyncio
import codecs
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Generic, TypeVar

from attrs import define, evolve

from jackfield.session.data.handlers import Handlers
from jackfield.values.errors import StreamError
from jackfield.values.streams import ByteStreamInfo, TextStreamInfo

#: What may wait to be read, of one stream and of all streams of a call; a reader that lags by more loses the stream.
UNREAD_MAX, UNREAD_ALL_MAX = 16 << 20, 64 << 20
#: What `read_all` collects unless it is told otherwise.
READ_ALL_MAX = 64 << 20

_progress = Handlers()

Info = TypeVar("Info", TextStreamInfo, ByteStreamInfo)
Piece = TypeVar("Piece", str, bytes)


@define
class Unread:
    """How many bytes wait to be read in all streams of a call."""

    size: int = 0


class StreamReader(Generic[Info, Piece], AsyncIterator[Piece]):
    """Pieces as they come, for ``async for``; use it on the event loop, by one task at a time.

    ``info`` is what the sender said at the beginning, and ``received`` counts bytes. ``on_progress`` is called with the
    share that has come, 0 to 1, where the size is known. What breaks off raises `StreamError` after its last piece.
    """

    def __init__(self, info: Info, sender: str, unread: Unread, *, encrypted: bool = False) -> None:
        self.info: Info = info
        self.sender, self.encrypted = sender, encrypted
        self.received = 0
        self.on_progress: Callable[[float], None] = lambda share: None
        self._unread = unread
        self._pieces: deque[bytes] = deque()
        self._waiting = 0
        self._next = 0
        self._error: StreamError | None = None
        self._over = False
        self._arrived = asyncio.Event()

    def __del__(self) -> None:
        """Nobody can read it any more: what waited of it takes no room from other streams."""
        self._unread.size -= self._waiting

    @property
    def over(self) -> bool:
        """Whether nothing more comes, for whatever reason."""
        return self._over

    # --- what the network brings
    def push(self, index: int, content: bytes) -> None:
        """One chunk. Repeated ones are left out; a gap, or more than was promised or fits, breaks the stream off."""
        if self._over or index < self._next:
            return
        if index > self._next:
            self.fail(f"chunk {self._next} of it is missing")
            return
        self._next += 1
        size = len(content)
        if self.info.size is not None and self.received + size > self.info.size:
            self.fail(f"it is longer than the {self.info.size} bytes that its sender announced")
        elif self._waiting + size > UNREAD_MAX or self._unread.size + size > UNREAD_ALL_MAX:
            self.fail(f"{self._waiting} bytes of it wait to be read already; read on, or faster")
        else:
            self._take(content)

    def _take(self, content: bytes) -> None:
        self.received += len(content)
        self._waiting += len(content)
        self._unread.size += len(content)
        self._pieces.append(content)
        self._arrived.set()
        if self.info.size:
            _progress.call(self.on_progress, self.received / self.info.size, what="on_progress of a stream")

    def finish(self, reason: str = "", attributes: Mapping[str, str] | None = None) -> None:
        """Its sender has ended it; ``reason`` is there when not of its own will. ``attributes`` are added to those of
        ``info``: what its sender knew at the end alone."""
        if attributes:
            self.info = evolve(self.info, attributes={**self.info.attributes, **attributes})
        if reason:
            self.fail(f"its sender gave up: {reason}")
        elif self.info.size is not None and self.received < self.info.size:
            self.fail(f"it ended after {self.received} of {self.info.size} bytes")
        else:
            self._over = True
            self._arrived.set()

    def fail(self, why: str) -> None:
        """It cannot be gone on with; what has come so far is still read."""
        if not self._over:
            what = f"{self.info.stream_id} (topic {self.info.topic!r}) of {self.sender}"
            self._error = StreamError(f"the stream {what} broke off: {why}", details={"received": self.received})
            self._over = True
            self._arrived.set()

    # --- what is read
    async def _next_bytes(self) -> bytes | None:
        while not self._pieces:
            if self._error is not None:
                raise self._error
            if self._over:
                return None
            self._arrived.clear()
            await self._arrived.wait()
        piece = self._pieces.popleft()
        self._waiting -= len(piece)
        self._unread.size -= len(piece)
        return piece

    def close(self) -> None:
        """No more of it is wanted: what waits is let go, and what comes is left out."""
        self._unread.size -= self._waiting
        self._waiting = 0
        self._pieces.clear()
        if not self._over:
            self.fail("it was closed here")

    async def _all(self, max_bytes: int) -> bytes:
        found = bytearray()
        while (piece := await self._next_bytes()) is not None:
            found += piece
            if len(found) > max_bytes:
                self.close()
                raise StreamError(f"the stream {self.info.stream_id} has more than the {max_bytes} bytes asked for")
        return bytes(found)


class TextStreamReader(StreamReader[TextStreamInfo, str]):
    """A text stream that arrives, piece by piece or as a whole."""

    def __init__(self, info: TextStreamInfo, sender: str, unread: Unread, *, encrypted: bool = False) -> None:
        super().__init__(info, sender, unread, encrypted=encrypted)
        self._decoder = codecs.getincrementaldecoder("utf-8")()

    async def __anext__(self) -> str:
        text = ""
        while not text:
            piece = await self._next_bytes()
            text = self._decoded(piece or b"", final=piece is None)
            if piece is None and not text:
                raise StopAsyncIteration
        return text

    def _decoded(self, piece: bytes, *, final: bool) -> str:
        try:
            return self._decoder.decode(piece, final)
        except UnicodeDecodeError as exc:
            self.close()
            raise StreamError(f"the stream {self.info.stream_id} is no text: {exc.reason}") from exc

    async def read_all(self, *, max_bytes: int = READ_ALL_MAX) -> str:
        """The whole text; `StreamError` when it breaks off or is longer than ``max_bytes``."""
        return self._decoded(await self._all(max_bytes), final=True)


class ByteStreamReader(StreamReader[ByteStreamInfo, bytes]):
    """A byte stream, or a file, that arrives, piece by piece or as a whole."""

    async def __anext__(self) -> bytes:
        piece = await self._next_bytes()
        if piece is None:
            raise StopAsyncIteration
        return piece

    async def read_all(self, *, max_bytes: int = READ_ALL_MAX) -> bytes:
        """All of it; `StreamError` when it breaks off or is longer than ``max_bytes``."""
        return await self._all(max_bytes)

    async def save(self, path: str | Path) -> int:
        """Writes it to this file and answers with its size in bytes. Where it breaks off, the file is taken away.

        ``OSError`` when the file cannot be written. The name that the sender gave is not used.
        """
        written = 0
        file = await asyncio.to_thread(Path(path).open, "wb")
        try:
            async for piece in self:
                await asyncio.to_thread(file.write, piece)
                written += len(piece)
        except BaseException:
            self.close()
            await asyncio.to_thread(file.close)
            Path(path).unlink(missing_ok=True)
            raise
        await asyncio.to_thread(file.close)
        return written
