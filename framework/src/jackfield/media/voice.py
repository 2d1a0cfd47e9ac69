"""Whether somebody speaks: from a voice detector's word where there is one, and from the level above the noise."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

#: Below this it is no voice that is meant to be heard, whatever it sounds like (dB below full scale).
_QUIET_DB = -50.0
#: So far above the noise a block counts as voice by its level alone, and so far where a detector agrees.
_ABOVE_DB, _ABOVE_DETECTED_DB = 12.0, 6.0
_LIKELY = 0.6
#: The noise is the quietest of late: what is louder raises it by so much a second.
_RISE_DB_PER_S = 4.0
_BEGIN_S, _END_S = 0.3, 0.6


class VoiceActivity:
    """Knows from block to block whether somebody speaks: a word is not enough, a pause between words no end."""

    def __init__(self) -> None:
        self.talking = False
        self._noise_db: float | None = None
        self._voiced_s = 0.0

    def push(self, samples: NDArray[np.int16], rate: int, likely: float | None = None) -> bool:
        """Takes one block of 5 to 60 ms, and how likely a detector finds that it is speech; whether somebody speaks."""
        duration_s = len(samples) / rate
        level_db = level(samples)
        noise_db = level_db if self._noise_db is None else self._noise_db
        self._noise_db = min(level_db, noise_db + _RISE_DB_PER_S * duration_s)
        if level_db < _QUIET_DB:
            voiced = False
        elif likely is None:
            voiced = level_db > noise_db + _ABOVE_DB
        else:
            voiced = likely >= _LIKELY and level_db > noise_db + _ABOVE_DETECTED_DB
        self._count(duration_s if voiced else -duration_s * _BEGIN_S / _END_S)
        return self.talking

    def forget(self) -> None:
        """Nobody has spoken so far; how loud the noise is stays known."""
        self._voiced_s, self.talking = 0.0, False

    def _count(self, change_s: float) -> None:
        self._voiced_s = min(_BEGIN_S, max(0.0, self._voiced_s + change_s))
        if self._voiced_s >= _BEGIN_S - 1e-9:
            self.talking = True
        elif self._voiced_s <= 0.0:
            self.talking = False


def level(samples: NDArray[np.int16]) -> float:
    """How loud a block is, in dB below full scale; digital silence is -127."""
    flat = samples.astype(np.float32).ravel()
    mean = float(np.dot(flat, flat)) / max(1, flat.size)
    return 10 * math.log10(mean / 32768.0**2) if mean > 0 else -127.0
