"""Freezes and pauses of a picture, by the definitions of webrtc-stats."""

from __future__ import annotations

import pytest

from jackfield.media.freezes import Freezes

MS = 1_000_000


def shown(*gaps_ms: int) -> Freezes:
    """Ten pictures at 33 ms, then pictures after each of these gaps."""
    freezes, now = Freezes(), 0
    for gap in (*[33] * 10, *gaps_ms):
        now += gap * MS
        freezes.shown(now)
    return freezes


@pytest.mark.parametrize(("gap", "count"), [(182, 0), (184, 1), (6000, 1)])
def test_a_freeze_is_150_ms_beyond_the_average(gap: int, count: int) -> None:
    """At thirty pictures a second, three times the average is less than that."""
    freezes = shown(gap)
    assert freezes.count == count
    assert freezes.total_ns == count * gap * MS


def test_slow_pictures_freeze_at_three_times_their_average() -> None:
    """One picture a second is slow, and no freeze."""
    freezes = Freezes()
    for second in range(40):
        freezes.shown(second * 1000 * MS)
    assert freezes.count == 0
    assert freezes.shown(41_900 * MS) == 0
    assert freezes.shown(45_100 * MS) == 3_200 * MS


def test_a_pause_is_longer_than_five_seconds() -> None:
    """It is a freeze as well; the sums hold both."""
    freezes = shown(5000, 5001)
    assert (freezes.count, freezes.pauses, freezes.paused_ns) == (2, 1, 5001 * MS)
    assert freezes.between_ns == (9 * 33 + 10_001) * MS
    assert freezes.squared_s2 == pytest.approx(9 * 0.033**2 + 5**2 + 5.001**2)


def test_what_was_turned_off_is_no_freeze() -> None:
    """Nor is the first picture of all, nor the second."""
    freezes = shown()
    freezes.forget()
    assert freezes.shown(9_000 * MS) == 0
    assert freezes.shown(9_033 * MS) == 0
    assert (freezes.count, freezes.pauses) == (0, 0)
