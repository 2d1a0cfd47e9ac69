"""Sound in one rate and number of channels, whatever it came in."""

from __future__ import annotations

import av
import numpy as np
from numpy.typing import NDArray

from jackfield.values.media import AUDIO_CLOCK_RATE, AudioBlock

_LAYOUTS = {1: "mono", 2: "stereo"}


class Resampler:
    """Turns blocks of any rate, with any number of channels, into ``rate`` and ``channels`` (1 or 2).

    Where only the channels differ nothing is delayed; a change of rate holds back about a millisecond. The source
    may change its format at any block. Used by one thread at a time.
    """

    def __init__(self, *, rate: int = AUDIO_CLOCK_RATE, channels: int = 2) -> None:
        self.rate = rate
        self.channels = channels
        self._from = rate
        self._resampler: av.AudioResampler | None = None

    def convert(self, block: AudioBlock) -> NDArray[np.int16]:
        """The block's samples, shape (samples, channels); the caller's own, or the block's where nothing changes."""
        samples = _channels(block.samples, self.channels)
        if block.rate == self.rate:
            return samples
        if self._resampler is None or block.rate != self._from:
            self._from = block.rate
            self._resampler = av.AudioResampler(format="s16", layout=_LAYOUTS[self.channels], rate=self.rate)
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(samples).reshape(1, -1), format="s16", layout=_LAYOUTS[self.channels]
        )
        frame.sample_rate = block.rate
        parts = [made.to_ndarray().reshape(-1, self.channels) for made in self._resampler.resample(frame)]
        return np.concatenate(parts) if parts else np.empty((0, self.channels), np.int16)


def _channels(samples: NDArray[np.int16], channels: int) -> NDArray[np.int16]:
    """Mono is copied to both sides; more than is wanted is averaged into mono, or cut to the first two."""
    have = samples.shape[1]
    if have == channels:
        return samples
    if channels == 1:
        mono: NDArray[np.int16] = samples.mean(axis=1, dtype=np.float32).astype(np.int16)[:, None]
        return mono
    return np.repeat(samples, 2, axis=1) if have == 1 else np.ascontiguousarray(samples[:, :channels])
