"""What a synthetic subscriber has received: packets by source, delays, and reports of both to the server."""

from __future__ import annotations

import asyncio
from collections import defaultdict

from jackfield.bench.load import media
from jackfield.bench.load.side import Side
from jackfield.rtc import rtcp
from jackfield.rtc.rtp import SequenceUnwrapper

_PADDING = 0x20


class Received:
    """Counts what comes in through a side; with ``timed``, keeps ``delays_ns`` while ``measuring``."""

    def __init__(self, side: Side, *, timed: bool) -> None:
        self._side = side
        side.transport.on_rtp = self._timed if timed else self._counted
        side.transport.on_rtcp = lambda data: None
        self._packets: defaultdict[bytes, int] = defaultdict(int)
        self._newest: dict[bytes, bytes] = {}
        self._unwrappers: defaultdict[bytes, SequenceUnwrapper] = defaultdict(SequenceUnwrapper)
        self.delays_ns: list[int] = []
        self.measuring = False

    @property
    def packets(self) -> int:
        """How many came, in all. What a server makes up to probe the path is padding, and does not count."""
        return sum(self._packets.values())

    @property
    def sources(self) -> int:
        """From how many sources."""
        return len(self._packets)

    def _counted(self, packet: bytes, arrival_ns: int) -> None:
        source = packet[8:12]
        self._newest[source] = packet[2:4]
        if not packet[0] & _PADDING:
            self._packets[source] += 1

    def _timed(self, packet: bytes, arrival_ns: int) -> None:
        self._counted(packet, arrival_ns)
        if self.measuring and len(packet) > 100 and not packet[0] & _PADDING:
            self.delays_ns.append(self._side.path.arrived_ns - media.sent_ns(packet))

    async def report(self) -> None:
        """A receiver report each second, in which nothing is lost: without any, servers think that nobody is there."""
        while True:
            await asyncio.sleep(1.0)
            blocks = []
            for source, number in list(self._newest.items())[:31]:
                highest = self._unwrappers[source].unwrap(int.from_bytes(number, "big"))
                blocks.append(rtcp.ReportBlock(int.from_bytes(source, "big"), 0, 0, highest & 0xFFFFFFFF))
            if blocks:
                self._side.transport.send_rtcp(rtcp.serialise(rtcp.ReceiverReport(1, tuple(blocks))))
