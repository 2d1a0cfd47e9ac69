"""The audio jitter buffer: even pace, small delay, and back to it after trouble."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from jackfield.media.audio_buffer import AudioBuffer
from jackfield.values.media import EncodedFrame

MS = 1_000_000
#: CELT, one frame of 20 ms.
OPUS = b"\xf8\x01\x02"


def play(
    buffer: AudioBuffer, arrivals: list[tuple[float, int]], *, until_ms: float, payload: bytes = OPUS
) -> list[tuple[float, EncodedFrame]]:
    """Packets of 20 ms (arrival in ms, number) go in; what leaves comes out with its instant in ms."""
    queue = sorted(arrivals)
    left: list[tuple[float, EncodedFrame]] = []
    for now_ms in range(int(until_ms)):
        while queue and queue[0][0] <= now_ms:
            arrival_ms, number = queue.pop(0)
            buffer.insert(number, number * 960, payload, round(arrival_ms * MS))
        due_ns = buffer.due_ns()
        if due_ns is not None and due_ns <= now_ms * MS:
            left += [(now_ms, frame) for frame in buffer.take(now_ms * MS)]
    return left


def numbers(left: list[tuple[float, EncodedFrame]]) -> list[int]:
    return [(frame.rtp_timestamp or 0) // 960 for _, frame in left]


def test_an_even_stream_is_delayed_by_the_least() -> None:
    """Each packet leaves 20 ms after it came, and none is reported lost."""
    left = play(AudioBuffer(), [(100 + 20 * n, n) for n in range(50)], until_ms=1300)
    assert numbers(left) == list(range(50))
    assert {at - (100 + 20 * number) for number, (at, _) in enumerate(left)} == {20}
    assert all(frame.lost_before == 0 and frame.duration_ns == 20 * MS for _, frame in left)


def test_jitter_is_evened_out() -> None:
    """After a second of learning, packets with up to 30 ms of jitter leave evenly and none is late."""
    chance = random.Random(3)
    buffer = AudioBuffer()
    left = play(buffer, [(20 * n + chance.uniform(0, 30), n) for n in range(300)], until_ms=6300)
    settled = [at for at, frame in left if (frame.rtp_timestamp or 0) > 60 * 960]
    steps = [later - earlier for earlier, later in pairwise(settled)]
    assert max(steps) <= 24
    assert 25 <= buffer.delay_ms <= 45
    assert len(left) >= 298


def test_a_lost_packet_is_counted_where_it_is_missing() -> None:
    """The next frame leaves at its own time and says how many are missing before it."""
    pattern = "....x...xx...x."
    arrivals = [(20.0 * n, n) for n, mark in enumerate(pattern) if mark == "."]
    left = play(AudioBuffer(), arrivals, until_ms=500)
    assert {number: frame.lost_before for number, (_, frame) in zip(numbers(left), left, strict=True)} == {
        number: (1 if number in (5, 14) else 2 if number == 10 else 0) for _, number in arrivals
    }
    assert all(at == 20 * number + 20 for number, (at, _) in zip(numbers(left), left, strict=True))


def test_packets_out_of_order_leave_in_order() -> None:
    """Within the delay, order on the way does not matter; a duplicate is one packet."""
    left = play(AudioBuffer(), [(0, 0), (41, 1), (40, 2), (42, 2), (60, 3)], until_ms=300)
    assert numbers(left) == [0, 1, 2, 3]


def test_a_late_packet_is_dropped() -> None:
    """What comes after a later one has left is not played."""
    buffer = AudioBuffer()
    arrivals = [(20.0 * n, n) for n in range(100) if n != 50] + [(20.0 * 50 + 55, 50)]
    left = play(buffer, arrivals, until_ms=1300)
    assert buffer.late == 1
    assert 50 not in numbers(left)


@pytest.mark.parametrize(("stalls", "highest_ms"), [(1, 25), (8, 150)])
def test_the_delay_comes_back_after_outages(stalls: int, highest_ms: float) -> None:
    """One stall of 150 ms is nothing to prepare for; one each half second is. Quiet later, the delay is the least."""
    buffer = AudioBuffer()
    begin = {n for stall in range(stalls) for n in range(50 + 25 * stall, 58 + 25 * stall)}
    queue = [(max(20.0 * n, 20.0 * (n // 25 * 25) + 150) if n in begin else 20.0 * n, n) for n in range(800)]
    highest = 0.0
    for now_ms in range(16_000):
        while queue and queue[0][0] <= now_ms:
            arrival_ms, number = queue.pop(0)
            buffer.insert(number, number * 960, OPUS, round(arrival_ms * MS))
            highest = max(highest, buffer.delay_ms)
        buffer.take(now_ms * MS)
    assert highest_ms - 25 <= highest <= highest_ms + 10
    assert buffer.delay_ms == 20


def test_a_faster_path_is_taken_at_once() -> None:
    """When the path becomes 40 ms shorter, frames leave earlier and none is lost."""
    buffer = AudioBuffer()
    arrivals = [(20.0 * n + (80 if n < 100 else 40), n) for n in range(400)]
    left = play(buffer, arrivals, until_ms=8500)
    assert numbers(left) == list(range(400))
    last_at, _ = left[-1]
    assert last_at - 20 * 399 == 60


def test_silence_between_talk_is_not_loss() -> None:
    """DTX: the numbers go on while the timestamps jump."""
    buffer = AudioBuffer()
    for n in range(10):
        buffer.insert(n, n * 960 * 20, OPUS, n * 400 * MS)
    frames = [frame for now in range(5000) for frame in buffer.take(now * MS)]
    assert [frame.lost_before for frame in frames] == [0] * 10
    assert buffer.lost == 0


def test_a_jump_of_the_timeline_is_a_new_beginning() -> None:
    """Timestamps that leap by minutes cost neither a wait nor a burst."""
    buffer = AudioBuffer()
    for n in range(20):
        buffer.insert(n, n * 960, OPUS, n * 20 * MS)
        buffer.take(n * 20 * MS)
    buffer.take(500 * MS)
    for n in range(20, 40):
        buffer.insert(n, n * 960 + 48_000 * 600, OPUS, n * 20 * MS + 200 * MS)
    due_ns = buffer.due_ns()
    assert due_ns is not None
    assert abs(due_ns - (20 * 20 + 220) * MS) <= 5 * MS


def test_empty_packets_take_a_number_only() -> None:
    """Padding is neither a frame nor a loss."""
    buffer = AudioBuffer()
    for n in range(6):
        buffer.insert(n, n * 960, b"" if n == 3 else OPUS, n * 20 * MS)
    frames = buffer.take(10_000 * MS)
    assert [frame.lost_before for frame in frames] == [0] * 5


def test_memory_is_bounded() -> None:
    """Endless packets that never fall due stay within the bound."""
    buffer = AudioBuffer()
    for n in range(5000):
        buffer.insert(n, n * 960, OPUS, 0)
    assert len(buffer._held) <= 256
    assert len(buffer._spread) <= 250
