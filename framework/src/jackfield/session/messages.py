"""Data packets as events. A message that overtook the news of its sender waits for that news."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from livekit.protocol.models import DataPacket

from jackfield.media.clock import Alarm, Clock, LoopClock
from jackfield.session.participant import Participant
from jackfield.session.room import Room
from jackfield.values.events import Data, Event

#: A LiveKit server announces a participant once their media has a way, which their first message may not wait for.
WAIT_NS = 2_000_000_000
_HELD_MAX = 64
_STRANGERS_MAX = 256


class Messages:
    """What comes over the data channels of one call. Call `settle` when people have come."""

    def __init__(self, room: Room, emit: Callable[[Event], None], *, clock: Clock | None = None) -> None:
        self._room, self._emit = room, emit
        self._clock = clock or LoopClock()
        self._alarm = Alarm(self._clock, self._give_up)
        self._held: deque[tuple[int, DataPacket]] = deque()
        #: Who was waited for in vain: hidden participants are never announced.
        self._strangers: set[str] = set()

    def received(self, packet: DataPacket) -> None:
        """One packet; those that carry no message of a program are left out."""
        if packet.WhichOneof("value") != "user":
            return
        uid = _uid(packet)
        if self._sender(packet) is not None or not uid or uid in self._strangers:
            self._tell(packet)
            return
        if len(self._held) == _HELD_MAX:
            self._tell(self._held.popleft()[1])
        self._held.append((self._clock.now_ns() + WAIT_NS, packet))
        self._alarm.set(self._held[0][0])

    def settle(self) -> None:
        """Tells what has waited for people who are known now."""
        waiting, self._held = self._held, deque()
        for due_ns, packet in waiting:
            if self._sender(packet) is not None:
                self._tell(packet)
            else:
                self._held.append((due_ns, packet))
        self._alarm.set(self._held[0][0] if self._held else None)

    def close(self) -> None:
        """Nothing waits any more."""
        self._held.clear()
        self._alarm.cancel()

    def _give_up(self) -> None:
        now_ns = self._clock.now_ns()
        while self._held and self._held[0][0] <= now_ns:
            packet = self._held.popleft()[1]
            if len(self._strangers) < _STRANGERS_MAX:
                self._strangers.add(_uid(packet))
            self._tell(packet)
        self._alarm.set(self._held[0][0] if self._held else None)

    def _sender(self, packet: DataPacket) -> Participant | None:
        uid = _uid(packet)
        return self._room.by_uid(uid) if uid else self._room.by_pid(packet.user.participant_sid)

    def _tell(self, packet: DataPacket) -> None:
        reliable = packet.kind == DataPacket.Kind.RELIABLE
        self._emit(Data(packet.user.payload, self._sender(packet), packet.user.topic, reliable))


def _uid(packet: DataPacket) -> str:
    return packet.participant_identity or packet.user.participant_identity
