"""How busy the server is: the share of a core that its loop's thread takes, and the packets that pass."""

from __future__ import annotations

import time
from collections.abc import Callable

#: Seconds that a look back reaches, more or less: a burst of joins is no load.
_MEMORY_S = 4.0
#: Whoever joins people that are in a call already is let in until there is hardly anything left.
_LAST = 0.97


class Gauge:
    """``look`` it at about once a second, on the thread that it measures. ``limit`` is a share of a core; 0: none."""

    def __init__(
        self,
        limit: float = 0.0,
        *,
        cpu_s: Callable[[], float] = time.thread_time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.cpu_share = 0.0
        self.packets_per_second = 0.0
        self._limit = limit
        self._cpu_s, self._clock = cpu_s, clock
        self._last: tuple[float, float, int] | None = None

    def look(self, packets: int) -> None:
        """``packets`` is what the present participants have received and been sent in all."""
        now, cpu_s = self._clock(), self._cpu_s()
        if self._last is not None and now > self._last[0]:
            passed = now - self._last[0]
            weight = min(1.0, passed / _MEMORY_S)
            self.cpu_share += ((cpu_s - self._last[1]) / passed - self.cpu_share) * weight
            rate = max(0, packets - self._last[2]) / passed
            self.packets_per_second += (rate - self.packets_per_second) * weight
        self._last = (now, cpu_s, packets)

    def refusal(self, *, new_room: bool) -> str:
        """Why nobody new is let in, and what to do; "" where there is room."""
        limit = self._limit if new_room else max(self._limit, _LAST)
        if not self._limit or self.cpu_share <= limit:
            return ""
        return (
            f"this server is at its limit ({100 * self.cpu_share:.0f} % of a core, {self.packets_per_second:.0f} "
            f"packets/s; nothing new above {100 * limit:.0f} %): try again later, start another, or move to a LiveKit "
            "cluster, which the same clients join"
        )
