"""One incoming stream's sequence numbers: duplicates, gaps, padding, and what is asked for again."""

import pytest

from jackfield.server.sfu.window import SequenceWindow

MS = 1_000_000


def fed(pattern: str, first: int = 100) -> tuple[SequenceWindow, list[int | None]]:
    """What a window makes of a pattern: ``x`` comes, ``.`` is lost, ``p`` is padding. The first number out is 0."""
    window, out = SequenceWindow(), []
    for index, what in enumerate(pattern):
        if what != ".":
            out.append(window.accept((first + index) & 0xFFFF, what == "p", index * MS))
    start = next(number for number in out if number is not None)
    return window, [None if number is None else number - start for number in out]


def test_padding_leaves_no_gap() -> None:
    """What comes after padding moves down, however much there is of it."""
    assert fed("xxppxpppx")[1] == [0, 1, None, None, 2, None, None, None, 3]


def test_loss_leaves_its_gap() -> None:
    """A lost packet's place stays free, so that it can still come."""
    assert fed("x.x..x")[1] == [0, 2, 5]


def test_a_late_packet_takes_its_place_before_and_after_padding() -> None:
    """How far a packet moves down is what was padding before it, whenever it comes."""
    window, out = fed("xp.xpx")
    assert out == [0, None, 2, None, 3]
    start = window.newest - 3
    assert window.accept(102, False, 10 * MS) == start + 1


def test_late_padding_fills_the_gap_that_subscribers_saw() -> None:
    """Padding that was lost and comes again keeps its number; else it would be asked for until the end."""
    window, _ = fed("x.x")
    assert window.accept(101, True, 9 * MS) == window.newest - 1


def test_duplicates_and_what_is_too_old_are_dropped() -> None:
    """A packet passes once: browsers probe by repeating old packets as retransmissions."""
    window, _ = fed("xxx")
    assert [window.accept(number, False, MS) for number in (100, 101, 102)] == [None, None, None]
    assert window.accept(60000, False, MS) is None


def test_numbers_wrap() -> None:
    """65535 is followed by 0 and nothing is lost."""
    window, out = fed("xxxx", first=65534)
    assert out == [0, 1, 2, 3]
    assert not window.missing


def test_a_jump_is_a_new_beginning() -> None:
    """A step of thousands is no loss: it is neither counted nor asked for, and subscribers see no gap."""
    window, _ = fed("xx")
    newest = window.newest
    assert window.accept(20000, False, MS) == newest + 1
    assert window.lost(MS) == []
    assert window.discontinuities == 1
    assert window.report()[:2] == (0, 0)


@pytest.mark.parametrize("after", [40_000, 33_000, 60_000])
def test_a_source_that_counts_from_elsewhere_goes_on(after: int) -> None:
    """After 40 000 lost packets, or from a lower number on: the first is dropped, and subscribers see no gap."""
    window, _ = fed("xxx", first=2000)
    newest = window.newest
    out = [window.accept((2000 + after + number) & 0xFFFF, False, MS) for number in range(5)]
    assert out == [None, *range(newest + 1, newest + 5)]
    assert window.discontinuities == 1
    assert window.report()[:2] == (0, 0)


def test_a_source_that_starts_again_a_little_lower_goes_on() -> None:
    """It takes longer to tell from repetitions, and not for ever."""
    window, _ = fed("x" * 200, first=2000)
    newest = window.newest
    out = [window.accept(2010 + number, False, MS) for number in range(60)]
    assert out == [None] * 49 + list(range(newest + 1, newest + 12))


def test_repetitions_are_no_new_beginning() -> None:
    """Neither a burst that the network doubles, nor old packets that a browser sends again to probe."""
    window, _ = fed("x" * 3000, first=1000)
    for _ in range(3):
        behind = window.highest - 40
        assert {window.accept(behind + number & 0xFFFF, False, MS) for number in range(40)} == {None}
        assert {window.accept(1000 + number, False, MS, repaired=True) for number in range(500)} == {None}
        for number in range(1000, 1500):
            assert window.accept(number, False, MS) is None
            assert window.accept(window.highest + 1 & 0xFFFF, False, MS) == window.newest
    assert window.discontinuities == 0


def test_what_is_missing_is_asked_for_at_once_and_then_every_80_ms() -> None:
    """Eight times at most, and no longer than a second and a half."""
    window, _ = fed("x..x")
    asked = [ms for ms in range(3, 2000) if window.lost(ms * MS)]
    assert asked == [3 + 80 * n for n in range(8)]
    assert not window.missing


def test_what_came_is_not_asked_for() -> None:
    """A packet that fills its gap ends the asking."""
    window, _ = fed("x..x")
    assert window.lost(3 * MS) == [101, 102]
    window.accept(101, False, 4 * MS)
    assert window.lost(200 * MS) == [102]


def test_missing_packets_are_bounded() -> None:
    """A peer that leaves gaps on purpose does not grow us."""
    window, sequence = SequenceWindow(), 0
    for index in range(200):
        window.accept(sequence, False, index * MS)
        sequence = (sequence + 900) & 0xFFFF
    assert len(window.missing) <= 1000


def test_loss_is_reported_as_rfc_3550_says() -> None:
    """The fraction is of the interval, the count of all, the highest number has its cycles."""
    window, _ = fed("xxx.xxx.", first=65533)
    fraction, lost, highest = window.report()
    assert (fraction, lost, highest) == (256 // 7, 1, 0x10000 + 3)
    assert window.report()[0] == 0
    window.accept(0, False, 9 * MS, repaired=True)
    assert window.report()[1] == 1, "a retransmission on another SSRC does not count as received"
