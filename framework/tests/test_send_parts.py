"""What a sender is made of: history, requests for keyframes, timestamps, the budget's parts."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from jackfield.media.statistics import Rate, Reception
from jackfield.rtc.bandwidth import share
from jackfield.rtc.history import SentHistory, unwrap_rtx, wrap_rtx
from jackfield.rtc.keyframes import KeyframeGate, KeyframeRequester
from jackfield.rtc.rtp import RtpPacket
from jackfield.rtc.sequence import SequenceGuard
from jackfield.rtc.timeline import SoundTimeline, Timeline, ntp, ntp_middle
from jackfield.testing.timers import ManualTimers
from jackfield.values.media import EncodedFrame

MS = 1_000_000


def packet(sequence: int, payload: bytes = b"x" * 100) -> RtpPacket:
    return RtpPacket(96, sequence & 0xFFFF, 0, 1, payload)


# --- history ------------------------------------------------------------------------------------------------------
def test_a_packet_is_repaired_from_history() -> None:
    """Once per interval, however often it is asked for."""
    history = SentHistory()
    history.add([packet(7)], 0)
    assert history.repair(7, 30 * MS) is not None
    assert history.repair(7, 40 * MS) is None
    assert history.repair(7, 51 * MS) is not None
    assert history.repair(8, 51 * MS) is None


def test_history_is_bounded_by_number_and_age() -> None:
    """Across a wrap of the numbers, too."""
    history = SentHistory(packets_max=100, age_ms=1000)
    for number in range(65_400, 65_700):
        history.add([packet(number)], (number - 65_400) * MS)
    assert len(history) == 100
    assert history.repair(65_699 & 0xFFFF, 300 * MS) is not None
    assert history.repair(65_500, 300 * MS) is None
    assert history.repair(65_698 & 0xFFFF, 1500 * MS) is None
    history.add([packet(1000)], 5000 * MS)
    assert len(history) == 1


def test_a_picture_stays_in_history_as_a_whole() -> None:
    """The oldest goes when enough is left without it, and each packet is repaired by itself."""
    history = SentHistory(packets_max=100)
    for first in range(0, 160, 40):
        history.add([packet(first + number) for number in range(40)], first * MS)
    assert len(history) == 120
    assert history.newest == packet(159)
    assert [history.repair(number, 200 * MS) for number in (39, 40, 40, 79, 159)] == [
        None,
        packet(40),
        None,
        packet(79),
        packet(159),
    ]


def test_repairs_cannot_outgrow_the_stream() -> None:
    """A peer that asks for everything for ever gets half as much as was sent, after a first allowance."""
    history = SentHistory(interval_ms=0)
    sent = repaired = 0
    for number in range(2000):
        history.add([packet(number, b"x" * 1000)], number * MS)
        sent += 1000
        for wanted in range(max(0, number - 20), number):
            if history.repair(wanted, number * MS) is not None:
                repaired += 1000
    assert repaired <= sent / 2 + 128_000


def test_a_retransmission_carries_the_packet() -> None:
    """Wrapped and unwrapped it is the same; only padding is nothing."""
    original = RtpPacket(96, 7, 1234, 1, b"payload", True)
    wrapped = wrap_rtx(original, payload_type=97, ssrc=2, sequence=99)
    assert (wrapped.ssrc, wrapped.sequence, wrapped.marker, wrapped.payload) == (2, 99, True, b"\x00\x07payload")
    assert unwrap_rtx(wrapped, payload_type=96, ssrc=1) == original
    assert unwrap_rtx(RtpPacket(97, 1, 0, 2, b""), payload_type=96, ssrc=1) is None


# --- keyframes ----------------------------------------------------------------------------------------------------
def test_a_keyframe_is_asked_for_until_it_comes() -> None:
    """At once, and then with growing pauses."""
    clock, asked = ManualTimers(0), list[float]()
    requester = KeyframeRequester(clock, lambda: asked.append(clock.now_ns() / 1e9))
    requester.want()
    requester.want()
    clock.advance(10)
    assert asked == [0, 0.3, 0.9, 2.1, 4.5, 7.5]
    requester.satisfied()
    clock.advance(10)
    assert len(asked) == 6
    assert clock.pending == 0


def test_one_keyframe_after_another_keeps_its_distance() -> None:
    """A need that comes back at once waits out the pause."""
    clock, asked = ManualTimers(0), list[float]()
    requester = KeyframeRequester(clock, lambda: asked.append(clock.now_ns() / 1e9))
    for _ in range(10):
        requester.want()
        clock.advance(0.05)
        requester.satisfied()
    assert asked == [0, 0.3]
    requester.close()
    requester.want()
    clock.advance(10)
    assert len(asked) == 2


def test_the_encoder_hears_of_one_request_in_300_ms() -> None:
    """The first at once, and the last never lost."""
    clock, heard = ManualTimers(0), list[float]()
    gate = KeyframeGate(clock, lambda: heard.append(clock.now_ns() / 1e9))
    for _ in range(20):
        gate.request()
        clock.advance(0.02)
    clock.advance(1)
    assert heard == [0, 0.3, 0.6]
    assert gate.requests == 20
    gate.close()
    gate.request()
    assert len(heard) == 3
    assert clock.pending == 0


# --- timestamps ---------------------------------------------------------------------------------------------------
def test_video_timestamps_follow_the_capture() -> None:
    """With no drift from rounding, and never twice the same."""
    timeline = Timeline(90_000)
    stamps = [timeline.stamp(EncodedFrame(b"", "VP8", False, n * 33_333_333)) for n in range(1000)]
    assert stamps[-1] - stamps[0] == 999 * 33_333_333 * 90_000 // 1_000_000_000
    again = timeline.stamp(EncodedFrame(b"", "VP8", False, 0))
    assert again == stamps[-1] + 1


def test_sound_has_no_gaps_from_jitter() -> None:
    """Packets of 20 ms are 960 apart whatever their instants; a real pause is kept."""
    timeline = SoundTimeline(48_000)
    chance = random.Random(1)
    frames = [
        EncodedFrame(b"\xf8", "opus", True, n * 20 * MS + chance.randrange(15 * MS), duration_ns=20 * MS)
        for n in range(100)
    ]
    stamps = [timeline.stamp(frame) for frame in frames]
    assert {later - earlier for earlier, later in pairwise(stamps)} == {960}
    late = timeline.stamp(EncodedFrame(b"\xf8", "opus", True, frames[0].time_ns + 3000 * MS, duration_ns=20 * MS))
    assert late - stamps[0] == pytest.approx(3 * 48_000, abs=96)  # two milliseconds: less than the jitter


@pytest.mark.parametrize("ppm", [-400, -50, 50, 400])
def test_a_microphone_on_a_clock_of_its_own_has_no_gaps(ppm: float) -> None:
    """In an hour it is up to a second and a half off the machine's clock, and not one frame is moved."""
    timeline = SoundTimeline(48_000)
    length_ns = 20 * MS * (1 - ppm / 1e6)
    stamps = [
        timeline.stamp(EncodedFrame(b"\xf8", "opus", True, round(n * length_ns), duration_ns=20 * MS))
        for n in range(180_000)
    ]
    assert {later - earlier for earlier, later in pairwise(stamps)} == {960}


