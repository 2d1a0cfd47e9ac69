"""What the server says during a call, and what becomes of it: who is here, who may hear whom, what we must turn off."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from livekit.protocol.models import ParticipantInfo

from jackfield.log_limit import limited_logger
from jackfield.rtc import signalling
from jackfield.session.moderation import Moderation
from jackfield.session.own_media import OwnMedia
from jackfield.session.own_state import OwnState
from jackfield.session.room import Room
from jackfield.session.subscriptions import Subscriptions
from jackfield.values import events
from jackfield.values.errors import CallError
from jackfield.values.events import Event

logger = limited_logger("jackfield.call.words")


class ServerWords:
    """Acts on each message of the signalling connection, on the event loop. ``failed`` is told what went wrong, and
    with what."""

    def __init__(
        self,
        room: Room,
        own: OwnMedia,
        own_state: OwnState,
        subscriptions: Subscriptions,
        moderation: Moderation,
        emit: Callable[[Event], None],
        failed: Callable[[CallError, str], None],
    ) -> None:
        self._room, self._own, self._own_state = room, own, own_state
        self._subscriptions, self._moderation = subscriptions, moderation
        self._emit, self._failed = emit, failed
        self._tasks: set[asyncio.Task[Any]] = set()
        self.on_left: Callable[[str], None] = lambda uid: None
        self.on_token: Callable[[str], None] = lambda token: None
        #: The next ``update`` that names us names everybody: we have just come back.
        self.is_told_all = False
        #: Tracks that we have turned on or off while nobody heard: here our word counts.
        self.told_meanwhile: set[str] = set()

    def take(self, kind: str, message: Any) -> None:
        """Acts on one message, whose kind is its field in LiveKit's ``SignalResponse``."""
        match kind:
            case "update":
                self._updated(message.participants)
            case "speakers_changed":
                self.happened(self._room.speakers(message.speakers))
            case "connection_quality":
                self.happened(self._room.qualities(message.updates))
            case "mute" if message.muted:  # what is off, only we switch on
                self._muted(message.sid)
            case "track_unpublished":
                self._unpublished(message.track_sid)
            case "subscribed_quality_update":
                for publication in self._own.publications:
                    if publication.sid == message.track_sid:
                        publication.taken(signalling.taken_layers(message, publication.codec, publication.rids))
            case "room_update":
                self.happened(self._room.described(message.room.metadata, message.room.active_recording))
            case "refresh_token":
                self._moderation.token = message
                self.on_token(message)
            case "request_response":
                self._own_state.answered(message)
            case "subscription_response":
                logger.warning("the server cannot give us track %s (error %s)", message.track_sid, message.err)

    def _updated(self, infos: Sequence[ParticipantInfo]) -> None:
        names_us = any(info.sid == self._room.local.pid for info in infos)
        everybody, self.is_told_all = self.is_told_all and names_us, self.is_told_all and not names_us
        self.happened(self._room.all_told(infos) if everybody else self._room.update(infos))
        if names_us:
            self._own_state.told()
        if everybody:
            ours = [track for info in infos if info.sid == self._room.local.pid for track in info.tracks]
            for track in ours:
                if track.muted and track.sid not in self.told_meanwhile:
                    self._muted(track.sid)

    def happened(self, happened: Sequence[Event]) -> None:
        """These are told of, and what we receive is brought in line."""
        self._subscriptions.match(self._room)
        for event in happened:
            if isinstance(event, events.ParticipantLeft):
                self._subscriptions.forget(event.participant)
                self.on_left(event.participant.uid)
            self._emit(event)

    def _muted(self, sid: str) -> None:
        publication = next((each for each in self._own.publications if each.sid == sid), None)
        if publication is None or publication.muted:
            return
        if publication is self._own.of(publication.source):
            self._task(self._own.set_muted(publication.source, True, by_moderator=True))
        else:
            self._task(publication.mute())

    def _unpublished(self, sid: str) -> None:
        for publication in [each for each in self._own.publications if each.sid == sid]:
            self._task(self._own.unpublish(publication))

    def _task(self, job: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.create_task(self._reported(job))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _reported(self, job: Coroutine[Any, Any, Any]) -> None:
        try:
            await job
        except CallError as error:
            self._failed(error, "a moderator's wish")

    def end(self) -> None:
        """Nothing is acted on any more."""
        for task in self._tasks:
            task.cancel()
