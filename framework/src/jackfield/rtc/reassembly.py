"""Messages of one SCTP stream, put together from fragments that come in any order (RFC 9260 section 6.9).

Each fragment costs the same however many wait: what is contiguous is known by its two ends alone.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Protocol

UNORDERED, FIRST, LAST = 0x04, 0x02, 0x01
_TSNS, _SEQUENCES = 1 << 32, 1 << 16

Message = tuple[int, int, bytes]


class Fragment(Protocol):
    """A DATA chunk."""

    tsn: int
    flags: int
    stream_id: int
    stream_seq: int
    protocol: int
    user_data: bytes


class Reassembly:
    """``waiting_bytes`` and ``waiting_count`` say what is held: fragments, and messages that wait for earlier ones."""

    def __init__(self) -> None:
        self.sequence_number = 0
        self.waiting_bytes = 0
        self.waiting_count = 0
        self._fragments: dict[int, Fragment] = {}
        #: Fragments that belong together: the last of them by the first, the first by the last.
        self._ends: dict[int, int] = {}
        self._beginnings: dict[int, int] = {}
        self._early: dict[int, Message] = {}
        self._done: deque[Message] = deque()
        self._delivered_to = 0

    def add_chunk(self, chunk: Fragment) -> None:
        """One more fragment; the caller has sorted out duplicates."""
        first = last = chunk.tsn
        before, after = (first - 1) % _TSNS, (last + 1) % _TSNS
        self._fragments[first] = chunk
        self._count(1, len(chunk.user_data))
        if not chunk.flags & FIRST and before in self._beginnings and not self._fragments[before].flags & LAST:
            first = self._beginnings.pop(before)
            del self._ends[first]
        if not chunk.flags & LAST and after in self._ends and not self._fragments[after].flags & FIRST:
            last = self._ends.pop(after)
            del self._beginnings[last]
        self._ends[first], self._beginnings[last] = last, first
        if self._fragments[first].flags & FIRST and self._fragments[last].flags & LAST:
            self._complete(first)

    def _complete(self, first: int) -> None:
        head = self._fragments[first]
        parts = self._take(first)
        message = (head.stream_id, head.protocol, b"".join(part.user_data for part in parts))
        self._count(1 - len(parts), 0)
        if head.flags & UNORDERED or _later(self.sequence_number, head.stream_seq):
            self._done.append(message)
            return
        replaced = self._early.pop(head.stream_seq, None)
        if replaced is not None:
            self._count(-1, -len(replaced[2]))
        self._early[head.stream_seq] = message

    def _take(self, first: int) -> list[Fragment]:
        last = self._ends.pop(first)
        del self._beginnings[last]
        return [self._fragments.pop((first + step) % _TSNS) for step in range((last - first) % _TSNS + 1)]

    def pop_messages(self) -> Iterator[Message]:
        """Each message that is whole and whose turn it is."""
        if self.sequence_number != self._delivered_to:  # the peer gave up what came before
            passed = [number for number in self._early if _later(self.sequence_number, number)]
            self._done.extend(self._early.pop(number) for number in passed)
            self._delivered_to = self.sequence_number
        while self._done or self.sequence_number in self._early:
            if self._done:
                message = self._done.popleft()
            else:
                message = self._early.pop(self.sequence_number)
                self.sequence_number = self._delivered_to = (self.sequence_number + 1) % _SEQUENCES
            self._count(-1, -len(message[2]))
            yield message

    def prune_chunks(self, tsn: int) -> int:
        """Forgets fragments up to this one whose message will never be whole; how many bytes they had."""
        before = self.waiting_bytes
        for first, last in list(self._ends.items()):
            goes_on = not _later_tsn(tsn, last) and self._fragments[first].flags & FIRST
            if not goes_on and not _later_tsn(first, tsn):
                parts = self._take(first)
                self._count(-len(parts), -sum(len(part.user_data) for part in parts))
        return before - self.waiting_bytes

    def _count(self, number: int, size: int) -> None:
        self.waiting_count += number
        self.waiting_bytes += size


def _later(a: int, b: int) -> bool:
    return 0 < (a - b) % _SEQUENCES < _SEQUENCES // 2


def _later_tsn(a: int, b: int) -> bool:
    return 0 < (a - b) % _TSNS < _TSNS // 2
