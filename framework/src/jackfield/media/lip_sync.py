"""One person's sound and pictures, presented together: whichever is earlier waits for the other.

Both are tied to their sender's wall clock by its reports (RFC 3550 section 6.4.1), so that their delays can be compared
though nobody knows that clock. Pictures wait as long as sound is behind them; where pictures are behind, sound is kept
in its buffer a little longer from packet to packet. Time is kept by the caller.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from jackfield.media.clock import Alarm, Clock

Item = TypeVar("Item")

_MS = 1_000_000
#: Nothing waits longer; what is further apart than `_UNRELATED_NS` was not captured together.
_MOST_NS, _UNRELATED_NS = 400 * _MS, 2_000 * _MS
#: Frames over which delays are smoothed: half a second of either.
_SOUND, _PICTURES = 24, 16
#: Frames that wait at once: past that the oldest go on.
_WAITING_MAX = 64


class LipSync:
    """How long pictures are to wait, and sound; 0 until both are known."""

    def __init__(self) -> None:
        self.picture_hold_ns = self.sound_hold_ns = 0
        self._sound_ns: int | None = None
        self._picture_ns: int | None = None
        self._held_ns = 0

    @property
    def skew_ns(self) -> int:
        """By how much sound is presented later than pictures, as both are held now."""
        if self._sound_ns is None or self._picture_ns is None:
            return 0
        return self._sound_ns + self._held_ns - self._picture_ns - self.picture_hold_ns

    def heard(self, presented_ns: int, captured_ns: int, held_ns: int) -> None:
        """Sound is presented at this instant, of which it waited ``held_ns`` for pictures."""
        self._held_ns = held_ns
        self._sound_ns = _smoothed(self._sound_ns, presented_ns - captured_ns - held_ns, _SOUND)
        self._settle()

    def seen(self, presented_ns: int, captured_ns: int) -> None:
        """A picture could be presented at this instant."""
        self._picture_ns = _smoothed(self._picture_ns, presented_ns - captured_ns, _PICTURES)
        self._settle()

    def forget(self) -> None:
        """Only one of them is presented: nothing waits."""
        self.picture_hold_ns = self.sound_hold_ns = self._held_ns = 0
        self._sound_ns = self._picture_ns = None

    def _settle(self) -> None:
        if self._sound_ns is None or self._picture_ns is None:
            return
        behind_ns = self._sound_ns - self._picture_ns
        related = abs(behind_ns) < _UNRELATED_NS
        self.sound_hold_ns = min(max(-behind_ns, 0), _MOST_NS) if related else 0
        self.picture_hold_ns = min(max(behind_ns + self._held_ns, 0), _MOST_NS) if related else 0


def _smoothed(before: int | None, now: int, over: int) -> int:
    """A new beginning where it jumps by seconds: the sender's clock was set."""
    if before is None or abs(now - before) > _UNRELATED_NS:
        return now
    return before + (now - before) // over


class Hold(Generic[Item]):
    """Frames that wait before ``give`` gets them, in their order."""

    def __init__(self, clock: Clock, give: Callable[[Item], None]) -> None:
        self._clock, self._give = clock, give
        self._waiting: deque[tuple[int, Item]] = deque()
        self._alarm = Alarm(clock, self._look)

    def put(self, frame: Item, hold_ns: int) -> None:
        """A frame, which is given on after ``hold_ns``, at once for 0; never before one that came earlier."""
        if hold_ns <= 0 and not self._waiting:
            self._give(frame)
            return
        before_ns = self._waiting[-1][0] if self._waiting else 0
        self._waiting.append((max(self._clock.now_ns() + hold_ns, before_ns), frame))
        if len(self._waiting) > _WAITING_MAX:
            self._give(self._waiting.popleft()[1])
        self._alarm.set(self._waiting[0][0])

    def clear(self) -> None:
        """What waits is forgotten; no timer is left."""
        self._waiting.clear()
        self._alarm.cancel()

    def _look(self) -> None:
        now_ns = self._clock.now_ns()
        while self._waiting and self._waiting[0][0] <= now_ns:
            self._give(self._waiting.popleft()[1])
        self._alarm.set(self._waiting[0][0] if self._waiting else None)
