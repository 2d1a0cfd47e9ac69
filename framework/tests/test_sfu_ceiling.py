"""What a publisher is asked to stay under: only what nobody who watches could take, and until somebody can."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from jackfield.server.sfu.ceiling import Ceiling


def track(*rooms_bps: float | None, layers: int = 1, kind: str = "video", muted: bool = False) -> Any:
    """A track with viewers whose paths have so much room for it."""
    rids = ("",) if layers == 1 else ("q", "h", "f")[:layers]
    feeds = [SimpleNamespace(room_bps=room) for room in rooms_bps]
    return SimpleNamespace(
        is_video=kind == "video", muted=muted, rids=rids, layers=dict.fromkeys(rids), feeds=feeds, is_held_back=False
    )


SOUND = track(kind="audio")


@pytest.mark.parametrize(
    ("tracks", "most"),
    [
        ([track(300_000)], 255_000),
        ([track(300_000), SOUND], 305_000),
        ([track(300_000, 500_000)], 425_000),  # the best of them
        ([track(300_000, 0)], 255_000),  # who takes nothing does not count
        ([track(300_000, None)], None),  # somebody can take all of it
        ([track(300_000), track(200_000)], 425_000),
        ([track(300_000), track()], 510_000),  # one that nobody watches takes its part all the same
        ([track(300_000), track(muted=True)], 255_000),
        ([track(300_000), track(100_000, layers=3)], None),  # layers are made smaller here
        ([track(300_000), track(0, layers=3)], 255_000),  # none of which is sent
        ([track(300_000), track(None)], None),
        ([track(100_000, layers=3)], None),
        ([track()], None),
        ([SOUND], None),
        ([], None),
    ],
)
def test_what_is_asked_for(tracks: list[Any], most: int | None) -> None:
    """Most of the room that the best path has, and what sound takes."""
    assert Ceiling().look(tracks) == most


def test_a_ceiling_is_taken_away_in_words() -> None:
    """libwebrtc keeps the last one: it is told of another that is out of reach, more than once, and then no more."""
    ceiling, sent = Ceiling(), track(300_000)
    assert ceiling.look([sent]) == 255_000
    assert sent.is_held_back
    sent.feeds[0].room_bps = None
    told = [ceiling.look([sent]) for _ in range(10)]
    assert not sent.is_held_back
    assert told == [100_000_000] * 6 + [None] * 4


def test_a_ceiling_stays_while_nobody_watches() -> None:
    """For who looks away looks back."""
    ceiling, sent = Ceiling(), track(300_000)
    ceiling.look([sent])
    sent.feeds[0].room_bps = 0
    assert ceiling.look([sent]) == 255_000
    sent.feeds[0].room_bps = 400_000
    assert ceiling.look([sent]) == 340_000
