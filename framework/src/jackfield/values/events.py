"""What happens in a call. Each event is a frozen class; its name is the class's in snake_case.

Handlers run on the event loop and get the event. ``EVENTS`` maps every name to its class.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from attrs import define, field, frozen

if TYPE_CHECKING:
    from jackfield.session.participant import Participant
    from jackfield.session.publication import Publication
    from jackfield.values.devices import Device
    from jackfield.values.errors import CallError
    from jackfield.values.settings import AudioMode, Layout

LeaveReason = Literal["left", "removed", "ended", "replaced", "idle", "server", "network"]
NetworkQuality = Literal["excellent", "good", "poor", "lost", "unknown"]

EVENTS: dict[str, type[Event]] = {}


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


class Event:
    """Something that happened. ``name`` is what `CallSession.on` knows it by."""

    name: ClassVar[str] = ""

    def __init_subclass__(cls) -> None:
        cls.name = _snake(cls.__name__)
        EVENTS[cls.name] = cls


# --- session ------------------------------------------------------------------------------------------------------
@frozen
class SessionJoined(Event):
    """We are in. ``session`` is the `CallSession`."""

    session: Any


@frozen
class SessionLeft(Event):
    """The call is over for us; ``reason`` says why, ``message`` in words. Nothing follows it."""

    reason: LeaveReason
    message: str = ""


@frozen
class ConnectionLost(Event):
    """The connection is lost, and is being restored: `ConnectionRestored` follows, or `SessionLeft`.

    ``cause`` is ``signalling`` (media may still flow), ``media`` (a path carries nothing, or this machine's address has
    changed) or ``server`` (it has ended, or sends us to join anew). Devices stay open; what is sent is lost until then.
    """

    message: str = ""
    cause: Literal["signalling", "media", "server"] = "server"


@frozen
class ConnectionRestored(Event):
    """The connection is there again, ``after_s`` seconds and so many ``attempts`` later.

    ``rejoined``: joined anew, with the same devices and publications; others saw us leave and come. Else they saw
    nothing of it.
    """

    after_s: float = 0.0
    attempts: int = 1
    rejoined: bool = False


@frozen
class ConnectionClosed(Event):
    """The connection is given up for good, or closed because we left."""

    message: str = ""


@frozen
class SessionTimedOut(Event):
    """Nobody else was here for so long that we leave: `SessionLeft` with reason ``idle`` follows."""


@frozen
class IdlePrompt(Event):
    """We have been alone for a while: `CallSession.stay` says that we are here, or the call is left in this time."""

    seconds_left: float


@frozen
class IdlePromptEnded(Event):
    """Somebody answered the prompt, or came."""


@frozen
class RecordingStarted(Event):
    """The session is being recorded, by whomever."""


@frozen
class RecordingStopped(Event):
    """The session is recorded no more."""


# --- participants -------------------------------------------------------------------------------------------------
@frozen
class ParticipantJoined(Event):
    """Somebody came in, or was there when we joined."""

    participant: Participant


@frozen
class ParticipantLeft(Event):
    """Somebody went."""

    participant: Participant


@frozen
class ParticipantListChanged(Event):
    """Who is here, ourselves not included."""

    participants: tuple[Participant, ...]


@frozen
class ParticipantUpdated(Event):
    """A participant's name, metadata or attributes changed; ``changed`` holds the attributes that did."""

    participant: Participant
    changed: dict[str, str]


@frozen
class ParticipantAudioMuted(Event):
    """Their microphone is off."""

    participant: Participant


@frozen
class ParticipantAudioUnmuted(Event):
    """Their microphone is on."""

    participant: Participant


@frozen
class ParticipantVideoPaused(Event):
    """Their camera is off."""

    participant: Participant


@frozen
class ParticipantVideoResumed(Event):
    """Their camera is on."""

    participant: Participant


@frozen
class ParticipantStartedScreenShare(Event):
    """Their screen is to be seen."""

    participant: Participant


