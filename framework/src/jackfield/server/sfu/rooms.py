"""The rooms of one server: made by the first join or by the API, closed when nobody comes or everybody has left."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

from livekit.protocol import models, rtc

from jackfield.rtc.link import ignore
from jackfield.server.happenings import Listener
from jackfield.server.sfu.gauge import Gauge
from jackfield.server.sfu.limits import Limits
from jackfield.server.sfu.participant import DISCONNECT, Participant, Reason
from jackfield.server.sfu.room import Room
from jackfield.server.sfu.telling import over
from jackfield.server.sfu.tokens import Refused

_LOOK_S = 0.05


class Rooms:
    """By name."""

    def __init__(
        self,
        limits: Limits,
        gauge: Gauge | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        told: Listener = ignore,
    ) -> None:
        self._limits, self._told = limits, told
        self._gauge = gauge or Gauge()
        self._clock = clock
        self._rooms: dict[str, Room] = {}
        #: Participants that are leaving; their connections are still being closed.
        self._endings: set[asyncio.Task[None]] = set()

    def __iter__(self) -> Iterator[Room]:
        return iter(list(self._rooms.values()))

    def __len__(self) -> int:
        return len(self._rooms)

    def get(self, name: str) -> Room | None:
        """The room of this name."""
        return self._rooms.get(name)

    def obtain(self, name: str, *, max_participants: int = 0, empty_s: int = 0, departed_s: int = 0) -> Room:
        """The room of this name, made if it is not there; `Refused` when there are too many."""
        room = self._rooms.get(name)
        if room is None:
            self.require_place()
            most = self._limits.participants_per_room
            room = self._rooms[name] = Room(
                name,
                max_participants=min(max_participants or most, most),
                empty_s=empty_s or self._limits.empty_room_s,
                departed_s=departed_s or self._limits.departed_room_s,
                clock=self._clock,
                told=self._told,
            )
        return room

    def require_place(self) -> None:
        """Raises `Refused` when there are too many to make one more."""
        if len(self._rooms) >= self._limits.rooms:
            raise Refused(
                f"this server has {self._limits.rooms} rooms and takes no more: start another, or move to LiveKit", 503
            )
        self.require_strength(new_room=True)

    def require_strength(self, *, new_room: bool) -> None:
        """Raises `Refused` when the server is too busy for somebody more, or for another room."""
        if words := self._gauge.refusal(new_room=new_room):
            raise Refused(words, 503)

    def participants(self) -> list[Participant]:
        """Everybody in every room."""
        return [participant for room in self for participant in room.participants.values()]

    def close(
        self,
        room: Room,
        reason: models.DisconnectReason = Reason.ROOM_DELETED,
        action: rtc.LeaveRequest.Action = DISCONNECT,
    ) -> None:
        """Everybody in it is told to leave, and it is gone."""
        if self._rooms.get(room.name) is room:
            del self._rooms[room.name]
        room.is_closing = True
        for participant in list(room.participants.values()):
            self.ending(participant.end(reason, action))
        self._told(over(room, reason))

    def ending(self, task: asyncio.Task[None]) -> None:
        """Somebody is leaving; `ended` waits for it."""
        self._endings.add(task)
        task.add_done_callback(self._endings.discard)

    def sweep(self) -> None:
        """Closes rooms that are over."""
        for room in self:
            if room.is_over:
                self.close(room, Reason.ROOM_CLOSED)

    async def vacated(self, timeout_s: float) -> None:
        """Nobody is in any room, or the time is up."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while self.participants():
                    await asyncio.sleep(_LOOK_S)

    async def ended(self, timeout_s: float) -> None:
        """Everybody who was leaving has left, or the time is up."""
        if self._endings:
            await asyncio.wait(set(self._endings), timeout=timeout_s)
