"""Sound and pictures of one person, on virtual clocks: whatever their ways are, they are presented together."""

from __future__ import annotations

from statistics import mean

import pytest

from jackfield.media.audio_buffer import AudioBuffer
from jackfield.media.clock import Alarm
from jackfield.media.lip_sync import Hold, LipSync
from jackfield.rtc.receiver import RtpReceiver
from jackfield.rtc.rtcp import SenderReport
from jackfield.rtc.rtp import RtpPacket
from jackfield.rtc.sdp import CodecParameters
from jackfield.testing.timers import ManualTimers
from jackfield.values.media import EncodedFrame

MS = 1_000_000
#: The sender's wall clock and ours have nothing to do with each other.
ELSEWHERE_NS = 3_900_000_000_123_456_789


class Person:
    """Captures both at once; each goes its way, through buffer and hold. ``skews_ms``: sound behind pictures."""

    def __init__(self, *, sound_ms: float, played_after_ms: float, pictures_ms: float) -> None:
        self.clock, self.sync, self.buffer = ManualTimers(), LipSync(), AudioBuffer()
        self.hold = Hold(self.clock, lambda frame: self._presented(self.pictures, frame))
        self.sound_ms, self.played_after_ms, self.pictures_ms = sound_ms, played_after_ms, pictures_ms
        self.alarm, self.captured = Alarm(self.clock, self._play), dict[int, int]()
        self.sounds: list[tuple[int, int]] = []
        self.pictures: list[tuple[int, int]] = []
        self._start_ns, self._number = self.clock.now_ns(), 0

    def _presented(self, where: list[tuple[int, int]], frame: EncodedFrame) -> None:
        assert frame.captured_ns is not None
        where.append((frame.captured_ns, self.clock.now_ns()))

    def run(self, seconds: float) -> None:
        for _ in range(round(seconds * 50)):
            captured_ns = ELSEWHERE_NS + self.clock.now_ns() - self._start_ns
            self.clock.call_later(self.sound_ms / 1000, lambda at=captured_ns, n=self._number: self._sound(n, at))
            picture = EncodedFrame(b"x", "VP8", True, captured_ns=captured_ns)
            self.clock.call_later(self.pictures_ms / 1000, lambda frame=picture: self._picture(frame))
            self._number += 1
            self.clock.advance(0.02)

    def _sound(self, number: int, captured_ns: int) -> None:
        self.captured[number * 960] = captured_ns
        self.buffer.insert(number, number * 960, b"\xf8\x01", self.clock.now_ns())
        self.alarm.set(self.buffer.due_ns())

    def _play(self) -> None:
        for frame in self.buffer.take(self.clock.now_ns()):
            captured_ns = self.captured[frame.rtp_timestamp or 0]
            heard_ns = self.clock.now_ns() + round(self.played_after_ms * MS)
            self.sounds.append((captured_ns, heard_ns))
            self.sync.heard(heard_ns, captured_ns, self.buffer.hold(self.sync.sound_hold_ns))
        self.alarm.set(self.buffer.due_ns())

    def _picture(self, frame: EncodedFrame) -> None:
        self.sync.seen(self.clock.now_ns(), frame.captured_ns or 0)
        self.hold.put(frame, self.sync.picture_hold_ns)

    def skew_ms(self) -> float:
        """Of the last second."""
        seen = dict(self.pictures)
        return mean((heard - seen[at]) / MS for at, heard in self.sounds[-50:] if at in seen)


