"""Which packets are asked for again, and when."""

from __future__ import annotations

from jackfield.rtc.nack import NackGenerator

MS = 1_000_000


def feed(nack: NackGenerator, pattern: str, *, first: int = 0, ms: int = 1) -> None:
    """A dot is a packet that comes, an x one that does not."""
    for index, mark in enumerate(pattern):
        if mark == ".":
            nack.received(first + index, (index * ms) * MS)


def test_a_gap_is_asked_for_at_once() -> None:
    """Every missing number, when the packet after the gap comes."""
    nack = NackGenerator()
    feed(nack, "..x..xx.")
    assert nack.due(7 * MS) == [2, 5, 6]
    assert nack.due(7 * MS) == []
    assert nack.busy


def test_it_is_asked_again_every_round_trip() -> None:
    """Until the deadline of two round trips and 40 ms; then no more."""
    nack = NackGenerator(initial_rtt_ms=40)
    feed(nack, ".x.")
    asked = [now for now in range(2, 400) if nack.due(now * MS)]
    assert asked == [2, 52, 102]
    assert not nack.busy


def test_a_repaired_packet_is_not_asked_for() -> None:
    """And its round trip is learnt from the answer to one request."""
    nack = NackGenerator(initial_rtt_ms=100)
    for first in range(0, 300, 10):
        at = first * 100 * MS
        nack.received(first, at)
        nack.clear()
        nack.received(first + 2, at)
        assert nack.due(at) == [first + 1]
        nack.received(first + 1, at + 10 * MS)
    assert nack.recovered == 30
    assert 10 <= nack.rtt_ns / MS < 20
    assert nack.patience_ns == 2 * nack.rtt_ns + 40 * MS


def test_reordering_teaches_patience() -> None:
    """Packets that merely overtake each other stop causing requests."""
    nack = NackGenerator()
    nack.received(0, 0)
    nack.received(2, 1 * MS)
    nack.received(1, 4 * MS)  # before anybody asked
    nack.received(4, 10 * MS)
    assert nack.due(10 * MS) == []
    assert nack.next_due_ns() == 13 * MS
    assert nack.due(13 * MS) == [3]


def test_an_outage_is_not_asked_for() -> None:
    """A gap too wide to mend is reported instead, and nothing is kept of it."""
    nack = NackGenerator()
    assert nack.received(0, 0)
    assert not nack.received(2000, 1)
    assert nack.due(10 * MS) == []
    assert nack.received(2001, 2)


def test_what_is_not_needed_is_forgotten() -> None:
    """After a skip to a keyframe nobody wants what lies before it."""
    nack = NackGenerator()
    feed(nack, ".x.x.x.")
    assert nack.due(10 * MS) == [1, 3, 5]
    nack.clear()
    assert not nack.busy
    assert nack.next_due_ns() is None
