"""What is tried when a connection is lost, how often and how long: with a clock that stands still."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from jackfield.session.comeback import unless_moved
from jackfield.session.reconnect import Reconnect, Restored
from jackfield.session.trouble import Moved, SentAway, Trouble
from jackfield.testing import ManualClock
from jackfield.values.errors import CallError, CallTokenError, NetworkError, ResponseError, SessionIdError

SIGNALLING, MEDIA = Trouble("signalling", "the connection broke"), Trouble("media", "nothing comes")
SERVER = Trouble("server", "the server ends")
UNREACHABLE, ANEW = NetworkError("no server can be reached"), SentAway("we are not known", None)


class FakeWay:
    """Attempts end as ``ends`` says, one after the other, and then always as its last; None is success."""

    def __init__(self, clock: ManualClock, *ends: CallError | None) -> None:
        self.ends, self.clock = list(ends), clock
        self.tried: list[tuple[float, str]] = []
        self.is_whole = True
        self.takes_s = 0.0

    async def resume(self, trouble: Trouble) -> None:
        await self._try("resume")

    async def rejoin(self) -> None:
        await self._try("rejoin")

    async def _try(self, what: str) -> None:
        self.tried.append((round(self.clock() - 1000, 2), what))
        if self.takes_s:
            await self.clock.sleep(self.takes_s)
        end = self.ends.pop(0) if len(self.ends) > 1 else self.ends[0]
        if end is not None:
            raise end
        self.is_whole = True


class Told:
    """What the call is told of."""

    def __init__(self, reconnect: Reconnect) -> None:
        self.heard: list[Any] = []
        reconnect.on_lost = lambda trouble: self.heard.append(trouble.cause)
        reconnect.on_restored = self.heard.append
        reconnect.on_over = lambda reason, message: self.heard.append((reason, message))


def policy(*ends: CallError | None, limit_s: float = 120.0) -> tuple[ManualClock, FakeWay, Reconnect, Told]:
    clock = ManualClock()
    way = FakeWay(clock, *ends)
    reconnect = Reconnect(way, limit_s, clock=clock, sleep=clock.sleep, jitter=lambda: 0.5)
    return clock, way, reconnect, Told(reconnect)


async def lose(clock: ManualClock, way: FakeWay, reconnect: Reconnect, trouble: Trouble, seconds: float = 0.0) -> None:
    way.is_whole = False
    reconnect.lost(trouble)
    await clock.advance(seconds)


@pytest.mark.parametrize("trouble", [SIGNALLING, MEDIA])
async def test_what_is_lost_is_resumed_at_once(trouble: Trouble) -> None:
    """One loss, one attempt, one restoration; the state says so meanwhile."""
    clock, way, reconnect, told = policy(None)
    way.is_whole = False
    reconnect.lost(trouble)
    assert reconnect.state == "reconnecting"
    await clock.advance(0)
    assert told.heard == [trouble.cause, Restored(0.0, 1, False)]
    assert reconnect.state == "connected"


async def test_a_server_that_ends_is_joined_anew() -> None:
    """Nothing could be resumed there."""
    clock, way, reconnect, told = policy(None)
    await lose(clock, way, reconnect, SERVER)
    assert way.tried == [(0.0, "rejoin")]
    assert told.heard == ["server", Restored(0.0, 1, True)]


async def test_a_resume_that_is_refused_is_a_join_at_once() -> None:
    """The server does not know us any more."""
    clock, way, reconnect, told = policy(ANEW, None)
    await lose(clock, way, reconnect, SIGNALLING)
    assert way.tried == [(0.0, "resume"), (0.0, "rejoin")]
    assert told.heard[-1].rejoined


async def test_attempts_come_ever_more_rarely_and_with_jitter() -> None:
    """Up to every three seconds, a quarter sooner or later by chance."""
    clock, way, reconnect, _ = policy(UNREACHABLE)
    await lose(clock, way, reconnect, SIGNALLING, 20)
    times = [at for at, _ in way.tried]
    assert times[:7] == [0.0, 0.25, 0.75, 1.75, 3.75, 6.75, 9.75]
    for chance, first in ((0.0, 0.19), (1.0, 0.31)):
        clock, way, reconnect, _ = policy(UNREACHABLE)
        reconnect._jitter = lambda chance=chance: chance
        await lose(clock, way, reconnect, SIGNALLING, 1)
        assert way.tried[1][0] == pytest.approx(first, abs=0.01)


async def test_a_resume_that_helps_nothing_becomes_a_join() -> None:
    """After twenty-five seconds, in which the consent to send has not yet expired."""
    clock, way, reconnect, _ = policy(UNREACHABLE)
    way.takes_s = 3.0
    await lose(clock, way, reconnect, MEDIA, 60)
    kinds = [what for _, what in way.tried]
    assert kinds.count("resume") >= 4
    assert 25 <= next(at for at, what in way.tried if what == "rejoin") <= 32
    assert "resume" not in kinds[kinds.index("rejoin") :]


@pytest.mark.parametrize("limit_s", [0.0, 10.0, 120.0])
async def test_it_is_given_up_when_the_time_is_over(limit_s: float) -> None:
    """With what was lost in words; with none to spend, nothing is tried."""
    clock, way, reconnect, told = policy(UNREACHABLE, limit_s=limit_s)
    await lose(clock, way, reconnect, SIGNALLING, limit_s + 4)
    assert told.heard == ["signalling", ("network", "the connection broke")]
    assert bool(way.tried) is bool(limit_s)
    assert reconnect.state == "over"
    tried = len(way.tried)
    reconnect.lost(MEDIA)
    await clock.advance(60)
    assert (len(way.tried), len(told.heard)) == (tried, 2)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (CallTokenError("the token has expired"), "server"),
        (SessionIdError("there is no such room"), "ended"),
        (SentAway("removed", "removed"), "removed"),
        (SentAway("replaced", "replaced"), "replaced"),
        (SentAway("the room was deleted", "ended"), "ended"),
    ],
)
@pytest.mark.parametrize("when", ["resume", "rejoin"])
async def test_who_is_not_wanted_does_not_come_back(error: CallError, reason: str, when: str) -> None:
    """A refused token, a deleted room, a kick, a second self: over at once, with that reason."""
    clock, way, reconnect, told = policy(*([error] if when == "resume" else [ANEW, error]))
    await lose(clock, way, reconnect, SIGNALLING, 100)
    assert told.heard == ["signalling", (reason, error.message)]
    assert len(way.tried) == (1 if when == "resume" else 2)


async def test_a_path_that_comes_back_by_itself_is_enough() -> None:
    """Whatever became of the attempt."""
    clock, way, reconnect, told = policy(UNREACHABLE)
    way.takes_s = 2.0
    await lose(clock, way, reconnect, MEDIA, 1)
    way.is_whole = True
    await clock.advance(1.1)
    assert told.heard == ["media", Restored(2.0, 1, False)]


async def test_more_trouble_meanwhile_is_one_loss_and_no_new_wait() -> None:
    """A server that ends while we resume is joined anew without a pause."""
    clock, way, reconnect, told = policy(UNREACHABLE, UNREACHABLE, UNREACHABLE, UNREACHABLE, None)
    await lose(clock, way, reconnect, SIGNALLING, 1.8)
    reconnect.lost(MEDIA)
    reconnect.lost(SERVER)
    await clock.advance(2)
    assert told.heard[0] == "signalling"
    assert [what for _, what in way.tried] == ["resume"] * 4 + ["rejoin"]
    assert len(told.heard) == 2


async def test_what_a_proxy_says_meanwhile_ends_nothing() -> None:
    """A page of HTML where a server is being restarted."""
    clock, way, reconnect, told = policy(ResponseError("there is no LiveKit server"), None)
    await lose(clock, way, reconnect, SIGNALLING, 2)
    assert told.heard[-1].attempts == 2


async def test_a_process_that_was_stopped_has_its_time_again() -> None:
    """An hour passes within one attempt; it is not the end of the patience."""
    clock, way, reconnect, told = policy(UNREACHABLE)
    way.takes_s = 3600.0
    await lose(clock, way, reconnect, SIGNALLING, 3600)
    way.takes_s, way.ends = 0.0, [None]
    await clock.advance(5)
    assert told.heard[-1].after_s > 3600


async def test_another_address_is_tried_from_at_once() -> None:
    """The attempt under way is given up, and the next one has no pause before it."""
    clock, way, reconnect, told = policy(UNREACHABLE, Moved("another address"), None)
    await lose(clock, way, reconnect, MEDIA, 1)
    assert way.tried == [(0.0, "resume"), (0.25, "resume"), (0.25, "resume")]
    assert told.heard[-1].attempts == 3


async def test_an_attempt_ends_when_this_machine_gets_another_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is taken away is no reason; one that comes is."""
    monkeypatch.setattr("jackfield.session.comeback.MOVED_LOOK_S", 0.01)
    here, cancelled = ["10.0.0.1"], asyncio.Event()

    async def attempt() -> None:
        try:
            await asyncio.sleep(0.05)
            here[:] = []
            await asyncio.sleep(0.05)
            here[:] = ["10.0.0.2"]
            await asyncio.sleep(5)
        finally:
            cancelled.set()

    with pytest.raises(Moved):
        await unless_moved(attempt(), lambda: here)
    assert cancelled.is_set()
    await unless_moved(asyncio.sleep(0.03), lambda: here)
    with pytest.raises(NetworkError, match="no server"):
        await unless_moved(_fails(), lambda: here)


async def _fails() -> None:
    raise UNREACHABLE


async def test_leaving_ends_all_attempts() -> None:
    """And nothing is told of it."""
    clock, way, reconnect, told = policy(UNREACHABLE)
    await lose(clock, way, reconnect, SIGNALLING, 5)
    await reconnect.stop()
    tried = len(way.tried)
    await clock.advance(60)
    assert (len(way.tried), told.heard) == (tried, ["signalling"])
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "reconnect"]


async def test_an_action_waits_a_little_and_then_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """It goes on when the connection does; else one clear error, which says when to try again."""
    monkeypatch.setattr("jackfield.session.reconnect.ACTION_WAIT_S", 0.05)
    clock, way, reconnect, _ = policy(UNREACHABLE)
    await reconnect.until_connected()
    await lose(clock, way, reconnect, SIGNALLING, 1)
    with pytest.raises(NetworkError, match="connection_restored") as caught:
        await reconnect.until_connected()
    assert caught.value.retryable
    waiting: list[Callable[[], bool]] = []
    task = asyncio.create_task(reconnect.until_connected())
    waiting.append(task.done)
    way.ends = [None]
    await clock.advance(5)
    await task
    await reconnect.stop()
