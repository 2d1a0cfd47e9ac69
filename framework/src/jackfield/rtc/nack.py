"""Which packets to ask for again, and when (RFC 4585 section 6.2.1): each gap is asked for at once, then every round
trip, until it is filled or too old to be of use."""

from __future__ import annotations

from attrs import define

_MS = 1_000_000
_MISSING_MAX = 1000
#: A gap wider than this is an outage: asking for all of it would only make it worse.
_GAP_MAX = 250
#: So is one of this many packets when nothing came for twice the patience: what it held is stale.
_STALE_GAP = 20


@define
class _Missing:
    since_ns: int
    due_ns: int
    asked_ns: int = 0
    asks: int = 0


class NackGenerator:
    """The gaps of one stream, by unwrapped sequence number. Measures the round trip from its own requests."""

    def __init__(self, *, initial_rtt_ms: float = 60) -> None:
        self.requested = 0
        self.recovered = 0
        self._missing: dict[int, _Missing] = {}
        self._highest: int | None = None
        self._last_ns = 0
        self._rtt_ns = initial_rtt_ms * _MS
        self._reorder_ns = 0.0

    @property
    def rtt_ns(self) -> int:
        """The smoothed round trip of request and repair."""
        return int(self._rtt_ns)

    @property
    def patience_ns(self) -> int:
        """How long a gap may hold frames back: two round trips and 40 ms."""
        return int(2 * self._rtt_ns) + 40 * _MS

    @property
    def busy(self) -> bool:
        """Whether anything is missing."""
        return bool(self._missing)

    def received(self, sequence: int, now_ns: int) -> bool:
        """A packet came, by itself or repaired; False when it opened a gap too wide to mend."""
        highest, silent_ns = self._highest, now_ns - self._last_ns
        self._last_ns = now_ns
        if highest is None:
            self._highest = sequence
            return True
        if sequence <= highest:
            self._filled(sequence, now_ns)
            return True
        self._highest = sequence
        if sequence == highest + 1:
            return True
        stale = sequence - highest > _STALE_GAP and silent_ns > 2 * self.patience_ns
        if stale or sequence - highest > _GAP_MAX or len(self._missing) > _MISSING_MAX:
            self._missing.clear()
            return False
        due_ns = now_ns + int(self._reorder_ns)
        for number in range(highest + 1, sequence):
            self._missing[number] = _Missing(now_ns, due_ns)
        return True

    def due(self, now_ns: int) -> list[int]:
        """What to ask for now. What is older than `patience_ns` is not asked for any more."""
        if not self._missing:
            return []
        patience_ns = self.patience_ns
        asked: list[int] = []
        for number in [number for number, gap in self._missing.items() if now_ns - gap.since_ns >= patience_ns]:
            del self._missing[number]
        for number, gap in self._missing.items():
            if gap.due_ns <= now_ns:
                gap.asks += 1
                gap.asked_ns = now_ns
                gap.due_ns = now_ns + max(int(self._rtt_ns * 1.25), 10 * _MS)
                asked.append(number)
        self.requested += len(asked)
        return asked

    def next_due_ns(self) -> int | None:
        """When `due` has something to say next."""
        return min((gap.due_ns for gap in self._missing.values()), default=None)

    def clear(self) -> None:
        """Nothing that is missing now is needed any more; the round trip stays known."""
        self._missing.clear()

    def restart(self) -> None:
        """The numbering begins anew."""
        self._missing.clear()
        self._highest = None

    def _filled(self, sequence: int, now_ns: int) -> None:
        gap = self._missing.pop(sequence, None)
        if gap is None:
            return
        if not gap.asks:  # merely out of order: wait that long before the next request
            self._reorder_ns = min(max(self._reorder_ns, now_ns - gap.since_ns), 20 * _MS)
            return
        self.recovered += 1
        if gap.asks == 1:
            measured_ns = max(now_ns - gap.asked_ns, _MS)
            self._rtt_ns += (measured_ns - self._rtt_ns) / 8
