"""Which worker has which room: the lightest at the moment when it is first asked for, and the same while it exists."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from attrs import define

from jackfield.server.sfu.tokens import Refused
from jackfield.server.workers.worker import Worker

#: Where rooms were is remembered of so many: whoever comes back to one is told there how it ended.
_FORMER: Final = 4096


@define
class _Place:
    """``uses`` of it are going on; it was used last before the look of its worker that comes after ``looks``."""

    worker: Worker
    uses: int = 0
    looks: int = 0


class Places:
    """Of these workers. A room that a worker does not know, and for which nothing is under way, has no place."""

    def __init__(self, workers: Sequence[Worker]) -> None:
        self._workers = workers
        self._places: dict[str, _Place] = {}
        self._former: OrderedDict[str, Worker] = OrderedDict()

    def of(self, room: str) -> Worker | None:
        """The worker that has it."""
        place = self._places.get(room)
        return place.worker if place is not None and place.worker.is_up else None

    @contextmanager
    def held(self, room: str, *, resumes: bool = False) -> Iterator[Worker]:
        """The worker that has this room, or gets it now; the room keeps its place at least while this lasts.

        Who ``resumes`` a call in a room that is gone is sent where it was. `Refused` where no worker takes one more.
        """
        place = self._places.get(room)
        if place is None or not place.worker.is_up or (place.worker.is_silent and not place.worker.has(room)):
            former = self._former.get(room) if resumes else None
            place = self._places[room] = _Place(former if former and former.is_up else self.lightest())
        place.uses += 1
        try:
            yield place.worker
        finally:
            place.uses -= 1
            place.looks = place.worker.looks

    def lightest(self) -> Worker:
        """Who gets the next room. `Refused` where nobody takes one."""
        there = self.running()
        there = [worker for worker in there if not worker.is_silent] or there
        if not there:
            raise Refused("this server's worker processes are being started; try again in a moment", 503)
        rooms = Counter(place.worker for place in self._places.values())
        there.sort(key=lambda worker: worker.weight(rooms[worker]))
        willing = [worker for worker in there if not worker.refusal]
        if not willing:
            raise Refused(there[0].refusal, 503)
        return willing[0]

    def running(self) -> list[Worker]:
        """Those that are there now."""
        return [worker for worker in self._workers if worker.is_up]

    def looked(self, worker: Worker, number: int, rooms: frozenset[str]) -> None:
        """At this look the worker had these rooms; those that it no longer has are over."""
        for room, place in list(self._places.items()):
            if place.worker is worker and not place.uses and place.looks < number and room not in rooms:
                self._forget(room)

    def lost(self, worker: Worker) -> None:
        """It is gone, with all its rooms."""
        for room, place in list(self._places.items()):
            if place.worker is worker:
                del self._places[room]

    def _forget(self, room: str) -> None:
        self._former[room] = self._places.pop(room).worker
        self._former.move_to_end(room)
        if len(self._former) > _FORMER:
            self._former.popitem(last=False)
