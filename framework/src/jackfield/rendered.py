"""The call as a renderer sees it: the part of a `CallSession` that whatever shows or keeps a call may rely on.

All of it is used on the event loop. A renderer acts through `RenderedCall.press`, so that a program hears of each
button before it acts and can keep it from acting; what has no button (pinning, a device, a message) is called itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from jackfield.roles import Backdrop
    from jackfield.values.devices import Device, DeviceKind
    from jackfield.values.events import ChatMessage, LeaveReason, NetworkQuality, Transcription
    from jackfield.values.media import AudioBlock, EncodedFrame, VideoFrame
    from jackfield.values.people import Role
    from jackfield.values.settings import AudioMode, Layout, SessionSettings

#: Ends what it was got for: a listener, a taker of frames.
Unwatch = Callable[[], None]

#: The buttons of a call; each is told as ``<name>_button_clicked``.
Button = Literal[
    "leave_session",
    "toggle_audio",
    "toggle_video",
    "switch_camera",
    "raise_hand",
    "share_invite",
    "change_layout",
    "participant_list",
    "chat",
    "recording_toggle",
    "screen_share",
]


class RenderedTrack(Protocol):
    """One track as a renderer sees it. ``encoded`` and ``decoded`` may both be taken; decoding runs only while someone
    takes decoded media. Handlers run on the event loop."""

    sid: str
    name: str
    kind: Literal["audio", "video"]
    source: Literal["camera", "microphone", "screen", "screen_audio", "unknown"]
    participant: Any
    codec: str

    def take_encoded(self, handler: Callable[[EncodedFrame], None], *, synced: bool = False) -> Unwatch:
        """Every encoded frame from the next on, at once; or ``synced`` with what is heard of the same person."""

    def take_decoded(self, handler: Callable[[VideoFrame | AudioBlock], None], *, synced: bool = True) -> Unwatch:
        """Every decoded frame from the next on; ``synced`` with what is heard of the same person, else at once."""

    def request_keyframe(self) -> None:
        """A keyframe comes as soon as the sender can give one."""


class RenderedPerson(Protocol):
    """Somebody in the call, ourselves too. The same object as long as they are here; its fields change, and the events
    ``participant_…`` and ``network_quality_changed`` say when (``is_speaking`` and ``audio_level`` are looked at)."""

    pid: str
    uid: str
    name: str
    avatar: str
    role: Role
    is_local: bool
    audio_muted: bool
    video_paused: bool
    is_presenting: bool
    is_pinned: bool
    is_speaking: bool
    audio_level: float
    #: Unix time in seconds; None: it is down.
    raised_hand_at: float | None
    is_recording: bool
    network_quality: NetworkQuality


class RenderedCall(Protocol):
    """The call as a renderer sees it."""

    session_id: str
    settings: SessionSettings
    #: When we joined: Unix time in seconds.
    joined_at: float
    #: Why the call is over for us, from before renderers are closed on; None while it is not.
    left_because: LeaveReason | None

    # --- who is here
    @property
    def local(self) -> Any:
        """Ourselves: a `RenderedPerson`."""

    @property
    def participants(self) -> Mapping[str, Any]:
        """Everyone else, by uid: a `RenderedPerson` each."""

    @property
    def dominant_speaker(self) -> Any:
        """Who speaks loudest now; None: nobody."""

    @property
    def role(self) -> Role:
        """What we may do: what a moderator alone may is hidden from others."""

    def tracks(self) -> Sequence[RenderedTrack]:
        """Remote tracks that are subscribed now."""

    def own_tracks(self) -> Sequence[RenderedTrack]:
        """Our own camera and screen, to be shown to ourselves."""

    def on(self, name: str, callback: Callable[..., Any]) -> Unwatch:
        """Calls back with each event; those of tracks (``track_subscribed`` …, ``own_track_started`` …) have a
        ``track``."""

    # --- how it stands
    @property
    def is_active(self) -> bool:
        """Whether we are in the call."""

    @property
    def connection_state(self) -> Literal["connected", "reconnecting", "over"]:
        """What a veil over the call says."""

    @property
    def is_audio_muted(self) -> bool:
        """Whether our microphone is off, or there is none."""

    @property
    def is_video_paused(self) -> bool:
        """Whether our camera is off, or there is none."""

    @property
    def is_hand_raised(self) -> bool:
        """Whether our hand is up."""

    @property
    def is_recording(self) -> bool:
        """Whether the session is being recorded, by whomever."""

    @property
    def is_screen_sharing(self) -> bool:
        """Whether others see our screen."""

    @property
    def idle_seconds_left(self) -> float | None:
        """What the idle prompt counts down; None while nobody is asked."""

    def stay(self) -> None:
        """The answer to the idle prompt."""

    # --- what is shown
    @property
    def layout(self) -> Layout:
        """The layout that was chosen."""

    @property
    def shown_layout(self) -> Layout:
        """The layout to draw now: with a main place where a screen is shared or somebody is pinned."""

    @property
    def main_participant(self) -> Any:
        """Who has the main place; their screen where they are the ``presenter``. None: nobody else is here."""

    @property
    def presenter(self) -> Any:
        """Whose shared screen is to be seen; None: none is."""

    @property
    def pinned(self) -> Any:
        """Who is pinned here; None: nobody."""

    def set_layout(self, layout: Layout | str) -> None:
        """Another layout."""

    def pin_participant(self, participant: Any) -> None:
        """They keep the main place."""

    def unpin_participant(self, participant: Any = None) -> None:
        """Nobody keeps the main place."""

    @property
    def is_participant_list_visible(self) -> bool:
        """Whether the list of who is here is to be open."""

    @property
    def is_picture_in_picture(self) -> bool:
        """Whether the call is to be a small picture."""

    # --- words
    @property
    def chat(self) -> Sequence[ChatMessage]:
        """What was written since we joined, oldest first. ``text`` is shown as it is, markup and all."""

    @property
    def chat_unread_count(self) -> int:
        """What the badge of the chat button shows. Whoever has its chat open sets it to 0 at each message."""

    def set_chat_button_unread_count(self, count: int) -> None:
        """The badge shows this."""

    async def send_chat(self, text: str, *, to: Sequence[str] = ()) -> ChatMessage:
        """Writes to everyone, or to these uids. ``ValueError`` says why it cannot."""

    @property
    def captions(self) -> Sequence[Transcription]:
        """The newest pieces of what is said."""

    # --- what people do
    async def press(self, button: Button) -> bool:
        """A button was pressed: told, then done. False: a program keeps it from acting, and the renderer does nothing
        either. True for ``chat`` and ``share_invite`` too, where the renderer does the rest: it opens its chat, or
        shows the link. A `CallError` says what went wrong."""

    def devices(self, kind: DeviceKind | None = None) -> Sequence[Device]:
        """What there is to choose from. May take some milliseconds."""

    def device(self, kind: DeviceKind) -> Device | None:
        """The one in use."""

    async def set_camera(self, wish: str | Sequence[str] | None) -> Device | None:
        """This camera from now on."""

    async def set_microphone(self, wish: str | Sequence[str] | None) -> Device | None:
        """This microphone from now on."""

    async def set_speaker(self, wish: str | Sequence[str] | None) -> Device | None:
        """This loudspeaker from now on."""

    async def set_audio_mode(self, mode: AudioMode | str) -> Device | None:
        """The best loudspeaker of this kind."""

    @property
    def can_set_background(self) -> bool:
        """Whether what is behind us can be changed here."""

    @property
    def background(self) -> Backdrop | None:
        """What is to be seen behind us; None for what is there."""

    async def set_background_blur(self, level: float) -> None:
        """A blur of this level from 0 to 1. A `CallError` says why it cannot be, and nothing is changed then."""

    async def set_background_image(self, path: str | Path) -> None:
        """The picture in this file. A `CallError` says why it cannot be, and nothing is changed then."""

    async def clear_background(self) -> None:
        """What is there."""

    async def mute_participant(self, participant: Any) -> None:
        """A moderator's: their microphone is off."""

    async def pause_participant_video(self, participant: Any) -> None:
        """A moderator's: their camera is off."""

    async def remove_participant(self, participant: Any) -> None:
        """A moderator's: they are out."""

    async def end_for_all(self) -> None:
        """A moderator's: the call is over for everybody."""

    async def leave(self) -> None:
        """We are out. Fine to call twice."""

    async def until_left(self) -> LeaveReason:
        """Returns when the call is over for us."""
