"""How good everybody's connection is: judged, held for a while, and told when it changes."""

from __future__ import annotations

from itertools import pairwise

import pytest

from jackfield.session.limitation import Limitation, is_short
from jackfield.session.participant import Participant
from jackfield.session.quality import Qualities, Sample, judged, worse
from jackfield.testing import ManualClock
from jackfield.values.events import NetworkQuality


def ada() -> Participant:
    return Participant(pid="PA_ada", uid="ada")


@pytest.mark.parametrize(
    ("last", "quality"),
    [
        (Sample(1000, 0), "excellent"),
        (Sample(970, 30), "good"),
        (Sample(910, 90), "poor"),
        (Sample(1000, 0, frozen_s={"TR_1": 0.3}), "good"),
        (Sample(1000, 0, frozen_s={"TR_1": 1.0, "TR_2": 0.0}), "poor"),
        (Sample(1000, 0, frozen_s={f"TR_{number}": 0.1 for number in range(50)}), "excellent"),
        (Sample(1000, 0, loss=0.05), "good"),
        (Sample(1000, 0, rtt_s=0.3), "good"),
        (Sample(1000, 0, rtt_s=0.7), "poor"),
        (Sample(1000, 0, connected=False), "lost"),
        (Sample(10, 9), "unknown"),
        (Sample(), "unknown"),
    ],
)
def test_what_is_measured_is_judged(last: Sample, quality: NetworkQuality) -> None:
    """Over four seconds: loss seen and reported, the round trip, and how long pictures stood still."""
    assert judged([Sample(), last], 4) == quality


def test_only_what_is_known_counts() -> None:
    """The worse of two."""
    assert worse("unknown", "good") == "good"
    assert worse("poor", "excellent") == "poor"
    assert worse("unknown", "unknown") == "unknown"


def test_a_change_is_told_once_it_has_lasted() -> None:
    """Two seconds of much loss make it poor, four without make it good again; a little in one changes nothing."""
    qualities, person, received, lost = Qualities(), ada(), 0, 0
    told: list[tuple[int, str]] = []
    for second, loss in enumerate("........o...xxxx............"):
        received, lost = received + 100, lost + {".": 0, "o": 5, "x": 60}[loss]
        for event in qualities.measured({person: Sample(received, lost)}):
            told.append((second, event.quality))  # type: ignore[attr-defined]
    assert [quality for _, quality in told] == ["excellent", "poor", "excellent"]
    spans = [later - earlier for (earlier, _), (later, _) in pairwise(told)]
    assert 8 <= spans[0] <= 14, told
    assert person.network_quality == "excellent"


def test_the_server_and_we_are_both_heard() -> None:
    """The worse holds; who has gone is forgotten."""
    qualities, person = Qualities(), ada()
    assert [event.quality for event in qualities.said(person, "poor")] == ["poor"]  # type: ignore[attr-defined]
    for second in range(6):
        assert qualities.measured({person: Sample(100 * second, 0)}) == []
    assert [event.quality for event in qualities.said(person, "good")] == ["good"]  # type: ignore[attr-defined]
    assert qualities.said(person, "good") == []
    qualities.measured({})
    again = ada()
    assert qualities.said(again, "excellent") != []
    assert again.network_quality == "excellent"


def test_pictures_that_are_left_out_are_the_processors_doing() -> None:
    """A tenth of those of the last second; one in a while is nothing."""
    limitation = Limitation()
    counted = [(30, 0), (59, 1), (86, 4), (110, 10), (140, 10), (140, 10), (141, 40)]
    assert [limitation.is_busy(*sums) for sums in counted] == [False, False, False, True, False, False, True]


async def test_time_is_kept_under_each_limit() -> None:
    """Seconds of each; a reason that nobody knows is another."""
    clock = ManualClock()
    limitation = Limitation(clock.monotonic_ns)
    for reason, seconds in (("bandwidth", 2.0), ("cpu", 1.0), ("heat", 4.0), ("none", 8.0)):
        await clock.advance(seconds)
        limitation.be(reason)
    assert dict(limitation.durations) == {"none": 2.0, "bandwidth": 1.0, "cpu": 4.0, "other": 8.0}
    assert limitation.reason == "none"
    assert [is_short(given, 1000) for given in (None, 100, 899, 900, 2000)] == [False, True, True, False, False]
    assert not is_short(100, None)
