"""What happens in a call. Each event is a frozen class; its name is the class's in snake_case.

Handlers run on the event loop and get the event. ``EVENTS`` maps every name to its class. Here stands what concerns the
session, its people and what they send; `media_events`, `ring_events` and `view_events` have the rest, under this
module's name too.
"""

# ruff: noqa: F403 (all events are to be had from here)
from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from attrs import frozen

from jackfield.values.event import EVENTS as EVENTS
from jackfield.values.event import Event as Event
from jackfield.values.media_events import *
from jackfield.values.ring_events import *
from jackfield.values.view_events import *

if TYPE_CHECKING:
    from jackfield.session.participant import Participant
    from jackfield.values.errors import CallError

LeaveReason = Literal["left", "removed", "ended", "replaced", "idle", "server", "network"]
NetworkQuality = Literal["excellent", "good", "poor", "lost", "unknown"]


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
