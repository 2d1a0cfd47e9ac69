"""What the path carries, told from delay, loss and probes: a whole sender on a path that is given as data."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from jackfield.rtc import twcc_format
from jackfield.rtc.congestion import GoogleCongestionControl, ReceiverEstimate
from jackfield.rtc.congestion.groups import PacketGroups
from jackfield.rtc.congestion.loss import LossRate
from jackfield.rtc.congestion.throughput import ByteRate
from jackfield.rtc.congestion.trend import DelayTrend
from jackfield.rtc.pacer import Leaving, Pacer
from jackfield.rtc.rtp import RtpPacket
from jackfield.rtc.twcc import ArrivalLog
from jackfield.testing.bottleneck import Bottleneck, Stretch
from jackfield.testing.timers import ManualTimers

K, M, MS = 1000, 1_000_000, 1_000_000


class Sender:
    """Pictures of what the estimate allows, up to ``most_bps``, over a bottleneck; feedback every 50 ms.

    ``rows`` has for each second the estimate, what was sent (bit/s) and the delays (ms, sorted).
    """

    def __init__(self, *path: Stretch, most_bps: int = 2_500 * K, seed: int = 1) -> None:
        self.clock = ManualTimers()
        self.estimator = GoogleCongestionControl()
        self.estimator.wanted_bps = self.most_bps = most_bps
        self.path = Bottleneck(self.clock, path, seed=seed)
        self.rows: list[tuple[int, int, list[float]]] = []
        self._pacer = Pacer(self.clock, self.estimator, self._filler)
        self._log, self._chance = ArrivalLog(), random.Random(seed)
        self._number = self._octets = 0
        self._delays: list[float] = []
        self._begins = True
        self._feedback()
        self._picture()
        self._tick()

    def _filler(self, size: int) -> Leaving:
        return Leaving((RtpPacket(97, 0, 0, 2, bytes(min(max(size, 50), 1200))),), self._leave)

    def _leave(self, packets: Sequence[RtpPacket], probe: int | None) -> None:
        for packet in packets:
            self._leave_one(packet, probe)

    def _leave_one(self, packet: RtpPacket, probe: int | None) -> None:
        self._number += 1
        number, size = self._number & 0xFFFF, len(packet.payload) + 40
        now_ns, arrival_ns = self.clock.now_ns(), self.path.send(size)
        self._octets += size
        self.estimator.sent(number, [size], now_ns, probe)
        if arrival_ns is not None:
            self._delays.append((arrival_ns - now_ns) / MS)
            self.clock.call_later(
                (arrival_ns - now_ns) / 1e9, lambda: self._log.record(number, self.clock.now_ns() // 1000)
            )

    def _picture(self) -> None:
        rate = min(self.estimator.target_bps, self.most_bps)
        size = int(rate / 8 / 30 * self._chance.uniform(0.7, 1.3)) * (5 if self._begins else 1)
        self._begins = False
        packets = [RtpPacket(96, 0, 0, 1, bytes(min(1160, size - start))) for start in range(0, size, 1160)]
        self._pacer.send(packets, self._leave)
        self.clock.call_later(1 / 30, self._picture)

    def _feedback(self) -> None:
        for report in self._log.feedback(1, 2):
            read = twcc_format.read(twcc_format.write(report))
            self.clock.call_later(0.02, lambda read=read: self.estimator.feedback(read, self.clock.now_ns()))
        self.clock.call_later(0.05, self._feedback)

    def _tick(self) -> None:
        self.estimator.tick(self.clock.now_ns())
        self.clock.call_later(1.0, self._tick)

    def run(self, seconds: int) -> None:
        """Time passes."""
        for _ in range(seconds):
            self._delays, self._octets = [], 0
            self.clock.advance(1)
            self.rows.append((self.estimator.target_bps, 8 * self._octets, sorted(self._delays)))

    def targets(self, first: int, last: int) -> list[int]:
        """The estimates at the end of these seconds."""
        return [row[0] for row in self.rows[first:last]]

    def median_ms(self, first: int, last: int) -> float:
        """The longest of these seconds' median delays."""
        return max(delays[len(delays) // 2] for _, _, delays in self.rows[first:last] if delays)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_an_open_path_is_found_within_a_second(seed: int) -> None:
    """By probes, to twice what is wanted; and kept, though only half of it is ever used."""
    call = Sender(Stretch(10, 100 * M), seed=seed)
    call.run(10)
    assert min(call.targets(0, 10)) > 4 * M
    assert call.rows[9][1] < 3 * M
    assert call.median_ms(0, 10) < 25


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_bottleneck_is_held_and_left_once_it_opens(seed: int) -> None:
    """At 300 kbit/s: found in a second, four fifths of it used with little delay; open again, all is back in 6 s."""
    call = Sender(Stretch(15, 300 * K), Stretch(15, 20 * M), seed=seed)
    call.run(30)
    assert max(call.targets(1, 15)) < 400 * K
    assert min(call.targets(2, 15)) > 200 * K
    assert call.median_ms(5, 15) < 160
    assert sum(row[1] for row in call.rows[5:15]) / 10 > 240 * K
    assert min(call.targets(21, 30)) > 2_500 * K


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_little_random_loss_costs_nothing(seed: int) -> None:
    """Of 2 %, for a minute."""
    call = Sender(Stretch(60, 20 * M, loss=0.02), seed=seed)
    call.run(60)
    assert min(call.targets(1, 60)) > 2_500 * K


def test_loss_does_not_hide_a_bottleneck() -> None:
    """1 Mbit/s with 2 % of random loss is used, not more and not much less."""
    call = Sender(Stretch(30, 1 * M, loss=0.02))
    call.run(30)
    assert min(call.targets(2, 30)) > 700 * K
    assert max(call.targets(2, 30)) < 1_300 * K
    assert call.median_ms(5, 30) < 120


def test_random_loss_that_a_lower_rate_does_not_cure_is_borne() -> None:
    """A fifth is lost whatever is sent: after some seconds of proof the rate comes back, and stays above 1 Mbit/s."""
    call = Sender(Stretch(30, 20 * M, loss=0.2))
    call.run(30)
    assert sum(call.targets(15, 30)) / 15 > 2_000 * K
    assert min(call.targets(0, 30)) > 500 * K


def test_steps_are_followed() -> None:
    """Down within two seconds, up within eight."""
    call = Sender(
        Stretch(8, 3 * M), Stretch(8, 1 * M), Stretch(8, 2 * M), Stretch(8, 500 * K), Stretch(8, 3 * M), seed=2
    )
    call.run(40)
    assert max(call.targets(9, 16)) < 1_200 * K
    assert call.rows[23][0] > 1_500 * K
    assert max(call.targets(25, 32)) < 650 * K
    assert call.rows[39][0] > 2_400 * K
    assert all(call.median_ms(first, first + 4) < 160 for first in (4, 12, 20, 28, 36))


@pytest.mark.parametrize("path", [Stretch(20, 10 * M, spike_ms=80, jitter_ms=5), Stretch(20, 10 * M, jitter_ms=30)])
def test_delay_that_is_not_ours_is_no_congestion(path: Stretch) -> None:
    """Spikes of 80 ms each second, or 30 ms of jitter."""
    call = Sender(path)
    call.run(20)
    assert min(call.targets(4, 20)) > 2_500 * K


def test_who_sends_little_keeps_the_estimate() -> None:
    """A slide show of 200 kbit/s: neither grows without end nor falls, and is believed in when it needs more."""
    call = Sender(Stretch(60, 10 * M))
    call.run(5)
    before = call.estimator.target_bps
    call.most_bps = 200 * K
    call.run(40)
    assert 0.9 * before < call.estimator.target_bps < 1.2 * before
    call.most_bps = 2_500 * K
    call.run(5)
    assert min(call.targets(45, 50)) > 2_500 * K


def test_a_path_that_went_narrow_while_little_was_sent_is_noticed() -> None:
    """What was believed does not hold any more: one second of too much, and it is followed."""
    call = Sender(Stretch(10, 10 * M), Stretch(30, 600 * K))
    call.run(5)
    call.most_bps = 200 * K
    call.run(15)
    call.most_bps = 2_500 * K
    call.run(10)
    assert max(call.targets(22, 30)) < 800 * K
    assert min(call.targets(22, 30)) > 350 * K


def test_silence_lowers_the_estimate() -> None:
    """Much is sent and nothing comes back: a third less each second, and not below the least."""
    estimator = GoogleCongestionControl(start_bps=1 * M, least_bps=50 * K)
    for second in range(30):
        estimator.sent(second, [1200], second * 1000 * MS)
        estimator.tick((second + 1) * 1000 * MS)
    assert estimator.target_bps == 50 * K


def test_another_path_is_learnt_anew() -> None:
    """After an ICE restart the estimate begins where it began, and probes find the new path."""
    call = Sender(Stretch(5, 400 * K), Stretch(5, 20 * M))
    call.run(5)
    assert call.estimator.target_bps < 500 * K
    call.estimator.path_changed()
    assert call.estimator.target_bps == 1 * M
    call.run(4)
    assert call.estimator.target_bps > 4 * M


def test_a_clock_that_is_set_anew_is_no_delay() -> None:
    """The receiver's clock jumps by a minute: nothing is told from the jump."""
    groups, trend = PacketGroups(), DelayTrend()
    for number in range(200):
        jump = 60_000 if number > 100 else 0
        found = groups.add(number * 10.0, number * 10.0 + 20 + jump)
        if found is not None:
            trend.add(found)
        assert trend.signal == "normal"


def test_packets_that_queued_together_are_one_group() -> None:
    """Sent 10 ms apart and let through at once, they say nothing of a growing queue."""
    groups = PacketGroups()
    found = [groups.add(number * 10.0, 1000.0 + number * 0.2) for number in range(8)]
    assert found == [None] * 8
    assert groups.add(80.0, 1030.0) is None  # the first group has none before it
    variation = groups.add(110.0, 1060.0)
    assert variation is not None
    assert (variation.sent_ms, round(variation.arrived_ms, 3)) == (10.0, 28.6)


def test_loss_of_a_few_packets_is_no_share() -> None:
    """One of three lost is not a third: it is judged once there are enough, or after two seconds."""
    loss = LossRate(50 * K)
    loss.update(1 * M, 0, delivered_bps=None, queue_ms=0)
    loss.add(2, 1)
    loss.update(1 * M, 300 * MS, delivered_bps=None, queue_ms=0)
    assert (loss.bps, loss.share) == (None, 0.0)


def test_the_receiver_estimates_for_senders_without_feedback() -> None:
    """From the instants in packets: the bottleneck, told at once when it is seen, across a clock that wraps."""
    clock = ManualTimers(60_000 * MS)
    path, estimate = Bottleneck(clock, [Stretch(5, 20 * M), Stretch(15, 1 * M)]), ReceiverEstimate()
    found, urgent = list[int](), 0
    for number in range(20 * 200):  # 1.92 Mbit/s for 20 s, and 0.8 once the receiver has said so
        narrow = number > 8 * 200
        clock.advance(1 / 200)
        if narrow and number % 5 > 1:
            continue
        arrival_ns = path.send(1200)
        if arrival_ns is None:
            continue
        stamp = (clock.now_ns() * (1 << 18) // 1_000_000_000) & 0xFFFFFF
        if estimate.arrived(stamp.to_bytes(3, "big"), 1200, arrival_ns):
            urgent += 1
            estimate.told()
        elif number % 200 == 0:
            estimate.told()
        found.append(estimate.bitrate_bps or 0)
    assert found[4 * 200] >= 2 * M
    assert urgent
    assert 500 * K < found[-1] < 1_200 * K
    assert not estimate.arrived(b"12", 1200, clock.now_ns())


def test_a_clock_that_begins_anew_costs_neither_memory_nor_the_rate() -> None:
    """The reference time of feedback has 24 bits of 64 ms: twelve days on, the same rate is measured as before."""
    rate = ByteRate()
    for step in range(400):
        rate.add(1_000_000_000_000 + step * 10_000, 1200)
    before = rate.bps()
    for step in range(400):
        rate.add(step * 10_000, 1200)
    assert rate.bps() == before
    assert len(rate._seen) <= 51
