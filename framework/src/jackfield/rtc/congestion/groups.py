"""Packets that were sent together, and how the path stretched the gap between one group and the next.

draft-ietf-rmcat-gcc-02 section 5.2 (pre-filtering) and 5.1: the inter-group delay variation is the difference of the
gaps at arrival and at departure.
"""

from __future__ import annotations

from typing import NamedTuple

from attrs import define

#: Packets sent within this time are one group; so are those that arrive in a burst, having queued together.
BURST_MS = 5.0
#: A burst is not longer than this, or a path that always bunches would give one group for ever.
_BURST_MAX_MS = 100.0
#: Clocks that ran apart by this much were set anew.
_JUMP_MS = 3000.0


class Variation(NamedTuple):
    """Between two groups: milliseconds from departure to departure and from arrival to arrival."""

    sent_ms: float
    arrived_ms: float
    #: When the later group had arrived.
    at_ms: float


@define(slots=True)
class _Group:
    first_sent: float
    last_sent: float
    first_arrived: float
    last_arrived: float


class PacketGroups:
    """Packets in, in the order they were sent; the variation between two groups out, once the later one is whole."""

    def __init__(self) -> None:
        self._before: _Group | None = None
        self._group: _Group | None = None

    def add(self, sent_ms: float, arrived_ms: float) -> Variation | None:
        """A packet; the variation between the two groups before it, where it begins a new one."""
        group = self._group
        if group is None:
            self._group = _Group(sent_ms, sent_ms, arrived_ms, arrived_ms)
            return None
        if sent_ms < group.first_sent:
            return None
        if self._belongs(group, sent_ms, arrived_ms):
            group.last_sent = max(group.last_sent, sent_ms)
            group.last_arrived = max(group.last_arrived, arrived_ms)
            return None
        before, self._before = self._before, group
        self._group = _Group(sent_ms, sent_ms, arrived_ms, arrived_ms)
        if before is None:
            return None
        found = Variation(
            group.last_sent - before.last_sent, group.last_arrived - before.last_arrived, group.last_arrived
        )
        if found.arrived_ms < 0 or abs(found.arrived_ms - found.sent_ms) > _JUMP_MS:
            self._before = None
            return None
        return found

    @staticmethod
    def _belongs(group: _Group, sent_ms: float, arrived_ms: float) -> bool:
        if sent_ms - group.first_sent <= BURST_MS:
            return True
        gap_ms = arrived_ms - group.last_arrived
        grows = gap_ms - (sent_ms - group.last_sent) < 0
        return grows and gap_ms <= BURST_MS and arrived_ms - group.first_arrived < _BURST_MAX_MS
