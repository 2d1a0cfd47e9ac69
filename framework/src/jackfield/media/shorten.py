"""Sound made shorter by one of its own periods, with its pitch as it was: how a delay is got rid of unheard.

Two stretches that look alike, one period apart, are faded over into one (the overlap-add of similar waveforms). Noise
and changes have no such stretches, and are left as they are.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: Periods that are looked for: voices from 100 Hz, and their overtones.
_SHORTEST_S, _LONGEST_S = 0.0025, 0.010
#: How alike two stretches have to be, 0 to 1; and the peak below which any two are alike (-60 dB).
_ALIKE, _SILENT = 0.8, 32

Samples = NDArray[np.int16]


def shortened(samples: Samples, rate: int) -> Samples:
    """The block, shape (samples, channels), without one of its periods; as it is where it has none, or is too short."""
    length = _period(samples, int(rate * _SHORTEST_S), min(int(rate * _LONGEST_S), len(samples) // 2))
    if not length:
        return samples
    fade = np.linspace(0.0, 1.0, length, endpoint=False, dtype=np.float32)[:, None]
    joined = samples[:length] * (1 - fade) + samples[length : 2 * length] * fade
    return np.concatenate((np.rint(joined).astype(np.int16), samples[2 * length :]))


def _period(samples: Samples, least: int, most: int) -> int:
    """The distance at which the block is most like itself; 0 where it is nowhere like enough."""
    if most <= least:
        return 0
    if int(np.abs(samples.astype(np.int32)).max()) < _SILENT:
        return most
    sound = samples.sum(axis=1, dtype=np.float32)
    window = len(sound) - most
    products = np.correlate(sound[least : most + window], sound[:window], "valid")
    energy = np.concatenate(([0.0], np.cumsum(np.square(sound, dtype=np.float64))))
    places = np.arange(least, most + 1)
    shared = np.sqrt(energy[window] * (energy[places + window] - energy[places])) + 1.0
    alike = products / shared
    best = int(np.argmax(alike))
    return int(places[best]) if alike[best] >= _ALIKE else 0
