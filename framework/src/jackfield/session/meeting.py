"""What people do in a call beside sending media: hands, chat, what they look at, the buttons of whatever shows it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, get_args

from jackfield.rendered import Button
from jackfield.session.chat import CHAT_TOPIC, Captions, Chat, checked
from jackfield.session.idle import Idle
from jackfield.session.messaging import Messaging
from jackfield.session.participant import HAND_ATTRIBUTE, Participant
from jackfield.session.room import Room
from jackfield.session.stage import Stage
from jackfield.values.events import EVENTS, ChatMessage, Event, Pressed, Transcription
from jackfield.values.settings import Layout

#: The buttons that `Meeting.press` knows.
BUTTONS: tuple[Button, ...] = get_args(Button)
#: How long a button waits for callbacks that are coroutines.
ANSWER_S = 2.0


class Meeting(Messaging):
    """Actions and state of a `CallSession` that renderers show and buttons act on."""

    _room: Room
    _stage: Stage
    _chat: Chat
    _captions: Captions
    _idle: Idle
    #: What each button does; one that is not here is its renderer's.
    _defaults: dict[str, Callable[[], Awaitable[Any]]]

    if TYPE_CHECKING:  # what a `CallSession` has

        def _announce(self, event: Event) -> Sequence[asyncio.Future[None]]: ...

        def _check_active(self) -> None: ...

        async def set_attributes(self, attributes: Any) -> None: ...

    # --- hands
    @property
    def is_hand_raised(self) -> bool:
        """Whether our hand is up."""
        return self._room.local.raised_hand_at is not None

    async def raise_hand(self) -> None:
        """Everyone sees our hand, and since when. `NotAllowed` when the token forbids it."""
        if not self.is_hand_raised:
            await self.set_attributes({HAND_ATTRIBUTE: f"{time.time():.3f}"})

    async def lower_hand(self) -> None:
        """Our hand is down."""
        if self.is_hand_raised:
            await self.set_attributes({HAND_ATTRIBUTE: ""})

    # --- words
    @property
    def chat(self) -> tuple[ChatMessage, ...]:
        """What was written since we joined, oldest first; of more than 500 messages the newest."""
        return tuple(self._chat.log)

    @property
    def captions(self) -> tuple[Transcription, ...]:
        """The newest pieces of what is said, as text, where somebody makes it."""
        return self._captions.lines

    async def send_chat(self, text: str, *, to: Sequence[str] = ()) -> ChatMessage:
        """Writes to everyone, or ``to`` these uids, in the chat that LiveKit's clients show (topic ``lk.chat``).

        ``ValueError`` for a text that is blank or has more than 200 000 bytes; `NotAllowed` as with `send_data`.
        """
        info = await self.send_text(checked(text), topic=CHAT_TOPIC, to=to)
        return self._chat.sent(info, text, to)

    @property
    def chat_unread_count(self) -> int:
        """What the chat button shows: the messages of others since it was last set."""
        return self._stage.unread

    def set_chat_button_unread_count(self, count: int) -> None:
        """The chat button shows this number, and counts on from it; 0: none. ``ValueError`` below 0."""
        if count < 0:
            raise ValueError(f"a number of unread messages is 0 or more; this is {count}")
        self._stage.set_unread(count)

    # --- what is shown here
    @property
    def layout(self) -> Layout:
        """How people are laid out here, as was chosen."""
        return self._stage.layout

    @property
    def shown_layout(self) -> Layout:
        """How they are laid out now: a shared screen, or somebody pinned, has the main place in any layout."""
        return self._stage.shown_layout

    def set_layout(self, layout: Layout | str) -> None:
        """Lays people out in another way here; ``ValueError`` names the layouts that there are."""
        try:
            self._stage.set_layout(Layout(layout.upper()))
        except ValueError:
            raise ValueError(f"there is no layout {layout!r}; there are {', '.join(Layout)}") from None

    @property
    def main_participant(self) -> Participant | None:
        """Who has the main place: who is pinned, else whose screen is shared, else who speaks, else who came first."""
        return self._stage.main

    @property
    def presenter(self) -> Participant | None:
        """Whose shared screen is to be seen; never ourselves."""
        return self._stage.presenter

    @property
    def pinned(self) -> Participant | None:
        """Who is pinned here."""
        return self._stage.pinned

    def pin_participant(self, participant: Participant | str) -> None:
        """They keep the main place here. ``ValueError`` when nobody of that uid is in the call."""
        self._stage.pin(self._known(participant))

    def unpin_participant(self, participant: Participant | str | None = None) -> None:
        """Nobody keeps the main place; with ``participant``, only if it was they who did."""
        if participant is None or self._known(participant) is self._stage.pinned:
            self._stage.pin(None)

    def _known(self, participant: Participant | str) -> Participant:
        uid = participant if isinstance(participant, str) else participant.uid
        person = self._room.by_uid(uid)
        if person is None:
            raise self._room.not_here(uid)
        return person

    @property
    def is_participant_list_visible(self) -> bool:
        """Whether the list of who is here is open."""
        return self._stage.is_list_visible

    def show_participant_list(self) -> None:
        """The list of who is here is open."""
        self._stage.show_list(visible=True)

    def hide_participant_list(self) -> None:
        """The list of who is here is closed."""
        self._stage.show_list(visible=False)

    @property
    def is_picture_in_picture(self) -> bool:
        """Whether the call is a small picture over something else."""
        return self._stage.is_picture_in_picture

    def enable_picture_in_picture_layout(self) -> None:
        """Renderers that can show the call as a small picture."""
        self._stage.set_picture_in_picture(enabled=True)

    def disable_picture_in_picture_layout(self) -> None:
        """The call has its place again."""
        self._stage.set_picture_in_picture(enabled=False)

    # --- alone
    @property
    def idle_seconds_left(self) -> float | None:
        """Until we are taken out of a call in which we are alone; None while nobody is asked (`IdlePrompt`)."""
        return self._idle.seconds_left

    def stay(self) -> None:
        """We are still here: the answer to `IdlePrompt`."""
        self._idle.stay()

    # --- recorded
    @property
    def is_recording(self) -> bool:
        """Whether the session is being recorded, by whomever."""
        return self._room.is_recorded

    # --- buttons
    async def press(self, button: Button) -> bool:
        """A renderer's button: tells ``<button>_button_clicked``, then acts unless a callback prevented it. One that is
        a coroutine is waited for, two seconds at most: who needs longer prevents it, and acts later.

        False: it was prevented. True where the renderer does the rest, too: it opens its chat, or shows a link.
        Raises what the action raises, and ``ValueError`` for a button that there is not.
        """
        if button not in BUTTONS:
            raise ValueError(f"there is no button {button!r}; there are {', '.join(BUTTONS)}")
        self._check_active()
        pressed = EVENTS[f"{button}_button_clicked"]()
        assert isinstance(pressed, Pressed)
        if asked := self._announce(pressed):
            await asyncio.wait(asked, timeout=ANSWER_S)
        if pressed.default_prevented:
            return False
        if button in self._defaults:
            await self._defaults[button]()
        return True
