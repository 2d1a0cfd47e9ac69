"""What was sent and what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from jackfield.rtc.twcc_format import TransportFeedback

_MS = 1_000_000
_KEPT_MAX = 8192
#: A packet that was not among those reported may still have been overtaken, for this long.
_DOUBT_NS = 100 * _MS


class Arrived(NamedTuple):
    """A packet that came. ``arrival_us`` is of the receiver's clock; ``probe`` numbers the probe it was part of."""

    sent_ns: int
    arrival_us: int
    size: int
    probe: int | None


class SentPackets:
    """The packets under way, by transport-wide number; nothing is kept beyond `_KEPT_MAX` of them."""

    def __init__(self) -> None:
        self._sent: dict[int, tuple[int, int, int | None]] = {}
        self._doubted: dict[int, int] = {}

    def add(self, first: int, sizes: Sequence[int], now_ns: int, probe: int | None) -> None:
        """Packets with the numbers from ``first`` on (16 bits) left now."""
        sent = self._sent
        for number, size in enumerate(sizes, first):
            sent[number & 0xFFFF] = (now_ns, size, probe)
        while len(sent) > _KEPT_MAX:
            del sent[next(iter(sent))]

    def settle(self, report: TransportFeedback, now_ns: int) -> tuple[list[Arrived], int]:
        """Those that came, in the order they were sent, and how many are lost for good since the last call."""
        arrived: list[Arrived] = []
        sent, doubted = self._sent, self._doubted
        for number, arrival_us in report.arrivals:
            if arrival_us is None:
                if number in sent:
                    doubted.setdefault(number, now_ns)
                continue
            doubted.pop(number, None)
            found = sent.pop(number, None)
            if found is not None:
                arrived.append(Arrived(found[0], arrival_us, found[1], found[2]))
        lost = [number for number, since_ns in doubted.items() if now_ns - since_ns >= _DOUBT_NS]
        for number in lost:
            del doubted[number]
            sent.pop(number, None)
        return arrived, len(lost)
