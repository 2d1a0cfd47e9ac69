"""The packets of one layer that were forwarded last: what subscribers' NACKs are answered from, one copy for all."""

from __future__ import annotations

from typing import NamedTuple

from jackfield.server.sfu.descriptor import Descriptor

_KEPT_NS = 1_500_000_000
_KEPT_MAX = 2048


class Kept(NamedTuple):
    """A packet without its header; ``block`` is the header extension that goes before the payload, or nothing.

    ``body`` is both, one behind the other: what follows the header of each packet that is sent.
    """

    arrival_ns: int
    timestamp: int
    marker: int
    block: bytes
    payload: bytes
    descriptor: Descriptor | None
    body: bytes
    #: Where ``payload`` is redundant audio: the frame of this packet alone, for those who take no other.
    primary: bytes | None = None


class History:
    """Packets by the layer's closed-up number, kept for a second and a half."""

    __slots__ = ("_packets",)

    def __init__(self) -> None:
        self._packets: dict[int, Kept] = {}

    def __len__(self) -> int:
        return len(self._packets)

    def put(self, number: int, kept: Kept) -> None:
        """Kept; what has become too old is let go."""
        packets = self._packets
        packets[number] = kept
        oldest = next(iter(packets))
        while len(packets) > _KEPT_MAX or kept.arrival_ns - packets[oldest].arrival_ns > _KEPT_NS:
            del packets[oldest]
            oldest = next(iter(packets))

    def get(self, number: int) -> Kept | None:
        """The packet, if it is still here."""
        return self._packets.get(number)

    def clear(self) -> None:
        """Nobody is left who could ask."""
        self._packets.clear()
