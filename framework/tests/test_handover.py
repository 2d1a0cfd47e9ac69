"""Media between threads and the loop: bounded, newest wins, nobody blocked who must not be."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest

from jackfield.session.handover import Handover, Outlet


def test_the_newest_win_and_the_dropped_are_counted() -> None:
    """Three into two: the first is gone."""
    handover: Handover[int] = Handover(2)
    assert [handover.put(number) for number in (1, 2, 3)] == [False, False, True]
    assert (handover.take(0), handover.take(0), handover.take(0)) == (2, 3, None)
    assert handover.dropped == 1


def test_who_takes_is_woken_by_put_nudge_and_close() -> None:
    """Though it would have waited for a minute; after close nothing more comes."""
    handover: Handover[int] = Handover(1)
    for act, expected in ((lambda: handover.put(7), 7), (handover.nudge, None), (handover.close, None)):
        taken: list[int | None] = []
        worker = threading.Thread(target=lambda taken=taken: taken.append(handover.take(60)), daemon=True)
        timer = threading.Timer(0.02, act)
        worker.start()
        timer.start()
        worker.join(10)
        assert taken == [expected]
        timer.join()
    assert not handover.put(8)
    assert handover.take(5) is None


async def test_an_outlet_keeps_order_and_bounds_what_is_on_its_way() -> None:
    """A worker that is ahead waits until the loop has taken some; nothing is lost."""
    taken: list[int] = []
    outlet: Outlet[int] = Outlet(asyncio.get_running_loop(), taken.append, 2, newest_wins=False)
    most = 0

    def work() -> None:
        nonlocal most
        for number in range(50):
            outlet.put(number)
            most = max(most, len(outlet._items))

    await asyncio.to_thread(work)
    await asyncio.sleep(0)
    assert taken == list(range(50))
    assert most <= 2
    assert not outlet.full


async def test_only_other_threads_wake_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the loop's own thread puts is taken in its next turn, as what others put, and nobody has to wake it."""
    loop, taken, woken = asyncio.get_running_loop(), list[int](), list[int]()
    outlet: Outlet[int] = Outlet(loop, taken.append, 4, newest_wins=False)
    really = loop.call_soon_threadsafe

    def wake(callback: Callable[..., object], *args: object, **known: object) -> object:
        woken.append(threading.get_ident())
        return really(callback, *args, **known)  # type: ignore[arg-type]

    monkeypatch.setattr(loop, "call_soon_threadsafe", wake)
    outlet.put(1)
    assert taken == []
    await asyncio.sleep(0)
    assert (taken, woken) == ([1], [])
    worker = threading.Thread(target=outlet.put, args=(2,))
    worker.start()
    worker.join(10)
    assert woken == [worker.ident]
    await asyncio.sleep(0.01)
    assert taken == [1, 2]


async def test_an_outlet_of_newest_never_waits() -> None:
    """While the loop is busy the oldest go."""
    taken: list[int] = []
    outlet: Outlet[int] = Outlet(asyncio.get_running_loop(), taken.append, 2, newest_wins=True)
    worker = threading.Thread(target=lambda: [outlet.put(number) for number in range(10)])
    worker.start()
    worker.join(1)
    assert not worker.is_alive()
    await asyncio.sleep(0.01)
    assert taken == [8, 9]


async def test_a_closed_outlet_lets_go_of_its_worker() -> None:
    """What waited for room returns, and nothing more arrives."""
    taken: list[int] = []
    outlet: Outlet[int] = Outlet(asyncio.get_running_loop(), taken.append, 1, newest_wins=False)
    worker = threading.Thread(target=lambda: [outlet.put(number) for number in range(3)])
    worker.start()
    worker.join(0.02)  # it waits for room, and the loop does not run
    outlet.close()
    worker.join(2)
    assert not worker.is_alive()
    await asyncio.sleep(0.01)
    assert taken == []
