"""How often a wrong log-in key may be tried."""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from collections.abc import Callable

_MOST_ADDRESSES = 10_000


class WrongKeyLimit:
    """Counts wrong keys per address; past ``allowed`` within ``window_s`` the address waits, right key or wrong."""

    def __init__(
        self, *, allowed: int = 10, window_s: float = 60.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._allowed = allowed
        self._window_s = window_s
        self._clock = clock
        self._wrong: OrderedDict[str, deque[float]] = OrderedDict()

    def wait_s(self, address: str) -> float:
        """Seconds until this address may try again; 0 for now."""
        times = self._recent(address)
        return times[0] + self._window_s - self._clock() if len(times) >= self._allowed else 0.0

    def count(self, address: str) -> None:
        """This address gave a wrong key."""
        times = self._wrong.setdefault(address, deque(maxlen=self._allowed))
        times.append(self._clock())
        self._wrong.move_to_end(address)
        while len(self._wrong) > _MOST_ADDRESSES:
            self._wrong.popitem(last=False)

    def _recent(self, address: str) -> deque[float]:
        times = self._wrong.get(address, deque())
        while times and times[0] + self._window_s <= self._clock():
            times.popleft()
        if not times:
            self._wrong.pop(address, None)
        return times
