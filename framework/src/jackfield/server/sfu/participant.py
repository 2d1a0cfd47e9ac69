"""One participant: what others are told of it, what it publishes, what it receives, and how it ends."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from livekit.protocol import models, rtc

from jackfield.log_limit import limited_logger
from jackfield.rtc.link import ignore
from jackfield.server.sfu import data
from jackfield.server.sfu.brake import Brake
from jackfield.server.sfu.connection import Surroundings
from jackfield.server.sfu.limits import Allowance
from jackfield.server.sfu.publication import Publication, new_sid
from jackfield.server.sfu.publisher import PublisherConnection
from jackfield.server.sfu.resume import Absence
from jackfield.server.sfu.signal import SignalSocket
from jackfield.server.sfu.single import SingleSubscriber
from jackfield.server.sfu.subscriber import SubscriberConnection
from jackfield.server.sfu.tokens import Grants

if TYPE_CHECKING:
    from jackfield.rtc.transport import DataChannel, Transport
    from jackfield.server.sfu.room import Room

logger = limited_logger(__name__)

#: Attributes of this name say what the token grants; nobody changes them.
OURS = "jackfield."
#: Those of them that everyone says of themselves.
OWN = frozenset({"jackfield.hand"})
DISCONNECT = rtc.LeaveRequest.Action.DISCONNECT
RECONNECT = rtc.LeaveRequest.Action.RECONNECT
State = models.ParticipantInfo.State
_STATES = {True: rtc.StreamState.PAUSED, False: rtc.StreamState.ACTIVE}
Reason = models.DisconnectReason


class Participant:
    """Lives from the join until `end`, which may be called by anybody and any number of times."""

    def __init__(
        self,
        room: Room,
        grants: Grants,
        socket: SignalSocket,
        around: Surroundings,
        *,
        auto_subscribe: bool = True,
        single: bool = False,
    ) -> None:
        self.room = room
        self.grants = grants
        self.identity = grants.identity
        self.sid = new_sid("PA")
        self.socket = socket
        self.limits = around.limits
        self.name, self.metadata = grants.name, grants.metadata
        self.attributes = dict(grants.attributes)
        self.permission = grants.permission
        self.state = State.JOINED
        self.publications: dict[str, Publication] = {}
        self.auto_subscribe = auto_subscribe
        #: Explicit choices by track sid, and how each track is wanted.
        self.choices: dict[str, bool] = {}
        self.settings: dict[str, rtc.UpdateTrackSettings] = {}
        #: Who may subscribe to what is published here, by identity and by sid; None: everybody.
        self._allowed: dict[str, rtc.TrackPermission] | None = None
        self.quality = models.ConnectionQuality.EXCELLENT
        self.reason = Reason.UNKNOWN_REASON
        #: When it was last heard to speak, on the room's clock.
        self.spoke_at = 0.0
        self.joined_at_ms = round(time.time() * 1000)
        self.changes = Allowance(around.limits.changes_per_second)
        #: What everybody is to hear, by its name, and has not heard yet.
        self._untold: dict[str, Callable[[Participant], None]] = {}
        self._channels = 0
        self._clock, self._brakes = around.clock, list[Brake]()
        self._version = 0
        self._ending: asyncio.Task[None] | None = None
        self._departed = around.departed
        self._absence = Absence(around.clock, around.limits, self._heard_ns, lambda: self.end(Reason.SIGNAL_CLOSE))
        name = f"{room.name}/{self.identity}"
        self.publisher = PublisherConnection(around, name=f"{name} publisher")
        self.subscriber = self._subscriber(around, f"{name} subscriber", single)
        self.publisher.transport.channels.on_channel = self._channel_opened
        self.subscriber.transport.on_state = self._subscriber_state
        for side in (self.publisher, self.subscriber):
            side.on_failed = self._unconnected

    def _subscriber(self, around: Surroundings, name: str, single: bool) -> SubscriberConnection:
        """What it receives on: the publisher's connection in protocol v1 (``single``), else another."""
        if single:
            return SingleSubscriber(
                around,
                self.publisher,
                name=name,
                on_required=self._require_sections,
                on_answered=self._answered,
                on_silent=self._offer_unanswered,
                on_paused=self._paused,
            )
        return SubscriberConnection(
            around,
            name=name,
            on_offer=lambda offer: self.send(offer=offer),
            on_answered=self._answered,
            on_silent=self._offer_unanswered,
            on_paused=self._paused,
        )

    def _require_sections(self, audios: int, videos: int) -> None:
        requirement = rtc.MediaSectionsRequirement(num_audios=audios, num_videos=videos)
        self.send(response=rtc.SignalResponse(media_sections_requirement=requirement))

    @property
    def transports(self) -> list[Transport]:
        """Its connections' transports: two, or in protocol v1 one."""
        sides = (self.publisher.transport, self.subscriber.transport)
        return list(sides) if sides[0] is not sides[1] else [sides[0]]

    # --- what others see ---
    @property
    def is_hidden(self) -> bool:
        """Others do not see it."""
        return self.permission.hidden

    def info(self) -> models.ParticipantInfo:
        """As it stands now."""
        self._version += 1
        return models.ParticipantInfo(
            sid=self.sid,
            identity=self.identity,
            state=self.state,
            tracks=[publication.info for publication in self.publications.values() if publication.track],
            metadata=self.metadata,
            joined_at=self.joined_at_ms // 1000,
            joined_at_ms=self.joined_at_ms,
            name=self.name,
            version=self._version,
            permission=self.permission,
            is_publisher=any(publication.track for publication in self.publications.values()),
            kind=self.grants.kind,
            attributes=self.attributes,
            disconnect_reason=self.reason,
        )

    def send(
        self,
        *,
        offer: rtc.SessionDescription | None = None,
        answer: rtc.SessionDescription | None = None,
        response: rtc.SignalResponse | None = None,
    ) -> None:
        """A message to the client; never waits."""
        message = response if response is not None else rtc.SignalResponse(offer=offer, answer=answer)
        if self._absence.is_on:
            self._absence.miss(message)
        else:
            self.socket.send(message)

    def describe(
        self, *, name: str | None = None, metadata: str | None = None, attributes: Mapping[str, str] | None = None
    ) -> str:
        """Takes a new name, metadata or attributes (an empty value removes one); else says what is too long."""
        merged = {**self.attributes, **(attributes or {})}
        merged = {key: value for key, value in merged.items() if value}
        if sum(len(key.encode()) + len(value.encode()) for key, value in merged.items()) > self.limits.attributes_bytes:
            return f"attributes may have {self.limits.attributes_bytes} bytes in all"
        if metadata is not None and len(metadata.encode()) > self.limits.metadata_bytes:
            return f"metadata may have {self.limits.metadata_bytes} bytes"
        if name is not None and len(name) > self.limits.name_length:
            return f"a name may have {self.limits.name_length} characters"
        self.attributes = merged
        self.metadata = self.metadata if metadata is None else metadata
        self.name = self.name if name is None else name
        return ""

    def reserved(self, attributes: Mapping[str, str]) -> str:
        """Which of these attributes only token and server set, in words; "" where none of them would change."""
        ours = {key: value for key, value in attributes.items() if key.startswith(OURS) and key not in OWN}
        taken = [key for key, value in ours.items() if value != self.attributes.get(key, "")]
        return f"attributes that begin with {OURS!r} come from the token and the server alone" if taken else ""

    def permit(self, permission: models.ParticipantPermission) -> None:
        """What it may do has changed: what it may not do any more ends."""
        self.permission = permission
        for publication in list(self.publications.values()):
            if not self.may_publish(publication.info.source):
                self.unpublish(publication)
        self.room.consider_all(self)

    def may_publish(self, source: models.TrackSource) -> bool:
        """Whether it may publish from this source."""
        sources = self.permission.can_publish_sources
        return self.permission.can_publish and (not sources or source in sources)

    def admits(self, publication: Publication, subscriber: Participant) -> bool:
        """Whether ``subscriber`` may have this publication of ours."""
        if self._allowed is None:
            return True
        entry = self._allowed.get(subscriber.identity) or self._allowed.get(subscriber.sid)
        return entry is not None and (entry.all_tracks or publication.sid in entry.track_sids)

    def allow(self, permission: rtc.SubscriptionPermission) -> None:
        """From now on only these may have what we publish."""
        entries = permission.track_permissions
        named = {name: entry for entry in entries for name in (entry.participant_identity, entry.participant_sid)}
        named.pop("", None)
        self._allowed = None if permission.all_participants else named

    # --- what it receives ---
    def wants(self, publication: Publication) -> bool:
        """Whether it is to receive this."""
        owner = publication.owner
        if owner is self or owner.is_hidden or not self.permission.can_subscribe:
            return False
        return self.choices.get(publication.sid, self.auto_subscribe) and owner.admits(publication, self)

    def consider(self, publication: Publication) -> None:
        """Receives it from now on, or no more, as `wants` says."""
        if self.wants(publication):
            self.subscriber.add(publication, self.settings.get(publication.sid))
        else:
            self.subscriber.remove(publication.sid)

    def forget(self, publication: Publication) -> None:
        """It is not published any more."""
        self.subscriber.remove(publication.sid)
        self.choices.pop(publication.sid, None)
        self.settings.pop(publication.sid, None)

    def _answered(self, flowing: list[str], refused: list[str]) -> None:
        for track_sid in refused:
            self.subscriber.remove(track_sid)
            response = rtc.SubscriptionResponse(track_sid=track_sid, err=models.SubscriptionError.SE_CODEC_UNSUPPORTED)
            self.send(response=rtc.SignalResponse(subscription_response=response))
        for track_sid in flowing:
            self.room.subscribed(track_sid)

    def _paused(self, changes: Mapping[str, bool]) -> None:
        """Pictures that its path has no room for, or has again: its client shows why nothing moves."""
        found = {sid: self.room.find(sid) for sid in changes}
        states = [
            rtc.StreamStateInfo(participant_sid=publication.owner.sid, track_sid=sid, state=_STATES[changes[sid]])
            for sid, publication in found.items()
            if publication is not None
        ]
        update = rtc.StreamStateUpdate(stream_states=states)
        self.send(response=rtc.SignalResponse(stream_state_update=update))

    def _offer_unanswered(self) -> None:
        logger.warning("%s: an offer was not answered in time", self.subscriber.name)
        self.end(Reason.STATE_MISMATCH, RECONNECT)

    def _unconnected(self) -> None:
        if not self.has_ended:
            logger.warning("%s/%s could not be connected", self.room.name, self.identity)
            self.end(Reason.CONNECTION_TIMEOUT, RECONNECT)

    def _subscriber_state(self, state: str) -> None:
        if self.has_ended:
            return  # a path may come up while it closes: nobody is told of who has gone
        if state == "connected" and isinstance(self.subscriber, SingleSubscriber):
            self.subscriber.connected()
        if state == "connected" and self.state != State.ACTIVE:
            self.state = State.ACTIVE
            self.room.tell_of(self)
        elif state in ("closed", "failed") and self._absence.is_on:
            self.end(Reason.SIGNAL_CLOSE)  # it has taken leave of its connection too

    # --- what it publishes ---
    def in_time(self, what: str, tell: Callable[[Participant], None]) -> None:
        """Does what concerns everybody: now, or within half a second, once, where it is wanted all the time."""
        if self.changes.take(time.monotonic_ns()):
            tell(self)
        else:
            self._untold[what] = tell

    def look_at_demand(self, now_ns: int) -> None:
        """Its client hears which layers of its tracks anybody takes, where that has changed; everybody, what they have
        not been told yet."""
        untold, self._untold = self._untold, {}
        for tell in untold.values():
            tell(self)
        for publication in self.publications.values():
            publication.demand.look(now_ns)

    def unpublish(self, publication: Publication, *, told: bool = True) -> None:
        """The publication is over; its client is told where it is not its own doing."""
        if self.publications.pop(publication.sid, None) is None:
            return
        self.room.unpublished(publication)
        if told:
            response = rtc.TrackUnpublishedResponse(track_sid=publication.sid)
            self.send(response=rtc.SignalResponse(track_unpublished=response))

    def _channel_opened(self, channel: DataChannel) -> None:
        self._channels += 1
        if self._channels > self.limits.channels:
            logger.warning("%s opens more than %d data channels", self.publisher.name, self.limits.channels)
            self.end(Reason.STATE_MISMATCH)
        kind = data.LABELS.get(channel.label)
        if kind is not None:
            brake = Brake(channel, self._clock, self.publisher.name) if kind == "reliable" else None
            self._brakes += [brake] if brake else []
            if isinstance(self.subscriber, SingleSubscriber):
                self.subscriber.data.adopt(channel, kind)
            channel.on_message = lambda message: self._data_came(message, kind, brake)

    def _data_came(self, message: bytes, kind: data.Kind, brake: Brake | None) -> None:
        packet = data.read(message) if len(message) <= self.limits.data_packet_bytes else None
        if packet is None or not self.permission.can_publish_data:
            return
        data.stamp(packet, identity=self.identity, sid=self.sid, kind=kind)
        self.room.deliver(packet, kind, sender=self, fed=brake.fed if brake else ignore)

    # --- away and back ---
    def signal_lost(self, socket: SignalSocket) -> asyncio.Task[None] | None:
        """This socket broke. Its participant is waited for where it can come back to something; else the task of its
        end is the answer."""
        if self._ending is None and socket is not self.socket:
            return None  # another has taken its place
        if self._ending is None and self.state == State.ACTIVE and self.limits.resume_s:
            self._absence.begin()
            self.subscriber.pause()
            return None
        return self.end(Reason.SIGNAL_CLOSE)

    def resume(self, socket: SignalSocket, response: rtc.ReconnectResponse) -> None:
        """It is back, with another socket; ``response`` and how all stands are its first messages, and its path is
        looked for anew, while media goes on over the one there is."""
        former, self.socket = self.socket, socket
        former.abort()
        gone = self._absence.end()
        self.send(response=rtc.SignalResponse(reconnect=response))
        everyone = [other.info() for other in self.room.participants.values() if other is self or not other.is_hidden]
        self.send(response=rtc.SignalResponse(update=rtc.ParticipantUpdate(participants=[*gone, *everyone])))
        self.send(response=rtc.SignalResponse(room_update=rtc.RoomUpdate(room=self.room.info())))
        for publication in self.publications.values():
            publication.demand.tell_again()
        self.subscriber.restart_ice()

    def _heard_ns(self) -> int:
        return max(self.publisher.link.heard_ns, self.subscriber.link.heard_ns)

    # --- the end ---
    @property
    def has_ended(self) -> bool:
        """It takes no more part."""
        return self._ending is not None

    def end(self, reason: models.DisconnectReason, action: rtc.LeaveRequest.Action = DISCONNECT) -> asyncio.Task[None]:
        """Takes no more part from this moment; its client is told why, and the task ends when all is closed."""
        if self._ending is None:
            self.reason = reason
            self.state = State.DISCONNECTED
            self._absence.end()
            self._departed.went(self.sid, reason)
            self._ending = asyncio.get_running_loop().create_task(self._end())
            leave = rtc.LeaveRequest(reason=reason, action=action, can_reconnect=action != DISCONNECT)
            self.send(response=rtc.SignalResponse(leave=leave))
            self.room.left(self)
        return self._ending

    async def _end(self) -> None:
        for brake in self._brakes:
            brake.close()
        await self.socket.close()
        await asyncio.gather(self.publisher.close(), self.subscriber.close())
        self.publications.clear()
