"""A call with people in it that needs no server: what renderers are tested against.

People are the framework's own, told of as a server tells; the stage, the chat, the buttons and the idle prompt are
those of a `CallSession`. What others do is a method here: ``call.join("ada")``, ``call.write("ada", "hello")``.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Literal, cast

from livekit.protocol.models import ParticipantInfo, SpeakerInfo, TrackInfo, TrackSource, TrackType
from livekit.protocol.models import Room as RoomInfo
from livekit.protocol.rtc import JoinResponse

from jackfield.roles import Unwatch
from jackfield.rtc.signalling import JACKFIELD_NODE
from jackfield.session.buttons import button_defaults
from jackfield.session.chat import Captions, Chat
from jackfield.session.idle import Idle
from jackfield.session.meeting import Meeting
from jackfield.session.messages import Messages
from jackfield.session.participant import HAND_ATTRIBUTE, RECORDING_ATTRIBUTE, ROLE_ATTRIBUTE, Participant
from jackfield.session.room import Room
from jackfield.session.stage import Stage
from jackfield.testing.fake_media import FakeOwnMedia
from jackfield.testing.fakes import FakeTrack
from jackfield.testing.timers import ManualTimers
from jackfield.values import events
from jackfield.values.events import ChatMessage, Event, LeaveReason, NetworkQuality, Transcription
from jackfield.values.people import Role
from jackfield.values.settings import SessionSettings
from jackfield.values.streams import TextStreamInfo

Source = Literal["camera", "microphone", "screen"]
_TRACKS = {
    "camera": (TrackType.VIDEO, TrackSource.CAMERA),
    "microphone": (TrackType.AUDIO, TrackSource.MICROPHONE),
    "screen": (TrackType.VIDEO, TrackSource.SCREEN_SHARE),
}


class FakeCall(FakeOwnMedia, Meeting):
    """A `RenderedCall` in which happens what a test says. ``clock`` moves the idle prompt.

    ``asked`` keeps what a moderator wanted of others, ``written`` what we sent in the chat.
    """

    def __init__(
        self,
        session_id: str = "stand-up",
        settings: SessionSettings | None = None,
        uid: str = "bob",
        *,
        name: str = "Bob",
        role: Role = "moderator",
        joined_at: float | None = None,
    ) -> None:
        self.session_id, self.settings, self.role = session_id, settings or SessionSettings(), role
        self.joined_at = time.time() if joined_at is None else joined_at
        self.is_active = True
        self.left_because: LeaveReason | None = None
        self.connection_state: Literal["connected", "reconnecting", "over"] = "connected"
        self.asked: list[tuple[str, str]] = []
        self.written: list[ChatMessage] = []
        self.clock = ManualTimers()
        self._callbacks: dict[str, list[Callable[..., Any]]] = {}
        self._running: list[asyncio.Future[None]] = []
        self._tracks: list[FakeTrack] = []
        self._infos: dict[str, ParticipantInfo] = {uid: _info(uid, name)}
        join = JoinResponse(room=RoomInfo(sid="RM_1", name=session_id), participant=self._infos[uid])
        join.server_info.node_id = JACKFIELD_NODE
        self._room = Room(join, role, lambda person: None)
        self._stage = Stage(self._room, self.settings.layout, self._emit)
        self._chat = Chat(self._room, cast(Messages, _Unsent()), self._emit)
        self._captions = Captions(self._room, cast(Messages, _Unsent()), self._emit)
        waits = self.settings.idle_timeout_before_prompt_s, self.settings.idle_timeout_after_prompt_s
        self._idle = Idle(*waits, self._emit, lambda: self.end("idle"), clock=self.clock)
        self._defaults = button_defaults(self)
        self._over = asyncio.Event()
        self._idle.set_alone(True)

    # --- what a renderer has of it
    @property
    def local(self) -> Participant:
        """Ourselves."""
        return self._room.local

    @property
    def uid(self) -> str:
        """Our uid."""
        return self._room.local.uid

    @property
    def participants(self) -> Mapping[str, Participant]:
        """Everyone else, by uid."""
        return self._room.participants

    @property
    def dominant_speaker(self) -> Participant | None:
        """Who speaks loudest."""
        return self._room.dominant

    def tracks(self) -> Sequence[FakeTrack]:
        """Tracks that are subscribed now."""
        return list(self._tracks)

    def on(self, name: str, callback: Callable[..., Any]) -> Unwatch:
        """Calls back at each such event."""
        handlers = self._callbacks.setdefault(name, [])
        handlers.append(callback)
        return lambda: handlers.remove(callback) if callback in handlers else None

    @property
    def listeners(self) -> int:
        """How many callbacks are registered."""
        return sum(map(len, self._callbacks.values()))

    def emit(self, event: Event) -> None:
        """Tells everyone who listens to it."""
        self._announce(event)

    def _announce(self, event: Event) -> Sequence[asyncio.Future[None]]:
        self._stage.heard(event)
        if isinstance(event, events.ParticipantListChanged):
            self._idle.set_alone(not event.participants)
        answers = [callback(event) for callback in list(self._callbacks.get(event.name, ()))]
        running = [asyncio.ensure_future(answer) for answer in answers if isinstance(answer, Awaitable)]
        self._running = [*(each for each in self._running if not each.done()), *running]
        return running

    def _emit(self, event: Event) -> None:
        self.emit(event)

    def _check_active(self) -> None:
        assert self.is_active, "the call is over, and something is still done in it"

    # --- who comes and goes
    def join(self, uid: str, name: str = "", *, role: Role = "participant", **attributes: str) -> Participant:
        """Somebody comes in, with microphone and camera off."""
        shown = {ROLE_ATTRIBUTE: "moderator"} if role == "moderator" else {}
        self._infos[uid] = _info(uid, name or uid.title(), **shown, **attributes)
        self._told(uid)
        return self._room.participants[uid]

    def depart(self, uid: str) -> None:
        """Somebody goes, and what they send with them."""
        for track in [each for each in self._tracks if each.participant.uid == uid]:
            self.unsubscribe(track)
        info = self._infos.pop(uid)
        info.state = ParticipantInfo.State.DISCONNECTED
        self._happened(self._room.update([info]))

    def subscribe(self, track: FakeTrack) -> FakeTrack:
        """The track is there, and ``track_subscribed`` was told; whose it is is here."""
        self._room.participants.setdefault(track.participant.uid, track.participant)
        self._tracks.append(track)
        self.emit(events.TrackSubscribed(track))
        return track

    def unsubscribe(self, track: FakeTrack) -> None:
        """The track is gone, and ``track_unsubscribed`` was told."""
        self._tracks.remove(track)
        self.emit(events.TrackUnsubscribed(track))

    def send(self, uid: str, source: Source = "camera") -> FakeTrack:
        """They send this from now on; the answer is fed with it."""
        kind, of = _TRACKS[source]
        info = self._infos[uid]
        sid = f"TR_{uid}_{source}_{len(info.tracks)}"
        info.tracks.append(TrackInfo(sid=sid, name=source, type=kind, source=of))
        self._told(uid)
        codec = "opus" if source == "microphone" else "VP8"
        media: Literal["audio", "video"] = "audio" if source == "microphone" else "video"
        return self.subscribe(FakeTrack(sid, source, media, source, self._room.participants[uid], codec))

    def turn_off(self, uid: str, source: Source, *, off: bool = True) -> None:
        """Their microphone or camera is off, or on again."""
        for track in self._infos[uid].tracks:
            if track.source == _TRACKS[source][1]:
                track.muted = off
        self._told(uid)

    def end_sending(self, track: FakeTrack) -> None:
        """They send this no more."""
        info = self._infos[track.participant.uid]
        kept = [each for each in info.tracks if each.sid != track.sid]
        del info.tracks[:]
        info.tracks.extend(kept)
        self._told(info.identity)
        self.unsubscribe(track)

    # --- what others do
    def say_of(self, uid: str, **attributes: str) -> None:
        """Somebody's attributes change; an empty one is gone."""
        info = self._infos[uid]
        for key, value in attributes.items():
            if value:
                info.attributes[key] = value
            elif key in info.attributes:
                del info.attributes[key]
        self._told(uid)

    def hand(self, uid: str, *, up: bool = True) -> None:
        """Their hand is up, or down."""
        self.say_of(uid, **{HAND_ATTRIBUTE: f"{time.time():.3f}" if up else ""})

    def record(self, uid: str, *, on: bool = True) -> None:
        """They have the session recorded, or no more."""
        self.say_of(uid, **{RECORDING_ATTRIBUTE: "RC_1" if on else ""})
        self._happened(self._room.described("", on))

    def write(self, uid: str, text: str) -> ChatMessage:
        """They write in the chat."""
        self._chat.add(ChatMessage(f"M{len(self._chat.log)}", self._known(uid), text, time.time()))
        return self._chat.log[-1]

    def caption(self, uid: str, text: str, *, id: str = "S1", final: bool = True) -> None:
        """What they say is told as text."""
        self._captions.tell(Transcription(id, self._known(uid), text, final))

    def speak(self, uid: str | None, level: float = 0.5) -> None:
        """They are the one who speaks, ourselves included; None: nobody does."""
        everyone = (self._room.local, *self._room.participants.values())
        self._happened(
            self._room.speakers(
                SpeakerInfo(sid=each.pid, active=each.uid == uid, level=level if each.uid == uid else 0.0)
                for each in everyone
            )
        )

    def quality(self, uid: str, quality: NetworkQuality) -> None:
        """This is how well their media gets through."""
        person = self._known(uid)
        person.network_quality = quality
        self.emit(events.NetworkQualityChanged(person, quality))

    # --- what the network and the server do
    def lose(self) -> None:
        """The connection is lost."""
        self.connection_state = "reconnecting"
        self.emit(events.ConnectionLost("the network is gone", "media"))

    def restore(self) -> None:
        """It is there again."""
        self.connection_state = "connected"
        self.emit(events.ConnectionRestored(1.0, 1))

    def end(self, reason: LeaveReason, message: str = "") -> None:
        """The call is over for us."""
        if self.is_active:
            self.is_active, self.connection_state, self.left_because = False, "over", reason
            self._idle.set_alone(False)
            self.emit(events.SessionLeft(reason, message))
            self._over.set()

    # --- what we do
    async def set_attributes(self, attributes: Mapping[str, str]) -> None:
        """Ours are these from now on."""
        self.say_of(self.uid, **attributes)

    async def send_text(self, text: str, **_: Any) -> TextStreamInfo:
        """Goes nowhere."""
        return TextStreamInfo(stream_id=f"OUT{len(self.written)}", timestamp_ms=round(time.time() * 1000))

    async def send_chat(self, text: str, *, to: Sequence[str] = ()) -> ChatMessage:
        """It is in the log, and in ``written``."""
        message = await super().send_chat(text, to=to)
        self.written.append(message)
        return message

    async def start_recording(self) -> None:
        """We have the session recorded."""
        self.record(self.uid)

    async def stop_recording(self) -> None:
        """No more."""
        self.record(self.uid, on=False)

    async def mute_participant(self, participant: Any) -> None:
        """Asked of them, and done."""
        self._ask("mute", participant, lambda uid: self.turn_off(uid, "microphone"))

    async def pause_participant_video(self, participant: Any) -> None:
        """Asked of them, and done."""
        self._ask("pause_video", participant, lambda uid: self.turn_off(uid, "camera"))

    async def remove_participant(self, participant: Any) -> None:
        """Asked, and they are out."""
        self._ask("remove", participant, self.depart)

    def _ask(self, what: str, participant: Any, do: Callable[[str], None]) -> None:
        uid = participant if isinstance(participant, str) else participant.uid
        self.asked.append((what, uid))
        do(uid)

    async def end_for_all(self) -> None:
        """It is over."""
        self.asked.append(("end_for_all", ""))
        self.end("ended")

    async def leave(self) -> None:
        """We are out."""
        self.end("left")

    async def until_left(self) -> LeaveReason:
        """Returns when it is over."""
        await self._over.wait()
        return self.left_because or "left"

    def _told(self, uid: str) -> None:
        self._happened(self._room.update([self._infos[uid]]))

    def _happened(self, happened: Sequence[Event]) -> None:
        for event in happened:
            self.emit(event)


def _info(uid: str, name: str, **attributes: str) -> ParticipantInfo:
    return ParticipantInfo(
        sid=f"PA_{uid}", identity=uid, name=name, attributes=attributes, state=ParticipantInfo.State.ACTIVE
    )


class _Unsent:
    """As much of `Messages` as chat and captions ask for: nothing comes from any network."""

    @property
    def path(self) -> Any:
        return self

    @property
    def incoming(self) -> Any:
        return self

    @property
    def on_topic(self) -> dict[str, Any]:
        return {}

    def handle_unless_asked(self, *_: Any) -> None:
        """Nothing comes."""