@frozen
class ParticipantStoppedScreenShare(Event):
    """Their screen is no longer to be seen."""

    participant: Participant


@frozen
class ParticipantHandRaised(Event):
    """They have raised their hand; ``participant`` may be ourselves, and has when."""

    participant: Participant


@frozen
class ParticipantHandLowered(Event):
    """Their hand is down again."""

    participant: Participant


@frozen
class ParticipantStartedRecording(Event):
    """They have begun to record the session; ``participant`` may be ourselves."""

    participant: Participant


@frozen
class ParticipantStoppedRecording(Event):
    """They record no more."""

    participant: Participant


@frozen
class ParticipantPinned(Event):
    """They have the main place here from now on, whoever speaks; None: nobody is pinned."""

    participant: Participant | None


@frozen
class DominantSpeakerChanged(Event):
    """Who speaks loudest now; None: nobody."""

    participant: Participant | None


@frozen
class NetworkQualityChanged(Event):
    """How well a participant's media gets through: the worse of what the server says of their connection and what we
    measure, of loss, round trip and frozen pictures. ``participant`` may be ourselves."""

    participant: Participant
    quality: NetworkQuality


# --- our own media ------------------------------------------------------------------------------------------------
@frozen
class AudioMuted(Event):
    """Our microphone is off; ``by_moderator`` when somebody else did it."""

    by_moderator: bool = False


@frozen
class AudioUnmuted(Event):
    """Our microphone is on."""


@frozen
class VideoPaused(Event):
    """Our camera is off; ``by_moderator`` when somebody else did it."""

    by_moderator: bool = False


@frozen
class VideoResumed(Event):
    """Our camera is on."""


@frozen
class ScreenShareStarted(Event):
    """Our screen is to be seen."""


@frozen
class ScreenShareStopped(Event):
    """Our screen is no longer to be seen."""


@frozen
class AudioModeChanged(Event):
    """Sound comes out of another kind of loudspeaker."""

    mode: AudioMode


@frozen
class CameraChanged(Event):
    """The camera in use; None: none."""

    device: Device | None


@frozen
class MicrophoneChanged(Event):
    """The microphone in use; None: none."""

    device: Device | None


@frozen
class SpeakerChanged(Event):
    """The loudspeaker in use; None: none."""

    device: Device | None


@frozen
class CamerasChanged(Event):
    """A camera was plugged in or pulled out, or its state changed; all that are there now."""

    devices: tuple[Device, ...]


@frozen
class MicrophonesChanged(Event):
    """A microphone was plugged in or pulled out, or its state changed; all that are there now."""

    devices: tuple[Device, ...]


@frozen
class SpeakersChanged(Event):
    """A loudspeaker was plugged in or pulled out, or its state changed; all that are there now."""

    devices: tuple[Device, ...]


@frozen
class ScreensChanged(Event):
    """A screen or window came or went; all that are there now."""

    devices: tuple[Device, ...]


@frozen
class CameraFacingChanged(Event):
    """The camera in use looks the other way now: ``front`` or ``rear``."""

    facing: str


@frozen
class DeviceLost(Event):
    """A device in use has gone; ``error`` says how. Its track stays published: others see a placeholder or hear
    silence until `DeviceRestored`, or until another device takes its place."""

    device: Device
    error: CallError


@frozen
class DeviceRestored(Event):
    """A device that was lost is in use again, and its first picture or sound has come."""

    device: Device


@frozen
class NoAudioInput(Event):
    """A microphone that is on has given digital silence, or nothing, for ``silent_s``.

    Told once; and once more, with ``ended``, when it is heard again. ``device`` is None where a program gives the
    sound.
    """

    device: Device | None
    silent_s: float
    ended: bool = False


@frozen
class TalkingWhileMuted(Event):
    """Somebody speaks into the microphone that is muted. Nothing is sent; told at most every half minute."""

    device: Device | None


@frozen
class EncoderChanged(Event):
    """A publication's encoder is another one now: ``encoder`` in place of ``before``, for what ``before`` did."""

    publication: Publication
    encoder: str
    reason: str
    before: str = ""


