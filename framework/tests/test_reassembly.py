"""Messages are whole and in order, whatever order their fragments come in, and what is given up is forgotten."""

from __future__ import annotations

import random

from attrs import define

from jackfield.rtc.reassembly import FIRST, LAST, UNORDERED, Reassembly


@define
class Chunk:
    """A fragment as it came."""

    tsn: int
    flags: int
    stream_seq: int
    user_data: bytes
    stream_id: int = 1
    protocol: int = 53


def fragments(tsn: int, seq: int, text: bytes, more: int = 0) -> list[Chunk]:
    """One byte in each."""
    last = len(text) - 1
    flags = [(FIRST if n == 0 else 0) | (LAST if n == last else 0) | more for n in range(len(text))]
    return [Chunk((tsn + n) % (1 << 32), flags[n], seq % (1 << 16), text[n : n + 1]) for n in range(len(text))]


def arrived(stream: Reassembly, chunks: list[Chunk]) -> list[bytes]:
    out = []
    for chunk in chunks:
        stream.add_chunk(chunk)
        out += [data for _, _, data in stream.pop_messages()]
    return out


def test_any_order_gives_the_same_messages() -> None:
    """Ordered ones in their order, across both wraps; nothing is left over."""
    texts = [bytes([65 + n]) * (1 + n % 5) for n in range(20)]
    for seed in range(50):
        chunks, tsn = [], (1 << 32) - 20
        for number, text in enumerate(texts):
            chunks += fragments(tsn, 65530 + number, text)
            tsn += len(text)
        random.Random(seed).shuffle(chunks)
        stream = Reassembly()
        stream.sequence_number = stream._delivered_to = 65530
        assert arrived(stream, chunks) == texts
        assert (stream.waiting_bytes, stream.waiting_count, stream._ends, stream._fragments) == (0, 0, {}, {})


def test_unordered_messages_wait_for_nobody() -> None:
    """Each comes when it is whole."""
    one, two = fragments(10, 0, b"one", UNORDERED), fragments(13, 0, b"two", UNORDERED)
    assert arrived(Reassembly(), [*one[:2], *two, one[2]]) == [b"two", b"one"]


def test_what_the_peer_gave_up_is_passed_over() -> None:
    """A skipped message frees those behind it, and its fragments go; one that goes on past the point stays."""
    stream = Reassembly()
    assert arrived(stream, [*fragments(10, 0, b"lost")[:2], *fragments(14, 1, b"next")]) == []
    going_on = fragments(18, 2, b"more")
    assert arrived(stream, going_on[:2]) == []
    stream.sequence_number = 1
    assert [data for _, _, data in stream.pop_messages()] == [b"next"]
    assert stream.prune_chunks(19) == 2
    assert arrived(stream, going_on[2:]) == [b"more"]
    assert (stream.waiting_bytes, stream.waiting_count) == (0, 0)
