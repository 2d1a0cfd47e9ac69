"""When a path counts as lost: in looks and unanswered questions, with a clock that stands still."""

from __future__ import annotations

import pytest

from jackfield.rtc import aioice_shim
from jackfield.rtc.path_watch import LOOK_S, PathWatch
from jackfield.testing.timers import ManualTimers


class End:
    """The other end: ``talks`` by itself, ``answers`` when it is asked; its machine keeps ``address``."""

    def __init__(self, *, talks: bool = False, answers: bool = True) -> None:
        self.received = self.answered = self.asked = 0
        self.talks, self.answers, self.gone = talks, answers, False

    def ask(self) -> None:
        self.asked += 1
        if self.answers:
            self.answered += 1

    def address_gone(self) -> bool:
        return self.gone


def watched(end: End) -> tuple[ManualTimers, PathWatch, list[tuple[float, bool]]]:
    timers, told = ManualTimers(), list[tuple[float, bool]]()
    watch = PathWatch(timers, end)
    watch.on_change = lambda lost: told.append((round(timers.now_ns() / 1e9 - 1, 1), lost))
    watch.begin()
    return timers, watch, told


def run(timers: ManualTimers, end: End, seconds: float) -> None:
    for _ in range(round(seconds / 0.1)):
        end.received += end.talks
        timers.advance(0.1)


@pytest.mark.parametrize("talks", [True, False])
def test_an_end_that_answers_is_never_lost_and_hardly_asked(talks: bool) -> None:
    """A question every five seconds while media comes, every second or so while it is quiet."""
    end = End(talks=talks)
    timers, _, told = watched(end)
    run(timers, end, 60)
    assert told == []
    assert end.asked == pytest.approx(12 if talks else 50, abs=3)


@pytest.mark.parametrize("heard_s", [0.0, 0.1, 0.2, 0.3])
def test_silence_is_seen_within_three_seconds_and_its_end_at_once(heard_s: float) -> None:
    """Whenever in an interval the last datagram came."""
    end = End(talks=True)
    timers, watch, told = watched(end)
    run(timers, end, 10 + heard_s)
    end.talks = end.answers = False
    run(timers, end, 3)
    ((at, lost),) = told
    assert lost
    assert 1.9 < at - 10 - heard_s <= 2.8
    assert watch.is_lost
    run(timers, end, 10)
    end.answers = True
    run(timers, end, 2 * LOOK_S)
    assert [lost for _, lost in told] == [True, False]


def test_half_a_second_of_silence_is_nothing() -> None:
    """Nor is a second."""
    end = End(talks=True)
    timers, _, told = watched(end)
    for silent_s in (0.5, 1.0, 1.5):
        run(timers, end, 5)
        end.talks = end.answers = False
        run(timers, end, silent_s)
        end.talks = end.answers = True
    run(timers, end, 5)
    assert told == []


def test_a_path_of_one_direction_is_lost_though_media_comes() -> None:
    """Nobody answers: what we send does not arrive."""
    end = End(talks=True, answers=False)
    timers, _, told = watched(end)
    run(timers, end, 12)
    assert [lost for _, lost in told] == [True]
    assert told[0][0] < 10


def test_an_address_that_is_not_ours_any_more_is_seen_at_once() -> None:
    """Before anything is missed."""
    end = End(talks=True)
    timers, _, told = watched(end)
    run(timers, end, 3)
    end.gone = True
    run(timers, end, 1)
    assert [lost for _, lost in told] == [True]


def test_a_process_that_was_stopped_reads_before_it_judges() -> None:
    """A minute passes in one look: that is one quiet look and one question, whose answer is waited for."""
    end = End(talks=True)
    timers, _, told = watched(end)
    run(timers, end, 5)
    late = ManualTimers.advance
    timers._now_ns += 60_000_000_000  # nothing ran meanwhile
    late(timers, 0.0)
    run(timers, end, 5)
    assert told == []


def test_sending_ends_after_half_a_minute_without_consent() -> None:
    """RFC 7675 section 5.1; told once."""
    end = End(answers=False)
    timers, watch, _ = watched(end)
    expired: list[float] = []
    watch.on_expired = lambda: expired.append(timers.now_ns() / 1e9 - 1)
    run(timers, end, 50)
    assert expired == [pytest.approx(30, abs=1)]
    watch.stop()
    assert timers.pending == 0


def test_an_address_is_known_for_ours_or_gone() -> None:
    """Loopback is ours, and so is whatever this machine lists; what is reserved for documentation is nobody's."""
    ours = ["127.0.0.1", *aioice_shim.local_addresses()]
    assert [address for address in ours if not aioice_shim.is_ours(address)] == []
    assert not aioice_shim.is_ours("198.51.100.7")
    assert aioice_shim.is_ours("no address at all"), "what cannot be told ends no call"
