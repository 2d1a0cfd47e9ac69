"""Spreads a big frame over part of its interval, so that it overflows no socket buffer; small frames pass straight."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from jackfield.media.clock import Clock, Timer
from jackfield.rtc.rtp import RtpPacket

BURST = 16
_STEP_S = 0.001


class Pacer:
    """One stream's way out. The first `BURST` packets of a frame leave at once, the rest within half its interval.

    A frame that is still leaving when the next one comes is sent to its end first: nothing waits longer than that.
    """

    def __init__(self, clock: Clock, send: Callable[[RtpPacket], object]) -> None:
        self._clock = clock
        self._send = send
        self._waiting: deque[RtpPacket] = deque()
        self._per_step = BURST
        self._timer: Timer | None = None

    def send(self, packets: Sequence[RtpPacket], interval_s: float) -> None:
        """One frame's packets leave, in order."""
        self._leave(len(self._waiting))
        for packet in packets[:BURST]:
            self._send(packet)
        if len(packets) > BURST:
            self._waiting.extend(packets[BURST:])
            steps = max(1, int(interval_s / 2 / _STEP_S))
            self._per_step = max(BURST // 2, -(-len(self._waiting) // steps))
            if self._timer is None:
                self._timer = self._clock.call_later(_STEP_S, self._step)

    def close(self) -> None:
        """What has not left is dropped."""
        self._waiting.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _leave(self, count: int) -> None:
        for _ in range(min(count, len(self._waiting))):
            self._send(self._waiting.popleft())

    def _step(self) -> None:
        self._leave(self._per_step)
        self._timer = self._clock.call_later(_STEP_S, self._step) if self._waiting else None
