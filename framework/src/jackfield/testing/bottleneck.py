"""A path with a capacity, a queue, loss and jitter, as data and seeded, for tests on a clock that stands still."""

from __future__ import annotations

import random
from collections.abc import Sequence

from attrs import frozen

from jackfield.media.clock import Clock


@frozen
class Stretch:
    """How the path is for some seconds. ``loss`` is a share; ``jitter_ms`` the longest extra delay, drawn evenly.

    ``spike_ms`` holds everything up for so long once a second, as radio does; ``queue_ms`` is how much waits before
    the rest is dropped.
    """

    seconds: float
    capacity_bps: int
    loss: float = 0.0
    jitter_ms: float = 0.0
    spike_ms: float = 0.0
    delay_ms: float = 20.0
    queue_ms: float = 300.0


class Bottleneck:
    """Says of each packet when it arrives. In order, whatever the jitter; the last stretch lasts for ever."""

    def __init__(self, clock: Clock, stretches: Sequence[Stretch], *, seed: int = 1) -> None:
        self.dropped = self.lost = 0
        self._clock, self._stretches = clock, stretches
        self._began_ns = clock.now_ns()
        self._chance = random.Random(seed)
        self._free_ns = self._arrived_ns = 0

    @property
    def now(self) -> Stretch:
        """How the path is at this instant."""
        passed_s = (self._clock.now_ns() - self._began_ns) / 1e9
        for stretch in self._stretches:
            if passed_s < stretch.seconds:
                return stretch
            passed_s -= stretch.seconds
        return self._stretches[-1]

    def send(self, size: int) -> int | None:
        """When a packet of so many bytes that is sent now arrives (ns); None when it never does."""
        path, now_ns = self.now, self._clock.now_ns()
        if self._chance.random() < path.loss:
            self.lost += 1
            return None
        begins_ns = max(self._free_ns, now_ns)
        if begins_ns - now_ns > path.queue_ms * 1e6:
            self.dropped += 1
            return None
        self._free_ns = begins_ns + size * 8 * 1_000_000_000 // path.capacity_bps
        extra_ms = path.delay_ms + self._chance.random() * path.jitter_ms
        arrival_ns = self._free_ns + round(extra_ms * 1e6)
        if path.spike_ms:
            second_ns = (arrival_ns - self._began_ns) % 1_000_000_000
            arrival_ns += max(0, round(path.spike_ms * 1e6) - second_ns)
        self._arrived_ns = max(arrival_ns, self._arrived_ns)
        return self._arrived_ns