@pytest.mark.parametrize(
    ("sound_ms", "played_after_ms", "pictures_ms", "within_s"),
    [
        pytest.param(30, 40, 30, 2, id="a loudspeaker at hand"),
        pytest.param(30, 220, 30, 4, id="a slow loudspeaker"),
        pytest.param(180, 40, 30, 4, id="a slow microphone"),
        pytest.param(30, 40, 60, 2, id="large pictures"),
        pytest.param(30, 20, 200, 26, id="a slow camera"),
    ],
)
def test_they_are_presented_together(
    sound_ms: float, played_after_ms: float, pictures_ms: float, within_s: float
) -> None:
    """Within 45 ms, whichever comes first; the other is not kept waiting for nothing."""
    person = Person(sound_ms=sound_ms, played_after_ms=played_after_ms, pictures_ms=pictures_ms)
    person.run(within_s)
    assert abs(person.skew_ms()) <= 45
    person.run(10)
    assert abs(person.skew_ms()) <= 10
    assert abs(person.sync.skew_ns) <= 10 * MS
    delays = [(shown - at + ELSEWHERE_NS - person._start_ns) / MS for at, shown in person.pictures[-50:]]
    assert mean(delays) <= max(sound_ms + 20 + played_after_ms, pictures_ms) + 10
    assert [at for at, _ in person.pictures] == sorted(at for at, _ in person.pictures)


def test_what_was_not_captured_together_does_not_wait() -> None:
    """Seconds apart, as by clocks that were set: neither is held, and one that is gone holds nobody."""
    sync = LipSync()
    for _ in range(50):
        sync.seen(100 * MS, 0)
        sync.heard(5000 * MS, 0, 0)
    assert (sync.picture_hold_ns, sync.sound_hold_ns) == (0, 0)
    sync.heard(180 * MS, 0, 0)
    assert sync.picture_hold_ns == 80 * MS
    sync.forget()
    assert (sync.picture_hold_ns, sync.sound_hold_ns, sync.skew_ns) == (0, 0, 0)
    sync.seen(100 * MS, 0)
    assert sync.picture_hold_ns == 0


def test_frames_wait_in_order_and_not_without_end() -> None:
    """A shorter hold overtakes nobody; past the bound the oldest go on; what is cleared leaves no timer."""
    clock, given = ManualTimers(), []
    hold = Hold(clock, given.append)
    frames = [EncodedFrame(bytes([number]), "VP8", True) for number in range(100)]
    hold.put(frames[0], 0)
    hold.put(frames[1], 100 * MS)
    hold.put(frames[2], 0)
    assert given == frames[:1]
    clock.advance(0.1)
    assert given == frames[:3]
    for frame in frames[3:]:
        hold.put(frame, 1000 * MS)
    assert given == frames[: 100 - 64]
    hold.clear()
    clock.advance(5)
    assert (given, clock.pending) == (frames[: 100 - 64], 0)


class Deaf:
    """Feedback that goes nowhere."""

    def send_nack(self, media_ssrc: int, lost: list[int]) -> None: ...

    def send_pli(self, media_ssrc: int) -> None: ...


@pytest.mark.parametrize("reported_at", [0xFFFFF000, 0x00000400])
def test_sender_reports_say_when_a_frame_was_captured(reported_at: int) -> None:
    """By the sender's clock, across a wrap of the timestamps in either direction; None before the first report."""
    clock, frames = ManualTimers(), []
    receiver = RtpReceiver("audio", stream_id="s", track_id="t", clock=clock, feedback=Deaf())
    receiver.settle("0", [CodecParameters(111, "opus", 48_000, 2)])
    receiver.use(7, None)
    receiver.on_frame = frames.append
    for number in range(10):
        if number == 2:
            receiver.reported(SenderReport(7, 10 << 32 | 1 << 31, reported_at, 0, 0))  # 10.5 s since 1900
        timestamp = (0xFFFFF000 + 960 * number) & 0xFFFFFFFF
        receiver.receive(RtpPacket(111, number, timestamp, 7, b"\xf8\x01"), clock.now_ns())
        clock.advance(0.02)
    clock.advance(1)
    captured = [frame.captured_ns for frame in frames]
    assert captured[0] is None
    passed = ((0xFFFFF000 + 960 * 9 - reported_at + 0x80000000) & 0xFFFFFFFF) - 0x80000000
    assert captured[-1] == 10_500 * MS + passed * 1_000_000_000 // 48_000
    assert captured[-1] - captured[-2] == 20 * MS
