"""Sound that is played a hair faster or slower than it came, with no step where the speed changes.

Between samples the value is that of a windowed sinc over `_TAPS` of them (Kaiser, beta 8: flat to about 0.85 of half
the rate, what is beyond is 80 dB down). At speed 1 on a whole sample nothing is computed: samples leave as they came.
"""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

_TAPS, _PHASES, _BETA = 32, 2048, 8.0
_HALF = _TAPS // 2
#: Above this share of jumps, picking each window is quicker than going from jump to jump.
_FEW_JUMPS = 6

Samples = NDArray[np.int16]


@cache
def _filters() -> NDArray[np.float32]:
    """One filter for each place between two samples: shape (phases + 1, taps); the first takes the sample itself."""
    places = np.arange(_TAPS) - (_HALF - 1) - np.linspace(0, 1, _PHASES + 1)[:, None]
    window = np.i0(_BETA * np.sqrt(np.clip(1 - (places / _HALF) ** 2, 0, None))) / np.i0(_BETA)
    filters = np.sinc(places) * window
    return np.asarray(filters / filters.sum(axis=1, keepdims=True), dtype=np.float32)


class VariableSpeed:
    """A stretch of sound that is added to at its end and played from its beginning. One thread at a time.

    Samples come and leave in shape (samples, channels), and are kept channel by channel.
    """

    def __init__(self, channels: int, most: int) -> None:
        self._kept = np.zeros((channels, 2 * (most + _TAPS)), np.int16)
        self._at = self._end = _HALF
        self._between = 0.0
        self._speed = 1.0

    @property
    def level(self) -> int:
        """How many samples wait."""
        return self._end - self._at

    @property
    def is_exact(self) -> bool:
        """Whether samples leave as they came."""
        return self._speed == 1.0 and self._between == 0.0

    def push(self, samples: Samples) -> None:
        """Adds to the end."""
        count = len(samples)
        if self._end + count > self._kept.shape[1]:
            self._make_room(count)
        self._kept[:, self._end : self._end + count] = samples.T
        self._end += count

    def peek(self, count: int) -> Samples:
        """What comes next, at most so many, as it came."""
        return self._kept[:, self._at : min(self._at + count, self._end)].T.copy()

    def drop(self, count: int) -> None:
        """So many are not played."""
        self._at = min(self._at + count, self._end)

    def take(self, count: int, speed: float = 1.0) -> Samples:
        """The next ``count`` samples, fewer where it runs out. The speed glides to ``speed`` from what it was."""
        first, self._speed = self._speed, speed
        if first == speed == 1.0:
            if not self._between:
                taken = self.peek(count)
                self._at += len(taken)
                return taken
            first = speed = self._speed_to_next(count)
        steps, squares = _steps(count)
        return self._between_samples(self._between + first * steps + ((speed - first) / (2 * count)) * squares)

    def _speed_to_next(self, count: int) -> float:
        """Ends this block on a whole sample, by half a sample more or less."""
        return 1.0 + ((1.0 if self._between >= 0.5 else 0.0) - self._between) / count

    def _between_samples(self, places: NDArray[np.float64]) -> Samples:
        whole = (places + 1e-9).astype(np.intp)  # as floor does: no place is negative
        able = len(places) - 1
        if whole[able - 1] + _HALF >= self.level:
            able = int(np.searchsorted(whole[:-1], self.level - _HALF))
        phases = ((places[:able] - whole[:able]) * _PHASES + 0.5).astype(np.intp)
        made = self._filtered(whole[:able], _filters()[phases])
        self._at += int(whole[able])
        rest = float(places[able] - whole[able])
        self._between = rest if rest > 1e-6 else 0.0
        return made

    def _filtered(self, whole: NDArray[np.intp], filters: NDArray[np.float32]) -> Samples:
        made = np.empty((len(self._kept), len(whole)), np.float32)
        if len(whole):
            start = self._at - (_HALF - 1)
            heard = self._kept[:, start : start + int(whole[-1]) + _TAPS].astype(np.float32)
            _filter(heard, whole, filters, made)
        np.rint(made, out=made)
        np.minimum(np.maximum(made, -32768, out=made), 32767, out=made)
        return made.T.astype(np.int16, order="C")

    def _make_room(self, count: int) -> None:
        kept = self._kept[:, self._at - _HALF : self._end].copy()
        length = kept.shape[1]
        if length + count > self._kept.shape[1]:
            self._kept = np.zeros((len(kept), 2 * (length + count)), np.int16)
        self._kept[:, :length] = kept
        self._at, self._end = _HALF, length


@cache
def _steps(count: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    steps = np.arange(count + 1, dtype=np.float64)
    return steps, steps**2


def _filter(
    heard: NDArray[np.float32], whole: NDArray[np.intp], filters: NDArray[np.float32], made: NDArray[np.float32]
) -> None:
    """Each window by its filter. Windows that follow each other are not copied."""
    jumps = np.flatnonzero(whole[1:] - whole[:-1] != 1) + 1
    count = heard.shape[1] - _TAPS + 1
    windows = np.ndarray((len(heard), count, _TAPS), np.float32, heard, strides=(*heard.strides, heard.itemsize))
    if len(jumps) > _FEW_JUMPS:
        np.einsum("cnt,nt->cn", windows[:, whole], filters, out=made)
        return
    for first, last in pairwise([0, *jumps.tolist(), len(whole)]):
        start = int(whole[first])
        following = windows[:, start : start + last - first]
        np.einsum("cnt,nt->cn", following, filters[first:last], out=made[:, first:last])
