"""A server knows how busy it is, and says no to what it cannot carry."""

from __future__ import annotations

import pytest

from jackfield.server.sfu.gauge import Gauge
from jackfield.server.sfu.limits import Limits
from jackfield.server.sfu.rooms import Rooms
from jackfield.server.sfu.tokens import Refused


class Busy:
    """A gauge and the clocks that it reads."""

    def __init__(self, limit: float = 0.9) -> None:
        self.now, self.cpu_s, self.packets = 0.0, 0.0, 0
        self.gauge = Gauge(limit, cpu_s=lambda: self.cpu_s, clock=lambda: self.now)
        self.gauge.look(0)

    def work(self, share: float, seconds: int = 1, packets: int = 0) -> None:
        for _ in range(seconds):
            self.now += 1
            self.cpu_s += share
            self.packets += packets
            self.gauge.look(self.packets)


def test_a_second_of_work_is_no_load_and_half_a_minute_is() -> None:
    """A burst of joins turns nobody away; what lasts does."""
    busy = Busy()
    busy.work(1.0)
    assert busy.gauge.refusal(new_room=True) == ""
    busy.work(0.95, 30, packets=41_000)
    words = busy.gauge.refusal(new_room=True)
    assert "95 % of a core" in words
    assert "LiveKit" in words
    assert busy.gauge.packets_per_second == pytest.approx(41_000, rel=0.01)
    busy.work(0.2, 10)
    assert busy.gauge.refusal(new_room=True) == ""


def test_who_joins_others_is_let_in_a_little_longer() -> None:
    """A call that has begun is not cut in two."""
    busy = Busy()
    busy.work(0.95, 30)
    assert busy.gauge.refusal(new_room=False) == ""
    busy.work(1.0, 30)
    assert busy.gauge.refusal(new_room=False)


def test_without_a_limit_there_is_none() -> None:
    """Whoever embeds the server measures for himself."""
    busy = Busy(0.0)
    busy.work(1.0, 30)
    assert busy.gauge.refusal(new_room=True) == ""
    assert busy.gauge.cpu_share == pytest.approx(1.0, abs=0.01)


def test_participants_who_left_do_not_make_packets_negative() -> None:
    """Their counters went with them."""
    busy = Busy()
    busy.work(0.1, 5, packets=100)
    busy.work(0.1, packets=-400)
    assert busy.gauge.packets_per_second >= 0


def test_no_room_is_opened_above_the_limit() -> None:
    """By a join or by the API; the rooms that are there stay."""
    busy = Busy()
    rooms = Rooms(Limits(rooms=2), busy.gauge)
    there = rooms.obtain("there")
    busy.work(0.95, 30)
    with pytest.raises(Refused, match="LiveKit") as caught:
        rooms.obtain("another")
    assert caught.value.status == 503
    assert rooms.obtain("there") is there
    rooms.require_strength(new_room=False)
    busy.work(0.1, 30)
    rooms.obtain("another")
    with pytest.raises(Refused, match=r"2 rooms and takes no more.*LiveKit"):
        rooms.obtain("a third")
