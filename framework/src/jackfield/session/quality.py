"""How good everybody's connection is: what the server says of each and what we measure, of which the worse holds."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from attrs import define, field, frozen

from jackfield.values.events import Event, NetworkQuality, NetworkQualityChanged

if TYPE_CHECKING:
    from jackfield.session.participant import Participant

#: From the worst to the best; what is not known does not count.
ORDER: tuple[NetworkQuality, ...] = ("lost", "poor", "good", "excellent")
_GOOD_LOSS, _POOR_LOSS = 0.02, 0.08
_GOOD_RTT_S, _POOR_RTT_S = 0.25, 0.6
#: The share of the time that a picture may stand still.
_GOOD_FROZEN, _POOR_FROZEN = 0.05, 0.2
#: Samples, one a second, that are judged together; and how many judgements in a row change our mind, down and up.
_WINDOW, _DOWN, _UP = 4, 2, 4
#: Fewer packets than this say nothing about loss.
_PACKETS_LEAST = 20


@frozen
class Sample:
    """Sums since the beginning, over the tracks of one participant, and how things are at this moment.

    ``frozen_s`` is by track: of several that stood still, the one that did so longest counts. ``loss`` (a fraction) and
    ``rtt_s`` are of what the other end reported last; None where it reported nothing.
    """

    received: int = 0
    lost: int = 0
    frozen_s: Mapping[str, float] = field(factory=dict)
    loss: float | None = None
    rtt_s: float | None = None
    connected: bool = True


def judged(samples: Iterable[Sample], seconds: float) -> NetworkQuality:
    """The rating of what happened between the first of these and the last, ``seconds`` later."""
    known = list(samples)
    if not known[-1].connected:
        return "lost"
    first, last = known[0], known[-1]
    lost, received = max(0, last.lost - first.lost), max(0, last.received - first.received)
    seen = lost / (lost + received) if lost + received >= _PACKETS_LEAST else None
    reported = [each.loss for each in known if each.loss is not None]
    told = sum(reported) / len(reported) if reported else None
    rtt_s = last.rtt_s
    if seen is None and told is None and rtt_s is None:
        return "unknown"
    loss = max(seen or 0.0, told or 0.0)
    stood_s = (total_s - first.frozen_s.get(track, 0.0) for track, total_s in last.frozen_s.items())
    frozen = max(0.0, *stood_s, 0.0) / seconds if seconds else 0.0
    if loss >= _POOR_LOSS or (rtt_s or 0.0) >= _POOR_RTT_S or frozen >= _POOR_FROZEN:
        return "poor"
    if loss >= _GOOD_LOSS or (rtt_s or 0.0) >= _GOOD_RTT_S or frozen >= _GOOD_FROZEN:
        return "good"
    return "excellent"


def worse(one: NetworkQuality, other: NetworkQuality) -> NetworkQuality:
    """The worse of two; what is not known does not count."""
    known = [each for each in (one, other) if each != "unknown"]
    return min(known, key=ORDER.index) if known else "unknown"


@define
class _Measured:
    """One participant's samples, and what we have made of them."""

    quality: NetworkQuality = "unknown"
    samples: deque[Sample] = field(factory=lambda: deque(maxlen=_WINDOW + 1))
    differing: int = 0

    def take(self, sample: Sample) -> NetworkQuality:
        """The rating, which changes only once it was so for a while."""
        self.samples.append(sample)
        now = judged(self.samples, len(self.samples) - 1)
        if now in (self.quality, "unknown"):
            self.differing = 0
            return self.quality
        self.differing += 1
        better = self.quality != "unknown" and ORDER.index(now) > ORDER.index(self.quality)
        if self.quality == "unknown" or now == "lost" or self.differing >= (_UP if better else _DOWN):
            self.quality, self.differing = now, 0
        return self.quality


class Qualities:
    """The qualities of everybody in one call. Methods answer with the events that a change amounts to."""

    def __init__(self) -> None:
        self._said: dict[str, NetworkQuality] = {}
        self._measured: dict[str, _Measured] = {}

    def said(self, person: Participant, quality: NetworkQuality) -> list[Event]:
        """The server's word."""
        self._said[person.pid] = quality
        return self._settle(person)

    def measured(self, samples: Mapping[Participant, Sample]) -> list[Event]:
        """One second's measurements of everybody there is; who is not among them is forgotten."""
        pids = {person.pid for person in samples}
        for gone in self._measured.keys() - pids:
            del self._measured[gone]
        for gone in self._said.keys() - pids:
            del self._said[gone]
        happened: list[Event] = []
        for person, sample in samples.items():
            self._measured.setdefault(person.pid, _Measured()).take(sample)
            happened += self._settle(person)
        return happened

    def _settle(self, person: Participant) -> list[Event]:
        measured = self._measured.get(person.pid)
        quality = worse(self._said.get(person.pid, "unknown"), measured.quality if measured else "unknown")
        if quality == person.network_quality:
            return []
        person.network_quality = quality
        return [NetworkQualityChanged(person, quality)]
