"""Sound of any rate, channels and block length made into blocks of one."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from jackfield.values.media import AudioBlock


class Reblocker:
    """Blocks of ``ptime_ms`` at ``rate`` and ``channels``, from blocks of any other shape. One thread at a time.

    ``ptime_ms`` of 0 keeps the length that comes in. Instants are those of each block's first sample.
    """

    def __init__(self, rate: int, channels: int, ptime_ms: int = 0) -> None:
        self.rate, self.channels = rate, channels
        self._length = rate * ptime_ms // 1000
        self._kept: NDArray[np.int16] = np.empty((0, channels), np.int16)
        self._resampler: Any = None
        self._from_rate = 0

    def push(self, block: AudioBlock) -> list[AudioBlock]:
        """Takes a block, and answers with the blocks that are whole now."""
        samples = self._resample(mix_channels(block.samples, self.channels), block.rate)
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

    def _resample(self, samples: NDArray[np.int16], rate: int) -> NDArray[np.int16]:
        if rate == self.rate:
            return samples
        import av

        layout = "mono" if self.channels == 1 else "stereo"
        if self._resampler is None or rate != self._from_rate:
            self._resampler, self._from_rate = av.AudioResampler("s16", layout, self.rate), rate
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples).reshape(1, -1), "s16", layout)
        frame.sample_rate = rate
        out = [each.to_ndarray().reshape(-1, self.channels) for each in self._resampler.resample(frame)]
        return np.concatenate(out) if out else np.empty((0, self.channels), np.int16)


def mix_channels(samples: NDArray[np.int16], channels: int) -> NDArray[np.int16]:
    """The same sound in another number of channels: mono is copied, several become their mean."""
    has = samples.shape[1]
    if has == channels:
        return samples
    if has == 1:
        return np.repeat(samples, channels, axis=1)
    mono = samples.astype(np.int32).mean(axis=1).astype(np.int16).reshape(-1, 1)
    return mono if channels == 1 else np.repeat(mono, channels, axis=1)
