"""What the loudspeaker plays, kept by the time at which it is heard: the far end of echo cancelling.

A loudspeaker and a microphone run on clocks of their own, ask and deliver unevenly, and are swapped. Here the sound
that was played is laid out on the machine's clock, and a reader beside each microphone takes from it what was heard
during each of the microphone's blocks, so that the echo's place in the block moves no more than a sample at a time.
What remains is the part of the latencies that nobody knows: at least nothing, at most some hundred milliseconds, which
an echo canceller finds by itself.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import numpy as np
from attrs import define, field
from numpy.typing import NDArray

from jackfield.media.resample import Resampler
from jackfield.values.media import AUDIO_CLOCK_RATE, AudioBlock

RATE = AUDIO_CLOCK_RATE
_KEPT = 4 * RATE
#: So much of a loudspeaker's latency is not counted, in case that it claims too much: an echo that seems to come before
#: its sound cannot be cancelled.
_LEAD_MS = 40.0
#: A loudspeaker that has played nothing for so long is silent.
_IDLE_NS = 500_000_000
#: Blocks after which an average is slow (2 s of 10 ms).
_SETTLED = 200
#: An offset that is off by more than this, so often in a row, has really moved.
_MOVED_MS, _MOVED_TIMES = 30.0, 10
#: A microphone's block that comes so much later than the one before it ended follows some that were lost.
_LOST_MS = 15.0
#: Of the drift that is left, this share is taken out with each block: a time constant of 10 s.
_SHARE = 1 / 1000
#: A reader that runs out so often within a hundred blocks reads so much further behind, and so much at most.
_SHORT_TIMES, _BEHIND, _BEHIND_MOST = 3, RATE // 100, RATE // 10


@define
class Steady:
    """The slow average of an offset that jitters. It follows a jump when that has proved to last."""

    jump: float
    value: float | None = None
    count: int = 0
    _strange: list[float] = field(factory=list)

    def push(self, raw: float) -> bool:
        """Takes one more; True when it has jumped, or is the first."""
        if self.value is None:
            return self._to(raw)
        off = raw - self.value
        if abs(off) > self.jump:
            self._strange = [*self._strange, raw][-_MOVED_TIMES:]
            lasts = len(self._strange) == _MOVED_TIMES and max(self._strange) - min(self._strange) < self.jump
            return self._to(sum(self._strange) / _MOVED_TIMES) if lasts else False
        self._strange = []
        self.count = min(self.count + 1, _SETTLED)
        self.value += off / self.count
        return False

    def _to(self, value: float) -> bool:
        self.value, self.count, self._strange = value, 1, []
        return True


class FarEnd:
    """The last seconds of what one loudspeaker played, mono. Written on its thread, read on others."""

    def __init__(self, *, clock_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self._clock_ns = clock_ns
        self._lock = threading.Lock()
        self._ring = np.zeros(_KEPT, np.int16)
        self._begin()

    def _begin(self) -> None:
        self._resampler = Resampler(rate=RATE, channels=1)
        self._origin = Steady(_MOVED_MS * 1e6)
        self._written, self._played_ns, self._delay_ms = 0, 0, 0
        #: Which of several layouts holds: another one with each loudspeaker and each break.
        self._layout: object = object()

    def tap(
        self, fill: Callable[[int], NDArray[np.int16]], rate: int, latency_ms: Callable[[], float] = lambda: 0.0
    ) -> Callable[[int], NDArray[np.int16]]:
        """``fill`` for a loudspeaker that plays from now on; what it is given is kept here."""
        with self._lock:
            self._begin()

        def heard(count: int) -> NDArray[np.int16]:
            samples = fill(count)
            self.played(AudioBlock(samples, rate, self._clock_ns()), latency_ms())
            return samples

        return heard

    def played(self, block: AudioBlock, latency_ms: float = 0.0) -> None:
        """Keeps what the loudspeaker was given at ``block.time_ns``, to be heard ``latency_ms`` later."""
        samples = self._resampler.convert(block)[:, 0]
        sure_ms = max(0.0, latency_ms - _LEAD_MS)
        with self._lock:
            if self._origin.push(block.time_ns + sure_ms * 1e6 - self._written * 1e9 / RATE):
                self._layout = object()
            self._delay_ms = round(max(0.0, min(latency_ms, _LEAD_MS)))
            self._played_ns = block.time_ns
            _put(self._ring, self._written, samples)
            self._written += len(samples)

    def reader(self) -> FarReader:
        """What one microphone reads with."""
        return FarReader(self)

    def place(self, time_ns: int) -> tuple[object, float] | None:
        """The layout, and which sample was heard at this time; None while nothing plays."""
        with self._lock:
            if self._origin.value is None or time_ns - self._played_ns > _IDLE_NS:
                return None
            return self._layout, (time_ns - self._origin.value) * RATE / 1e9

    def cut(self, first: int, count: int) -> tuple[NDArray[np.int16], int]:
        """So many samples from ``first``, and how many of them were not there yet; silence stands in for those."""
        found = np.zeros((count, 1), np.int16)
        with self._lock:
            begin = max(first, self._written - _KEPT, 0)
            end = min(first + count, self._written)
            if begin < end:
                found[begin - first : end - first, 0] = _taken(self._ring, begin, end - begin)
            return found, max(0, first + count - max(self._written, first))

    @property
    def delay_ms(self) -> int:
        """How long after its place here a sound is heard, as far as that is known."""
        return self._delay_ms


class FarReader:
    """Reads what was heard during each block of one microphone. Used by one thread at a time."""

    def __init__(self, far_end: FarEnd) -> None:
        self._far_end = far_end
        self._layout: object = None
        self._position = self._next_ns = 0
        self._off = Steady(_MOVED_MS * RATE / 1000)
        self._rest: float | None = None
        self._slip = 0.0
        self._behind = self._short = self._blocks = 0
        #: Samples that were left out or read twice to follow the clocks, and how often it had to begin anew.
        self.slips = self.begins = 0

    @property
    def delay_ms(self) -> int:
        """How much later than what `read` answers with its echo comes, as far as that is known."""
        return max(0, self._far_end.delay_ms - self._behind * 1000 // RATE)

    def read(self, time_ns: int, count: int) -> NDArray[np.int16] | None:
        """What was heard from ``time_ns`` on, shape (count, 1); None while nothing plays."""
        found = self._far_end.place(time_ns)
        if found is None:
            self._layout = None
            return None
        layout, target = found
        if layout is not self._layout:
            self._layout = layout
            self._begin(target)
        elif time_ns - self._next_ns > _LOST_MS * 1e6:
            self._skip(target, count)
        self._next_ns = time_ns + count * 1_000_000_000 // RATE
        self._follow(target)
        samples, short = self._far_end.cut(self._position, count)
        self._position += count
        self._note(short)
        return samples

    def _begin(self, target: float) -> None:
        self._position, self._behind = round(target), 0
        self._off, self._rest, self._slip = Steady(self._off.jump, 0.0), None, 0.0
        self._short = self._blocks = 0
        self.begins += 1

    def _skip(self, target: float, count: int) -> None:
        """What was played during the microphone's lost blocks is not read either; whole blocks, where that may be."""
        lost = target - self._behind - self._position - (self._off.value or 0.0)
        if lost > _LOST_MS * RATE / 1000:
            whole = round(lost / count) * count
            self._position += whole if abs(lost - whole) < count / 3 else round(lost)

    def _follow(self, target: float) -> None:
        """Once it is known how far the position is off, that stays so, a sample at a time."""
        if self._off.push(target - self._behind - self._position):
            self._begin(target)
            return
        if self._off.count < _SETTLED or self._off.value is None:
            return
        if self._rest is None:
            self._rest = self._off.value
        self._slip += max(-0.5, min(0.5, (self._off.value - self._rest) * _SHARE))
        if abs(self._slip) >= 1:
            step = 1 if self._slip > 0 else -1
            self._position += step
            self._slip -= step
            self.slips += 1

    def _note(self, short: int) -> None:
        """Who runs out again and again reads what was heard a little before: the echo then seems to come sooner."""
        self._blocks += 1
        self._short += short > 0
        if self._short >= _SHORT_TIMES and self._behind < _BEHIND_MOST:
            self._behind += _BEHIND
            self._position -= _BEHIND
            self._short = 0
        if self._blocks % 100 == 0:
            self._short = 0


def _put(ring: NDArray[np.int16], at: int, samples: NDArray[np.int16]) -> None:
    samples = samples[-len(ring) :]
    start = at % len(ring)
    first = samples[: len(ring) - start]
    ring[start : start + len(first)] = first
    ring[: len(samples) - len(first)] = samples[len(first) :]


def _taken(ring: NDArray[np.int16], at: int, count: int) -> NDArray[np.int16]:
    start = at % len(ring)
    first = ring[start : start + count]
    return first if len(first) == count else np.concatenate((first, ring[: count - len(first)]))
