"""Sound with something in it, made once. Imports nothing of Jackfield, so that a peer can share it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RATE, BLOCK_S = 48_000, 0.02
_SAMPLES = int(RATE * BLOCK_S)
_CHANCE = np.random.default_rng(2)
#: A second of a tone that swells, with noise.
_SECOND: NDArray[np.int16] = (
    np.sin(np.arange(RATE) * 2 * np.pi * 330 / RATE) * np.linspace(500, 8000, RATE) + _CHANCE.integers(-300, 300, RATE)
).astype(np.int16)


def block(number: int) -> NDArray[np.int16]:
    """Samples of block ``number``, mono."""
    begins = number * _SAMPLES % RATE
    return _SECOND[begins : begins + _SAMPLES]
