"""Wrong log-in keys may be tried only so often."""

from __future__ import annotations

from jackfield.server.service.limits import WrongKeyLimit


def test_the_eleventh_wrong_key_waits() -> None:
    """Ten in a minute are let through, and then the oldest must be a minute old."""
    now = [100.0]
    limit = WrongKeyLimit(clock=lambda: now[0])
    for _ in range(10):
        assert limit.wait_s("a") == 0
        limit.count("a")
        now[0] += 1
    assert limit.wait_s("a") == 50
    assert limit.wait_s("b") == 0
    now[0] += 50
    assert limit.wait_s("a") == 0
    limit.count("a")
    assert limit.wait_s("a") == 1


def test_many_addresses_do_not_fill_the_memory() -> None:
    """Who comes from ever new addresses pushes out the oldest."""
    limit = WrongKeyLimit(allowed=1, clock=lambda: 0.0)
    for number in range(10_001):
        limit.count(str(number))
    assert limit.wait_s("0") == 0
    assert limit.wait_s("10000") == 60
