"""By when a picture is due, in two halves: after the first something can be tried, after the second it is over."""

from __future__ import annotations

from collections.abc import Callable


class Deadline:
    """Used by one thread."""

    def __init__(self, clock_ns: Callable[[], int]) -> None:
        self._clock_ns = clock_ns
        self._due_ns = 0
        self._first_half = False
        #: How long may be waited, both halves together.
        self.seconds = 0.0

    def set(self, seconds: float, *, halves: bool = True) -> None:
        """From now on so long; without ``halves`` it is over at once when it is over."""
        self.seconds, self._first_half = seconds, halves
        self._due_ns = self._clock_ns() + round(seconds * 1e9) // (2 if halves else 1)

    @property
    def left_s(self) -> float:
        """Seconds until the half that runs is over; negative afterwards."""
        return (self._due_ns - self._clock_ns()) / 1e9

    def second_half(self) -> bool:
        """The second half begins, and True: only the first was over. False: all of it is."""
        begins, self._first_half = self._first_half, False
        if begins:
            self._due_ns += round(self.seconds * 1e9) // 2
        return begins
