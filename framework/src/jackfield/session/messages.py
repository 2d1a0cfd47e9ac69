"""What participants of a call send each other beside media: who may, in whose name, and what becomes of what comes."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from livekit.protocol.models import DataPacket, UserPacket

from jackfield.session.connection import Connection
from jackfield.session.data.path import DataPath
from jackfield.session.encryption import CallEncryption
from jackfield.session.participant import Participant
from jackfield.session.room import Room
from jackfield.values import events
from jackfield.values.errors import NotAllowed
from jackfield.values.events import Event

#: Application data of one message; more does not fit every path (LiveKit's own limit for reliable packets is 15 KiB).
DATA_LIMIT = 60_000
_LOOK_S = 0.05


class Messages:
    """Of one call. Used on the event loop. ``check_active`` raises `NetworkError` where the call is over; ``reachable``
    does too, and waits a little for a connection that is being restored.

    ``path`` is the way of streams, and of calls of each other's methods.
    """

    def __init__(
        self,
        connection: Connection,
        room: Room,
        emit: Callable[[Event], None],
        check_active: Callable[[], None],
        reachable: Callable[[], Awaitable[None]],
    ) -> None:
        self._connection, self._room, self._emit = connection, room, emit
        self._check_active, self._reachable = check_active, reachable
        self.encryption: CallEncryption | None = None
        #: Messages of these topics are shown to these as well.
        self.on_topic: dict[str, Callable[[bytes, Participant | None], None]] = {}
        self.path = DataPath(self._send, self._drained, room.sender)

    def check(self) -> None:
        """`NetworkError` when the call is over, `NotAllowed` when the token does not let us send data."""
        self._check_active()
        joined = self._connection.signal.joined.participant
        if joined.HasField("permission") and not self._room.permission.can_publish_data:
            raise NotAllowed("this token does not let us send data")

    async def addressed(self, to: Sequence[str], *, within_s: float = math.inf) -> tuple[str, ...]:
        """These uids, each of somebody who is here; who is not yet is waited for a little. `NotHere` names the others;
        what `check` raises, too. Nobody: everybody."""
        self.check()
        uids = (to,) if isinstance(to, str) else tuple(to)
        if strange := [uid for uid in uids if not isinstance(uid, str) or not uid]:
            raise ValueError(f"whom it is for is told by uids, which are text; {strange[0]!r} is none")
        waits_s = min(self._room.announced_s, within_s)
        while absent := self._room.absent(uids):
            if waits_s <= 0:
                raise self._room.not_here(*absent)
            waits_s -= _LOOK_S
            await asyncio.sleep(_LOOK_S)
        return uids

    async def _drained(self, below: int) -> None:
        await self._reachable()
        await self._connection.data_drained(below)

    async def send(self, payload: bytes | str, *, reliable: bool, topic: str, to: Sequence[str]) -> None:
        """One message of at most `DATA_LIMIT` bytes is on its way; ``ValueError`` when it is longer."""
        to = await self.addressed(to)
        data = payload.encode() if isinstance(payload, str) else bytes(payload)
        if len(data) > DATA_LIMIT:
            raise ValueError(f"a message holds at most {DATA_LIMIT} bytes; this one has {len(data)}")
        user = UserPacket(payload=data, destination_identities=to)
        if topic:
            user.topic = topic
        await self.path.send_now(DataPacket(user=user, destination_identities=to), reliable=reliable)

    async def _send(self, packet: DataPacket, reliable: bool) -> None:
        local = self._room.local
        packet.participant_identity, packet.participant_sid = local.uid, local.pid
        if packet.WhichOneof("value") == "user":
            packet.user.participant_identity, packet.user.participant_sid = local.uid, local.pid
        await self._reachable()
        packet = self.encryption.seal(packet) if self.encryption is not None else packet
        await self._connection.send_data(packet, reliable=reliable)

    def came(self, packet: DataPacket) -> None:
        """Tells of a message that has come, and takes what belongs to a stream or a call of a method."""
        if packet.WhichOneof("value") != "encrypted_packet":
            self._take(packet, encrypted=False)
        elif self.encryption is not None:
            self.encryption.read(packet, partial(self._take, encrypted=True))

    def _take(self, packet: DataPacket, *, encrypted: bool) -> None:
        if self.path.receive(packet, encrypted=encrypted) or packet.WhichOneof("value") != "user":
            return
        uid = packet.participant_identity or packet.user.participant_identity
        person = self._room.sender(uid, packet.participant_sid or packet.user.participant_sid)
        reliable = packet.kind == DataPacket.Kind.RELIABLE
        if (also := self.on_topic.get(packet.user.topic)) is not None:
            also(packet.user.payload, person)
        self._emit(events.Data(packet.user.payload, person, packet.user.topic, reliable, encrypted))
