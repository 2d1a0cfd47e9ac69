"""How fast the path delivers, how fast we send, and how long packets wait on the way."""

from __future__ import annotations

from collections import deque

_WINDOW_US = 500_000
#: Less than this is no measurement: the first packets of a burst arrive faster than the path carries on.
_SHORTEST_US = 150_000


class ByteRate:
    """The rate over the last half second of whatever clock the instants are of."""

    def __init__(self) -> None:
        self._seen: deque[tuple[int, int]] = deque()
        self._octets = 0

    def add(self, at_us: int, size: int) -> None:
        """So many bytes, then."""
        seen = self._seen
        if seen and at_us < seen[-1][0] - _WINDOW_US:
            self.clear()  # the clock was set back
        elif seen and at_us < seen[-1][0]:
            at_us = seen[-1][0]  # overtaken on the way
        seen.append((at_us, size))
        self._octets += size
        while seen[0][0] <= at_us - _WINDOW_US:
            self._octets -= seen.popleft()[1]

    def bps(self, now_us: int | None = None) -> int | None:
        """Bits per second up to ``now_us``, or to the newest; None while there is too little to tell."""
        seen = self._seen
        if now_us is not None:
            while seen and seen[0][0] <= now_us - _WINDOW_US:
                self._octets -= seen.popleft()[1]
        if len(seen) < 2:
            return None
        # What came at the first instant came in the time before it.
        span_us = (now_us if now_us is not None else seen[-1][0]) - seen[0][0]
        if span_us < _SHORTEST_US:
            return None
        return (self._octets - seen[0][1]) * 8_000_000 // span_us

    def clear(self) -> None:
        """Begins anew."""
        self._seen.clear()
        self._octets = 0


class QueueDelay:
    """How long packets wait on the path: their delay above the shortest of the last ten seconds."""

    def __init__(self) -> None:
        self.ms = 0.0
        self._shortest: deque[tuple[int, float]] = deque(maxlen=10)

    def add(self, delays_ms: list[float], now_ns: int) -> None:
        """The delays, on whatever clocks, of packets that arrived together."""
        second, shortest = now_ns // 1_000_000_000, min(delays_ms)
        if self._shortest and self._shortest[-1][0] == second:
            self._shortest[-1] = (second, min(shortest, self._shortest[-1][1]))
        else:
            self._shortest.append((second, shortest))
        above = sum(delays_ms) / len(delays_ms) - min(delay for _, delay in self._shortest)
        self.ms += (above - self.ms) * 0.5
