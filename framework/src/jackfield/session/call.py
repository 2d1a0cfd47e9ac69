"""The call as a program holds it: who is here, what we send, what happens, and what may be done."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any

from livekit.protocol.models import DisconnectReason
from livekit.protocol.rtc import LeaveRequest

from jackfield.media.encryption.keys import KeyRing
from jackfield.plugins import Choice, Plugins
from jackfield.roles import CaptureDriver, Control, Unwatch
from jackfield.rtc import signalling
from jackfield.session.auto_start import AutoStart
from jackfield.session.background import Background
from jackfield.session.buttons import button_defaults
from jackfield.session.chat import Captions, Chat
from jackfield.session.comeback import Comeback
from jackfield.session.connection import Connection
from jackfield.session.decoders import DecoderSource
from jackfield.session.doorway import Doorway
from jackfield.session.early import Early
from jackfield.session.encryption import CallEncryption
from jackfield.session.ending import within
from jackfield.session.idle import Idle
from jackfield.session.listeners import Callback, EventStream, Listeners
from jackfield.session.meeting import Meeting
from jackfield.session.messages import Messages
from jackfield.session.moderating import Moderating
from jackfield.session.moderation import Moderation
from jackfield.session.outputs import Outputs
from jackfield.session.own_media import OwnMedia, Publishable
from jackfield.session.own_state import OwnState
from jackfield.session.own_track import OwnTrack
from jackfield.session.participant import Participant
from jackfield.session.publication import Publication
from jackfield.session.reconnect import Reconnect, State
from jackfield.session.remote_track import RemoteTrack
from jackfield.session.room import Room
from jackfield.session.served import Served
from jackfield.session.server_words import ServerWords
from jackfield.session.sharing import Sharing
from jackfield.session.stage import Stage
from jackfield.session.statistics import CallStatistics
from jackfield.session.subscriptions import Subscriptions, sparing
from jackfield.session.transcribing import Transcribing
from jackfield.session.trouble import sent_away
from jackfield.values import events
from jackfield.values.devices import Device, DeviceKind, DeviceRequest, wish_of
from jackfield.values.errors import CallError, NetworkError
from jackfield.values.events import Event, LeaveReason
from jackfield.values.findings import Finding
from jackfield.values.people import Role
from jackfield.values.settings import SessionSettings
from jackfield.values.statistics import CallStats

logger = logging.getLogger("jackfield.call")


class CallSession(Moderating, Served, Sharing, Background, Transcribing, Meeting):
    """One call, joined. Made by `Calls.join_session`; use it on its event loop.

    ``session_id`` and ``settings`` are what it was joined with, ``findings`` are the warnings about the settings, and
    ``joined_at`` is when, in Unix time.
    """

    #: What is known beside why it is over, in words; may be empty.
    left_with = ""

    def __init__(
        self,
        connection: Connection,
        own: OwnMedia,
        moderation: Moderation,
        doorway: Doorway,
        listeners: Listeners,
        plugins: Plugins,
        findings: Sequence[Finding] = (),
        ring: KeyRing | None = None,
    ) -> None:
        self.settings: SessionSettings = own.settings
        token = doorway.held
        self.session_id, self.token, self.findings = token.session_id, token, tuple(findings)
        self._connection, self._own, self._moderation, self._doorway = connection, own, moderation, doorway
        self._listeners, self._plugins = listeners, plugins
        self._subscriptions = Subscriptions(self._emit, lambda channels: DecoderSource(plugins, channels), self._failed)
        if self.settings.low_bandwidth:
            self._subscriptions.begun = sparing(lambda **said: self._connection.signal.send(**said))
        self._room = Room(connection.signal.joined, token.role, self._subscriptions.furnish)
        self._stage = Stage(self._room, self.settings.layout, self._emit)
        self._own_state = OwnState(self._room.local, lambda wanted: connection.signal.send(update_metadata=wanted))
        self._messages = Messages(connection, self._room, self._emit, self._check_active, self._reachable)
        self._encryption = CallEncryption(ring, self._failed, filler=connection.signal.joined.sif_trailer)
        own.shown.participant = self._room.local
        own.encryption = self._subscriptions.encryption = self._messages.encryption = self._encryption
        self._server_words = ServerWords(
            self._room, own, self._own_state, self._subscriptions, moderation, self._emit, self._failed
        )
        self._server_words.on_left = self._has_left
        self._chat = Chat(self._room, self._messages, self._emit)
        self._captions, self._transcribing = Captions(self._room, self._messages, self._emit), asyncio.Lock()
        idle = self.settings.idle_timeout_before_prompt_s, self.settings.idle_timeout_after_prompt_s
        self._idle = Idle(*idle, self._emit, lambda: self._end("idle", "nobody else was here"))
        self._defaults, self._auto_start = button_defaults(self), AutoStart(self, self._failed)
        self._statistics = CallStatistics(
            self._room, lambda: self._connection, lambda: self._own.publications, self._emit
        )
        self._server_words.on_token = doorway.renewed
        self._comeback = Comeback(
            *(doorway, connection, self._room, own, self._own_state, self._subscriptions, moderation),
            self._server_words,
            self._failed,
        )
        self._reconnect = Reconnect(self._comeback, self.settings.reconnect_s)
        self._outputs = Outputs(self, plugins, self._failed, self._emit, own.hotplug, own.far_end)
        self._left: asyncio.Future[LeaveReason] = asyncio.get_running_loop().create_future()
        self._ending: asyncio.Task[None] | None = None
        self.left_because: LeaveReason | None = None
        self._joined, self.joined_at = False, time.time()

    # --- beginning
    async def begin(self, early: Early, container: Any = None) -> None:
        """Messages are acted on, our media is published, renderers and loudspeaker are open. `NetworkError` or
        `NotAllowed` where the server has ended the call while our devices opened."""
        connection = self._connection
        connection.on_message, connection.on_end = self._server_words.take, self._ended_by_server
        connection.on_trouble, connection.on_change = self._reconnect.lost, self._comeback.changed
        self._reconnect.on_lost = lambda trouble: self._emit(events.ConnectionLost(trouble.message, trouble.cause))
        self._reconnect.on_restored = lambda how: self._emit(
            events.ConnectionRestored(round(how.after_s, 3), how.attempts, how.rejoined)
        )
        self._reconnect.on_over = self._ended_by_server
        connection.on_track = lambda receiver: self._subscriptions.receiver_came(receiver, self._room)
        connection.on_track_ended = self._subscriptions.receiver_went
        connection.on_data = self._messages.came
        self._joined, self.joined_at = True, time.time()
        self._emit(events.SessionJoined(self))
        for event in self._room.first_events:
            self._emit(event)
        self._idle.set_alone(not self.participants)
        early.pass_on()
        if self.left_because is not None:
            raise sent_away(self.left_because, self.left_with)
        async with asyncio.TaskGroup() as jobs:
            jobs.create_task(self._own.connect(connection))
            jobs.create_task(self._outputs.open(container))
        self._own.hotplug.start()
        self._statistics.state = lambda: self.connection_state
        self._statistics.start()
        self._auto_start.begin()

    # --- who and what
    @property
    def local(self) -> Participant:
        """Ourselves."""
        return self._room.local

    @property
    def participants(self) -> Mapping[str, Participant]:
        """Everyone else, by uid."""
        return self._room.participants

    @property
    def uid(self) -> str:
        """Our uid."""
        return self._room.local.uid

    @property
    def role(self) -> Role:
        """What we may do."""
        return self.token.role

    @property
    def publications(self) -> tuple[Publication, ...]:
        """What we publish."""
        return tuple(self._own.publications)

    @property
    def dominant_speaker(self) -> Participant | None:
        """Who speaks loudest now."""
        return self._room.dominant

    @property
    def view(self) -> Any:
        """What the first renderer draws into; None without one that has a view."""
        return self._outputs.view

    @property
    def is_active(self) -> bool:
        """Whether we are in the call."""
        return self._joined and self._ending is None

    @property
    def connection_state(self) -> State:
        """``connected``, ``reconnecting`` (between `ConnectionLost` and `ConnectionRestored`) or ``over``."""
        return self._reconnect.state if self._ending is None else "over"

    @property
    def is_audio_muted(self) -> bool:
        """Whether our microphone is off, or there is none."""
        microphone = self._own.of("microphone")
        return microphone is None or microphone.muted

    @property
    def is_video_paused(self) -> bool:
        """Whether our camera is off, or there is none."""
        camera = self._own.of("camera")
        return camera is None or camera.muted

    def tracks(self) -> Sequence[RemoteTrack]:
        """Remote tracks that arrive now."""
        return tuple(self._subscriptions.tracks.values())

    def own_tracks(self) -> Sequence[OwnTrack]:
        """What we publish as pictures, for whoever shows us to ourselves: `OwnTrackStarted` tells of each."""
        return self._own.shown.all

    def devices(self, kind: DeviceKind | None = None) -> list[Device]:
        """Cameras, microphones, screens and loudspeakers that are there now; nothing is opened."""
        return self._plugins.devices(kind)

    @property
    def drivers(self) -> Sequence[CaptureDriver]:
        """Every driver of cameras, microphones and screens."""
        return self._plugins.captures

    def device(self, kind: DeviceKind) -> Device | None:
        """The camera, microphone or speaker in use."""
        if kind == "speaker":
            return self._outputs.speaker
        publication = self._own.of(kind)
        return publication.device if publication else None

    # --- hearing about it
    def on(self, name: str, callback: Callback | None = None) -> Any:
        """Calls back at each event of this name: as a decorator, or with ``callback`` for a function that ends it."""
        return self._listeners.on(name, callback) if callback is not None else self._listeners.on(name)

    def add_listener(self, listener: object) -> Unwatch:
        """Every method of ``listener`` that is named like an event hears it (`CallListener`)."""
        return self._listeners.add_listener(listener)

    def events(self) -> EventStream:
        """Every event from now on, for ``async for``; ends with the call."""
        return self._listeners.events()

    async def until_left(self) -> LeaveReason:
        """Returns, with the reason, when the call is over for us."""
        return await asyncio.shield(self._left)

    def _has_left(self, uid: str) -> None:
        self._messages.path.left(uid)
        self._captions.forget(uid)

    def _emit(self, event: Event) -> None:
        self._announce(event)

    def _announce(self, event: Event) -> Sequence[asyncio.Future[None]]:
        if self._left.done():
            return ()
        self._stage.heard(event)
        if isinstance(event, events.ParticipantListChanged):
            self._idle.set_alone(not event.participants)
        return self._listeners.ask(event)

    # --- our media
    async def mute_audio(self) -> None:
        """Our microphone is off."""
        await self._own.set_muted("microphone", True)

    async def unmute_audio(self) -> None:
        """Our microphone is on. `DeviceError` where there is none."""
        self._check_active()
        await self._own.set_muted("microphone", False)

    async def pause_video(self) -> None:
        """Our camera is off, its light too."""
        await self._own.set_muted("camera", True)

    async def resume_video(self) -> None:
        """Our camera is on. `DeviceError` where there is none, or it cannot be opened any more."""
        self._check_active()
        await self._own.set_muted("camera", False)

    async def set_camera(self, wish: DeviceRequest) -> Device | None:
        """The camera is this one from now on (id, label, address, a device, a list in order, None for the best).
        `DeviceError` where it cannot be had; then all stays as it was."""
        self._check_active()
        return await self._own.set_device("camera", wish_of(wish))

    async def set_microphone(self, wish: DeviceRequest) -> Device | None:
        """The microphone is this one from now on."""
        self._check_active()
        return await self._own.set_device("microphone", wish_of(wish))

    async def set_speaker(self, wish: DeviceRequest) -> Device | None:
        """The loudspeaker is this one from now on. `DeviceError` or `PluginError` when it cannot; then the former one
        plays on."""
        self._check_active()
        return await self._outputs.set_speaker(wish_of(wish))

    async def controls(self, kind: DeviceKind = "camera") -> Sequence[Control]:
        """What can be adjusted on the device in use: exposure, focus, zoom. Empty where it has nothing of the kind.

        `DeviceError` where there is no such device, or it cannot be asked.
        """
        return await self._own.controls(kind)

    async def set_control(self, name: str, value: int | bool | str, kind: DeviceKind = "camera") -> None:
        """Adjusts the device in use. `SettingsError` says which controls, and which values, it has."""
        self._check_active()
        await self._own.set_control(kind, name, value)

    async def switch_camera(self) -> Device:
        """Another camera from now on: one that faces the other way, else the next. `DeviceGone` where there is none."""
        self._check_active()
        return await self._own.switch_camera()

    async def publish(
        self, what: Publishable, *, name: str = "", source: signalling.Source | None = None, muted: bool = False
    ) -> Publication:
        """Publishes a `VideoSource`, an `AudioSource` or a device, beside what is published already.

        ``source`` is what others see it as; by default the first picture is the camera and the first sound the
        microphone, where there is none yet. `NotAllowed` when the token does not let us publish.
        """
        await self._reachable()
        return await self._own.publish(what, name=name, source=source, muted=muted)

    async def unpublish(self, publication: Publication) -> None:
        """It is over; the others go on. ``ValueError`` for what is no `Publication`."""
        if not isinstance(publication, Publication):
            raise ValueError(f"what `publish` answered can be unpublished; this is {type(publication).__name__}")
        await self._own.unpublish(publication)

    # --- end-to-end encryption
    async def set_e2ee_key(self, key: str, *, index: int = 0) -> None:
        """What we send is encrypted with this key from now on, and what names ``index``, 0 to 15, is opened with it.

        Keys of other indexes stay, so that a call can change its key without a gap. `EncryptionError` where the call
        was not joined with ``e2ee_key``.
        """
        await self._encryption.set_key(key, index)

    async def ratchet_e2ee_key(self) -> None:
        """We go on with the next key, derived from the one in use; those who have that one follow by themselves."""
        await self._encryption.ratchet()

    # --- attributes
    async def set_attributes(self, attributes: Mapping[str, str]) -> None:
        """Adds to our attributes, which everyone sees; "" takes one away. `NotAllowed` when the token forbids it."""
        await self._tell(attributes=dict(attributes))

    async def set_metadata(self, metadata: str) -> None:
        """Our metadata is this text, which everyone sees. ``ValueError`` when it is empty: LiveKit's protocol has that
        for "as it was"; attributes can be taken away."""
        await self._tell(metadata=_said("metadata", metadata))

    async def set_name(self, name: str) -> None:
        """Everyone sees us under this name. ``ValueError`` when it is empty, as for `set_metadata`."""
        await self._tell(name=_said("a name", name))

    async def _tell(self, **changes: Any) -> None:
        await self._reachable()
        await self._own_state.change(**changes)

    # --- how it goes
    def stats(self) -> CallStats:
        """Counts of the connection, each publication and each remote track, and rates over the last second, by W3C name
        and in W3C units."""
        return self._statistics.snapshot(self.tracks())

    def explain(self) -> list[Choice]:
        """Which plugin serves each role, and why each other was passed over; `str` of one is for people."""
        return self._plugins.explain()

    def _failed(self, error: CallError, source: str) -> None:
        logger.warning("%s: %s", source, error)
        self._emit(events.Error(error, source))

    # --- the end
    async def _reachable(self) -> None:
        """The server can be asked: a connection that is being restored is waited for a little."""
        self._check_active()
        await self._reconnect.until_connected()
        self._check_active()

    def _check_active(self) -> None:
        if not self.is_active:
            raise NetworkError("the call is over; join again")

    def _ended_by_server(self, reason: LeaveReason, message: str) -> None:
        self._end(reason, message)

    async def leave(self) -> None:
        """We are out, and every device, thread and connection of the call is closed. Fine to call twice."""
        await asyncio.shield(self._end("left", ""))

    def _end(self, reason: LeaveReason, message: str) -> asyncio.Task[None]:
        if self._ending is None:
            self.left_because, self.left_with = reason, message
            self._ending = asyncio.create_task(self._finish(reason, message), name=f"leave {self.session_id}")
        return self._ending

    async def _finish(self, reason: LeaveReason, message: str) -> None:
        await self._reconnect.stop()
        self._comeback.end()
        self._own_state.end()
        self._statistics.stop()
        self._idle.set_alone(False)
        self._auto_start.end()
        self._encryption.close()
        said = None
        if reason == "left":
            said = LeaveRequest(reason=DisconnectReason.CLIENT_INITIATED, action=LeaveRequest.Action.DISCONNECT)
        for step in (
            self._end_transcripts(at_once=True),
            self._messages.path.close(),
            self._outputs.close(),
            self._own.close(),
            self._own.hotplug.close(),
            self._connection.close(leave=said),
        ):
            await within(step)
        self._server_words.end()
        await within(self._subscriptions.close())
        for person in list(self._room.participants.values()):
            self._subscriptions.forget(person)
        await within(self._doorway.http.close())
        self._emit(events.ConnectionClosed(message))
        self._emit(events.SessionLeft(reason, message))
        self._left.set_result(reason)
        self._listeners.end()

    async def __aenter__(self) -> CallSession:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.leave()


def _said(what: str, text: str) -> str:
    if not text:
        raise ValueError(f"{what} cannot be empty: the server takes that for no change")
    return text
