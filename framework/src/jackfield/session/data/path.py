"""The way that data packets take: whole streams in turn, messages between them, each to what it is for."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from livekit.protocol.models import DataPacket

from jackfield.session.data.handlers import Handlers
from jackfield.session.data.incoming import IncomingStreams
from jackfield.session.data.outgoing import OutgoingStreams
from jackfield.session.data.rpc import Callers, Methods

logger = logging.getLogger("jackfield.streams")

#: Of a stream, so much may wait in the data channel: a message sent meanwhile comes right after it.
AHEAD_MAX = 64 << 10


class DataPath:
    """``send`` sends one packet, ``drained`` returns once less than so many bytes wait to be sent; both raise
    `NetworkError`. Streams take turns chunk by chunk; ``person`` finds the `Participant` of a uid and server id."""

    def __init__(
        self,
        send: Callable[[DataPacket, bool], Awaitable[None]],
        drained: Callable[[int], Awaitable[None]],
        person: Callable[[str, str], Any],
    ) -> None:
        self._send, self._drained, self._person = send, drained, person
        self._turn = asyncio.Lock()
        self._handlers = Handlers()
        self.incoming = IncomingStreams(self._handlers)
        self.outgoing = OutgoingStreams(self.send_in_turn)
        self.callers = Callers(self.send_now)
        self.methods = Methods(self.send_now, self._handlers)

    async def send_now(self, packet: DataPacket, *, reliable: bool = True) -> None:
        """Sends it ahead of what streams have not handed over yet."""
        packet.kind = DataPacket.Kind.RELIABLE if reliable else DataPacket.Kind.LOSSY
        await self._send(packet, reliable)

    async def send_in_turn(self, packet: DataPacket) -> None:
        """Sends it when its turn has come and the network has taken what was before it."""
        async with self._turn:
            await self._drained(AHEAD_MAX)
            await self.send_now(packet)

    def receive(self, packet: DataPacket, *, encrypted: bool = False) -> bool:
        """A packet that came; whether it was for one of ours."""
        uid, incoming = packet.participant_identity, self.incoming
        match packet.WhichOneof("value"):
            case "stream_header":
                person = self._person(uid, packet.participant_sid)
                incoming.begin(packet.stream_header, uid, person, encrypted=encrypted)
            case "stream_chunk":
                incoming.chunk(packet.stream_chunk, uid, encrypted=encrypted)
            case "stream_trailer":
                incoming.trailer(packet.stream_trailer, uid, encrypted=encrypted)
            case "rpc_request":
                self.methods.requested(packet.rpc_request, uid, encrypted=encrypted)
            case "rpc_ack":
                self.callers.acknowledged(packet.rpc_ack, uid)
            case "rpc_response":
                self.callers.answered(packet.rpc_response, uid)
            case _:
                return False
        return True

    def left(self, uid: str) -> None:
        """Somebody has gone."""
        self.incoming.left(uid)
        self.callers.left(uid)

    async def close(self) -> None:
        """The call is over: streams break off, calls fail, handlers end."""
        self.incoming.close()
        self.callers.close()
        await self._handlers.close()
