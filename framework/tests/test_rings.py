"""Ringing without a network: who is told what, whatever is answered, and what comes into the log of calls."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from jackfield.server.happenings import Came, Rang, Went
from jackfield.server.ringing import rings as ringing
from jackfield.server.ringing.rings import Rings
from jackfield.values.errors import LogInError, NotAllowed


class Phone:
    """A device that remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []

    def tell(self, message: dict[str, Any]) -> None:
        self.told.append(message)

    @property
    def events(self) -> list[str]:
        return [each["event"] for each in self.told]


class Timers:
    """Timers that a test rings off."""

    def __init__(self) -> None:
        self.due: list[tuple[float, Callable[[], None], Any]] = []

    def __call__(self, after_s: float, do: Callable[[], None]) -> Any:
        handle = asyncio.get_running_loop().call_later(1000, do)
        self.due.append((after_s, do, handle))
        return handle

    def fire(self, after_s: float) -> None:
        due, self.due = self.due, []
        for seconds, do, handle in due:
            if seconds == after_s and not handle.cancelled():
                do()
            handle.cancel()


@pytest.fixture
async def house() -> House:
    return House()


class House:
    """Ada's phone, Bob's phone and his tablet, all online."""

    def __init__(self) -> None:
        self.log: list[Any] = []
        self.timers = Timers()
        self.rings = Rings(self.log.append, clock=lambda: 100.0, later=self.timers)
        self.ada, self.bob, self.tablet = Phone(), Phone(), Phone()
        for uid, device in (("ada", self.ada), ("bob", self.bob), ("bob", self.tablet)):
            self.rings.attach(uid, device)

    def ring(self, *to: str) -> ringing.Ring:
        return self.rings.start("ada", "Ada", to or ("bob",), "stand-up", "VIDEO")


async def test_it_rings_on_every_device_and_one_answer_is_enough(house: House) -> None:
    """The caller hears who comes; the other device rings no more, and cannot answer."""
    ring = house.ring()
    assert house.bob.told == house.tablet.told
    assert house.bob.told[0]["ring"]["caller"] == {"uid": "ada", "name": "Ada"}
    house.rings.accept("bob", ring.id, house.tablet)
    assert (house.ada.events, house.ada.told[0]["uid"]) == (["ring_accepted"], "bob")
    assert house.bob.events == ["incoming_ring", "ring_answered_elsewhere"]
    assert house.tablet.events == ["incoming_ring"]
    for answer in (house.rings.accept, house.rings.reject):
        with pytest.raises(NotAllowed, match="rings for you no more"):
            answer("bob", ring.id, house.bob)
    with pytest.raises(NotAllowed, match="no ring of yours"):
        house.rings.cancel("ada", ring.id)
    assert house.log == []


@pytest.mark.parametrize("busy", [False, True])
async def test_who_does_not_come_says_so(house: House, busy: bool) -> None:
    """Rejected or busy: the caller hears which, and so does the log."""
    ring = house.ring()
    house.rings.reject("bob", ring.id, house.bob, busy=busy)
    assert house.ada.told == [{"event": "ring_rejected", "ring": ring.said(), "uid": "bob", "busy": busy}]
    assert house.tablet.events[-1] == "ring_answered_elsewhere"
    (rang,) = house.log
    assert isinstance(rang, Rang)
    assert (rang.status, rang.uid, dict(rang.answers)) == ("busy" if busy else "rejected", "ada", ring.answers)


async def test_who_is_in_a_call_is_busy_and_does_not_hear_it_ring(house: House) -> None:
    """Until they have left it; a recorder in a call is nobody."""
    house.rings.hear(Came("RM_1", "lobby", "PA_1", "bob", "Bob", "", False, 1.0))
    house.rings.hear(Came("RM_1", "lobby", "PA_2", "ada", "Recorder", "", True, 1.0))
    house.ring()
    assert (house.bob.events, house.ada.told[0]["busy"]) == ([], True)
    house.rings.hear(Went("RM_1", "PA_1", "left", 2.0))
    house.ring()
    assert house.bob.events == ["incoming_ring"]


async def test_nobody_answers_and_both_are_told(house: House) -> None:
    """After 45 seconds; who comes online in time still hears it ring."""
    ring = house.ring("bob", "carol")
    carol = Phone()
    house.rings.attach("carol", carol)
    assert carol.events == ["incoming_ring"]
    house.rings.accept("carol", ring.id, carol)
    house.timers.fire(ringing.RING_S)
    assert house.bob.events == ["incoming_ring", "ring_unanswered"]
    assert house.ada.events == ["ring_accepted", "ring_unanswered"]
    assert house.log == [], "somebody came: that is a call, and logged as one"
    house.ring()
    house.timers.fire(ringing.RING_S)
    assert [each.status for each in house.log] == ["unanswered"]


async def test_what_happens_while_a_line_is_down_is_heard_when_it_is_back(house: House) -> None:
    """An answer, and the end of what rang; for a minute, and what rings still only once."""
    ring = house.ring("bob", "carol")
    house.rings.detach("ada", house.ada)
    house.rings.reject("bob", ring.id, house.bob)
    house.rings.attach("ada", house.ada)
    assert house.ada.events == ["ring_rejected"]
    for device in (house.bob, house.tablet):
        house.rings.detach("bob", device)
    again = house.ring()
    gone = house.ring()
    house.rings.cancel("ada", gone.id)
    assert house.rings.ringing("bob") == [again.id]
    before = len(house.bob.events)
    house.rings.attach("bob", house.bob)
    assert house.bob.events[before:] == ["ring_cancelled", "incoming_ring"]
    house.rings.detach("bob", house.bob)
    house.timers.fire(ringing.MISSED_S)
    house.rings.cancel("ada", again.id)
    before = len(house.bob.events)
    house.rings.attach("bob", house.bob)
    assert house.bob.events[before:] == []


async def test_a_caller_gives_up_or_vanishes(house: House) -> None:
    """Cancelled, it rings nowhere; a line that breaks is waited for, a caller who stays away is not."""
    house.rings.cancel("ada", house.ring().id)
    assert house.bob.events == ["incoming_ring", "ring_cancelled"]
    house.ring()
    house.rings.detach("ada", house.ada)
    house.rings.attach("ada", house.ada)
    house.timers.fire(ringing.CALLER_S)
    assert house.bob.events[2:] == ["incoming_ring"]
    house.rings.detach("ada", house.ada)
    house.timers.fire(ringing.CALLER_S)
    assert house.bob.events[2:] == ["incoming_ring", "ring_cancelled"]
    assert [each.status for each in house.log] == ["cancelled", "cancelled"]


async def test_what_makes_no_sense_or_is_too_much_is_refused(house: House) -> None:
    """Oneself, nobody, too many people, rings or devices."""
    for to in (("ada",), tuple(f"uid{number}" for number in range(ringing.PEOPLE_MAX + 1))):
        with pytest.raises(NotAllowed, match="1 to 50 others"):
            house.ring(*to)
    with pytest.raises(LogInError):
        house.ring("with space")
    for _ in range(ringing.OWN_MAX):
        house.ring()
    with pytest.raises(NotAllowed, match="8 rings"):
        house.ring()
    for _ in range(ringing.DEVICES_MAX - 2):
        house.rings.attach("bob", Phone())
    with pytest.raises(NotAllowed, match="16 devices"):
        house.rings.attach("bob", Phone())
    house.rings.close()
    assert {each.status for each in house.log} == {"cancelled"}
    assert not [handle for _, _, handle in house.timers.due if not handle.cancelled()]
