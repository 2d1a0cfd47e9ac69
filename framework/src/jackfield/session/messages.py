"""Messages of programs among the participants: sent to everyone or to some, and told of as events."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from livekit.protocol.models import DataPacket, UserPacket

from jackfield.session.connection import Connection
from jackfield.session.room import Room
from jackfield.values import events
from jackfield.values.errors import NotAllowed
from jackfield.values.events import Event

#: Application data of one message; more does not fit every path (LiveKit's own limit for reliable packets is 15 KiB).
DATA_LIMIT = 60_000


class Messages:
    """Of one call. Used on the event loop."""

    def __init__(self, connection: Connection, room: Room, emit: Callable[[Event], None]) -> None:
        self._connection, self._room, self._emit = connection, room, emit

    async def send(self, payload: bytes | str, *, reliable: bool, topic: str, to: Sequence[str]) -> None:
        """One message of at most `DATA_LIMIT` bytes is on its way; ``ValueError`` when it is longer, `NotAllowed` when
        the token does not let us."""
        data = payload.encode() if isinstance(payload, str) else bytes(payload)
        if len(data) > DATA_LIMIT:
            raise ValueError(f"a message holds at most {DATA_LIMIT} bytes; this one has {len(data)}")
        permission = self._room.permission
        if self._connection.signal.joined.participant.HasField("permission") and not permission.can_publish_data:
            raise NotAllowed("this token does not let us send data")
        await self._connection.send_data(self._packet(data, reliable, topic, to), reliable=reliable)

    def _packet(self, data: bytes, reliable: bool, topic: str, to: Sequence[str]) -> DataPacket:
        local = self._room.local
        user = UserPacket(payload=data, participant_sid=local.pid, participant_identity=local.uid)
        user.destination_identities.extend(to)
        if topic:
            user.topic = topic
        return DataPacket(
            kind=DataPacket.Kind.RELIABLE if reliable else DataPacket.Kind.LOSSY,
            user=user,
            participant_identity=local.uid,
            participant_sid=local.pid,
            destination_identities=list(to),
        )

    def came(self, packet: DataPacket) -> None:
        """Tells of a message that has come."""
        if packet.WhichOneof("value") != "user":
            return
        uid = packet.participant_identity or packet.user.participant_identity
        person = self._room.sender(uid, packet.participant_sid or packet.user.participant_sid)
        reliable = packet.kind == DataPacket.Kind.RELIABLE
        self._emit(events.Data(packet.user.payload, person, packet.user.topic, reliable))
