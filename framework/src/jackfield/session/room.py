"""Who is in the room, from the server's messages; what changed comes out as events."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from livekit.protocol.models import ParticipantInfo, SpeakerInfo
from livekit.protocol.rtc import ConnectionQualityInfo, JoinResponse

from jackfield.rtc import signalling
from jackfield.session.participant import Participant
from jackfield.session.quality import Qualities
from jackfield.values import events
from jackfield.values.events import Event
from jackfield.values.people import Role

_FLAGS: tuple[tuple[str, type[Event], type[Event]], ...] = (
    ("audio_muted", events.ParticipantAudioMuted, events.ParticipantAudioUnmuted),
    ("video_paused", events.ParticipantVideoPaused, events.ParticipantVideoResumed),
    ("is_presenting", events.ParticipantStartedScreenShare, events.ParticipantStoppedScreenShare),
)
#: What they say of themselves in attributes.
_SAID: tuple[tuple[str, type[Event], type[Event]], ...] = (
    ("raised_hand_at", events.ParticipantHandRaised, events.ParticipantHandLowered),
    ("is_recording", events.ParticipantStartedRecording, events.ParticipantStoppedRecording),
)
#: What is told of whoever comes and is in it already.
_STATES = (_FLAGS[2], *_SAID)
_UNANNOUNCED_MAX = 64


class NotHere(ValueError):
    """Nobody in the call has this uid."""


class Room:
    """The people of one call. Methods answer with the events that the change amounts to; the caller emits them."""

    def __init__(self, join: JoinResponse, role: Role, furnish: Callable[[Participant], None]) -> None:
        self.sid, self.session_id, self.metadata = join.room.sid, join.room.name, join.room.metadata
        self._furnish = furnish
        self._roles_hold = join.server_info.node_id == signalling.JACKFIELD_NODE
        self.local = Participant(pid=join.participant.sid, uid=join.participant.identity, is_local=True, role=role)
        self.local.take(join.participant)
        self.is_recorded = join.room.active_recording
        self.permission = join.participant.permission
        self.participants: dict[str, Participant] = {}
        self.dominant: Participant | None = None
        self.quality = Qualities()
        self._unannounced: dict[str, Participant] = {}
        #: Whether what we have said of ourselves is still to be said again, after joining anew.
        self._is_coming_back = False
        #: Who was here before we joined anew in a room that was made anew, and has not come again yet.
        self._awaited: set[str] = set()
        recorded: list[Event] = [events.RecordingStarted()] if self.is_recorded else []
        self.first_events = recorded + self.update(join.other_participants)

    def by_pid(self, pid: str) -> Participant | None:
        """The participant with this server id, ourselves included."""
        everyone = (self.local, *self.participants.values())
        return next((person for person in everyone if person.pid == pid), None)

    def by_uid(self, uid: str) -> Participant | None:
        """The participant with this uid, ourselves included."""
        return self.local if uid == self.local.uid else self.participants.get(uid)

    @property
    def announced_s(self) -> float:
        """So soon we have heard of whoever is here: LiveKit tells every three seconds of those who publish nothing."""
        return 0.5 if self._roles_hold else 3.5

    def absent(self, uids: Iterable[str]) -> list[str]:
        """Who of these is not here, as far as we know: neither announced, nor coming back, nor heard of."""
        known = (self.local.uid, *self.participants, *self._unannounced)
        return [uid for uid in uids if uid not in known]

    def not_here(self, *uids: str) -> NotHere:
        """What is to be said of those who are not."""
        here = ", ".join(sorted(self.participants)) or "nobody else"
        return NotHere(f"nobody in this call has the uid {' or '.join(map(repr, uids))}; here: {here}")

    def sender(self, uid: str, pid: str) -> Participant | None:
        """Who sent a message; None: the server itself.

        A message may come seconds before its sender is announced (LiveKit tells of whoever publishes nothing every
        three seconds), and a hidden sender never is. They are the same `Participant` already, with little known of it.
        """
        person = self.by_uid(uid) or (self.by_pid(pid) if pid else None) or self._unannounced.get(uid)
        if person is None and uid:
            person = self._new(pid, uid)
            self._unannounced[uid] = person
            if len(self._unannounced) > _UNANNOUNCED_MAX:
                del self._unannounced[next(iter(self._unannounced))]
        return person

    def _new(self, pid: str, uid: str) -> Participant:
        person = Participant(pid=pid, uid=uid, name=uid)
        self._furnish(person)
        return person

    def update(self, infos: Iterable[ParticipantInfo]) -> list[Event]:
        """What ``update`` says: joined, left, muted, renamed."""
        happened: list[Event] = []
        for info in infos:
            happened += self._one(info)
        return self._with_list(happened)

    def all_told(self, infos: Iterable[ParticipantInfo]) -> list[Event]:
        """What an ``update`` means that names everybody: who is not in it has gone while we did not hear."""
        named = list(infos)
        present = {info.sid for info in named if info.state != ParticipantInfo.State.DISCONNECTED}
        gone = [person for person in list(self.participants.values()) if person.pid not in present]
        happened = [event for person in gone for event in self._gone(person)]
        return self._with_list(happened + self.update(named)) if gone else self.update(named)

    def joined_anew(self, join: JoinResponse) -> list[Event]:
        """We have another place in the room, or in one of the same name. Who is still here has neither left nor come.

        In a room that was made anew, others are on their way as we were: they are waited for until `waited`.
        """
        is_same, self.sid = self.sid == join.room.sid, join.room.sid
        self.permission = join.participant.permission
        recorded = self.described(join.room.metadata, join.room.active_recording)
        self._is_coming_back = True
        self._ourselves(join.participant)
        present = {info.identity for info in join.other_participants}
        missing = [person for uid, person in self.participants.items() if uid not in present]
        happened: list[Event] = recorded
        for person in missing:
            if is_same:
                happened += self._gone(person)
            else:
                self._awaited.add(person.uid)
                happened += self._silenced(person)
        self._awaited |= present & set(self.participants)  # they are themselves, whatever their new sid
        for info in join.other_participants:
            happened += self._one(info)
        return self._with_list(happened)

    def waited(self) -> list[Event]:
        """Nobody is waited for any longer: who has not come again has left."""
        late, self._awaited = [self.participants[uid] for uid in self._awaited if uid in self.participants], set()
        return self._with_list([event for person in late for event in self._gone(person)])

    def _silenced(self, person: Participant) -> list[Event]:
        """Nothing is published by them for now."""
        return self._changed(
            person,
            ParticipantInfo(
                sid=person.pid,
                identity=person.uid,
                name=person.name,
                metadata=person.metadata,
                attributes=person.attributes,
            ),
        )

    def _with_list(self, happened: list[Event]) -> list[Event]:
        known = any(isinstance(event, events.ParticipantListChanged) for event in happened)
        if not known and any(isinstance(each, events.ParticipantJoined | events.ParticipantLeft) for each in happened):
            happened.append(events.ParticipantListChanged(tuple(self.participants.values())))
        return happened

    def _one(self, info: ParticipantInfo) -> list[Event]:
        if info.sid == self.local.pid or (info.identity == self.local.uid and not info.sid):
            return self._ourselves(info)
        known = self.participants.get(info.identity)
        if info.state == ParticipantInfo.State.DISCONNECTED:
            return self._gone(known) if known and known.pid == info.sid else []
        if info.identity == self.local.uid:
            return []
        happened: list[Event] = []
        if known and known.pid != info.sid and known.uid not in self._awaited:
            happened, known = self._gone(known), None
        self._awaited.discard(info.identity)
        return happened + (self._changed(known, info) if known else self._came(info))

    def _ourselves(self, info: ParticipantInfo) -> list[Event]:
        if info.state == ParticipantInfo.State.DISCONNECTED:
            return []
        if info.HasField("permission"):
            self.permission = info.permission
        hand, recording = self.local.raised_hand_at, self.local.is_recording
        happened = self._texts(self.local, info)
        if self._is_coming_back:  # nobody's hand goes down for a moment
            self.local.raised_hand_at, self.local.is_recording = hand, recording
            happened = [event for event in happened if isinstance(event, events.ParticipantUpdated)]
        return happened

    def came_back(self) -> list[Event]:
        """What we have said of ourselves was said again, as far as it was taken."""
        self._is_coming_back = False
        before = [bool(getattr(self.local, flag)) for flag, _, _ in _SAID]
        self.local.take_attributes()
        return self._said(self.local, before)

    def _came(self, info: ParticipantInfo) -> list[Event]:
        person = self._unannounced.pop(info.identity, None)
        if person is None or person.pid != info.sid:
            person = self._new(info.sid, info.identity)
        person.take(info, roles_hold=self._roles_hold)
        self.participants[person.uid] = person
        flags = [began(person) for flag, began, _ in _STATES if getattr(person, flag)]  # type: ignore[call-arg]
        return [events.ParticipantJoined(person), *flags]

    def _gone(self, person: Participant) -> list[Event]:
        del self.participants[person.uid]
        happened: list[Event] = [events.ParticipantLeft(person)]
        if self.dominant is person:
            self.dominant = None
            happened.append(events.DominantSpeakerChanged(None))
        return happened

    def _changed(self, person: Participant, info: ParticipantInfo) -> list[Event]:
        before = [getattr(person, flag) for flag, _, _ in _FLAGS]
        happened = self._texts(person, info)
        for was, (flag, began, ended) in zip(before, _FLAGS, strict=True):
            now = getattr(person, flag)
            if now != was:
                happened.append((began if now else ended)(person))  # type: ignore[call-arg]
        return happened

    def _texts(self, person: Participant, info: ParticipantInfo) -> list[Event]:
        before = (person.name, person.metadata)
        states = [bool(getattr(person, flag)) for flag, _, _ in _SAID]
        changed = person.take(info, roles_hold=self._roles_hold)
        happened: list[Event] = []
        if changed or (person.name, person.metadata) != before:
            happened.append(events.ParticipantUpdated(person, changed))
        return happened + self._said(person, states)

    def _said(self, person: Participant, before: list[bool]) -> list[Event]:
        happened: list[Event] = []
        for was, (flag, began, ended) in zip(before, _SAID, strict=True):
            now = bool(getattr(person, flag))
            if now != was:
                happened.append((began if now else ended)(person))  # type: ignore[call-arg]
        return happened

    def described(self, metadata: str, is_recorded: bool) -> list[Event]:
        """What ``room_update`` says."""
        self.metadata = metadata
        if is_recorded == self.is_recorded:
            return []
        self.is_recorded = is_recorded
        return [events.RecordingStarted() if is_recorded else events.RecordingStopped()]

    def speakers(self, speakers: Iterable[SpeakerInfo]) -> list[Event]:
        """What ``speakers_changed`` says; the loudest of those who speak is the dominant speaker."""
        for speaker in speakers:
            if person := self.by_pid(speaker.sid):
                person.is_speaking, person.audio_level = speaker.active, speaker.level if speaker.active else 0.0
        speaking = [person for person in (self.local, *self.participants.values()) if person.is_speaking]
        loudest = max(speaking, key=lambda person: person.audio_level, default=None)
        if loudest is self.dominant:
            return []
        self.dominant = loudest
        return [events.DominantSpeakerChanged(loudest)]

    def qualities(self, updates: Iterable[ConnectionQualityInfo]) -> list[Event]:
        """What ``connection_quality`` says."""
        happened: list[Event] = []
        for update in updates:
            person = self.by_pid(update.participant_sid)
            if person:
                happened += self.quality.said(person, signalling.QUALITIES.get(update.quality, "unknown"))
        return happened
