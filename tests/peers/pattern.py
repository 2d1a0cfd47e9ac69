"""What participants of tests send so that what arrives tells from whom, and in which order: a picture of one
brightness with a bar that steps down through fifteen places, and a tone of one pitch. And who judges it at the far end.

Nothing of Jackfield is imported: the official SDK's process uses it too.
"""

from __future__ import annotations

import time
from collections import defaultdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

RATE, BLOCK = 48_000, 480
PLACES = 15
_BAR_BRIGHTNESS = 235
_LOUD = 1000
_WINDOW_S = 0.4


def paint(width: int, height: int, luma: int, count: int) -> NDArray[np.uint8]:
    """The picture of this number as I420, of shape (height * 3 / 2, width)."""
    picture = np.full((height * 3 // 2, width), 128, np.uint8)
    picture[:height] = luma
    top = height // 2 + height // 2 * (count % PLACES) // PLACES
    picture[top : min(top + height // 22, height)] = _BAR_BRIGHTNESS
    return picture


def tone(hz: int, start: int, samples: int = BLOCK) -> NDArray[np.int16]:
    """These samples of the tone, counted from ``start``, at 48 kHz."""
    return (12_000 * np.sin(2 * np.pi * hz * np.arange(start, start + samples) / RATE)).astype(np.int16)


class Seen:
    """What came of one remote participant.

    ``lumas`` counts pictures by brightness, ``steps`` by how many places the bar went on; ``hz`` is the last pitch.
    """

    def __init__(self) -> None:
        self.frames = 0
        self.first_ms: float | None = None
        self.sizes: dict[str, int] = defaultdict(int)
        self.lumas: dict[str, int] = defaultdict(int)
        self.steps: dict[str, int] = defaultdict(int)
        self.gap_ms = 0.0
        self.loud_blocks = self.blocks = 0
        self.hz: float = 0
        self._last = 0.0
        self._place: int | None = None
        self._crossings = self._samples = 0
        self._positive = False

    def picture(self, luma: NDArray[np.uint8], joined: float) -> None:
        """Looks at the brightness plane of a picture; ``joined`` is when its watcher joined (``time.monotonic``).

        LiveKit's server ends a track with a black picture of 2 or 8 lines, which is nobody's.
        """
        if len(luma) <= 8:
            return
        now = time.monotonic()
        if self.first_ms is None:
            self.first_ms = (now - joined) * 1000
        else:
            self.gap_ms = max(self.gap_ms, (now - self._last) * 1000)
        self._last = now
        self.frames += 1
        height, width = luma.shape
        self.sizes[f"{width}x{height}"] += 1
        brightness = float(luma[: height // 4].mean())
        self.lumas[str(round(brightness / 10) * 10)] += 1
        rows = luma[height // 2 :, width // 4 : width * 3 // 4].mean(axis=1)
        bar = np.flatnonzero(rows > (brightness + _BAR_BRIGHTNESS) / 2)
        place = round(int(bar[0]) * PLACES / len(rows)) % PLACES if len(bar) else None
        if place is not None and self._place is not None:
            self.steps[str((place - self._place) % PLACES)] += 1
        self._place = place

    def sound(self, samples: NDArray[np.int16], rate: int) -> None:
        """Listens to a block of one channel."""
        self.blocks += 1
        if not len(samples) or samples.max() < _LOUD:
            self._crossings = self._samples = 0
            return
        self.loud_blocks += 1
        positive = np.concatenate([[self._positive], samples >= 0])
        self._positive = bool(positive[-1])
        self._crossings += int(np.count_nonzero(positive[1:] & ~positive[:-1]))
        self._samples += len(samples)
        if self._samples >= _WINDOW_S * rate:
            self.hz = self._crossings * rate / self._samples
            self._crossings = self._samples = 0

    def told(self) -> dict[str, Any]:
        """All of it, as JSON."""
        return {key: value for key, value in vars(self).items() if not key.startswith("_")}


def strange(seen: dict[str, Any], luma: int) -> set[str]:
    """Brightnesses among the pictures that are not this participant's."""
    return {found for found in seen["lumas"] if abs(int(found) - luma) > 10}


def is_whole(seen: dict[str, Any], luma: int, hz: int, *, frames: int = 20, blocks: int = 50) -> bool:
    """Whether enough pictures of this brightness came, in order, and enough sound of this pitch."""
    in_order = sum(seen["steps"].get(step, 0) for step in ("1", "2", "3"))
    enough = seen["lumas"].get(str(luma), 0) >= frames and seen["loud_blocks"] >= blocks
    ordered = not frames or in_order >= 0.8 * sum(seen["steps"].values()) > 0
    pitched = not blocks or abs(seen["hz"] - hz) < 0.05 * hz
    return enough and ordered and pitched
