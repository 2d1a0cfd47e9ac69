"""How much of one track reaches a subscriber, as its receiver reports tell (RFC 3550 section 6.4.1).

On a path that is full this is what the path carries, whatever was sent into its queue meanwhile: how far sequence
numbers have come between two reports, less what of them is lost.
"""

from __future__ import annotations

from typing import NamedTuple

from jackfield.rtc.rtcp import ReportBlock

#: Reports that come closer together than this tell of too little.
_APART_NS = 400_000_000
#: What was told holds for so long.
_HOLDS_NS = 2_500_000_000
#: What SRTP adds to a payload.
_HEADER_BYTES = 28
_MOST_PACKETS = 1 << 16


class _Told(NamedTuple):
    at_ns: int
    highest: int
    lost: int
    packets: int
    octets: int
    size: float = 0.0


class Delivery:
    """Of one track towards one subscriber."""

    def __init__(self) -> None:
        self._before: _Told | None = None
        self._bps = 0.0

    def bps(self, now_ns: int) -> float:
        """What came, between the last two reports; 0 where nothing was told of late."""
        return self._bps if self._before is not None and now_ns - self._before.at_ns <= _HOLDS_NS else 0.0

    def told(self, block: ReportBlock, packets: int, octets: int, now_ns: int) -> None:
        """A report has come; so many packets, and octets of their payloads, have been sent in all."""
        now = _Told(now_ns, block.highest_sequence, block.packets_lost, packets, octets)
        before = self._before
        if before is None:
            self._before = now
        elif now_ns - before.at_ns >= _APART_NS:
            sent = now.packets - before.packets
            now = now._replace(size=(now.octets - before.octets) / sent + _HEADER_BYTES if sent else 0.0)
            self._before, self._bps = now, _rate(before, now)


def _rate(before: _Told, now: _Told) -> float:
    """What came may have been sent before the last report; sizes change when a publisher is held back."""
    passed = (now.highest - before.highest) & 0xFFFFFFFF
    if passed > _MOST_PACKETS:
        return 0.0
    came = min(passed, max(0, passed - (now.lost - before.lost)))
    return came * max(now.size, before.size) * 8e9 / (now.at_ns - before.at_ns)
