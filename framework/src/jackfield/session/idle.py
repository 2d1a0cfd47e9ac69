"""Who is alone in a call for long is asked, and taken out of it when nobody answers."""

from __future__ import annotations

from collections.abc import Callable

from jackfield.media.clock import Clock, LoopClock, Timer
from jackfield.values import events
from jackfield.values.events import Event


class Idle:
    """Alone for ``before_s`` brings `IdlePrompt`, and ``after_s`` more `SessionTimedOut`; 0 for either: never.

    ``timed_out`` is called at the end. On the event loop.
    """

    def __init__(
        self,
        before_s: float,
        after_s: float,
        emit: Callable[[Event], None],
        timed_out: Callable[[], object],
        *,
        clock: Clock | None = None,
    ) -> None:
        self._before_s, self._after_s = before_s, after_s
        self._emit, self._timed_out = emit, timed_out
        self._clock = clock or LoopClock()
        self._timer: Timer | None = None
        self._ends_ns: int | None = None
        self._is_alone = False

    @property
    def seconds_left(self) -> float | None:
        """Until we are taken out of the call; None while nobody is asked."""
        if self._ends_ns is None:
            return None
        return max(0.0, (self._ends_ns - self._clock.now_ns()) / 1e9)

    def set_alone(self, is_alone: bool) -> None:
        """Whether anybody else is here."""
        if is_alone is not self._is_alone:
            self._is_alone = is_alone
            self.stay()

    def stay(self) -> None:
        """Somebody is here: from the beginning."""
        self.stop()
        if self._is_alone and self._before_s > 0 and self._after_s > 0:
            self._timer = self._clock.call_later(self._before_s, self._ask)

    def _ask(self) -> None:
        self._ends_ns = self._clock.now_ns() + round(self._after_s * 1e9)
        self._timer = self._clock.call_later(self._after_s, self._end)
        self._emit(events.IdlePrompt(self._after_s))

    def _end(self) -> None:
        self._timer = self._ends_ns = None
        self._emit(events.SessionTimedOut())
        self._timed_out()

    def stop(self) -> None:
        """Nobody is asked any more."""
        if self._timer is not None:
            self._timer.cancel()
        asked, self._timer, self._ends_ns = self._ends_ns is not None, None, None
        if asked:
            self._emit(events.IdlePromptEnded())
