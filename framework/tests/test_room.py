"""The people of a call, as the server tells of them."""

from __future__ import annotations

from typing import Any

from livekit.protocol.models import (
    ConnectionQuality,
    ParticipantInfo,
    Room,
    SpeakerInfo,
    TrackInfo,
    TrackSource,
    TrackType,
)
from livekit.protocol.rtc import ConnectionQualityInfo, JoinResponse

from jackfield.session.participant import Participant
from jackfield.session.room import Room as People

GONE = ParticipantInfo.State.DISCONNECTED


def person(uid: str, sid: str = "", **fields: Any) -> ParticipantInfo:
    return ParticipantInfo(identity=uid, sid=sid or f"PA_{uid}", name=uid.title(), **fields)


def track(source: TrackSource, *, muted: bool = False, sid: str = "TR_1") -> TrackInfo:
    kind = (
        TrackType.AUDIO if "AUDIO" in TrackSource.Name(source) or "MIC" in TrackSource.Name(source) else TrackType.VIDEO
    )
    return TrackInfo(sid=sid, type=kind, source=source, muted=muted)


def room(*others: ParticipantInfo, node: str = "jackfield") -> tuple[People, list[Participant]]:
    furnished: list[Participant] = []
    join = JoinResponse(room=Room(sid="RM_1", name="room"), participant=person("me"), other_participants=others)
    join.server_info.node_id = node
    return People(join, "moderator", furnished.append), furnished


def names(happened: Any) -> list[str]:
    return [event.name for event in happened]


def test_who_is_there_at_the_join_has_joined() -> None:
    """Events for each, then the list; ourselves are not in it."""
    people, furnished = room(person("ada"), person("bob"))
    assert names(people.first_events) == ["participant_joined", "participant_joined", "participant_list_changed"]
    assert list(people.participants) == ["ada", "bob"]
    assert [each.uid for each in furnished] == ["ada", "bob"]
    assert people.local.is_local
    assert people.local.role == "moderator"
    assert people.by_uid("me") is people.local
    assert people.by_pid("PA_bob") is people.participants["bob"]
    assert people.by_pid("PA_nobody") is None


def test_muting_is_told_once_for_each_change() -> None:
    """Published, muted, unmuted, gone; a screen share is no camera."""
    people, _ = room(person("ada"))
    ada = people.participants["ada"]
    microphone, camera = TrackSource.MICROPHONE, TrackSource.CAMERA
    assert names(people.update([person("ada", tracks=[track(microphone)])])) == ["participant_audio_unmuted"]
    assert people.update([person("ada", tracks=[track(microphone)])]) == []
    assert names(people.update([person("ada", tracks=[track(microphone, muted=True), track(camera, sid="TR_2")])])) == [
        "participant_audio_muted",
        "participant_video_resumed",
    ]
    assert (ada.audio_muted, ada.video_paused) == (True, False)
    screen = track(TrackSource.SCREEN_SHARE, sid="TR_3")
    assert names(people.update([person("ada", tracks=[screen])])) == [
        "participant_video_paused",
        "participant_started_screen_share",
    ]
    assert names(people.update([person("ada")])) == ["participant_stopped_screen_share"]


def test_leaving_and_coming_back_under_another_sid() -> None:
    """One who left is forgotten; a new sid of the same uid is the same person anew; stale departures change nothing."""
    people, _ = room(person("ada"))
    assert names(people.update([person("ada", "PA_2")])) == [
        "participant_left",
        "participant_joined",
        "participant_list_changed",
    ]
    assert people.update([person("ada", state=GONE)]) == []
    assert names(people.update([person("ada", "PA_2", state=GONE)])) == ["participant_left", "participant_list_changed"]
    assert people.participants == {}
    assert people.update([person("ada", "PA_2", state=GONE)]) == []


def test_texts_are_told_with_what_changed() -> None:
    """Attributes that came, changed or went; a role that is shown; ours too."""
    people, _ = room(person("ada", attributes={"a": "1", "b": "2"}))
    happened = people.update([person("ada", attributes={"a": "1", "b": "3", "jackfield.role": "moderator"})])
    assert names(happened) == ["participant_updated"]
    assert happened[0].changed == {"b": "3", "jackfield.role": "moderator"}  # type: ignore[attr-defined]
    people.update([person("bob", attributes={"avatar": "https://example.org/bob.png"})])
    assert people.participants["bob"].avatar == "https://example.org/bob.png"
    assert people.participants["ada"].role == "moderator"
    happened = people.update([person("ada")])
    assert happened[0].changed == {"a": "", "b": "", "jackfield.role": ""}  # type: ignore[attr-defined]
    assert names(people.update([person("me", metadata="hello")])) == ["participant_updated"]
    assert people.update([person("me", "PA_me", state=GONE)]) == []
    assert people.update([person("me", "PA_other")]) == []


def test_nobody_is_a_moderator_by_an_attribute_that_everyone_may_set() -> None:
    """A Jackfield server keeps the role's attribute; LiveKit's lets everyone write it."""
    shown = {"jackfield.role": "moderator"}
    for node, role in (("jackfield", "moderator"), ("ND_a1b2c3", "participant"), ("", "participant")):
        people, _ = room(person("ada", attributes=shown), person("bob"), node=node)
        people.update([person("bob", attributes=shown)])
        assert [each.role for each in people.participants.values()] == [role, role]
        assert people.participants["bob"].attributes == shown
        assert people.local.role == "moderator"


