"""Who sends much waits for those who receive it, as long as they do receive it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jackfield.server.sfu import brake
from jackfield.server.sfu.brake import Brake
from jackfield.testing.timers import ManualTimers


class Channel:
    """A publisher's channel that keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def pause(self) -> None:
        self.told.append("pause")

    def resume(self) -> None:
        self.told.append("resume")


class Outlet:
    """A subscriber's channels, as full as a test says."""

    def __init__(self) -> None:
        self.full = self.is_slow = False
        self.waiting: list[Callable[[], None]] = []

    @property
    def is_behind(self) -> bool:
        return self.full and not self.is_slow

    def drain(self) -> None:
        self.full = self.is_slow = False
        waiting, self.waiting = self.waiting, []
        for tell in waiting:
            tell()


def made() -> tuple[Any, Any, ManualTimers]:
    channel, clock = Channel(), ManualTimers()
    held: Any = channel
    return channel, Brake(held, clock, "ada"), clock


def test_the_publisher_is_held_until_everybody_has_caught_up() -> None:
    """Once, however many are behind; who is not behind holds nobody."""
    channel, held, _ = made()
    first: Any = Outlet()
    second: Any = Outlet()
    held.fed(first)
    assert channel.told == []
    first.full = second.full = True
    for outlet in (first, second, first):
        held.fed(outlet)
    assert channel.told == ["pause"]
    first.drain()
    assert channel.told == ["pause"]
    second.drain()
    assert channel.told == ["pause", "resume"]
    second.full = True
    held.fed(second)
    assert channel.told == ["pause", "resume", "pause"]


def test_who_does_not_catch_up_is_waited_for_once() -> None:
    """After three seconds the publisher goes on; that one is waited for again when it has caught up, not before."""
    channel, held, clock = made()
    slow: Any = Outlet()
    slow.full = True
    held.fed(slow)
    clock.advance(brake.PATIENCE_NS / 1e9 + 0.01)
    assert channel.told == ["pause", "resume"]
    held.fed(slow)
    assert channel.told == ["pause", "resume"]
    slow.drain()
    slow.full = True
    held.fed(slow)
    assert channel.told[-1] == "pause"
    held.close()
    clock.advance(10)
    assert channel.told[-1] == "pause"
