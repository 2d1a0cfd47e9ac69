"""A selective forwarding unit that speaks LiveKit's signalling protocol, v0 and v1. It opens no codec.

`Sfu` is the whole of it: give its `routes` to an aiohttp application, `start` it, and clients that hold a token signed
with one of its keys meet in rooms.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aiohttp import web
from attrs import frozen
from livekit.protocol import rtc

from jackfield.media.clock import LoopClock
from jackfield.rtc.link import IceServer
from jackfield.rtc.transport import Certificate
from jackfield.server.happenings import Listener, Told
from jackfield.server.sfu.connection import Surroundings
from jackfield.server.sfu.gauge import Gauge
from jackfield.server.sfu.http import Signalling
from jackfield.server.sfu.limits import Limits
from jackfield.server.sfu.participant import DISCONNECT, RECONNECT, Participant, Reason
from jackfield.server.sfu.pulse import Pulse
from jackfield.server.sfu.rooms import Rooms
from jackfield.server.sfu.sockets import MediaSockets
from jackfield.server.sfu.tally import Histogram, Tally
from jackfield.server.sfu.tokens import Verifier
from jackfield.server.sfu.twirp import RoomService

__all__ = ["Limits", "Load", "Sfu"]

#: How long the connections of those who were told to leave may take to close.
_LEAVE_S = 5.0


@frozen
class Load:
    """What a server carries at the moment. Datagrams and bytes are counted over the participants of this moment."""

    rooms: int
    participants: int
    tracks: int
    subscriptions: int
    sockets: int
    packets_received: int
    packets_sent: int
    bytes_received: int
    bytes_sent: int
    retransmitted: int
    keyframe_requests: int
    #: Since the server began, by name (`tally.NAMES`); and how long forwarding takes.
    totals: Mapping[str, int]
    forwarding: Histogram
    #: Of one core, by the thread that forwards; packets both ways.
    cpu_share: float
    packets_per_second: float


class Sfu:
    """Rooms, their participants and their media.

    ``keys`` maps API key names to secrets. ``host`` is bound with one UDP socket for each local address, all on
    ``udp_port`` (0: a free one); ``announce`` adds addresses that peers can reach us at, such as a NAT's.
    """

    def __init__(
        self,
        *,
        keys: Mapping[str, str],
        host: str = "127.0.0.1",
        udp_port: int = 0,
        announce: Sequence[str] = (),
        ice_servers: Sequence[IceServer] = (),
        limits: Limits | None = None,
    ) -> None:
        self.limits = limits or Limits()
        self.gauge = Gauge(self.limits.cpu_share)
        self._told = Told()
        self.rooms = Rooms(self.limits, self.gauge, told=self._told)
        self._tally = Tally()
        self._sockets = MediaSockets(host, udp_port, announce=announce, limits=self.limits)
        clock = LoopClock()
        around = Surroundings(self._sockets, Certificate.generate(), clock, self.limits)
        verifier = Verifier(keys)
        self._signalling = Signalling(verifier, self.rooms, around, self.limits, tuple(ice_servers))
        self._service = RoomService(verifier, self.rooms, self.limits)
        self._pulse = Pulse(self.rooms, clock, self._look)

    @property
    def udp_port(self) -> int:
        """The port of all media, once started."""
        return self._sockets.port

    @property
    def participant_count(self) -> int:
        """How many take part, in all rooms; recorders and agents are not counted."""
        return sum(len(room.people) for room in self.rooms)

    def routes(self) -> list[web.RouteDef]:
        """`/rtc…` and the RoomService under `/twirp`."""
        return [*self._signalling.routes(), *self._service.routes()]

    def listen(self, listener: Listener) -> None:
        """Hears who comes and goes, from now on."""
        self._told.listen(listener)

    async def mark(self, room: str, identity: str, attributes: Mapping[str, str]) -> bool:
        """The server says this of somebody, and everybody sees it; "" takes an attribute away. False: they are gone."""
        participant = self._there(room, identity)
        if participant is None or participant.describe(attributes=attributes):
            return False
        participant.room.tell_of(participant)
        return True

    async def remove(self, room: str, identity: str) -> None:
        """They are out of the room, if they were in it."""
        participant = self._there(room, identity)
        if participant is not None:
            self.rooms.ending(participant.end(Reason.PARTICIPANT_REMOVED))

    def _there(self, room: str, identity: str) -> Participant | None:
        found = self.rooms.get(room)
        return found.participants.get(identity) if found is not None else None

    def _look(self) -> None:
        participants = self.rooms.participants()
        self._tally.look(participants)
        transports = [transport for one in participants for transport in one.transports]
        self.gauge.look(sum(transport.packets_received + transport.packets_sent for transport in transports))

    async def start(self) -> None:
        """Media can come. `OSError` when the UDP port is taken."""
        self._sockets.open()
        self._pulse.start()

    async def drain(self, timeout_s: float = 0.0) -> None:
        """Nobody new is let in, and calls go on for ``timeout_s`` at most; whoever is still there is told to connect
        anew: another server, or this one started again, has their call."""
        self._signalling.is_draining = True
        await self.rooms.vacated(timeout_s)
        await self._send_away(RECONNECT)

    async def close(self) -> None:
        """Everybody is told that it is over, and the sockets are closed."""
        self._signalling.is_draining = True
        await self._send_away(DISCONNECT)
        await self._pulse.stop()
        self._sockets.close()

    async def _send_away(self, action: rtc.LeaveRequest.Action) -> None:
        for room in self.rooms:
            self.rooms.close(room, Reason.SERVER_SHUTDOWN, action)
        await self.rooms.ended(_LEAVE_S)

    def metrics(self) -> Load:
        """What the server carries now."""
        participants = self.rooms.participants()
        self._tally.look(participants)
        transports = [transport for one in participants for transport in one.transports]
        downs = [down for one in participants for down in one.subscriber.downs.values()]
        layers = [layer for one in participants for layer in one.publisher.layers()]
        return Load(
            rooms=len(self.rooms),
            participants=len(participants),
            tracks=sum(len(room.publications()) for room in self.rooms),
            subscriptions=len(downs),
            sockets=len(self._sockets),
            packets_received=sum(transport.packets_received for transport in transports),
            packets_sent=sum(transport.packets_sent for transport in transports),
            bytes_received=sum(transport.bytes_received for transport in transports),
            bytes_sent=sum(transport.bytes_sent for transport in transports),
            retransmitted=sum(down.retransmitted for down in downs),
            keyframe_requests=sum(layer.keyframe_requests for layer in layers),
            totals=dict(self._tally.totals),
            forwarding=self._sockets.forwarding.read(),
            cpu_share=self.gauge.cpu_share,
            packets_per_second=self.gauge.packets_per_second,
        )
