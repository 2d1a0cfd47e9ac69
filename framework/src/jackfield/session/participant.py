"""Who takes part: one object per person, kept up to date while they are here."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from attrs import define, field
from livekit.protocol.models import ParticipantInfo, TrackInfo, TrackType

from jackfield.rtc import signalling
from jackfield.values.events import NetworkQuality
from jackfield.values.people import Role

if TYPE_CHECKING:
    from jackfield.session.remote_track import RemoteTrack
    from jackfield.session.streams import AudioMedia, VideoMedia

#: The end of the year 9999 in Unix time: nothing later is a time.
_LAST = 253_402_300_800.0
#: Attributes that mean the same to every Jackfield participant.
ROLE_ATTRIBUTE = "jackfield.role"
AVATAR_ATTRIBUTE = "avatar"
#: Since when their hand is up: Unix time in seconds.
HAND_ATTRIBUTE = "jackfield.hand"
#: The id of the recording that they have begun.
RECORDING_ATTRIBUTE = "jackfield.recording"


@define(eq=False, kw_only=True)
class Participant:
    """One person in the call. Read it on the event loop; fields change as the server reports.

    ``role`` is what their token makes them, as a Jackfield server vouches for it. On a LiveKit server it is always
    ``participant``, save for our own: there everyone may give themselves any attribute. It is for showing; what one
    may do is decided by the server alone.

    ``video``, ``audio``, ``screen`` and ``screen_audio`` give what they send, whether or not they send it yet
    (`VideoMedia.frames`, `AudioMedia.blocks`); our own participant has none of them.
    """

    pid: str
    uid: str
    name: str = ""
    avatar: str = ""
    role: Role = "participant"
    is_local: bool = False
    audio_muted: bool = True
    video_paused: bool = True
    is_presenting: bool = False
    is_pinned: bool = False
    is_speaking: bool = False
    audio_level: float = 0.0
    raised_hand_at: float | None = None
    is_recording: bool = False
    network_quality: NetworkQuality = "unknown"
    metadata: str = ""
    attributes: dict[str, str] = field(factory=dict)
    track_infos: dict[str, TrackInfo] = field(factory=dict, repr=False)
    video: VideoMedia | None = field(default=None, repr=False)
    audio: AudioMedia | None = field(default=None, repr=False)
    screen: VideoMedia | None = field(default=None, repr=False)
    screen_audio: AudioMedia | None = field(default=None, repr=False)
    #: Subscribed tracks by sid.
    tracks: dict[str, RemoteTrack] = field(factory=dict, repr=False)
    named: dict[tuple[str, str], VideoMedia | AudioMedia] = field(factory=dict, repr=False)

    def video_named(self, name: str) -> VideoMedia:
        """What they publish as a picture under this name, now or later."""
        from jackfield.session.streams import VideoMedia

        media = self._named("video", name, VideoMedia)
        assert isinstance(media, VideoMedia)
        return media

    def audio_named(self, name: str) -> AudioMedia:
        """What they publish as sound under this name, now or later."""
        from jackfield.session.streams import AudioMedia

        media = self._named("audio", name, AudioMedia)
        assert isinstance(media, AudioMedia)
        return media

    def _named(self, kind: str, name: str, make: type[VideoMedia | AudioMedia]) -> VideoMedia | AudioMedia:
        if (kind, name) not in self.named:
            media = self.named[kind, name] = make()
            media.bind(next((each for each in self.tracks.values() if (each.kind, each.name) == (kind, name)), None))
        return self.named[kind, name]

    def take(self, info: ParticipantInfo, *, roles_hold: bool = False) -> dict[str, str]:
        """Takes over what the server says, and answers with the attributes that changed ("" where one is gone).

        ``roles_hold``: the server lets nobody change `ROLE_ATTRIBUTE`.
        """
        before = self.attributes
        self.pid, self.uid = info.sid or self.pid, info.identity
        self.name = info.name or info.identity
        self.metadata, self.attributes = info.metadata, dict(info.attributes)
        self.avatar = self.attributes.get(AVATAR_ATTRIBUTE, "")
        self.take_attributes()
        if not self.is_local:
            moderates = roles_hold and self.attributes.get(ROLE_ATTRIBUTE) == "moderator"
            self.role = "moderator" if moderates else "participant"
        self.track_infos = {track.sid: track for track in info.tracks}
        self._take_tracks()
        changed = {key: value for key, value in self.attributes.items() if before.get(key) != value}
        return changed | {key: "" for key in before if key not in self.attributes}

    def take_attributes(self) -> None:
        """Takes over what their attributes say of hand and recording."""
        self.raised_hand_at = _instant(self.attributes.get(HAND_ATTRIBUTE, ""))
        self.is_recording = bool(self.attributes.get(RECORDING_ATTRIBUTE))

    def _take_tracks(self) -> None:
        on = {
            (signalling.source_name(track.source), track.type) for track in self.track_infos.values() if not track.muted
        }
        self.audio_muted = not any(kind == TrackType.AUDIO and source != "screen_audio" for source, kind in on)
        self.video_paused = not any(kind == TrackType.VIDEO and source != "screen" for source, kind in on)
        self.is_presenting = any(source == "screen" for source, kind in on)


def _instant(text: str) -> float | None:
    """Unix time in seconds that somebody wrote; now where what they wrote is none, None where it is empty."""
    if not text:
        return None
    try:
        found = float(text)
    except ValueError:
        found = math.nan
    return found if 0 < found < _LAST else time.time()
