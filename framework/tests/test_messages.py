"""Messages of programs: whose they are, and that one which overtakes the news of its sender waits for it."""

from __future__ import annotations

from typing import Any

from livekit.protocol.models import DataPacket, ParticipantInfo, Room, UserPacket
from livekit.protocol.rtc import JoinResponse

from jackfield.session.messages import WAIT_NS, Messages
from jackfield.session.room import Room as People
from jackfield.testing.timers import ManualTimers


def person(uid: str) -> ParticipantInfo:
    return ParticipantInfo(identity=uid, sid=f"PA_{uid}", state=ParticipantInfo.State.ACTIVE)


class Table:
    """A call's people, its messages, and what was told."""

    def __init__(self) -> None:
        join = JoinResponse(room=Room(name="room"), participant=person("me"), other_participants=[person("ada")])
        self.people = People(join, "moderator", lambda someone: None)
        self.clock, self.told = ManualTimers(), list[Any]()
        self.messages = Messages(self.people, self.told.append, clock=self.clock)

    def receive(self, uid: str, text: str = "hello") -> None:
        user = UserPacket(payload=text.encode(), participant_identity=uid, topic="t")
        self.messages.received(DataPacket(kind=DataPacket.Kind.LOSSY, user=user, participant_identity=uid))

    def heard(self) -> list[tuple[str, str]]:
        return [(each.payload.decode(), each.participant.uid if each.participant else "") for each in self.told]


def test_a_message_is_told_with_its_sender() -> None:
    """At once, where the sender is known; without one where the server itself sends."""
    table = Table()
    table.receive("ada")
    table.receive("", "from the server")
    assert table.heard() == [("hello", "ada"), ("from the server", "")]
    assert (table.told[0].topic, table.told[0].reliable) == ("t", False)
    table.messages.received(DataPacket())
    assert len(table.told) == 2


def test_what_overtakes_the_news_of_its_sender_waits_for_it() -> None:
    """In order, and those of people who are known are not held up."""
    table = Table()
    for text in ("one", "two"):
        table.receive("bob", text)
    table.receive("ada")
    assert table.heard() == [("hello", "ada")]
    table.people.update([person("bob")])
    table.messages.settle()
    assert table.heard() == [("hello", "ada"), ("one", "bob"), ("two", "bob")]
    table.clock.advance(WAIT_NS / 1e9)
    assert len(table.told) == 3


def test_who_is_never_announced_is_waited_for_once() -> None:
    """A hidden participant's message comes without a sender after the wait, later ones at once."""
    table = Table()
    table.receive("ghost", "one")
    table.clock.advance(WAIT_NS / 1e9 - 0.1)
    assert table.told == []
    table.clock.advance(0.2)
    table.receive("ghost", "two")
    assert table.heard() == [("one", ""), ("two", "")]


def test_few_messages_wait() -> None:
    """The oldest of too many is told without its sender; after the call nothing waits."""
    table = Table()
    for number in range(65):
        table.receive("bob", str(number))
    assert table.heard() == [("0", "")]
    table.messages.close()
    table.clock.advance(WAIT_NS / 1e9)
    assert len(table.told) == 1
