"""Notices within three seconds that a path carries nothing any more, and that it does again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from jackfield.media.clock import Clock, Timer
from jackfield.rtc.link import ignore

#: Between two looks.
LOOK_S = 0.4
#: Looks without a datagram after which the other end is asked whether it is there, and again at each look.
_QUIET = 2
#: Consent is asked for at least this often, whatever comes in (RFC 7675 section 5.1: about every five seconds).
_CONSENT = 12
#: A path is lost after so many quiet looks and unanswered questions; while media still comes in, after so many
#: questions: of two datagrams each, one is lost now and then.
_LOST_QUIET, _LOST_UNANSWERED, _LOST_ONE_WAY = 5, 3, 10
#: Sending ends when nobody has consented for thirty seconds (RFC 7675 section 5.1).
_EXPIRED = 75
#: An address of ours is looked for at each second look.
_ADDRESSES = 2


class Watched(Protocol):
    """What is watched."""

    @property
    def received(self) -> int:
        """Datagrams that came from the other end, of any sort."""

    @property
    def answered(self) -> int:
        """Questions of ours that it answered."""

    def ask(self) -> None:
        """Asks it for an answer; does not block."""

    def address_gone(self) -> bool:
        """Whether the path begins at an address that is not this machine's any more."""


class PathWatch:
    """Looks at a path in short intervals. ``on_change`` is called with True when it is lost, and with False when it is
    back; ``on_expired`` once, when it has been lost for so long that nothing may be sent on it.

    What counts is looks and unanswered questions, not time: a process that was stopped for a minute finds what waits in
    its sockets before it judges.
    """

    def __init__(self, clock: Clock, watched: Watched) -> None:
        self.on_change: Callable[[bool], None] = ignore
        self.on_expired: Callable[[], None] = ignore
        self.is_lost = False
        self._clock, self._watched = clock, watched
        self._timer: Timer | None = None
        self._reset()

    def _reset(self) -> None:
        self._received, self._answered = self._watched.received, self._watched.answered
        self._quiet = self._unanswered = self._looks = 0
        self._gone = False

    def begin(self) -> None:
        """Watched from now on, with a clean slate: another path, or the first one."""
        self._reset()
        if self._timer is None:
            self._timer = self._clock.call_later(LOOK_S, self._look)
        self._tell(lost=False)

    def stop(self) -> None:
        """Not watched any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self._timer = self._clock.call_later(LOOK_S, self._look)
        received, answered = self._watched.received, self._watched.answered
        if answered != self._answered:
            self._unanswered = self._looks = 0
        is_quiet = (received, answered) == (self._received, self._answered)
        self._quiet = self._quiet + 1 if is_quiet else 0
        self._received, self._answered = received, answered
        self._looks += 1
        self._judge()
        if self._quiet >= _QUIET or self._unanswered or self._looks >= _CONSENT:
            self._unanswered += 1
            self._watched.ask()

    def _judge(self) -> None:
        silent = self._quiet >= _LOST_QUIET and self._unanswered >= _LOST_UNANSWERED
        one_way = self._unanswered >= _LOST_ONE_WAY
        if self._looks % _ADDRESSES == 0:
            self._gone = self._watched.address_gone()
        if silent or one_way or self._gone:
            self._tell(lost=True)
        elif self._unanswered == 0:
            self._tell(lost=False)
        if self._looks == _EXPIRED:
            self.on_expired()

    def _tell(self, *, lost: bool) -> None:
        if lost != self.is_lost:
            self.is_lost = lost
            self.on_change(lost)
