"""What the loudspeaker plays, found again beside each block of a microphone: on a clock that the test moves."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from jackfield.media.far_end import RATE, FarEnd, FarReader
from jackfield.values.media import AudioBlock

#: Each sample says which one it is.
SOUND = np.arange(1, 30 * RATE).astype(np.int16)
BLOCK = RATE // 100


class Room:
    """A loudspeaker and a microphone on virtual clocks of their own; what is heard when is known to the sample."""

    def __init__(self, *, burst: int = 1, jitter_ms: float = 0.0, drift_ppm: float = 0.0) -> None:
        self.now_ns = 1_000_000_000
        self.far_end = FarEnd(clock_ns=lambda: self.now_ns)
        self.reader: FarReader = self.far_end.reader()
        self._burst, self._jitter_ms, self._drift = burst, jitter_ms, 1 + drift_ppm / 1e6
        self._random = np.random.default_rng(3)
        self._played = 0
        #: So many blocks are not read, when it runs next.
        self.skip = 0
        self.start_ns = self.now_ns
        self.fill = self.far_end.tap(self._next, RATE)
        #: For each block that was read: by how many samples it was early against what was heard then; None: unknown.
        self.early: list[int | None] = []

    def _next(self, count: int) -> np.ndarray:
        self._played += count
        return np.repeat(SOUND[self._played - count : self._played, None], 2, axis=1)

    def run(self, seconds: float) -> None:
        """The loudspeaker asks in bursts, the microphone's clock is off; both jitter."""
        first = len(self.early)
        for index in range(first, first + round(seconds * 100)):
            at_ns = self.start_ns + round(index * 10_000_000)
            if index % self._burst == 0:
                for _ in range(self._burst):
                    self.now_ns = at_ns + round(self._random.uniform(0, self._jitter_ms) * 1e6)
                    self.fill(BLOCK)
            mine_ns = self.start_ns + round(index * 10_000_000 * self._drift)
            self.now_ns = max(self.now_ns, mine_ns) + 12_000_000
            self.skip -= self.skip > 0
            if self.skip:
                self.early.append(None)
                continue
            self._read(mine_ns + round(self._random.uniform(0, self._jitter_ms) * 1e6), mine_ns)

    def _read(self, stamp_ns: int, true_ns: int) -> None:
        found = self.reader.read(stamp_ns, BLOCK)
        heard = 1 + round((true_ns - self.start_ns) * RATE / 1e9)
        known = found is not None and found[0, 0] != 0
        self.early.append(int(np.uint16((int(found[0, 0]) - heard) & 0xFFFF).astype(np.int16)) if known else None)


def steps(early: list[int | None]) -> list[int]:
    """By how much the place moved from block to block."""
    known = [each for each in early if each is not None]
    return [abs(b - a) for a, b in itertools.pairwise(known)]


@pytest.mark.parametrize(("burst", "jitter_ms"), [(1, 0.0), (1, 6.0), (4, 3.0)])
def test_what_was_heard_is_found_at_one_place(burst: int, jitter_ms: float) -> None:
    """However unevenly sound is asked for, its place beside the microphone's blocks stays where it was found."""
    room = Room(burst=burst, jitter_ms=jitter_ms)
    room.run(8)
    late = room.early[200:]
    assert None not in late
    assert max(steps(late)) <= 1
    assert sum(steps(late)) <= 3
    assert all(abs(each) < RATE * 45 // 1000 for each in late if each is not None)


def test_clocks_that_drift_apart_are_followed_by_a_sample_at_a_time() -> None:
    """200 ppm are 9.6 samples a second: followed without a jump, and the place stays within 3 ms."""
    room = Room(drift_ppm=200, jitter_ms=1.0)
    room.run(25)
    late = [each for each in room.early[300:] if each is not None]
    assert max(steps(room.early[300:])) <= 1
    assert max(late) - min(late) < RATE * 3 // 1000
    assert 100 < room.reader.slips < 400
    assert room.reader.begins == 1


def test_blocks_that_the_microphone_lost_are_left_out_at_once() -> None:
    """A gap of 30 or 80 ms in what is read moves nothing: the very next block is in its place."""
    room = Room(jitter_ms=2.0)
    room.run(4)
    for gap in (3, 8):
        room.skip = gap
        room.run(1)
    assert max(steps(room.early[250:])) <= 1
    assert room.reader.begins == 1


def test_another_loudspeaker_begins_anew() -> None:
    """A swap forgets what the one before played, and is found again at once."""
    room = Room()
    room.run(3)
    room.fill = room.far_end.tap(room._next, RATE)
    room.run(3)
    assert room.reader.begins == 2
    assert max(steps(room.early[310:])) <= 1


def test_a_loudspeaker_that_is_silent_or_gone_is_no_far_end() -> None:
    """Half a second after the last sound there is nothing to cancel, and nothing before the first."""
    far_end = FarEnd()
    reader = far_end.reader()
    assert reader.read(1_000_000_000, BLOCK) is None
    block = AudioBlock(np.full((BLOCK, 2), 7, np.int16), RATE, 1_000_000_000)
    far_end.played(block)
    found = reader.read(1_000_000_000, BLOCK)
    assert found is not None
    assert (found == 7).all()
    assert reader.read(1_600_000_000, BLOCK) is None


def test_what_is_not_there_yet_is_silence_and_then_read_later() -> None:
    """A microphone that is ahead of the loudspeaker gets silence for what is missing; if that goes on, it reads what
    was heard a little before."""
    far_end, found = FarEnd(), []
    reader = far_end.reader()
    for index in range(60):
        at_ns = 1_000_000_000 + index * 10_000_000
        far_end.played(AudioBlock(np.full((BLOCK, 1), 100 + index, np.int16), RATE, at_ns))
        found.append(reader.read(at_ns + 4_000_000, BLOCK))
    assert (found[0][-BLOCK * 4 // 10 :] == 0).all()
    assert all((each > 0).all() for each in found[10:])


def test_a_known_latency_is_counted_but_for_its_last_forty_milliseconds() -> None:
    """What claims 100 ms is laid out 60 ms later, and the rest is told as the delay."""
    far_end = FarEnd()
    reader = far_end.reader()
    for index in range(20):
        at_ns = 1_000_000_000 + index * 10_000_000
        far_end.played(AudioBlock(np.full((BLOCK, 1), 100 + index, np.int16), RATE, at_ns), 100.0)
    found = reader.read(1_100_000_000, BLOCK)
    assert found is not None
    assert set(found[:, 0].tolist()) == {104}
    assert reader.delay_ms == 40


def test_a_rate_of_its_own_is_resampled() -> None:
    """A loudspeaker of 44.1 kHz is laid out at 48 kHz, mono."""
    now = [1_000_000_000]
    far_end = FarEnd(clock_ns=lambda: now[0])
    tone = np.repeat((8000 * np.sin(np.arange(44_100) * 2 * np.pi * 440 / 44_100)).astype(np.int16)[:, None], 2, axis=1)
    at = [0]

    def fill(count: int) -> np.ndarray:
        at[0] += count
        return tone[at[0] - count : at[0]]

    heard = far_end.tap(fill, 44_100)
    for _ in range(90):
        assert heard(441).shape == (441, 2)
        now[0] += 10_000_000
    found = far_end.reader().read(1_300_000_000, RATE // 2)
    assert found is not None
    spectrum = np.abs(np.fft.rfft(found[:, 0]))
    assert abs(int(np.argmax(spectrum)) * 2 - 440) <= 2
