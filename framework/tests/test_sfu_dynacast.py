"""What a publisher hears of its layers: more is wanted at once, less only after a while, and never the same twice."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from livekit.protocol import rtc

from jackfield.server.sfu.dynacast import Demand

S = 1_000_000_000


class Track:
    """A publication whose subscribers take what a test says, and what its owner was told: the qualities, as a word."""

    def __init__(self, *rids: str, is_video: bool = True) -> None:
        self.told: list[str] = []
        self.feeds: list[Any] = []
        self.demand = Demand(self)  # type: ignore[arg-type]
        self.sid, self.owner = "TR", self
        self.track = SimpleNamespace(rids=rids or ("q", "h", "f"), is_video=is_video, feeds=self.feeds, codec="VP8")

    def send(self, *, response: rtc.SignalResponse) -> None:
        update = response.subscribed_quality_update
        assert update.track_sid == "TR"
        assert update.subscribed_codecs[0].codec == "vp8"
        assert list(update.subscribed_codecs[0].qualities) == list(update.subscribed_qualities)
        self.told.append("".join(str(each.quality) for each in update.subscribed_qualities if each.enabled))

    def take(self, *best: int) -> None:
        self.feeds[:] = [SimpleNamespace(takes=index) for index in best]


def test_a_layer_that_nobody_takes_rests_after_two_seconds() -> None:
    """And flows again at once; a subscriber that comes in between changes nothing."""
    track = Track()
    track.take(0, 2)
    track.demand.look(0)
    assert track.told == []  # a publisher begins with all of them
    track.take(0)
    track.demand.look(1 * S)
    track.demand.look(2 * S)
    track.take(0, 1)
    track.demand.look(4 * S)
    assert track.told == ["01"]
    track.take(2)
    track.demand.look(4 * S + 1)
    assert track.told == ["01", "012"]


def test_with_nobody_there_nothing_is_wanted() -> None:
    """Nor with subscribers that have switched it off."""
    track = Track()
    for second in range(5):
        track.demand.look(second * S)
    assert track.told == [""]
    track.take(-1, -1)
    track.demand.look(9 * S)
    track.take(0)
    track.demand.look(9 * S)
    assert track.told == ["", "0"]


def test_a_track_in_one_layer_hears_nothing() -> None:
    """Nor does sound."""
    for track in (Track(""), Track(is_video=False)):
        track.demand.look(0)
        track.demand.look(9 * S)
        assert track.told == []
