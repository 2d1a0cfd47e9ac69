"""What a server has carried in all: sums that never fall, also when those who caused them have gone."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from attrs import frozen

if TYPE_CHECKING:
    from jackfield.server.sfu.participant import Participant

#: What is counted, in this order, of a connection, a subscription and a layer that comes in.
NAMES = (
    *("packets_received", "packets_sent", "bytes_received", "bytes_sent", "packets_refused"),
    *("nacks_received", "retransmitted", "packets_lost_downstream", "keyframes_asked"),
    *("nacks_sent", "keyframe_requests", "packets_lost_upstream"),
)
#: The upper ends of a histogram's parts, in seconds; what took longer is in one more.
BOUNDS_S = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1)
_BOUNDS_NS = tuple(round(bound * 1e9) for bound in BOUNDS_S)


class Tally:
    """Look at it about once a second, and whenever ``totals`` are read: what a participant counted since the last look
    before it went is lost."""

    def __init__(self) -> None:
        self._totals: Counter[str] = Counter(dict.fromkeys(NAMES, 0))
        self._seen: WeakKeyDictionary[object, Mapping[str, int]] = WeakKeyDictionary()

    @property
    def totals(self) -> Mapping[str, int]:
        """Each of `NAMES`, since the server began."""
        return self._totals

    def look(self, participants: Iterable[Participant]) -> None:
        """Adds what everybody has counted since the last look."""
        for participant in participants:
            for source, counts in _sources(participant):
                before = self._seen.get(source, {})
                for name, count in counts.items():
                    self._totals[name] += max(0, count - before.get(name, 0))
                self._seen[source] = counts


def _sources(participant: Participant) -> Iterable[tuple[object, Mapping[str, int]]]:
    for side in (participant.publisher, participant.subscriber):
        transport = side.transport
        yield (
            transport,
            {
                "packets_received": transport.packets_received,
                "packets_sent": transport.packets_sent,
                "bytes_received": transport.bytes_received,
                "bytes_sent": transport.bytes_sent,
                "packets_refused": transport.packets_refused,
            },
        )
    for down in participant.subscriber.downs.values():
        yield (
            down,
            {
                "nacks_received": down.nacked,
                "retransmitted": down.retransmitted,
                "packets_lost_downstream": down.reception.lost,
                "keyframes_asked": down.keyframes_asked,
            },
        )
    for layer in participant.publisher.layers():
        yield (
            layer,
            {
                "nacks_sent": layer.nacked,
                "keyframe_requests": layer.keyframe_requests,
                "packets_lost_upstream": layer.window.lost_in_all,
            },
        )


@frozen
class Histogram:
    """How many took no longer than each of ``bounds_s``, how many there were, and all of them together in seconds."""

    bounds_s: tuple[float, ...]
    within: tuple[int, ...]
    count: int
    seconds: float


class Durations:
    """Counts how long something took; one is added in well under a microsecond."""

    __slots__ = ("_parts", "_total_ns")

    def __init__(self) -> None:
        self._parts = [0] * (len(_BOUNDS_NS) + 1)
        self._total_ns = 0

    def add(self, took_ns: int) -> None:
        """One more."""
        self._parts[bisect_left(_BOUNDS_NS, took_ns)] += 1
        self._total_ns += took_ns

    def read(self) -> Histogram:
        """What was added so far."""
        within, total = [], 0
        for part in self._parts[:-1]:
            total += part
            within.append(total)
        return Histogram(BOUNDS_S, tuple(within), total + self._parts[-1], self._total_ns / 1e9)
