"""What becomes of a packet on a bad path: lost, late, doubled, overtaken or queued. Seeded, so that it can be repeated.

Time is the caller's. Each direction of a path has a `Shaper` of its own.
"""

from __future__ import annotations

import random

from attrs import frozen

_MS = 1_000_000


@frozen
class Burst:
    """Loss that comes in bursts (Gilbert-Elliott): the chance of a bad time to begin and to end with each packet, and
    of a packet to be lost in it."""

    begins: float
    ends: float
    loss: float = 1.0


@frozen
class Conditions:
    """How a path is. Shares are of packets; ``delay_ms`` is one way.

    ``jitter_ms``: up to so much more for each packet, in their order. ``reordered``: held for ``held_ms``, so that
    others overtake. ``rate_bps`` with a queue of ``queue_ms`` at that rate: what does not fit is lost. ``cut``: nothing
    gets through.
    """

    loss: float = 0.0
    burst: Burst | None = None
    delay_ms: float = 20.0
    jitter_ms: float = 0.0
    reordered: float = 0.0
    held_ms: float = 30.0
    doubled: float = 0.0
    rate_bps: int | None = None
    queue_ms: float = 300.0
    cut: bool = False


class Shaper:
    """One direction. ``lost`` and ``passed`` count packets."""

    def __init__(self, seed: int) -> None:
        self.conditions = Conditions()
        self.lost = self.passed = 0
        self._chance = random.Random(seed)
        self._is_bad = False
        self._free_ns = 0
        self._last_ns = 0

    def offer(self, size: int, now_ns: int) -> list[int]:
        """When this packet arrives: never, once, or twice."""
        conditions = self.conditions
        # All are drawn for each packet, whatever the others say: a trace stays itself where one of them differs.
        loss, bad, late, held, doubled = (self._chance.random() for _ in range(5))
        if conditions.cut or loss < conditions.loss or self._bursts(conditions.burst, bad, loss):
            self.lost += 1
            return []
        leaves_ns = self._queued(size, now_ns)
        if leaves_ns is None:
            self.lost += 1
            return []
        self.passed += 1
        arrives_ns = leaves_ns + round((conditions.delay_ms + late * conditions.jitter_ms) * _MS)
        if held < conditions.reordered:
            return [arrives_ns + round(conditions.held_ms * _MS)]
        arrives_ns = self._last_ns = max(arrives_ns, self._last_ns)
        return [arrives_ns, arrives_ns] if doubled < conditions.doubled else [arrives_ns]

    def _bursts(self, burst: Burst | None, chance: float, loss: float) -> bool:
        if burst is None:
            self._is_bad = False
            return False
        self._is_bad = chance >= burst.ends if self._is_bad else chance < burst.begins
        return self._is_bad and loss < burst.loss

    def _queued(self, size: int, now_ns: int) -> int | None:
        """When the packet is through the bottleneck; None where its queue is full."""
        rate_bps = self.conditions.rate_bps
        if rate_bps is None:
            return now_ns
        begins_ns = max(now_ns, self._free_ns)
        if begins_ns - now_ns > self.conditions.queue_ms * _MS:
            return None
        self._free_ns = begins_ns + size * 8 * 1_000_000_000 // rate_bps
        return self._free_ns
