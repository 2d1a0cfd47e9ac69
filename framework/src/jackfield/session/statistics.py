"""Counters made into rates: what changed since the statistics were last looked at."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

#: Counter → the rate made of it, and the factor.
RATES: Mapping[str, tuple[str, float]] = {
    "bytesSent": ("bitrate", 8.0),
    "bytesReceived": ("bitrate", 8.0),
    "framesSent": ("framesPerSecond", 1.0),
    "framesEncoded": ("framesPerSecond", 1.0),
    "framesReceived": ("framesPerSecond", 1.0),
    "framesDecoded": ("framesPerSecond", 1.0),
}
#: Rates over less than this are noise: the ones before are given again.
SHORTEST_S = 0.5


class Rates:
    """Adds bits and frames per second to counters. One instance serves all tracks of a call, by key."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._before: dict[str, tuple[float, dict[str, float]]] = {}
        self._rates: dict[str, dict[str, float]] = {}

    def add(self, key: str, counters: dict[str, Any]) -> dict[str, Any]:
        """The counters, and the rates since the last time that is at least `SHORTEST_S` ago."""
        now = self._clock()
        values = {name: float(counters[name]) for name in RATES if name in counters}
        then, before = self._before.get(key, (now, values))
        if now - then >= SHORTEST_S:
            self._rates[key] = {
                RATES[name][0]: max(0.0, value - before.get(name, 0.0)) * RATES[name][1] / (now - then)
                for name, value in values.items()
            }
        if now - then >= SHORTEST_S or key not in self._before:
            self._before[key] = (now, values)
        return {**counters, **self._rates.get(key, {"bitrate": 0.0, "framesPerSecond": 0.0})}

    def keep(self, keys: set[str]) -> None:
        """Forgets every other track."""
        for gone in set(self._before) - keys:
            self._before.pop(gone, None)
            self._rates.pop(gone, None)
