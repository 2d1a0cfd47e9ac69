"""Short bursts above the estimate, and what they tell of the path: the way up after a start and after a drop.

Media goes first in a burst; copies of old packets and padding fill it. A burst's rate is told from its own packets
alone, as they left and as they came, so that it says something however little is sent otherwise.
"""

from __future__ import annotations

from attrs import define, field

from jackfield.rtc.bandwidth import Probe
from jackfield.rtc.congestion.sent import Arrived

_MS = 1_000_000
#: A probe that is confirmed to this share is followed by one of twice its finding.
_CONFIRMED = 0.7
_LONGEST_NS = 1_500 * _MS
#: Between two probes while the estimate is below what is wanted, the first and the longest pause.
_PAUSE_NS, _PAUSE_MAX_NS = 2_000 * _MS, 5_000 * _MS


@define(eq=False)
class _UnderWay:
    probe: Probe
    began_ns: int
    packets: int = 0
    octets: int = 0
    last_ns: int = 0
    first_ns: int = 0
    ended: bool = False
    arrived: list[Arrived] = field(factory=list)


class Probing:
    """Says when to probe and at which rate, and measures. One burst is under way at a time."""

    def __init__(self, start_bps: int) -> None:
        self._next_bps: float | None = 2.0 * start_bps
        self._number = 0
        self._pause_ns = _PAUSE_NS
        self._again_ns: int | None = None
        self._under_way: _UnderWay | None = None

    def due(self, now_ns: int, *, target_bps: float, wanted_bps: float, free: bool) -> Probe | None:
        """A burst to begin now. ``free``: the path shows no queue, and has not for a while."""
        under_way = self._under_way
        if under_way is not None:
            if now_ns - under_way.began_ns < _LONGEST_NS:
                return None
            self._under_way = None
            self._fail(now_ns)
        if target_bps >= wanted_bps:
            self._next_bps = None
            return None
        bps = self._next_bps
        if bps is None:
            if self._again_ns is None:
                self._again_ns = now_ns + self._pause_ns
            if now_ns < self._again_ns or not free:
                return None
            bps = 2.0 * target_bps
        self._next_bps = self._again_ns = None
        self._number += 1
        probe = Probe(self._number, int(min(bps, 1.25 * wanted_bps)))
        self._under_way = _UnderWay(probe, now_ns)
        return probe

    def sent(self, number: int, size: int, now_ns: int) -> None:
        """A packet of a burst left."""
        under_way = self._under_way
        if under_way is not None and under_way.probe.number == number:
            under_way.first_ns = under_way.first_ns or now_ns
            under_way.packets += 1
            under_way.octets += size
            under_way.last_ns = now_ns

    def end(self, number: int) -> None:
        """All of a burst has left."""
        if self._under_way is not None and self._under_way.probe.number == number:
            self._under_way.ended = True

    def arrived(self, packet: Arrived) -> None:
        """A packet of a burst came."""
        under_way = self._under_way
        if under_way is not None and under_way.probe.number == packet.probe:
            under_way.arrived.append(packet)

    def result(self, now_ns: int) -> float | None:
        """What the path was found to carry, once, when enough of a burst has come; None otherwise."""
        under_way = self._under_way
        if under_way is None or not under_way.ended:
            return None
        came = under_way.arrived
        if len(came) < max(2, 0.8 * under_way.packets):
            return None
        self._under_way = None
        found = _carried(came)
        if found is None:
            self._fail(now_ns)
            return None
        if found >= _CONFIRMED * under_way.probe.bps:
            self._next_bps, self._pause_ns = 2.0 * found, _PAUSE_NS
        else:
            self._fail(now_ns)
        return found

    def abandon(self, now_ns: int) -> None:
        """The path is full: no more for a while."""
        self._next_bps = None
        self._again_ns = now_ns + self._pause_ns

    def _fail(self, now_ns: int) -> None:
        self._next_bps = None
        self._again_ns = now_ns + self._pause_ns
        self._pause_ns = min(2 * self._pause_ns, _PAUSE_MAX_NS)


def _carried(came: list[Arrived]) -> float | None:
    """Bits per second that came through; None where the instants cannot be right."""
    by_sending, by_arrival = sorted(came), sorted(came, key=lambda packet: packet.arrival_us)
    sent_s = (by_sending[-1].sent_ns - by_sending[0].sent_ns) / 1e9
    came_s = (by_arrival[-1].arrival_us - by_arrival[0].arrival_us) / 1e6
    octets = sum(packet.size for packet in came)
    if sent_s <= 0 or came_s <= 0:
        return None
    sent_bps = 8 * (octets - by_sending[-1].size) / sent_s
    if came_s < 0.5 * sent_s:  # held up on the way and let through at once: it says nothing
        return None
    if came_s <= 1.1 * sent_s:
        return sent_bps
    # It came more slowly than it was sent, so the path was full: a little is left for the queue to drain.
    return min(sent_bps, 0.95 * 8 * (octets - by_arrival[0].size) / came_s)
