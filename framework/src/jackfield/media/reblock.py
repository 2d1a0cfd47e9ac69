"""Sound of any rate, channels and block length made into blocks of one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from jackfield.media.resample import Resampler
from jackfield.values.media import AudioBlock


class Reblocker:
    """Blocks of ``ptime_ms`` at ``rate`` and ``channels``, from blocks of any other shape. One thread at a time.

    ``ptime_ms`` of 0 keeps the length that comes in. Instants are those of each block's first sample.
    """

    def __init__(self, rate: int, channels: int, ptime_ms: int = 0) -> None:
        self.rate, self.channels = rate, channels
        self._length = rate * ptime_ms // 1000
        self._kept: NDArray[np.int16] = np.empty((0, channels), np.int16)
        self._resampler = Resampler(rate=rate, channels=channels)

    def push(self, block: AudioBlock) -> list[AudioBlock]:
        """Takes a block, and answers with the blocks that are whole now."""
        samples = self._resampler.convert(block)
        if not self._length:
            return [AudioBlock(samples, self.rate, block.time_ns)] if len(samples) else []
        first_ns = block.time_ns - len(self._kept) * 1_000_000_000 // self.rate
        kept = np.concatenate((self._kept, samples)) if len(self._kept) else samples
        whole = len(kept) // self._length
        blocks = [
            AudioBlock(
                np.ascontiguousarray(kept[index * self._length : (index + 1) * self._length]),
                self.rate,
                first_ns + index * self._length * 1_000_000_000 // self.rate,
            )
            for index in range(whole)
        ]
        self._kept = kept[whole * self._length :].copy()
        return blocks
