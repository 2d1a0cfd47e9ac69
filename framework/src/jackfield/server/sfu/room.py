"""A room: who is in it, who hears of what, and who gets whose tracks and data."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from livekit.protocol import models, rtc

from jackfield.rtc.link import ignore
from jackfield.server.happenings import Listener
from jackfield.server.sfu import data, speakers
from jackfield.server.sfu.participant import Participant, Reason
from jackfield.server.sfu.publication import Publication, new_sid
from jackfield.server.sfu.quality import rate
from jackfield.server.sfu.telling import came, went

_CODECS = ("audio/opus", "video/VP8", "video/H264", "video/VP9", "video/AV1", "video/H265")


class Room:
    """Participants by identity; a second one with the same identity replaces the first."""

    def __init__(
        self,
        name: str,
        *,
        max_participants: int,
        empty_s: float,
        departed_s: float,
        metadata: str = "",
        clock: Callable[[], float] = time.monotonic,
        told: Listener = ignore,
    ) -> None:
        self.name = name
        self.sid = new_sid("RM")
        self.metadata = metadata
        self.max_participants = max_participants
        self.empty_s, self.departed_s = empty_s, departed_s
        self.participants: dict[str, Participant] = {}
        self.created_at_ms = round(time.time() * 1000)
        self._clock, self._told = clock, told
        self._empty_since = clock()
        self._was_used = False
        #: Everybody leaves, and is told so; nobody is told of the others.
        self.is_closing = False
        self._told_levels: dict[str, float] = {}
        self._flowing: dict[str, Publication] = {}

    def info(self) -> models.Room:
        """As it stands now."""
        visible = [participant for participant in self.participants.values() if not participant.is_hidden]
        return models.Room(
            sid=self.sid,
            name=self.name,
            empty_timeout=round(self.empty_s),
            departure_timeout=round(self.departed_s),
            max_participants=self.max_participants,
            creation_time=self.created_at_ms // 1000,
            creation_time_ms=self.created_at_ms,
            metadata=self.metadata,
            active_recording=self.is_recorded,
            num_participants=len(visible),
            num_publishers=sum(1 for participant in visible if participant.publications),
            enabled_codecs=[models.Codec(mime=mime) for mime in _CODECS],
        )

    @property
    def people(self) -> list[Participant]:
        """Those who are here for themselves: no recorder, no agent."""
        return [one for one in self.participants.values() if not one.grants.is_dependent]

    @property
    def is_recorded(self) -> bool:
        """Whether a recorder is here."""
        return any(one.grants.is_recorder for one in self.participants.values())

    @property
    def is_full(self) -> bool:
        """Nobody more can join but who is there for others."""
        return len(self.people) >= self.max_participants

    @property
    def is_over(self) -> bool:
        """Nobody has been here for as long as the room waits; a recorder alone does not count."""
        patience = self.departed_s if self._was_used else self.empty_s
        return not self.people and self._clock() - self._empty_since >= patience

    def publications(self) -> list[Publication]:
        """Everything that flows here."""
        return list(self._flowing.values())

    # --- coming and going ---
    def join(self, participant: Participant) -> None:
        """It takes part from now on, in the place of an earlier self; the others hear of it."""
        earlier = self.participants.get(participant.identity)
        if earlier is not None:
            earlier.end(Reason.DUPLICATE_IDENTITY)
        was_recorded = self.is_recorded
        self.participants[participant.identity] = participant
        self._was_used |= not participant.grants.is_dependent
        self._told(came(self, participant))
        self.tell_of(participant)
        self._tell_recorded(was_recorded)

    def left(self, participant: Participant) -> None:
        """It takes no more part; the others hear of it and receive nothing more from it."""
        if self.participants.get(participant.identity) is not participant:
            return
        was_recorded = self.is_recorded
        del self.participants[participant.identity]
        self._told(went(self, participant))
        for publication in participant.publications.values():
            self._silence(publication)
        self._told_levels.pop(participant.sid, None)
        if not self.is_closing:
            self.tell_of(participant)
            self._tell_recorded(was_recorded)
        if not participant.grants.is_dependent and not self.people:
            self._empty_since = self._clock()

    # --- telling ---
    def tell_of(self, participant: Participant) -> None:
        """Everybody hears how ``participant`` stands, itself too; of a hidden one nobody else does."""
        response = rtc.SignalResponse(update=rtc.ParticipantUpdate(participants=[participant.info()]))
        for other in self.participants.values():
            if other is participant or not participant.is_hidden:
                other.send(response=response)

    def tell_all(self, response: rtc.SignalResponse) -> None:
        """Everybody gets this message."""
        for participant in self.participants.values():
            participant.send(response=response)

    def describe(self, metadata: str) -> None:
        """The room has new metadata, and everybody hears of it."""
        self.metadata = metadata
        self._tell_itself()

    def _tell_itself(self) -> None:
        self.tell_all(rtc.SignalResponse(room_update=rtc.RoomUpdate(room=self.info())))

    def _tell_recorded(self, before: bool) -> None:
        if self.is_recorded != before:
            self._tell_itself()

    # --- tracks ---
    def published(self, publications: Iterable[Publication]) -> None:
        """These flow from now on: everybody hears of them first, then is offered them."""
        fresh = list(publications)
        if not fresh:
            return
        self.tell_of(fresh[0].owner)
        for publication in fresh:
            self._flowing[publication.sid] = publication
            for participant in self.participants.values():
                participant.consider(publication)

    def unpublished(self, publication: Publication) -> None:
        """This flows no more."""
        self._silence(publication)
        if publication.track is not None:
            self.tell_of(publication.owner)

    def _silence(self, publication: Publication) -> None:
        self._flowing.pop(publication.sid, None)
        for participant in self.participants.values():
            participant.forget(publication)

    def consider_all(self, participant: Participant) -> None:
        """Whatever ``participant`` is to receive, it receives."""
        for publication in self.publications():
            participant.consider(publication)

    def find(self, track_sid: str) -> Publication | None:
        """The publication with this sid."""
        return self._flowing.get(track_sid)

    def subscribed(self, track_sid: str) -> None:
        """Somebody receives this track now: its publisher hears of it."""
        publication = self.find(track_sid)
        if publication is not None:
            response = rtc.SignalResponse(track_subscribed=rtc.TrackSubscribed(track_sid=track_sid))
            publication.owner.send(response=response)

    # --- data ---
    def deliver(
        self,
        packet: models.DataPacket,
        kind: data.Kind,
        *,
        sender: Participant | None,
        fed: Callable[[data.DataOutlet], None] = ignore,
    ) -> None:
        """Those whom the packet is for get it; its sender does not. ``fed`` hears of each outlet it went into."""
        encoded = packet.SerializeToString()
        for participant in self.participants.values():
            if participant is not sender and data.addressed(packet, participant.identity, participant.sid):
                participant.subscriber.data.send(encoded, kind)
                fed(participant.subscriber.data)

    # --- now and then ---
    def hear(self) -> None:
        """Ends an interval of listening; whose level changed, everybody hears of."""
        levels: dict[str, float] = {}
        for publication in self.publications():
            level = speakers.quantised(publication.loudness.interval())
            if level and not publication.info.muted:
                publication.owner.spoke_at = self._clock()
                levels[publication.owner.sid] = max(level, levels.get(publication.owner.sid, 0.0))
        changed = speakers.changes(self._told_levels, levels)
        self._told_levels = levels
        if changed:
            told = [models.SpeakerInfo(sid=sid, level=level, active=level > 0) for sid, level in changed.items()]
            self.tell_all(rtc.SignalResponse(speakers_changed=rtc.SpeakersChanged(speakers=told)))

    def rate(self, now_ns: int) -> None:
        """Rates everybody's connection; whose rating changed, everybody hears of."""
        updates = []
        for participant in self.participants.values():
            quality, score = rate(participant, now_ns)
            if quality != participant.quality:
                participant.quality = quality
                updates.append(rtc.ConnectionQualityInfo(participant_sid=participant.sid, quality=quality, score=score))
        if updates:
            self.tell_all(rtc.SignalResponse(connection_quality=rtc.ConnectionQualityUpdate(updates=updates)))
