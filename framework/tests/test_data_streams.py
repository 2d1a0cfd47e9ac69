"""Text and byte streams between two ends of a call, with a wire that loses, repeats and floods as a test says."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from livekit.protocol.models import DataPacket, DataStream

from jackfield.session.data import incoming, readers
from jackfield.session.data.path import DataPath
from jackfield.session.data.writers import CHUNK_BYTES, split_text
from jackfield.values.errors import NetworkError, StreamError
from jackfield.values.streams import TextStreamInfo

LIMIT_S = 5.0


class Wire:
    """Two ends, ``ada`` and ``bob``; ``sent`` keeps what went over it, ``alter`` says what arrives of each packet."""

    def __init__(self) -> None:
        self.sent: list[DataPacket] = []
        self.alter: Callable[[DataPacket], list[DataPacket]] = lambda packet: [packet]
        self.room = asyncio.Event()
        self.room.set()
        self.ada, self.bob = self._end("ada", "bob"), self._end("bob", "ada")

    def _end(self, uid: str, other: str) -> DataPath:
        async def send(packet: DataPacket, reliable: bool) -> None:
            assert reliable
            packet.participant_identity = uid
            self.sent.append(DataPacket.FromString(packet.SerializeToString()))
            for each in self.alter(self.sent[-1]):
                getattr(self, other).receive(each)

        async def drained(below: int) -> None:
            await self.room.wait()

        return DataPath(send, drained, lambda uid, sid: f"person {uid}")

    def kinds(self) -> list[str | None]:
        return [packet.WhichOneof("value") for packet in self.sent]

    def from_ada(self, **value: Any) -> None:
        self.bob.receive(DataPacket(participant_identity="ada", **value))


@pytest.fixture
def wire() -> Wire:
    return Wire()


def readers_of(wire: Wire, kind: incoming.Kind, topic: str = "t") -> list[Any]:
    """What bob's handler is given."""
    found: list[Any] = []
    wire.bob.incoming.handle(kind, topic, lambda reader, person: found.append(reader))
    return found


async def text(wire: Wire, content: str, **options: Any) -> None:
    size = len(content.encode())
    async with await wire.ada.outgoing.begin_text("t", (), None, **{"size": size, **options}) as writer:
        await writer.write(content)


async def test_a_text_arrives_with_what_was_said_of_it(wire: Wire) -> None:
    """Header, chunks of at most 15 000 bytes that cut no character in two, trailer; the handler learns who sends."""
    heard: list[Any] = []

    async def handler(reader: Any, person: str) -> None:
        heard.extend([person, reader.info, await reader.read_all()])

    wire.bob.incoming.handle("text", "t", handler)
    content = "Jäckfield € 𝄞 " * 2000
    size = len(content.encode())
    writer = await wire.ada.outgoing.begin_text("t", ("bob",), {"a": "b"}, size=size, reply_to="R")
    async with writer:
        await writer.write(content)
    await asyncio.wait_for(_until(lambda: len(heard) == 3), LIMIT_S)
    assert heard[0] == "person ada"
    assert heard[2] == content
    assert (heard[1].topic, heard[1].size, heard[1].attributes, heard[1].reply_to) == ("t", size, {"a": "b"}, "R")
    assert wire.kinds() == ["stream_header", *["stream_chunk"] * 3, "stream_trailer"]
    for packet in wire.sent:
        assert list(packet.destination_identities) == ["bob"]
        assert len(packet.stream_chunk.content) <= CHUNK_BYTES
        packet.stream_chunk.content.decode()


async def _until(holds: Callable[[], Any]) -> None:
    while not holds():
        await asyncio.sleep(0)


def test_no_character_is_cut_in_two() -> None:
    """Pieces are as long as they can be, each decodes by itself, and together they are the text."""
    for size in (4, 5, 7):
        pieces = split_text("aä€𝄞" * 5, size)
        assert b"".join(pieces).decode() == "aä€𝄞" * 5
        assert all(len(piece) <= size and piece.decode() for piece in pieces)
    assert split_text("") == []