def test_the_loudest_is_the_dominant_speaker() -> None:
    """Told when it changes; nobody when all are silent, or when they leave."""
    people, _ = room(person("ada"), person("bob"))
    ada, bob = people.participants["ada"], people.participants["bob"]
    both = [SpeakerInfo(sid="PA_ada", level=0.2, active=True), SpeakerInfo(sid="PA_bob", level=0.6, active=True)]
    (event,) = people.speakers(both)
    assert event.participant is bob  # type: ignore[attr-defined]
    assert people.speakers(both) == []
    (event,) = people.speakers([SpeakerInfo(sid="PA_bob", level=0.0, active=False)])
    assert event.participant is ada  # type: ignore[attr-defined]
    assert not bob.is_speaking
    happened = people.update([person("ada", state=GONE)])
    assert names(happened) == ["participant_left", "dominant_speaker_changed", "participant_list_changed"]
    assert people.dominant is None


def test_network_quality_is_told_when_it_changes() -> None:
    """By our words; for people we do not know, not at all."""
    people, _ = room(person("ada"))
    poor = ConnectionQualityInfo(participant_sid="PA_ada", quality=ConnectionQuality.POOR)
    stranger = ConnectionQualityInfo(participant_sid="PA_x", quality=ConnectionQuality.POOR)
    (event,) = people.qualities([poor, stranger])
    assert event.name == "network_quality_changed"
    assert (event.quality, people.participants["ada"].network_quality) == ("poor", "poor")  # type: ignore[attr-defined]
    assert people.qualities([poor]) == []


def test_a_message_may_come_before_its_sender_is_announced() -> None:
    """Its sender is the participant who is announced later; nobody sends for the server; few are remembered."""
    people, _ = room(person("ada"))
    assert people.sender("ada", "PA_ada") is people.participants["ada"]
    assert people.sender("", "PA_ada") is people.participants["ada"]
    assert people.sender("", "") is None
    bob = people.sender("bob", "PA_bob")
    assert bob is not None
    assert (bob.uid, bob.name, list(people.participants)) == ("bob", "bob", ["ada"])
    assert people.sender("bob", "PA_bob") is bob
    assert names(people.update([person("bob")])) == ["participant_joined", "participant_list_changed"]
    assert people.participants["bob"] is bob
    assert bob.name == "Bob"
    earlier = people.sender("eve", "PA_1")
    people.update([person("eve", "PA_2")])
    assert people.participants["eve"] is not earlier
    ghost = people.sender("ghost", "PA_ghost")
    for number in range(100):
        people.sender(f"hidden{number}", "")
    assert people.sender("ghost", "PA_ghost") is not ghost


# --- come back ------------------------------------------------------------------------------------------------------
def anew(*others: ParticipantInfo, room_sid: str = "RM_1") -> JoinResponse:
    join = JoinResponse(room=Room(sid=room_sid, name="room"), participant=person("me", "PA_me2"))
    join.other_participants.extend(others)
    return join


def test_who_is_still_there_when_we_join_anew_has_neither_left_nor_come() -> None:
    """Whatever their sid is by now; who has gone meanwhile has left, who has come has joined."""
    people, _ = room(person("ada"), person("bob"), person("eve"))
    ada = people.participants["ada"]
    happened = people.joined_anew(anew(person("ada"), person("bob", "PA_bob2"), person("kim")))
    assert names(happened) == ["participant_left", "participant_joined", "participant_list_changed"]
    assert (happened[0].participant.uid, happened[1].participant.uid) == ("eve", "kim")
    assert people.participants["ada"] is ada
    assert people.participants["bob"].pid == "PA_bob2"
    assert people.local.pid == "PA_me2"
    assert names(people.update([person("bob", "PA_bob3")])) == [
        "participant_left",
        "participant_joined",
        "participant_list_changed",
    ]


def test_in_a_room_that_was_made_anew_others_are_waited_for() -> None:
    """They come back one after the other, as themselves; who does not has left in the end."""
    people, _ = room(person("ada", tracks=[track(TrackSource.CAMERA)]), person("bob"))
    assert names(people.joined_anew(anew(room_sid="RM_2"))) == ["participant_video_paused"]
    assert list(people.participants) == ["ada", "bob"]
    back = people.update([person("ada", "PA_ada2", tracks=[track(TrackSource.CAMERA, sid="TR_2")])])
    assert names(back) == ["participant_video_resumed"]
    assert names(people.waited()) == ["participant_left", "participant_list_changed"]
    assert list(people.participants) == ["ada"]
    assert people.waited() == []


def test_an_update_that_names_everybody_tells_who_has_gone() -> None:
    """After a resume: who is not in it went while we did not hear, or is named as gone."""
    people, _ = room(person("ada"), person("bob"), person("eve"))
    happened = people.all_told([person("me"), person("ada"), person("eve", state=GONE), person("kim")])
    assert names(happened) == [
        "participant_left",
        "participant_left",
        "participant_joined",
        "participant_list_changed",
    ]
    assert list(people.participants) == ["ada", "kim"]
    assert people.all_told([person("me"), person("ada"), person("kim")]) == []
