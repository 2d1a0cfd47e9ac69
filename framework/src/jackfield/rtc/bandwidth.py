"""How much the path carries, as far as the sender can tell, and how that is shared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from attrs import frozen

from jackfield.rtc.twcc_format import TransportFeedback

#: How long a probe lasts, and how many packets it has at least: fewer would measure chance.
PROBE_S, PROBE_PACKETS = 0.02, 5


@frozen
class Probe:
    """A burst to send now at this rate."""

    number: int
    bps: int

    @property
    def octets(self) -> int:
        """How much there is to send."""
        return int(self.bps * PROBE_S / 8)

    @property
    def packets(self) -> int:
        """In so many packets at least."""
        return PROBE_PACKETS


class BandwidthEstimator(Protocol):
    """Watches what is sent and what the other end says of it.

    ``wanted_bps`` is what the tracks together could use. ``is_informed`` once the other end has said anything.
    """

    wanted_bps: int

    @property
    def target_bps(self) -> int:
        """What may be sent now, everything together."""

    @property
    def is_informed(self) -> bool:
        """Whether the estimate is more than a guess."""

    def sent(self, first: int, sizes: Sequence[int], now_ns: int, probe: int | None = None) -> None:
        """Packets with the transport-wide numbers from ``first`` on (16 bits) left now, as part of a probe where it has
        a number."""

    def feedback(self, report: TransportFeedback, now_ns: int) -> None:
        """The other end says which packets came, and when."""

    def probe_due(self, now_ns: int) -> Probe | None:
        """A burst to send now; whoever gets one sends it, and says `probe_ended`."""

    def probe_ended(self, number: int) -> None:
        """All packets of this burst have left."""

    def path_changed(self) -> None:
        """Packets go another way from now on."""

    def tick(self, now_ns: int) -> None:
        """Time passes, whatever is heard; called once a second or so."""


def share(budget_bps: int, limits: Sequence[int | None]) -> list[int]:
    """The budget in equal parts, where what one track's limit leaves over goes to the others. None: no limit."""
    parts = [0] * len(limits)
    most = [budget_bps if limit is None else limit for limit in limits]
    open_ = sorted(range(len(limits)), key=most.__getitem__)
    while open_:
        index = open_.pop(0)
        part = budget_bps // (len(open_) + 1)
        parts[index] = min(part, most[index])
        budget_bps -= parts[index]
    return parts