def test_sound_that_comes_too_slowly_catches_up() -> None:
    """A source that gives 20 ms every 22 is never more than a tenth of a second behind."""
    timeline = SoundTimeline(48_000)
    first = 0
    for n in range(500):
        frame = EncodedFrame(b"\xf8", "opus", True, n * 22 * MS, duration_ns=20 * MS)
        stamp = timeline.stamp(frame)
        first = first or stamp
        assert -102 - n * 0.01 <= (stamp - first) / 48 - n * 22 <= 0  # the 0.01 ms are taken for drift


def test_a_report_is_of_the_instant_it_is_made() -> None:
    """The timestamp goes on from the last frame's instant."""
    timeline = Timeline(90_000)
    assert timeline.at(5) is None
    stamp = timeline.stamp(EncodedFrame(b"", "VP8", False, 1000 * MS))
    assert timeline.at(1500 * MS) == stamp + 45_000


def test_ntp_counts_from_1900() -> None:
    """32.32 fixed point, and its middle."""
    time_ = ntp(1_500_000_000)
    assert time_ >> 32 == 2_208_988_801
    assert time_ & 0xFFFFFFFF == 1 << 31
    assert ntp_middle(time_) == (2_208_988_801 & 0xFFFF) << 16 | 0x8000


# --- numbers that come in -----------------------------------------------------------------------------------------
def test_numbers_wrap_and_reorder() -> None:
    """They grow for ever."""
    guard = SequenceGuard()
    assert [guard.unwrap(n) for n in (65_534, 65_535, 1, 0, 2)] == [65_534, 65_535, 65_537, 65_536, 65_538]
    assert guard.nearest(65_535) == 65_535
    assert guard.nearest(9) is None


def test_a_stranger_is_left_out_until_it_goes_on() -> None:
    """One packet far away is dropped; two in a row are a new beginning, higher than all before."""
    guard = SequenceGuard()
    assert guard.unwrap(100) == 100
    assert guard.unwrap(40_000) is None
    assert guard.unwrap(101) == 101
    assert guard.unwrap(40_000) is None
    began = guard.unwrap(40_001)
    assert began is not None
    assert began > 101
    assert guard.restarts == 1
    assert guard.unwrap(40_002) == began + 1


# --- statistics ---------------------------------------------------------------------------------------------------
def test_loss_is_counted_as_reports_want_it() -> None:
    """In all, and since the last report; duplicates make up for losses (RFC 3550 appendix A.3)."""
    reception = Reception(90_000)
    for number in range(100):
        if number % 10 != 5:
            reception.add(number, number * 3000, number * 33 * MS)
    assert (reception.expected, reception.lost) == (100, 10)
    assert reception.fraction_lost() == 10 * 256 // 100
    assert reception.fraction_lost() == 0
    reception.add(100, 300_000, 3300 * MS)
    assert reception.fraction_lost() == 0


def test_jitter_is_smoothed_spread() -> None:
    """An even stream has none; ±5 ms shows as about 5 ms."""
    even, uneven = Reception(90_000), Reception(90_000)
    for number in range(500):
        even.add(number, number * 3000, number * 100 * MS // 3)
        uneven.add(number, number * 3000, number * 100 * MS // 3 + (number % 2) * 5 * MS)
    assert even.jitter_ms < 0.1
    assert 4.5 < uneven.jitter_ms < 5.5


def test_a_rate_is_of_the_last_second() -> None:
    """What is older does not count."""
    rate = Rate()
    for now in range(0, 5000, 10):
        rate.add(now * MS, 100)
    assert 9_000 <= rate.per_second(5000 * MS) <= 10_000
    assert rate.per_second(7000 * MS) == 0


# --- bandwidth ----------------------------------------------------------------------------------------------------
def test_the_budget_is_shared() -> None:
    """Equally, and what one cannot use goes to the others."""
    assert share(3_000_000, [None, None, None]) == [1_000_000] * 3
    assert share(3_000_000, [500_000, None]) == [500_000, 2_500_000]
    assert share(100, [500_000, 500_000]) == [50, 50]
    assert share(3_000_000, []) == []
    assert share(1_000_000, [0, 2_500_000]) == [0, 1_000_000]
