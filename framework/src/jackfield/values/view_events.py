"""What happens to what is shown here: layout, panels, and the buttons of whatever shows the call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import define, field, frozen

from jackfield.values.event import Event

if TYPE_CHECKING:
    from jackfield.values.settings import Layout


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
    """A button was pressed; a callback may keep it from doing what it does."""

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