# --- what is shown ---------------------------------------------------------------------------------------------------
@frozen
class CallLayoutChanged(Event):
    """People are laid out in another way here."""

    layout: Layout


@frozen
class ParticipantListVisible(Event):
    """The list of who is here is open."""


@frozen
class ParticipantListHidden(Event):
    """The list of who is here is closed."""


@frozen
class PictureInPictureEnabled(Event):
    """The call is a small picture over something else."""


@frozen
class PictureInPictureDisabled(Event):
    """The call has its place again."""


@frozen
class ChatUnreadChanged(Event):
    """So many messages wait to be read."""

    count: int


# --- buttons: told before what they do ----------------------------------------------------------------------------
@define(eq=False)
class Pressed:
    """A button was pressed; a callback that is no coroutine may keep it from doing what it does."""

    default_prevented: bool = field(default=False, init=False)

    def prevent_default(self) -> None:
        """The program does something else instead."""
        self.default_prevented = True


@define(eq=False)
class LeaveSessionButtonClicked(Pressed, Event):
    """We leave."""


@define(eq=False)
class ToggleAudioButtonClicked(Pressed, Event):
    """Our microphone goes off or on."""


@define(eq=False)
class ToggleVideoButtonClicked(Pressed, Event):
    """Our camera goes off or on."""


@define(eq=False)
class SwitchCameraButtonClicked(Pressed, Event):
    """Another camera is taken."""


@define(eq=False)
class RaiseHandButtonClicked(Pressed, Event):
    """Our hand goes up or down."""


@define(eq=False)
class ShareInviteButtonClicked(Pressed, Event):
    """A link for somebody else is made."""


@define(eq=False)
class ChangeLayoutButtonClicked(Pressed, Event):
    """The next layout is taken."""


@define(eq=False)
class ParticipantListButtonClicked(Pressed, Event):
    """The list of who is here opens or closes."""


@define(eq=False)
class ChatButtonClicked(Pressed, Event):
    """The chat opens or closes."""


@define(eq=False)
class RecordingToggleButtonClicked(Pressed, Event):
    """Recording begins or ends."""


@define(eq=False)
class ScreenShareButtonClicked(Pressed, Event):
    """Our screen is shared, or no more."""


# --- words -----------------------------------------------------------------------------------------------------------
@frozen
class ChatMessage(Event):
    """Something was written in the chat, by others or by us. ``text`` is what was typed, to be shown as it is.

    ``sent_at`` is Unix time in seconds by the sender's clock; ``to`` the uids that it was for, empty for everyone.
    """

    id: str
    participant: Participant
    text: str
    sent_at: float
    is_own: bool = False
    to: tuple[str, ...] = ()


@frozen
class Transcription(Event):
    """What somebody says, as text. A later one with the same ``id`` replaces it until it is ``final``."""

    id: str
    participant: Participant | None
    text: str
    final: bool
    language: str = ""


# --- tracks and data ----------------------------------------------------------------------------------------------
@frozen
class TrackSubscribed(Event):
    """A remote track's media arrives from now on; ``track`` is a `RenderedTrack`."""

    track: Any


@frozen
class TrackUnsubscribed(Event):
    """A remote track is over."""

    track: Any


@frozen
class OwnTrackStarted(Event):
    """We publish a picture: ``track`` is an `OwnTrack`, to be shown to ourselves; ``participant`` is us."""

    track: Any
    participant: Participant


@frozen
class OwnTrackEnded(Event):
    """A picture of ours is published no more. One that is off, or whose device is away, has not ended."""

    track: Any
    participant: Participant


@frozen
class Data(Event):
    """A message from ``participant`` (None: from the server's interface); ``encrypted`` end to end, or not."""

    payload: bytes
    participant: Participant | None
    topic: str
    reliable: bool
    encrypted: bool = False


@frozen
class Error(Event):
    """Something failed and the call goes on; ``source`` says what: a device, a publication, a renderer."""

    error: CallError
    source: str = ""
