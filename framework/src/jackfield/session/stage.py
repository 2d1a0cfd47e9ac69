"""What of a call is to be seen here, and how: layout, who is pinned, which panels are open. Nobody else hears of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from jackfield.session.participant import Participant
from jackfield.session.room import Room
from jackfield.values import events
from jackfield.values.events import Event
from jackfield.values.settings import Layout

#: What the layout button goes through.
_ROUND = (Layout.TILE, Layout.SIDEBAR, Layout.SPOTLIGHT)


class Stage:
    """The same for every renderer of a call. On the event loop; ``emit`` is told of each change."""

    def __init__(self, room: Room, layout: Layout, emit: Callable[[Event], None]) -> None:
        self._room, self._emit = room, emit
        self.layout = layout
        self.is_list_visible = self.is_picture_in_picture = False
        self.unread = 0
        self._pinned: str | None = None
        self._spoke: str | None = None
        #: Who shares a screen, in the order of their beginning.
        self._presenting: list[str] = [each.uid for each in room.participants.values() if each.is_presenting]

    def heard(self, event: Event) -> None:
        """Follows who shares a screen, who speaks, who writes, and who leaves."""
        match event:
            case events.ParticipantStartedScreenShare(participant=person) if not person.is_local:
                self._presenting = [uid for uid in self._presenting if uid != person.uid] + [person.uid]
            case events.ParticipantStoppedScreenShare(participant=person):
                self._presenting = [uid for uid in self._presenting if uid != person.uid]
            case events.DominantSpeakerChanged(participant=person) if person is not None and not person.is_local:
                self._spoke = person.uid
            case events.ChatMessage(is_own=False):
                self.set_unread(self.unread + 1)
            case events.ParticipantLeft(participant=person):
                self._presenting = [uid for uid in self._presenting if uid != person.uid]
                if self._pinned == person.uid:
                    self.pin(None)

    @property
    def pinned(self) -> Participant | None:
        """Who is pinned."""
        return self._room.by_uid(self._pinned) if self._pinned is not None else None

    @property
    def presenter(self) -> Participant | None:
        """Whose screen is to be seen: of several, who began last; never ourselves."""
        return self._room.participants.get(self._presenting[-1]) if self._presenting else None

    @property
    def main(self) -> Participant | None:
        """Who has the main place: who is pinned, else whose screen is shared, else who spoke last, else who came first.

        It stays while nobody speaks, and while we do."""
        people = self._room.participants
        spoke = people.get(self._spoke) if self._spoke is not None else None
        return self.pinned or self.presenter or spoke or next(iter(people.values()), None)

    @property
    def shown_layout(self) -> Layout:
        """The layout, but that a shared screen or somebody pinned has a main place in any."""
        has_main = self.presenter is not None or self.pinned is not None
        return Layout.SIDEBAR if has_main and self.layout is Layout.TILE else self.layout

    def set_layout(self, layout: Layout) -> None:
        """Another layout from now on."""
        if layout is not self.layout:
            self.layout = layout
            self._emit(events.CallLayoutChanged(layout))

    def next_layout(self, layouts: Sequence[Layout] = _ROUND) -> None:
        """What the button does."""
        self.set_layout(layouts[(layouts.index(self.layout) + 1) % len(layouts)])

    def pin(self, person: Participant | None) -> None:
        """This person has the main place, or nobody has it for good."""
        uid = person.uid if person is not None else None
        if uid == self._pinned:
            return
        for each in (self.pinned, person):
            if each is not None:
                each.is_pinned = each is person
        self._pinned = uid
        self._emit(events.ParticipantPinned(person))

    def show_list(self, *, visible: bool) -> None:
        """The list of who is here is open or closed."""
        if visible is not self.is_list_visible:
            self.is_list_visible = visible
            self._emit(events.ParticipantListVisible() if visible else events.ParticipantListHidden())

    def set_picture_in_picture(self, *, enabled: bool) -> None:
        """The call is small, over something else, or has its place."""
        if enabled is not self.is_picture_in_picture:
            self.is_picture_in_picture = enabled
            self._emit(events.PictureInPictureEnabled() if enabled else events.PictureInPictureDisabled())

    def set_unread(self, count: int) -> None:
        """So many messages wait to be read."""
        if count != self.unread:
            self.unread = count
            self._emit(events.ChatUnreadChanged(count))
