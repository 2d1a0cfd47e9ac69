"""How often a keyframe is asked for, and how often such a request is let through."""

from __future__ import annotations

from collections.abc import Callable

from jackfield.media.clock import Alarm, Clock

_MS = 1_000_000


class KeyframeRequester:
    """Asks for a keyframe until one comes: at once, then with growing pauses; never more often than the first pause."""

    def __init__(
        self, clock: Clock, ask: Callable[[], None], *, pause_ms: float = 300, pause_max_ms: float = 3000
    ) -> None:
        self.asked = 0
        self._clock = clock
        self._ask = ask
        self._first_ns = self._pause_ns = round(pause_ms * _MS)
        self._pause_max_ns = round(pause_max_ms * _MS)
        self._asked_ns: int | None = None
        self._alarm = Alarm(clock, self._again)
        self._wanted = False

    def want(self) -> None:
        """A keyframe is needed from now on."""
        if self._wanted:
            return
        self._wanted = True
        now_ns = self._clock.now_ns()
        earliest_ns = now_ns if self._asked_ns is None else self._asked_ns + self._first_ns
        if earliest_ns <= now_ns:
            self._again()
        else:
            self._alarm.set(earliest_ns)

    def satisfied(self) -> None:
        """A keyframe came."""
        if self._wanted:
            self._wanted = False
            self._pause_ns = self._first_ns
            self._alarm.cancel()

    def close(self) -> None:
        """Never asks again."""
        self._wanted = True
        self._alarm.cancel()

    def _again(self) -> None:
        self.asked += 1
        self._asked_ns = self._clock.now_ns()
        self._alarm.set(self._asked_ns + self._pause_ns)
        self._pause_ns = min(self._pause_ns * 2, self._pause_max_ns)
        self._ask()


class KeyframeGate:
    """Lets requests from the network through to the encoder, one per ``pause_ms``; the last one is never lost."""

    def __init__(self, clock: Clock, request: Callable[[], None], *, pause_ms: float = 300) -> None:
        self.requests = 0
        self._clock = clock
        self._request = request
        self._pause_ns = round(pause_ms * _MS)
        self._open_ns = 0
        self._alarm = Alarm(clock, self._through)
        self._waiting = False

    def request(self) -> None:
        """Somebody needs a keyframe."""
        self.requests += 1
        if self._clock.now_ns() >= self._open_ns:
            self._through()
        elif not self._waiting:
            self._waiting = True
            self._alarm.set(self._open_ns)

    def close(self) -> None:
        """Nothing comes through any more."""
        self._alarm.cancel()
        self._waiting = True
        self._open_ns = 1 << 63

    def _through(self) -> None:
        self._waiting = False
        self._open_ns = self._clock.now_ns() + self._pause_ns
        self._request()
