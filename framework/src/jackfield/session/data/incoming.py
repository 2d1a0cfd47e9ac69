"""Streams that others send us: each to the handler of its topic, none at another's cost."""

from __future__ import annotations

import weakref
from collections import Counter
from collections.abc import Callable
from typing import Any, Literal

from livekit.protocol.models import DataStream

from jackfield.log_limit import limited_logger
from jackfield.roles import Unwatch
from jackfield.session.data.handlers import Handlers
from jackfield.session.data.readers import ByteStreamReader, TextStreamReader, Unread
from jackfield.values.streams import ByteStreamInfo, TextStreamInfo

logger = limited_logger("jackfield.streams")

#: Streams under way, of one sender and of all; a further one is not taken.
STREAMS_MAX, STREAMS_ALL_MAX = 64, 512
_GONE = "its sender has left"
Kind = Literal["text", "byte"]
Reader = TextStreamReader | ByteStreamReader
Handler = Callable[[Any, Any], Any]


class IncomingStreams:
    """Handlers by topic, readers by sender and stream. ``started`` runs a handler's coroutine to its end."""

    def __init__(self, handlers: Handlers) -> None:
        self._handlers = handlers
        self._topics: dict[tuple[Kind, str], Handler] = {}
        self._own: dict[tuple[Kind, str], Handler] = {}
        #: Whoever reads a stream holds its reader; one that nobody holds any more is over, and the rest is left out.
        self._readers: dict[tuple[str, str], weakref.ref[Reader]] = {}
        self._of: Counter[str] = Counter()
        self._unread = Unread()

    def handle(self, kind: Kind, topic: str, handler: Handler) -> Unwatch:
        """Streams of this topic go to ``handler`` until the answer is called; ``ValueError`` where it has one."""
        if (kind, topic) in self._topics:
            raise ValueError(f"{kind} streams of topic {topic!r} have a handler already")
        self._topics[kind, topic] = handler

        def unwatch() -> None:
            if self._topics.get((kind, topic)) is handler:
                del self._topics[kind, topic]

        return unwatch

    def handle_unless_asked(self, kind: Kind, topic: str, handler: Handler) -> None:
        """Streams of this topic go to ``handler`` as long as `handle` gives it no other."""
        self._own[kind, topic] = handler

    # --- what the network brings
    def begin(self, header: DataStream.Header, uid: str, person: Any, *, encrypted: bool) -> None:
        """A stream begins; where nobody handles its topic, it is left out."""
        kind = _kind(header)
        key = (kind, header.topic) if kind else None
        handler = (self._topics.get(key) or self._own.get(key)) if key else None
        if kind is None or handler is None or (uid, header.stream_id) in self._readers:
            logger.debug("a stream of topic %r of %s is left out", header.topic, uid)
            return
        if self._of[uid] >= STREAMS_MAX or len(self._readers) >= STREAMS_ALL_MAX:
            logger.warning("a stream of %s is not taken: %d are under way", uid, self._of[uid])
            return
        reader = self._reader(kind, header, uid, encrypted=encrypted)
        stream_id = header.stream_id
        self._readers[uid, stream_id] = weakref.ref(reader, lambda gone: self._dropped(uid, stream_id, gone))
        self._of[uid] += 1
        if header.compression != DataStream.CompressionType.NONE:
            self._end(uid, stream_id)
            reader.fail("it is compressed, which we never asked for")
        elif header.HasField("inline_content"):
            reader.push(0, header.inline_content)
            self._end(uid, stream_id)
            reader.finish()
        self._handlers.call(handler, reader, person, what=f"the handler of topic {header.topic!r}")

    def _reader(self, kind: Kind, header: DataStream.Header, uid: str, *, encrypted: bool) -> Reader:
        if kind == "text":
            return TextStreamReader(text_info(header), uid, self._unread, encrypted=encrypted)
        return ByteStreamReader(byte_info(header), uid, self._unread, encrypted=encrypted)

    def chunk(self, chunk: DataStream.Chunk, uid: str, *, encrypted: bool) -> None:
        """More of a stream."""
        reader = self._known(uid, chunk.stream_id, encrypted=encrypted)
        if reader is not None:
            reader.push(chunk.chunk_index, chunk.content)
            if reader.over:
                self._end(uid, chunk.stream_id)

    def trailer(self, trailer: DataStream.Trailer, uid: str, *, encrypted: bool) -> None:
        """A stream ends."""
        reader = self._known(uid, trailer.stream_id, encrypted=encrypted)
        if reader is not None:
            self._end(uid, trailer.stream_id)
            reader.finish(trailer.reason, trailer.attributes)

    def _known(self, uid: str, stream_id: str, *, encrypted: bool) -> Reader | None:
        held = self._readers.get((uid, stream_id))
        reader = held() if held is not None else None
        if reader is not None and reader.encrypted != encrypted:
            self._end(uid, stream_id)
            reader.fail("a part of it is encrypted end to end and a part is not")
            return None
        return reader

    def _end(self, uid: str, stream_id: str) -> None:
        self._of[uid] -= 1
        if self._of[uid] <= 0:
            del self._of[uid]
        del self._readers[uid, stream_id]

    def _dropped(self, uid: str, stream_id: str, gone: weakref.ref[Reader]) -> None:
        if self._readers.get((uid, stream_id)) is gone:
            logger.debug("a stream of %s is read no more, and the rest of it left out", uid)
            self._end(uid, stream_id)

    # --- ends
    def left(self, uid: str, why: str = _GONE) -> None:
        """Somebody has gone: what they were sending breaks off."""
        for sender, stream_id in [key for key in self._readers if key[0] == uid]:
            reader = self._readers[sender, stream_id]()
            self._end(sender, stream_id)
            if reader is not None:
                reader.fail(why)

    def close(self) -> None:
        """The call is over: every stream breaks off."""
        for uid in {key[0] for key in self._readers}:
            self.left(uid, "the call is over")


def _kind(header: DataStream.Header) -> Kind | None:
    found = header.WhichOneof("content_header")
    return "text" if found == "text_header" else "byte" if found == "byte_header" else None


def _size(header: DataStream.Header) -> int | None:
    return header.total_length if header.HasField("total_length") else None


def text_info(header: DataStream.Header) -> TextStreamInfo:
    """What a text stream's header says."""
    return TextStreamInfo(
        stream_id=header.stream_id,
        topic=header.topic,
        mime_type=header.mime_type,
        size=_size(header),
        timestamp_ms=header.timestamp,
        attributes=dict(header.attributes),
        attached=tuple(header.text_header.attached_stream_ids),
        reply_to=header.text_header.reply_to_stream_id,
    )


def byte_info(header: DataStream.Header) -> ByteStreamInfo:
    """What a byte stream's header says."""
    return ByteStreamInfo(
        stream_id=header.stream_id,
        topic=header.topic,
        name=header.byte_header.name,
        mime_type=header.mime_type,
        size=_size(header),
        timestamp_ms=header.timestamp,
        attributes=dict(header.attributes),
    )
