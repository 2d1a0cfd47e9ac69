"""The way out of one connection: sound at once, pictures no faster than the path takes them, probes in between.

What a path carries in a while may leave at once, so that an ordinary picture never waits; a keyframe is spread.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

from jackfield.media.clock import Clock, Timer
from jackfield.rtc.bandwidth import BandwidthEstimator, Probe
from jackfield.rtc.rtp import RtpPacket

#: Pictures leave at up to this multiple of the estimate, and never slower than empties the queue within `DRAIN_S`.
FACTOR, DRAIN_S = 2.5, 0.25
#: A path that was found to carry so many times what is wanted takes a keyframe faster, and twice the burst.
ROOM, FACTOR_WITH_ROOM = 1.5, 6.0
#: So much of the estimate's time may leave in one burst: a picture of ordinary size at 25 a second.
BURST_S, BURST_LEAST = 0.04, 2 * 1250
#: The share of the estimate that repairs may take; so long a burst of them, and so many bytes at least.
REPAIR_SHARE, REPAIR_BURST_S, REPAIR_LEAST = 0.5, 0.5, 8 * 1250
#: Before anything is known of the path it is taken for this fast: the first keyframe is what everybody waits for.
UNKNOWN_BPS = 8_000_000
#: What waits beyond this leaves at once.
PACKETS_MAX = 4096
_HEADERS = 40
_STEP_S = 0.001

#: Sends packets, in order, as part of a probe where that has a number.
Leave = Callable[[Sequence[RtpPacket], int | None], None]


class Leaving(NamedTuple):
    """Packets, and who sends them."""

    packets: Sequence[RtpPacket]
    leave: Leave

    @property
    def size(self) -> int:
        """About how many bytes they take on the path."""
        return sum([len(packet.payload) + packet.padding + _HEADERS for packet in self.packets])


class Pacer:
    """One timer while something waits, none otherwise. ``filler`` gives packets to fill a probe with, about as big as
    it is told: copies of old ones or padding; None where there is nothing to send them on."""

    def __init__(
        self,
        clock: Clock,
        estimator: BandwidthEstimator,
        filler: Callable[[int], Leaving | None] = lambda size: None,
    ) -> None:
        self._clock, self._estimator, self._filler = clock, estimator, filler
        self._repairs: deque[Leaving] = deque()
        self._pictures: deque[Leaving] = deque()
        self._waiting = 0
        self._credit = 0.0
        self._credited_ns: int | None = None
        self._repair_credit = 0.0
        self._repaired_ns: int | None = None
        self._probe: _Burst | None = None
        self._timer: Timer | None = None

    @property
    def waiting_ms(self) -> float:
        """How long what waits now takes to leave."""
        return 8000 * self._waiting / self._rate_bps()

    def send_now(self, packet: RtpPacket, leave: Leave) -> None:
        """Sound: it leaves at once, and pictures after it wait the longer."""
        leave((packet,), None)
        self._credit -= len(packet.payload) + _HEADERS

    def send(self, packets: Sequence[RtpPacket], leave: Leave) -> None:
        """A picture's packets, in order."""
        self._put(self._pictures, packets, leave)

    def send_again(self, packets: Sequence[RtpPacket], leave: Leave) -> None:
        """Repairs, those that are `affordable`: they overtake pictures."""
        self._put(self._repairs, packets, leave)

    def affordable(self, packets: Sequence[RtpPacket]) -> list[RtpPacket]:
        """The first of these repairs, as far as their share of the estimate goes. Whoever lacks the others asks again,
        and on a full path repairs without end are what keeps it full."""
        now_ns = self._clock.now_ns()
        rate = REPAIR_SHARE * self._known_bps / 8
        passed_s = (now_ns - self._repaired_ns) / 1e9 if self._repaired_ns is not None else 1e9
        most = max(REPAIR_BURST_S * rate, REPAIR_LEAST)
        self._repair_credit, self._repaired_ns = min(self._repair_credit + passed_s * rate, most), now_ns
        found: list[RtpPacket] = []
        for packet in packets:
            if self._repair_credit <= 0:
                break
            self._repair_credit -= len(packet.payload) + _HEADERS
            found.append(packet)
        return found

    def _put(self, queue: deque[Leaving], packets: Sequence[RtpPacket], leave: Leave) -> None:
        if not packets:
            return
        item = Leaving(packets, leave)
        queue.append(item)
        self._waiting += item.size
        if self._timer is None:
            self._step()

    def drop(self, leave: Leave) -> None:
        """Nothing of this sender's waits any more."""
        for queue in (self._repairs, self._pictures):
            kept = [item for item in queue if item.leave != leave]
            queue.clear()
            queue.extend(kept)
        self._waiting = sum(item.size for queue in (self._repairs, self._pictures) for item in queue)

    def close(self) -> None:
        """What has not left is dropped; no timer is left."""
        self._repairs.clear()
        self._pictures.clear()
        self._waiting = 0
        self._probe = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # --- one step
    def _step(self) -> None:
        self._timer = None
        now_ns = self._clock.now_ns()
        if self._probe is None:
            due = self._estimator.probe_due(now_ns)
            self._probe = _Burst(due, now_ns) if due is not None else None
        if self._probe is not None:
            self._send_probe(self._probe, now_ns)
        else:
            self._send_pictures(now_ns)
        if self._waiting or self._probe is not None:
            self._timer = self._clock.call_later(_STEP_S, self._step)

    @property
    def _known_bps(self) -> int:
        return self._estimator.target_bps if self._estimator.is_informed else UNKNOWN_BPS

    @property
    def _has_room(self) -> bool:
        estimator = self._estimator
        return estimator.is_informed and estimator.target_bps >= ROOM * estimator.wanted_bps > 0

    def _rate_bps(self) -> float:
        factor = FACTOR_WITH_ROOM if self._has_room else FACTOR
        return max(factor * self._known_bps, 8 * self._waiting / DRAIN_S)

    def _refill(self, now_ns: int) -> None:
        burst = max(BURST_LEAST, BURST_S * self._known_bps / 8 * (2 if self._has_room else 1))
        passed_s = (now_ns - self._credited_ns) / 1e9 if self._credited_ns is not None else 1.0
        self._credit = min(self._credit + passed_s * self._rate_bps() / 8, burst)
        self._credited_ns = now_ns

    def _send_pictures(self, now_ns: int) -> None:
        self._refill(now_ns)
        while self._waiting and (self._credit > 0 or self._is_overfull):
            self._credit -= self._send_next(None, self._credit)

    @property
    def _is_overfull(self) -> bool:
        return sum(len(item.packets) for item in self._pictures) > PACKETS_MAX

    def _send_next(self, probe: int | None, least: float) -> int:
        """What comes next leaves: one packet, and more of the same until ``least`` bytes have; how many that are."""
        queue = self._repairs or self._pictures
        packets, leave = queue.popleft()
        size = count = 0
        for packet in packets:
            size += len(packet.payload) + packet.padding + _HEADERS
            count += 1
            if size >= least:
                break
        if count < len(packets):
            queue.appendleft(Leaving(packets[count:], leave))
            packets = packets[:count]
        self._waiting = self._waiting - size if self._repairs or self._pictures else 0
        leave(packets, probe)
        return size

    def _send_probe(self, burst: _Burst, now_ns: int) -> None:
        number = burst.probe.number
        while not burst.is_over and burst.allows(now_ns):
            if self._waiting and burst.packets:
                burst.add(self._send_next(number, 1))
                continue
            # A small one goes first: its arrival is where the measuring begins.
            filler = self._filler(burst.size_wanted if burst.packets else 1)
            if filler is None:
                burst.give_up()
                break
            filler.leave(filler.packets, number)
            burst.add(filler.size)
        if burst.is_over:
            self._probe = None
            self._estimator.probe_ended(number)
            self._credited_ns = now_ns


class _Burst:
    """A probe while it leaves."""

    def __init__(self, probe: Probe, began_ns: int) -> None:
        self.probe, self._began_ns = probe, began_ns
        self.packets = self.octets = 0

    @property
    def is_over(self) -> bool:
        """Whether enough has left."""
        wanted = self.probe.octets
        return self.octets >= 2 * wanted or (self.octets >= wanted and self.packets >= self.probe.packets)

    @property
    def size_wanted(self) -> int:
        """How big the next packet should be, for the burst to have enough of them."""
        left = max(self.probe.packets - self.packets, 1)
        return max(self.probe.octets - self.octets, 0) // left

    def allows(self, now_ns: int) -> bool:
        """Whether the next packet is due at the probe's rate."""
        return self.octets * 8e9 <= (now_ns - self._began_ns) * self.probe.bps

    def give_up(self) -> None:
        """There is nothing to fill it with."""
        self.octets = 2 * self.probe.octets

    def add(self, size: int) -> None:
        """A packet left."""
        self.packets += 1
        self.octets += size
