"""What a server has carried in all, and how Prometheus reads it."""

from __future__ import annotations

import gc
from typing import Any

from attrs import frozen

from jackfield.server.service.metrics import Metrics
from jackfield.server.sfu.tally import Durations, Histogram, Tally


class Thing:
    """Something with counters."""

    def __init__(self, **counts: Any) -> None:
        self.__dict__.update(counts)


def transport() -> Thing:
    counts = dict.fromkeys(("packets_received", "packets_sent", "bytes_received", "bytes_sent", "packets_refused"), 0)
    return Thing(**counts)


def participant() -> Any:
    layer = Thing(nacked=0, keyframe_requests=0, window=Thing(lost_in_all=0))
    down = Thing(nacked=0, retransmitted=0, keyframes_asked=0, reception=Thing(lost=0))
    return Thing(
        publisher=Thing(transport=transport(), layers=lambda: [layer]),
        subscriber=Thing(transport=transport(), downs={1: down}),
        layer=layer,
        down=down,
    )


def test_sums_never_fall() -> None:
    """They hold what somebody counted who has gone, and a counter that begins anew takes nothing back."""
    tally, ada, bob = Tally(), participant(), participant()
    ada.publisher.transport.packets_received, bob.subscriber.transport.packets_sent = 10, 7
    ada.layer.window.lost_in_all, bob.down.nacked = 3, 2
    tally.look([ada, bob])
    tally.look([ada, bob])
    assert tally.totals["packets_received"] == 10
    assert (tally.totals["packets_lost_upstream"], tally.totals["nacks_received"]) == (3, 2)
    ada.publisher.transport.packets_received = 15
    tally.look([ada])
    del bob
    gc.collect()
    cy = participant()
    cy.subscriber.transport.packets_sent = 1
    ada.layer.window.lost_in_all = 0
    tally.look([ada, cy])
    assert (tally.totals["packets_received"], tally.totals["packets_sent"]) == (15, 8)
    assert tally.totals["packets_lost_upstream"] == 3


def test_durations_are_counted_by_their_length() -> None:
    """Each in the first part that it fits, and all that fit in those above."""
    durations = Durations()
    for ms in (0.05, 0.1, 0.2, 3, 500):
        durations.add(round(ms * 1e6))
    found = durations.read()
    assert (found.within[0], found.within[1], found.within[4], found.within[-1], found.count) == (2, 3, 3, 4, 5)
    assert round(found.seconds, 5) == 0.50335


@frozen
class Load:
    rooms: int
    packets_sent: int
    totals: dict[str, int]
    forwarding: Histogram


def test_prometheus_reads_gauges_sums_and_a_histogram() -> None:
    """A sum takes the place of the gauge of its name."""
    durations = Durations()
    durations.add(2_000_000)
    text = Metrics(lambda: Load(2, 5, {"packets_sent": 12}, durations.read())).text().decode()
    assert "jackfield_sfu_rooms 2.0" in text
    assert "jackfield_sfu_packets_sent_total 12.0" in text
    assert "jackfield_sfu_packets_sent 5.0" not in text
    assert 'jackfield_sfu_forwarding_seconds_bucket{le="0.001"} 0.0' in text
    assert 'jackfield_sfu_forwarding_seconds_bucket{le="0.0025"} 1.0' in text
    assert "jackfield_sfu_forwarding_seconds_sum 0.002" in text
