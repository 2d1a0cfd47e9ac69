"""The sender's estimate of what the path carries, from transport-wide feedback."""

from __future__ import annotations

from collections.abc import Sequence

from jackfield.rtc.bandwidth import Probe
from jackfield.rtc.congestion.aimd import DelayRate
from jackfield.rtc.congestion.groups import PacketGroups
from jackfield.rtc.congestion.loss import LossRate
from jackfield.rtc.congestion.probing import Probing
from jackfield.rtc.congestion.sent import Arrived, SentPackets
from jackfield.rtc.congestion.throughput import ByteRate, QueueDelay
from jackfield.rtc.congestion.trend import DelayTrend, Signal
from jackfield.rtc.twcc_format import TransportFeedback

_MS = 1_000_000
#: Who sends less than this share of the estimate is limited by what there is to send: it proves nothing above that.
_LIMITED = 0.7
#: After a decrease no probe for so long, and a target is silent once nothing was heard for so long.
_CALM_NS, _SILENCE_NS = 1_500 * _MS, 1_000 * _MS
#: A path on which packets wait this long is full, and a probe that found less than the estimate is right.
_FULL_MS, _FLOOD_MS = 50, 120
#: The other end's clock was set anew, or its 24 bits of 64 ms began anew, as they do every 12 days.
_JUMP_US = 3_600_000_000
#: How far beyond what is wanted the path is tried out: a keyframe is several times an ordinary picture.
_HEADROOM, _WANTED_LEAST_BPS = 2.0, 500_000


class GoogleCongestionControl:
    """Delay, loss and probes together; ``target_bps`` is the least of what delay and loss allow.

    An application that sends less than the estimate neither proves it nor loses it: it is kept, and probes tell
    what lies above. ``wanted_bps`` is what could be used in all; no probe goes far beyond it.
    """

    def __init__(self, *, start_bps: int = 1_000_000, least_bps: int = 50_000, most_bps: int = 30_000_000) -> None:
        self.wanted_bps = 2_500_000
        self._start_bps, self._least_bps, self._most_bps = start_bps, least_bps, most_bps
        self.path_changed()

    def path_changed(self) -> None:
        """Packets go another way from now on: what was learnt of the old one is forgotten."""
        self.rtt_ns = 100 * _MS
        self.is_informed = False
        self._sent = SentPackets()
        self._groups, self._trend = PacketGroups(), DelayTrend()
        self._delivered, self._sending, self._queue = ByteRate(), ByteRate(), QueueDelay()
        self._rate = DelayRate(self._start_bps, self._least_bps, self._most_bps)
        self._loss = LossRate(self._least_bps)
        self._probing = Probing(self._start_bps)
        self._unheard_ns: int | None = None
        self._arrival_us: int | None = None

    @property
    def target_bps(self) -> int:
        """What may be sent now, everything on the path together."""
        limit = self._loss.bps
        return int(self._rate.bps if limit is None else min(self._rate.bps, limit))

    @property
    def signal(self) -> Signal:
        """How the path is used, by the delay's trend."""
        return self._trend.signal

    @property
    def loss(self) -> float:
        """The share of packets that was lost of late."""
        return self._loss.share

    @property
    def queue_ms(self) -> float:
        """How long packets wait on the path."""
        return self._queue.ms

    def delivered_bps(self) -> int | None:
        """What arrived at the other end in the last half second; None before there is enough to tell."""
        return self._delivered.bps()

    # --- sending ---------------------------------------------------------------------------------------------------
    def sent(self, first: int, sizes: Sequence[int], now_ns: int, probe: int | None = None) -> None:
        """Packets with the transport-wide numbers from ``first`` on (16 bits) left now, as part of a probe where it has
        a number."""
        self._sent.add(first, sizes, now_ns, probe)
        if self._unheard_ns is None:
            self._unheard_ns = now_ns
        self._sending.add(now_ns // 1000, sum(sizes))
        if probe is not None:
            for size in sizes:
                self._probing.sent(probe, size, now_ns)

    def probe_due(self, now_ns: int) -> Probe | None:
        """A burst to send now; whoever gets one sends it, and says `probe_ended`."""
        if not self.is_informed:
            return None
        wanted_bps = max(_HEADROOM * self.wanted_bps, _WANTED_LEAST_BPS)
        return self._probing.due(now_ns, target_bps=self.target_bps, wanted_bps=wanted_bps, free=self._is_free(now_ns))

    def probe_ended(self, number: int) -> None:
        """All packets of this burst have left."""
        self._probing.end(number)

    def _is_free(self, now_ns: int) -> bool:
        decreased_ns = self._rate.decreased_ns
        calm = decreased_ns is None or now_ns - decreased_ns > _CALM_NS
        return calm and self._trend.signal != "overuse" and self._queue.ms < 50

    def tick(self, now_ns: int) -> None:
        """Time passes: without any answer to what is sent the estimate falls, by a third a second."""
        if self._unheard_ns is not None and now_ns - self._unheard_ns >= _SILENCE_NS:
            self._unheard_ns = now_ns
            self._rate.silence(now_ns)

    # --- hearing ---------------------------------------------------------------------------------------------------
    def feedback(self, report: TransportFeedback, now_ns: int) -> None:
        """The other end says which packets came, and when."""
        arrived, lost = self._sent.settle(report, now_ns)
        self._unheard_ns, self.is_informed = None, True
        self._loss.add(len(arrived), lost)
        if arrived:
            arrived.sort()
            self._take(arrived, now_ns)
        self._judge(now_ns)

    def _take(self, arrived: list[Arrived], now_ns: int) -> None:
        if self._arrival_us is not None and abs(arrived[-1].arrival_us - self._arrival_us) > _JUMP_US:
            self._groups, self._delivered, self._queue = PacketGroups(), ByteRate(), QueueDelay()
        self._arrival_us = arrived[-1].arrival_us
        self.rtt_ns += (min(max(now_ns - arrived[-1].sent_ns, _MS), 1000 * _MS) - self.rtt_ns) // 4
        for packet in arrived:
            self._delivered.add(packet.arrival_us, packet.size)
            if packet.probe is not None:
                self._probing.arrived(packet)
                continue
            variation = self._groups.add(packet.sent_ns / _MS, packet.arrival_us / 1000)
            if variation is not None:
                self._trend.add(variation)
        self._queue.add([packet.arrival_us / 1000 - packet.sent_ns / _MS for packet in arrived], now_ns)

    def _judge(self, now_ns: int) -> None:
        before = self._rate.bps
        sending = self._sending.bps(now_ns // 1000)
        limited = sending is not None and sending < _LIMITED * self.target_bps
        found = self._probing.result(now_ns)
        if found is not None:
            self._rate.measured(found, now_ns, full=not limited and self._queue.ms > _FULL_MS)
            self._loss.lift(found)
        delivered, queue_ms = self._delivered.bps(), self._queue.ms
        signal: Signal = "overuse" if self._floods(delivered, sending) else self._trend.signal
        self._rate.update(signal, delivered, now_ns, rtt_ns=self.rtt_ns, limited=limited, queue_ms=queue_ms)
        self._loss.update(self.target_bps, now_ns, delivered_bps=delivered, queue_ms=queue_ms)
        if self._rate.bps < before:
            self._probing.abandon(now_ns)

    def _floods(self, delivered_bps: int | None, sending_bps: int | None) -> bool:
        """Whether much waits on the path and more comes: told without a trend, which a first keyframe does not have."""
        if delivered_bps is None or sending_bps is None:
            return False
        return self._queue.ms > _FLOOD_MS and delivered_bps < _LIMITED * sending_bps
