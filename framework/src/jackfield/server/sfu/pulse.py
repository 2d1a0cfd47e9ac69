"""What happens again and again: feedback to publishers, speakers, layers, reports, ratings, empty rooms."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial

from jackfield.log_limit import limited_logger
from jackfield.media.clock import Clock
from jackfield.rtc.link import ignore
from jackfield.server.sfu.participant import RECONNECT, Participant, Reason
from jackfield.server.sfu.rooms import Rooms

logger = limited_logger(__name__)

#: The period of asking for what is missing; the others are multiples of it.
BEAT_S = 0.05
_TELL, _HEAR, _TEND, _REPORT, _RATE = 2, 8, 10, 20, 60


class Pulse:
    """One task for a whole server; ``look`` is called once a second.

    A participant that cannot be served is told to connect anew; nobody else notices.
    """

    def __init__(self, rooms: Rooms, clock: Clock, look: Callable[[], None] = ignore) -> None:
        self._rooms = rooms
        self._clock = clock
        self._look = look
        self._count = 0
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Beats until `stop`."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """Beats no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _run(self) -> None:
        due = time.monotonic()
        while True:
            due = max(due + BEAT_S, time.monotonic())
            await asyncio.sleep(due - time.monotonic())
            self.beat()

    def beat(self) -> None:
        """One beat: fifty milliseconds have passed."""
        self._count += 1
        for participant in self._rooms.participants():
            self._guard(participant, participant.publisher.ask_again)
            if self._count % _TELL == 0:
                self._guard(participant, participant.publisher.tell_arrivals)
            if self._count % _TEND == 0:
                self._guard(participant, participant.publisher.measure)
                self._guard(participant, participant.subscriber.tend)
                self._guard(participant, participant.publisher.hold_back)
                self._guard(participant, partial(participant.look_at_demand, self._clock.now_ns()))
            if self._count % _REPORT == 0:
                self._guard(participant, participant.publisher.report)
        for room in self._rooms:
            if self._count % _HEAR == 0:
                self._attempt(room.hear, room.name)
            if self._count % _RATE == 0:
                self._attempt(partial(room.rate, self._clock.now_ns()), room.name)
        if self._count % _REPORT == 0:
            self._attempt(self._rooms.sweep, "what is over")
            self._attempt(self._look, "the load")

    def _attempt(self, act: Callable[[], None], what: str) -> None:
        try:
            act()
        except Exception:
            logger.exception("%s cannot be looked after; the others are", what)

    def _guard(self, participant: Participant, act: Callable[[], None]) -> None:
        try:
            act()
        except Exception:
            logger.exception("%s cannot be served", participant.identity)
            self._rooms.ending(participant.end(Reason.MEDIA_FAILURE, RECONNECT))
