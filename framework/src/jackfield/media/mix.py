"""Many sounds into one stream for a loudspeaker, each kept close to its source by playing a hair faster or slower.

Sources and loudspeaker run on clocks of their own. What waits in an input is watched: more than it needs, and it is
played 1 % faster (3 % while it is far too much); too little, and 0.5 % slower. No input ever waits longer than
``most_ms``.
"""

from __future__ import annotations

import threading
from collections import deque

import numpy as np
from numpy.typing import NDArray

from jackfield.media.resample import Resampler
from jackfield.values.media import AUDIO_CLOCK_RATE, AudioBlock

_MUCH_FASTER, _FASTER, _SLOWER = 1.03, 1.01, 0.995
#: The least that an input should hold beyond what is taken at once: when the two clocks' phases pass each other, one
#: block comes later than the block before it was needed.
_SPARE_MS, _ENOUGH_MS, _FAR_TOO_MUCH_MS = 2, 15, 60
_WATCHED_MS = 1000


class MixInput:
    """One source. Blocks are pushed by one thread and played by another."""

    def __init__(self, rate: int, channels: int, *, ready_ms: float, most_ms: float) -> None:
        self.underruns = 0
        self.dropped_samples = 0
        self._resampler = Resampler(rate=rate, channels=channels)
        self._rate = rate
        self._ready, self._most = int(rate * ready_ms / 1000), int(rate * most_ms / 1000)
        self._blocks: deque[NDArray[np.int16]] = deque()
        self._level = 0
        self._playing = False
        self._least, self._watched = 1 << 62, 0
        self._speed = 1.0
        self._lock = threading.Lock()

    @property
    def delay_ms(self) -> float:
        """How much sound waits."""
        return self._level * 1000 / self._rate

    def push(self, block: AudioBlock) -> None:
        """Takes sound of any format; it may keep the block. What is beyond the bound is dropped, oldest first."""
        samples = self._resampler.convert(block)
        if not len(samples):
            return
        with self._lock:
            self._blocks.append(samples)
            self._level += len(samples)
            if self._level > self._most:
                excess = self._level - self._ready
                self.dropped_samples += excess
                self._drop(excess)

    def take(self, count: int) -> NDArray[np.int16] | None:
        """The next ``count`` samples; None while there is nothing to hear. Silence is put after what runs out."""
        with self._lock:
            if not self._playing and self._level < max(self._ready, 1):
                return None
            self._playing = True
            self._watch(count)
            wanted = count if self._speed == 1.0 else round(count * self._speed)
            taken = self._pull(min(wanted, self._level))
        if len(taken) < wanted:
            self._playing = False
            self.underruns += 1
            return taken[:count]
        return taken if wanted == count else _stretch(taken, count)

    def _watch(self, count: int) -> None:
        """Once a second: how much lay there at the worst moment decides how fast it plays."""
        self._least = min(self._least, self._level - count)
        self._watched += count
        if self._watched < self._rate * _WATCHED_MS // 1000:
            return
        self._speed = self._judge((self._least - count) * 1000 / self._rate)
        self._least, self._watched = 1 << 62, 0

    def _judge(self, spare_ms: float) -> float:
        if spare_ms > _FAR_TOO_MUCH_MS:
            return _MUCH_FASTER
        if spare_ms > _ENOUGH_MS:
            return _FASTER
        return _SLOWER if spare_ms < _SPARE_MS else 1.0

    def _pull(self, count: int) -> NDArray[np.int16]:
        self._level -= count
        parts = []
        while count:
            block = self._blocks.popleft()
            if len(block) > count:
                self._blocks.appendleft(block[count:])
                block = block[:count]
            parts.append(block)
            count -= len(block)
        if len(parts) == 1:
            return parts[0]
        return np.concatenate(parts) if parts else np.empty((0, self._resampler.channels), np.int16)

    def _drop(self, count: int) -> None:
        self._pull(count)


class Mixer:
    """Sums its inputs. ``fill`` may be called on any one thread, inputs come and go on another."""

    def __init__(
        self, *, rate: int = AUDIO_CLOCK_RATE, channels: int = 2, ready_ms: float = 20, most_ms: float = 200
    ) -> None:
        self.rate = rate
        self.channels = channels
        self._ready_ms, self._most_ms = ready_ms, most_ms
        self._inputs: tuple[MixInput, ...] = ()

    def add(self) -> MixInput:
        """Another source, heard once ``ready_ms`` of it are there."""
        made = MixInput(self.rate, self.channels, ready_ms=self._ready_ms, most_ms=self._most_ms)
        self._inputs = (*self._inputs, made)
        return made

    def remove(self, source: MixInput) -> None:
        """It is not heard any more."""
        self._inputs = tuple(known for known in self._inputs if known is not source)

    def fill(self, samples: int) -> NDArray[np.int16]:
        """The next samples, shape (samples, channels): the sum of all inputs, kept within full scale."""
        mixed = np.zeros((samples, self.channels), np.int32)
        for source in self._inputs:
            taken = source.take(samples)
            if taken is not None:
                mixed[: len(taken)] += taken
        return np.clip(mixed, -32768, 32767).astype(np.int16)


def _stretch(samples: NDArray[np.int16], count: int) -> NDArray[np.int16]:
    """The same sound in ``count`` samples, by linear interpolation: for changes of a percent or less."""
    places = np.linspace(0, len(samples) - 1, count)
    below = places.astype(np.intp)
    above = np.minimum(below + 1, len(samples) - 1)
    share = (places - below)[:, None]
    return np.asarray(samples[below] * (1 - share) + samples[above] * share, dtype=np.int16)