async def test_a_file_arrives_whole_and_tells_how_far_it_is(wire: Wire, tmp_path: Path) -> None:
    """Its name and type are told; progress ends at 1 on both sides; what arrives is what was sent."""
    data = bytes(range(256)) * 400
    (tmp_path / "scan.png").write_bytes(data)
    found: list[Any] = []
    sent: list[float] = []
    received: list[float] = []

    def handler(reader: Any, person: Any) -> None:
        reader.on_progress = received.append
        found.append(reader)

    wire.bob.incoming.handle("byte", "t", handler)
    info = await wire.ada.outgoing.send_file(tmp_path / "scan.png", "t", (), None, on_progress=sent.append)
    assert await asyncio.wait_for(found[0].save(tmp_path / "copy"), LIMIT_S) == len(data)
    assert (tmp_path / "copy").read_bytes() == data
    assert (found[0].info.name, found[0].info.mime_type, found[0].info.size) == ("scan.png", "image/png", len(data))
    assert info.stream_id == found[0].info.stream_id
    assert sent[-1] == received[-1] == 1
    assert sent == sorted(sent)


async def test_pieces_are_read_as_they_come(wire: Wire) -> None:
    """A stream without a size, written and read bit by bit; a character in two chunks is put together."""
    found = readers_of(wire, "text")
    writer = await wire.ada.outgoing.begin_text("t", (), None)
    await writer.write("one ")
    assert await anext(found[0]) == "one "
    index = 1
    for part in ("ä".encode()[:1], "ä".encode()[1:]):
        chunk = DataStream.Chunk(stream_id=writer.info.stream_id, chunk_index=index, content=part)
        wire.from_ada(stream_chunk=chunk)
        index += 1
    assert await anext(found[0]) == "ä"
    wire.from_ada(stream_trailer=DataStream.Trailer(stream_id=writer.info.stream_id))
    with pytest.raises(StopAsyncIteration):
        await anext(found[0])
    with pytest.raises(StopAsyncIteration):
        await anext(found[0])


def twice(packet: DataPacket) -> list[DataPacket]:
    return [packet, packet]


def lossy(packet: DataPacket) -> list[DataPacket]:
    return [] if packet.WhichOneof("value") == "stream_chunk" and packet.stream_chunk.chunk_index == 1 else [packet]


def cut_short(packet: DataPacket) -> list[DataPacket]:
    return [] if packet.WhichOneof("value") == "stream_chunk" and packet.stream_chunk.chunk_index == 2 else [packet]


async def test_repeated_chunks_are_left_out(wire: Wire) -> None:
    """Each packet twice is each chunk once."""
    found = readers_of(wire, "text")
    wire.alter = twice
    await text(wire, "x" * 40_000)
    assert len(found) == 1
    assert await found[0].read_all() == "x" * 40_000


@pytest.mark.parametrize(
    ("alter", "words"), [(lossy, "chunk 1 of it is missing"), (cut_short, "ended after 30000 of 40000")]
)
async def test_what_is_missing_breaks_that_stream_off(wire: Wire, alter: Any, words: str) -> None:
    """One error that says what, after what came in order; the next stream is whole."""
    found = readers_of(wire, "text")
    wire.alter = alter
    await text(wire, "x" * 40_000)
    wire.alter = lambda packet: [packet]
    await text(wire, "fine")
    assert await anext(found[0]) == "x" * 15_000
    with pytest.raises(StreamError, match=words) as caught:
        await found[0].read_all()
    assert "of ada" in str(caught.value)
    assert caught.value.code == "ERROR_STREAM"
    assert await found[1].read_all() == "fine"


async def test_a_sender_who_leaves_in_mid_stream_breaks_it_off(wire: Wire) -> None:
    """Their streams, and nobody else's."""
    found = readers_of(wire, "text")
    writer = await wire.ada.outgoing.begin_text("t", (), None)
    await writer.write("so far")
    wire.bob.receive(DataPacket(participant_identity="eve", stream_header=header("of eve")))
    wire.bob.left("ada")
    assert await anext(found[0]) == "so far"
    with pytest.raises(StreamError, match="its sender has left"):
        await anext(found[0])
    assert not found[1].over


