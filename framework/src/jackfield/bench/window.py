"""The part of a run that counts, and how it is printed. Imports nothing of Jackfield, so that a peer can share it."""

from __future__ import annotations

import argparse
import json
import time
from typing import Any


def options() -> argparse.Namespace:
    """What every run is told: codec, width, height, fps, seconds that count, and seconds before them (``warm``)."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--codec", default="VP8")
    for name, default in (("width", 1280), ("height", 720), ("fps", 30), ("seconds", 5), ("warm", 2)):
        parser.add_argument(f"--{name}", type=int, default=default)
    return parser.parse_args()


class Window:
    """Opens ``warm`` seconds after it was made, for ``seconds``: latencies, and the CPU of this process meanwhile."""

    def __init__(self, warm: float, seconds: float) -> None:
        self._made = time.monotonic()
        self._from, self._until = self._made + warm, self._made + warm + seconds
        self._latencies_ms: list[float] = []
        self._wall_from = self._cpu_from = 0.0
        self._first_ms: float | None = None

    @property
    def over(self) -> bool:
        """Whether all of it has passed."""
        return time.monotonic() >= self._until

    def saw(self, sent_ns: int | None) -> None:
        """A picture arrived now that was sent then; None: one that cannot be told."""
        now_ns, now = time.monotonic_ns(), time.monotonic()
        if self._first_ms is None:
            self._first_ms = (now - self._made) * 1000
        if not self._from <= now <= self._until:
            return
        if not self._wall_from:
            self._wall_from, self._cpu_from = now, time.process_time()
        if sent_ns is not None:
            self._latencies_ms.append((now_ns - sent_ns) / 1e6)

    def print(self, **more: Any) -> None:
        """One JSON object: latencies_ms, cpu_s, wall_s, frames, and first_frame_ms since the window was made."""
        result = {
            "latencies_ms": self._latencies_ms,
            "cpu_s": time.process_time() - self._cpu_from,
            "wall_s": time.monotonic() - self._wall_from,
            "frames": len(self._latencies_ms),
            "first_frame_ms": self._first_ms,
        }
        print(json.dumps(result | more))
