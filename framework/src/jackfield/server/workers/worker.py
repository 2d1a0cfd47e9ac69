"""One worker for as long as the server runs: looked at every second, and started anew whenever it ends."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from jackfield.log_limit import limited_logger
from jackfield.server.happenings import Came, Happening, Listener, Over, Went
from jackfield.server.sfu import Load
from jackfield.server.workers import loads, wire
from jackfield.server.workers.running import ANSWER_S, UNREACHABLE, Running

logger = limited_logger("jackfield.server")

LOOK_S: Final = 1.0
#: A worker that misses so many looks is ended. They are counted, not timed: a machine that slept hangs no worker.
MISSED: Final = 15
#: One that misses so many gets no new rooms meanwhile.
SILENT: Final = 2
#: One that ended is started anew after these times, the last again and again; one that ran for longer, after the first.
PAUSES_S: Final = (0.2, 1.0, 2.0, 5.0, 10.0, 30.0)
STEADY_S: Final = 60.0
#: Of a core, what somebody is thought to take before it shows.
_PERSON: Final = 0.01

Looked = Callable[["Worker", int, frozenset[str]], None]


class Worker:
    """``told`` hears what happens in its rooms, and that all of them are over when its process ends.

    ``looked`` is given the number of each look and the rooms that it found, and ``lost`` called when all of them are.
    """

    def __init__(
        self,
        number: int,
        order: Callable[[int], wire.Order],
        told: Listener,
        *,
        looked: Looked,
        lost: Callable[[Worker], None],
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.running: Running | None = None
        self.number = number
        #: How many looks were begun.
        self.looks = 0
        self._order, self._told, self._looked, self._lost = order, told, looked, lost
        self._clock, self._sleep = clock, sleep
        self._look = wire.Look(loads.NOTHING)
        self._past: Load = loads.NOTHING
        self._calls: dict[str, dict[str, Came]] = {}
        self._keeping: asyncio.Task[None] | None = None
        self.comes_back = True
        self._missed = 0

    # --- how it stands
    @property
    def is_up(self) -> bool:
        """Whether it can be asked."""
        return self.running is not None and not self.running.is_gone

    @property
    def is_silent(self) -> bool:
        """Whether it has not answered of late."""
        return self._missed >= SILENT

    def has(self, room: str) -> bool:
        """Whether it had this room at the last look."""
        return room in self._look.rooms

    @property
    def people(self) -> int:
        """How many take part in its rooms; recorders and agents are not counted."""
        return sum(not who.dependent for people in self._calls.values() for who in people.values())

    @property
    def refusal(self) -> str:
        """Why it takes no other room; "" where it does."""
        return self._look.refusal

    @property
    def load(self) -> Load:
        """What it carried at the last look, and what those before it have counted."""
        return loads.together((self._look.load, self._past))

    def weight(self, rooms: int) -> float:
        """How much it carries, with so many rooms placed on it: the lightest gets the next."""
        return self._look.load.cpu_share + _PERSON * (self.people + rooms)

    # --- from start to end
    async def start(self) -> None:
        """It listens from now on; `OSError` where it cannot."""
        self.running = await Running.started(self._order(self.number), self._hear)
        self._keeping = asyncio.create_task(self._keep(), name=f"worker {self.number}")

    async def close(self) -> None:
        """Everybody in it was told to leave, and it is gone."""
        self.comes_back = False
        if self.running is not None:
            await self.running.close()
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)
        self._mourn()

    async def _keep(self) -> None:
        short_lives = 0
        while self.running is not None:
            began = self._clock()
            looking = asyncio.create_task(self._keep_looking(self.running), name=f"looking at worker {self.number}")
            try:
                how = await self.running.ended()
            finally:
                looking.cancel()
                await asyncio.gather(looking, return_exceptions=True)
            pid, calls = self.running.pid, len(self._calls)
            self._mourn()
            if not self.comes_back:
                return
            logger.error("worker %d (pid %d) %s: its %d calls are over", self.number, pid, how, calls)
            short_lives = 0 if self._clock() - began >= STEADY_S else short_lives + 1
            await self._begin_anew(short_lives)

    async def _begin_anew(self, short_lives: int) -> None:
        while self.running is None and self.comes_back:
            await self._sleep(PAUSES_S[min(max(short_lives - 1, 0), len(PAUSES_S) - 1)])
            short_lives += 1
            try:
                self.running = await Running.started(self._order(self.number), self._hear)
            except OSError as exc:
                logger.error("worker %d cannot be started anew: %s", self.number, exc.strerror or exc)
            else:
                logger.warning("worker %d runs again (pid %d)", self.number, self.running.pid)

    def _mourn(self) -> None:
        """Its process is gone, and with it whoever was in its rooms."""
        self.running = None
        self._past = loads.together((self._past, loads.remembered(self._look.load)))
        self._look = wire.Look(loads.NOTHING)
        now = time.time()
        calls, self._calls = self._calls, {}
        for call_id, people in calls.items():
            for pid in people:
                self._told(Went(call_id, pid, "server", now))
            self._told(Over(call_id, "server", now))
        self._lost(self)

    # --- what it says
    async def ask(self, method: str, words: Mapping[str, Any], *, limit_s: float = ANSWER_S) -> Any:
        """Its answer; None where it is not there, or says nothing."""
        if self.running is None:
            return None
        try:
            return await self.running.ask(method, words, limit_s=limit_s)
        except UNREACHABLE as exc:
            logger.info("worker %d: %s: %r", self.number, method, exc)
            return None

    async def _keep_looking(self, running: Running) -> None:
        self._missed = 0
        while self._missed < MISSED:
            self.looks += 1
            number = self.looks
            try:
                said = await running.ask("look", limit_s=LOOK_S)
                self._look, self._missed = wire.Look.of(said), 0
                self._looked(self, number, self._look.rooms)
                await asyncio.sleep(LOOK_S)
            except TimeoutError:
                self._missed += 1
            except ConnectionError:
                return
        logger.error("worker %d (pid %d) has not answered for %d s, and is ended", self.number, running.pid, MISSED)
        running.kill()

    def _hear(self, happening: Happening) -> None:
        match happening:
            case Came():
                self._calls.setdefault(happening.call_id, {})[happening.pid] = happening
            case Went():
                self._calls.get(happening.call_id, {}).pop(happening.pid, None)
            case Over():
                self._calls.pop(happening.call_id, None)
        self._told(happening)