def header(stream_id: str, topic: str = "t", **fields: Any) -> DataStream.Header:
    return DataStream.Header(stream_id=stream_id, topic=topic, text_header=DataStream.TextHeader(), **fields)


def chunk(stream_id: str, index: int, content: bytes) -> DataStream.Chunk:
    return DataStream.Chunk(stream_id=stream_id, chunk_index=index, content=content)


async def test_a_writer_that_fails_tells_the_receivers(wire: Wire, tmp_path: Path) -> None:
    """The block that raises, the file that became shorter: the far end learns that it is not the whole."""
    found = readers_of(wire, "text")
    writer = await wire.ada.outgoing.begin_text("t", (), None)

    async def fails() -> None:
        async with writer:
            await writer.write("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fails()
    with pytest.raises(StreamError, match="its writer failed"):
        await found[0].read_all()
    with pytest.raises(StreamError, match="is closed"):
        await writer.write("more")
    files, path = readers_of(wire, "byte"), tmp_path / "log"
    path.write_bytes(b"x" * 3_000_000)

    def shorten(share: float) -> None:
        path.write_bytes(b"")

    with pytest.raises(StreamError, match="became shorter"):
        await wire.ada.outgoing.send_file(path, "t", (), None, on_progress=shorten)
    with pytest.raises(StreamError, match="gave up"):
        await files[0].save(tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


async def test_more_than_was_announced_is_refused_at_both_ends(wire: Wire) -> None:
    """The writer is told, and a far end that does it all the same loses the stream."""
    found = readers_of(wire, "text")
    writer = await wire.ada.outgoing.begin_text("t", (), None, size=3)
    with pytest.raises(StreamError, match="3 bytes were announced"):
        await writer.write("four")
    wire.from_ada(stream_chunk=chunk(writer.info.stream_id, 0, b"four"))
    with pytest.raises(StreamError, match="longer than the 3 bytes"):
        await found[0].read_all()


async def test_a_reader_that_does_not_read_costs_no_more_than_its_bound(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stream that grows without end is let go when too much of it waits, one's own or all streams'; others go on."""
    monkeypatch.setattr(readers, "UNREAD_MAX", 100)
    monkeypatch.setattr(readers, "UNREAD_ALL_MAX", 130)
    found = readers_of(wire, "text")
    for stream in ("a", "b", "c"):
        wire.from_ada(stream_header=header(stream))
    for index in range(5):
        wire.from_ada(stream_chunk=chunk("a", index, b"x" * 30))
    wire.from_ada(stream_chunk=chunk("b", 0, b"y" * 30))  # 120 wait
    wire.from_ada(stream_chunk=chunk("c", 0, b"z" * 30))
    with pytest.raises(StreamError, match="90 bytes of it wait"):
        await found[0].read_all()
    with pytest.raises(StreamError, match="0 bytes of it wait"):
        await found[2].read_all()
    wire.from_ada(stream_chunk=chunk("b", 1, b"y" * 90))
    wire.from_ada(stream_trailer=DataStream.Trailer(stream_id="b"))
    with pytest.raises(StreamError, match="wait"):
        await found[1].read_all()  # 30 + 90 is past its own bound
    wire.from_ada(stream_header=header("d"))
    wire.from_ada(stream_chunk=chunk("d", 0, b"all that waited was given back" * 3))
    assert await anext(found[3])


async def test_what_is_closed_gives_its_room_back(wire: Wire) -> None:
    """A reader that wants no more says so; `read_all` of what is too long does."""
    found = readers_of(wire, "text")
    for number in range(3):
        wire.from_ada(stream_header=header(f"{number}"))
        wire.from_ada(stream_chunk=chunk(f"{number}", 0, b"x" * 1000))
    found[0].close()
    with pytest.raises(StreamError, match="more than the 10 bytes"):
        await found[1].read_all(max_bytes=10)
    assert await anext(found[2])
    assert wire.bob.incoming._unread.size == 0
    with pytest.raises(StreamError, match="closed here"):
        await anext(found[0])


async def test_one_sender_has_so_many_streams_under_way(wire: Wire) -> None:
    """Who opens more has those left out; others open theirs, and one that ends makes room."""
    found = readers_of(wire, "text")
    for number in range(incoming.STREAMS_MAX + 5):
        wire.from_ada(stream_header=header(f"{number}"))
    assert len(found) == incoming.STREAMS_MAX
    wire.bob.receive(DataPacket(participant_identity="eve", stream_header=header("0")))
    assert len(found) == incoming.STREAMS_MAX + 1
    wire.from_ada(stream_trailer=DataStream.Trailer(stream_id="0"))
    wire.from_ada(stream_header=header("one more"))
    assert len(found) == incoming.STREAMS_MAX + 2
    assert not found[-2].over, "ada's trailer ended ada's stream, not eve's of the same name"


async def test_what_nobody_handles_or_began_is_left_out(wire: Wire) -> None:
    """Other topics, chunks of streams that never began, headers of no kind: nothing happens."""
    found = readers_of(wire, "text")
    wire.from_ada(stream_header=header("a", topic="other"))
    wire.from_ada(stream_header=DataStream.Header(stream_id="b", topic="t"))
    wire.from_ada(stream_chunk=chunk("a", 0, b"x"))
    wire.from_ada(stream_trailer=DataStream.Trailer(stream_id="z"))
    assert found == []


async def test_streams_in_one_packet_and_compressed_ones(wire: Wire) -> None:
    """Content beside the header is the whole stream; what is compressed, and cannot have been asked for, is refused."""
    found = readers_of(wire, "text")
    wire.from_ada(stream_header=header("a", inline_content=b"hello", total_length=5))
    assert await found[0].read_all() == "hello"
    wire.from_ada(stream_header=header("b", compression=DataStream.CompressionType.DEFLATE_RAW))
    with pytest.raises(StreamError, match="compressed"):
        await found[1].read_all()


async def test_what_is_no_text_says_so(wire: Wire) -> None:
    """Bytes that are no UTF-8, and an end in the middle of a character."""
    found = readers_of(wire, "text")
    for name, content in (("a", b"\xff\xfe"), ("b", "ä".encode()[:1])):
        wire.from_ada(stream_header=header(name))
        wire.from_ada(stream_chunk=chunk(name, 0, content))
        wire.from_ada(stream_trailer=DataStream.Trailer(stream_id=name))
    for reader in found:
        with pytest.raises(StreamError, match="is no text"):
            await reader.read_all()


async def test_a_stream_is_encrypted_as_a_whole_or_not_at_all(wire: Wire) -> None:
    """A chunk in the clear of a stream that began encrypted might be the server's own."""
    found = readers_of(wire, "text")
    wire.bob.receive(DataPacket(participant_identity="ada", stream_header=header("a")), encrypted=True)
    wire.from_ada(stream_chunk=chunk("a", 0, b"x"))
    with pytest.raises(StreamError, match="a part of it is encrypted"):
        await found[0].read_all()


async def test_a_handler_that_fails_stops_nobody(wire: Wire, caplog: pytest.LogCaptureFixture) -> None:
    """It is logged under its topic; the next stream reaches it all the same. A second handler is refused."""
    seen = []

    async def breaks(reader: Any, person: Any) -> None:
        seen.append(await reader.read_all())
        raise RuntimeError("broken")

    stop = wire.bob.incoming.handle("text", "t", breaks)
    with pytest.raises(ValueError, match="have a handler already"):
        wire.bob.incoming.handle("text", "t", print)
    await text(wire, "one")
    await text(wire, "two")
    await asyncio.wait_for(_until(lambda: "handler of topic 't' failed" in caplog.text and len(seen) == 2), LIMIT_S)
    stop()
    stop()
    await text(wire, "three")
    assert seen == ["one", "two"]


async def test_streams_take_turns_and_messages_do_not_wait(wire: Wire) -> None:
    """While the network takes nothing more, a stream waits and a call goes ahead; then streams go chunk by chunk."""
    wire.room.clear()
    jobs = [asyncio.create_task(text(wire, letter * 45_000)) for letter in "ab"]
    await asyncio.sleep(0)
    await wire.ada.send_now(DataPacket(stream_header=header("first", topic="x")))
    assert wire.kinds() == ["stream_header"]
    wire.room.set()
    await asyncio.wait_for(asyncio.gather(*jobs), LIMIT_S)
    order = "".join(packet.stream_chunk.content[:1].decode() for packet in wire.sent)
    assert order == "ababab"


async def test_a_header_that_fits_no_packet_is_refused(wire: Wire) -> None:
    """What is said of a stream is said in one packet."""
    with pytest.raises(ValueError, match="hold 15000 bytes; these have"):
        await wire.ada.outgoing.begin_text("t", (), {"a": "b" * 15_000})
    assert wire.sent == []


async def test_the_end_of_the_call_ends_every_stream(wire: Wire) -> None:
    """Readers are told, handlers that read get their turn, those that hang are ended."""
    ended = []

    async def reads(reader: Any, person: Any) -> None:
        try:
            await reader.read_all()
        except StreamError as error:
            ended.append(error.message)

    async def hangs(reader: Any, person: Any) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("ended")

    wire.bob.incoming.handle("text", "t", reads)
    wire.bob.incoming.handle("text", "u", hangs)
    wire.from_ada(stream_header=header("a"))
    wire.from_ada(stream_header=header("b", topic="u"))
    await asyncio.sleep(0)
    await asyncio.wait_for(wire.bob.close(), LIMIT_S)
    assert "the call is over" in ended[0]
    assert ended[1:] == ["ended"]


async def test_a_network_that_ends_ends_the_writer(wire: Wire) -> None:
    """Its error is the writer's, and saying so to the far end does not hide it."""

    async def broken(packet: DataPacket, reliable: bool) -> None:
        raise NetworkError("gone")

    path = DataPath(broken, lambda below: asyncio.sleep(0), lambda uid, sid: None)
    with pytest.raises(NetworkError, match="gone"):
        await path.outgoing.begin_text("t", (), None)


def test_what_nobody_reads_any_more_takes_no_room() -> None:
    """A handler that looks at the beginning of a stream and leaves it costs the call's other streams nothing."""
    unread = readers.Unread()
    reader = readers.TextStreamReader(TextStreamInfo(stream_id="s", topic="t", size=1000), "ada", unread)
    reader.push(0, b"x" * 1000)
    reader.finish()
    assert unread.size == 1000
    del reader
    gc.collect()
    assert unread.size == 0


async def test_a_handler_that_ends_early_leaves_the_rest_out(wire: Wire) -> None:
    """Whoever has read enough holds nothing more: what comes then waits nowhere, and counts as no stream under way."""
    got: list[str] = []

    async def first(reader: Any, person: str) -> None:
        got.append(await anext(reader))

    wire.bob.incoming.handle("text", "t", first)
    wire.bob.incoming.handle("text", "ignored", lambda reader, person: None)
    wire.from_ada(stream_header=header("s"))
    wire.from_ada(stream_chunk=DataStream.Chunk(stream_id="s", chunk_index=0, content=b"one"))
    wire.from_ada(stream_header=header("i", topic="ignored"))
    async with asyncio.timeout(LIMIT_S):
        while wire.bob.incoming._readers:
            await asyncio.sleep(0)
    for index in range(1, 100):
        wire.from_ada(stream_chunk=DataStream.Chunk(stream_id="s", chunk_index=index, content=b"x" * 15_000))
    wire.from_ada(stream_trailer=DataStream.Trailer(stream_id="s"))
    assert (got, wire.bob.incoming._unread.size, dict(wire.bob.incoming._of)) == (["one"], 0, {})


async def test_a_stream_is_read_on_though_its_progress_cannot_be_told() -> None:
    """What a program's `on_progress` raises stays there: it is called while packets are taken."""
    reader = readers.TextStreamReader(TextStreamInfo(stream_id="s", topic="t", size=4), "ada", readers.Unread())
    reader.on_progress = lambda share: 1 / 0  # type: ignore[assignment, return-value]
    reader.push(0, b"text")
    reader.finish()
    assert await reader.read_all() == "text"
