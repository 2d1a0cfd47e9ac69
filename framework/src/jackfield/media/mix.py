"""Many sounds into one stream for a loudspeaker, each kept close to its source by playing a hair faster or slower.

Where clocks agree, and nothing is resampled, samples leave as they came. Where they do not, `DriftControl` says how
fast an input plays and `VariableSpeed` plays it so; a backlog goes
period by period (`shortened`). No input ever waits longer than ``most_ms``. Sound that runs out
fades within 5 ms, and what comes after it fades in; what is skipped is faded over.
"""

from __future__ import annotations

import threading

import numpy as np
from numpy.typing import NDArray

from jackfield.media.drift import DriftControl
from jackfield.media.resample import Resampler
from jackfield.media.shorten import shortened
from jackfield.media.variable_speed import VariableSpeed
from jackfield.values.media import AUDIO_CLOCK_RATE, AudioBlock

_FADE_MS = 5
#: Beyond this surplus every other block loses a period, which takes some 100 ms in a second; below, speed does.
_BACKLOG_MS = 20.0


class MixInput:
    """One source. Blocks are pushed by one thread and played by another."""

    def __init__(self, rate: int, channels: int, *, ready_ms: float, most_ms: float) -> None:
        self.underruns = 0
        self.dropped_samples = self.shortened_samples = 0
        self._resampler = Resampler(rate=rate, channels=channels)
        self._rate = rate
        self._ready, self._most = int(rate * ready_ms / 1000), int(rate * most_ms / 1000)
        self._sound = VariableSpeed(channels, self._most + rate // 10)
        self._drift = DriftControl()
        self._fade = _ramp(rate * _FADE_MS // 1000)
        self._playing = self._ran_out = self._turn = False
        self._skipped: NDArray[np.int16] | None = None
        self._last = np.zeros((1, channels), np.int16)
        self._lock = threading.Lock()

    @property
    def delay_ms(self) -> float:
        """How much sound waits."""
        return self._sound.level * 1000 / self._rate

    @property
    def drift_ppm(self) -> float:
        """By how much faster it plays than it came, in parts per million."""
        return self._drift.ppm

    def push(self, block: AudioBlock) -> None:
        """Takes sound of any format; it may keep the block. What is beyond the bound is dropped, oldest first."""
        samples = self._resampler.convert(block)
        if not len(samples):
            return
        self._turn = not self._turn
        if self._turn and self._drift.surplus_ms > _BACKLOG_MS:
            samples, before = shortened(samples, self._rate), len(samples)
            self.shortened_samples += before - len(samples)
        with self._lock:
            self._sound.push(samples)
            excess = self._sound.level - self._ready
            if self._sound.level > self._most:
                self.dropped_samples += excess
                if self._playing and self._skipped is None:
                    self._skipped = self._sound.peek(len(self._fade))
                self._sound.drop(excess)

    def take(self, count: int) -> NDArray[np.int16] | None:
        """The next ``count`` samples; None while there is nothing to hear. Silence is to be put after what runs out."""
        with self._lock:
            if not self._playing and self._sound.level < max(self._ready, count, 1):
                return None
            starts, self._playing = not self._playing, True
            spare_ms = (self._sound.level - 2 * count) * 1000 / self._rate
            taken = self._sound.take(count, self._drift.speed(spare_ms, count * 1000 / self._rate))
            skipped, self._skipped = self._skipped, None
        if skipped is not None:
            taken = self._faded_over(skipped, taken)
        elif starts and self._ran_out:
            taken = self._faded_over(taken[:0], taken)
        if len(taken) < count:
            taken = self._run_out(taken, count)
        self._last = taken
        return taken

    def _faded_over(self, old: NDArray[np.int16], new: NDArray[np.int16]) -> NDArray[np.int16]:
        """The beginning of the one becomes that of the other."""
        length = min(len(self._fade), len(new))
        mixed = new.astype(np.float32)
        mixed[:length] *= self._fade[:length]
        shared = min(length, len(old))
        mixed[:shared] += old[:shared] * (1 - self._fade[:shared])
        return np.rint(mixed).astype(np.int16)

    def _run_out(self, taken: NDArray[np.int16], count: int) -> NDArray[np.int16]:
        """What was heard last is heard once more, backwards and fading: a level with no step in it."""
        self._playing, self._ran_out = False, True
        self.underruns += 1
        self._drift.restart()
        heard = np.concatenate((self._last[-len(self._fade) - 1 :], taken))[::-1][1:]
        length = min(len(self._fade), len(heard), count - len(taken))
        end = heard[:length] * (1 - _ramp(length))
        return np.concatenate((taken, np.rint(end).astype(np.int16)))


class Mixer:
    """Sums its inputs. ``fill`` may be called on any one thread, inputs come and go on another."""

    def __init__(
        self, *, rate: int = AUDIO_CLOCK_RATE, channels: int = 2, ready_ms: float = 30, most_ms: float = 200
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


def _ramp(length: int) -> NDArray[np.float32]:
    """From nothing to all, as half a cosine; shape (length, 1)."""
    return np.asarray(0.5 - 0.5 * np.cos(np.pi * (np.arange(length) + 0.5) / max(length, 1)), np.float32)[:, None]
