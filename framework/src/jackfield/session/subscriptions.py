"""Remote tracks: a receiver and what the server says about its track make one, in whichever order they come."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from livekit.protocol.models import VideoQuality
from livekit.protocol.rtc import UpdateTrackSettings

from jackfield.rtc.receiver import RtpReceiver
from jackfield.session.decode import DecodeThread
from jackfield.session.decoders import DecoderSource
from jackfield.session.encryption import CallEncryption
from jackfield.session.opening import aside
from jackfield.session.participant import Participant
from jackfield.session.remote_track import RemoteTrack
from jackfield.session.room import Room
from jackfield.session.streams import AudioMedia, VideoMedia
from jackfield.values.errors import CallError
from jackfield.values.events import Event, TrackSubscribed, TrackUnsubscribed

logger = logging.getLogger("jackfield.tracks")


class Subscriptions:
    """Every remote track that arrives. ``emit`` hears of those that come and go."""

    def __init__(
        self,
        emit: Callable[[Event], None],
        decoders: Callable[[int], DecoderSource],
        failed: Callable[[CallError, str], None],
    ) -> None:
        self.tracks: dict[str, RemoteTrack] = {}
        #: What opens tracks that are encrypted end to end.
        self.encryption: CallEncryption | None = None
        #: Told of each track that begins, before everybody else.
        self.begun: Callable[[RemoteTrack], None] = lambda track: None
        self._receivers: dict[str, RtpReceiver] = {}
        self._emit, self._decoders, self._failed = emit, decoders, failed
        self._ending: list[DecodeThread] = []

    def furnish(self, person: Participant) -> None:
        """Gives a participant what their media is read from."""
        person.video, person.audio = VideoMedia(), AudioMedia()
        person.screen, person.screen_audio = VideoMedia(), AudioMedia()

    def joined_anew(self) -> None:
        """Every receiver is another one from now on; tracks that are published still go on with theirs."""
        self._receivers.clear()

    def receiver_came(self, receiver: RtpReceiver, room: Room) -> None:
        """Media of a track begins; the server may not have told us of the track yet."""
        self._receivers[receiver.track_sid] = receiver
        self.match(room)

    def receiver_went(self, receiver: RtpReceiver) -> None:
        """Media of a track has ended."""
        sid = receiver.track_sid
        if self._receivers.get(sid) is receiver:
            del self._receivers[sid]
        track = self.tracks.get(sid)
        if track is not None and track.receiver is receiver:
            self._end(track)

    def match(self, room: Room) -> None:
        """Brings together receivers and tracks, after either changed; ends tracks whose people have gone."""
        infos = {
            sid: (person, info) for person in room.participants.values() for sid, info in person.track_infos.items()
        }
        for sid, track in list(self.tracks.items()):
            if sid not in infos:
                self._receivers.pop(sid, None)
                self._end(track)
            elif track.muted:
                track.turned_off()
        for sid, receiver in list(self._receivers.items()):
            if sid in self.tracks:
                self.tracks[sid].go_on(receiver)
            elif sid in infos:
                person, info = infos[sid]
                self._begin(RemoteTrack(info, person, receiver, self._decoders, self._failed, self.encryption))

    def forget(self, person: Participant) -> None:
        """They have gone: whoever reads them comes to an end."""
        for track in list(person.tracks.values()):
            self._receivers.pop(track.sid, None)
            self._end(track)
        for media in (person.video, person.audio, person.screen, person.screen_audio, *person.named.values()):
            if media is not None:
                media.end()

    def _begin(self, track: RemoteTrack) -> None:
        self.tracks[track.sid] = track.participant.tracks[track.sid] = track
        for media in self._media(track):
            media.bind(track)
        self.begun(track)
        self._emit(TrackSubscribed(track))

    def _end(self, track: RemoteTrack) -> None:
        self.tracks.pop(track.sid, None)
        track.participant.tracks.pop(track.sid, None)
        others = [each for each in track.participant.tracks.values() if each.kind == track.kind]
        for media in self._media(track):
            if media.track is track:
                media.bind(next((each for each in others if media in self._media(each)), None))
        self._ending = [thread for thread in self._ending if thread.alive] + track.end()
        self._emit(TrackUnsubscribed(track))

    def _media(self, track: RemoteTrack) -> list[VideoMedia | AudioMedia]:
        person = track.participant
        slots: dict[str, Any] = {
            "camera": person.video,
            "microphone": person.audio,
            "screen": person.screen,
            "screen_audio": person.screen_audio,
        }
        found = [slots.get(track.source), person.named.get((track.kind, track.name))]
        return [media for media in found if media is not None]

    async def close(self) -> None:
        """Every track has ended and every decoding thread with it, within seconds."""
        for track in list(self.tracks.values()):
            self._end(track)
        self._receivers.clear()
        threads = [thread for thread in self._ending if thread.alive]
        await asyncio.gather(*(aside(thread.join) for thread in threads))


def sparing(send: Callable[..., None]) -> Callable[[RemoteTrack], None]:
    """Asks the server for the smallest of each camera's sizes; screens are read, and come as they are."""

    def spare(track: RemoteTrack) -> None:
        if track.kind == "video" and track.source != "screen":
            send(track_setting=UpdateTrackSettings(track_sids=[track.sid], quality=VideoQuality.LOW))

    return spare
