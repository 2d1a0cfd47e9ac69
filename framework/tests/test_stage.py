"""What is to be seen of a call here, who is asked whether they are still there, and which loudspeaker is meant."""

from __future__ import annotations

from typing import Any

import pytest
from livekit.protocol.models import ParticipantInfo, SpeakerInfo, TrackInfo, TrackSource, TrackType
from livekit.protocol.models import Room as RoomInfo
from livekit.protocol.rtc import JoinResponse

from jackfield.session.audio_mode import mode_of, speaker_for
from jackfield.session.idle import Idle
from jackfield.session.room import Room
from jackfield.session.stage import Stage
from jackfield.testing.timers import ManualTimers
from jackfield.values.devices import Device
from jackfield.values.errors import DeviceGone
from jackfield.values.settings import AudioMode, Layout

SCREEN = TrackInfo(sid="TR_s", type=TrackType.VIDEO, source=TrackSource.SCREEN_SHARE)


def info(uid: str, *, screen: bool = False, gone: bool = False, **attributes: str) -> ParticipantInfo:
    state = ParticipantInfo.State.DISCONNECTED if gone else ParticipantInfo.State.ACTIVE
    tracks = [SCREEN] if screen else []
    said = {f"jackfield.{key}": value for key, value in attributes.items()}
    return ParticipantInfo(identity=uid, sid=f"PA_{uid}", state=state, tracks=tracks, attributes=said)


class Seen:
    """A room with Ada and Bob in it, and what is to be seen of it."""

    def __init__(self) -> None:
        others = [info("ada"), info("bob")]
        join = JoinResponse(room=RoomInfo(sid="RM_1", name="r"), participant=info("me"), other_participants=others)
        self.room, self.told = Room(join, "moderator", lambda person: None), []
        self.stage = Stage(self.room, Layout.TILE, self.told.append)

    told: list[Any]

    def happens(self, *infos: ParticipantInfo) -> list[str]:
        """What the server tells, all the way; the events' names."""
        happened = self.room.update(infos)
        for event in happened:
            self.stage.heard(event)
        return [event.name for event in happened]

    def speaks(self, uid: str) -> None:
        """They, and nobody else."""
        everyone = ("me", *self.room.participants)
        for event in self.room.speakers(
            SpeakerInfo(sid=f"PA_{each}", active=each == uid, level=0.5) for each in everyone
        ):
            self.stage.heard(event)

    def names(self) -> list[str]:
        names = [event.name for event in self.told]
        self.told.clear()
        return names


def test_the_main_place_is_the_pinned_ones_then_the_screens_then_the_speakers() -> None:
    """And the first one's who came; who leaves loses it."""
    seen = Seen()
    stage, room = seen.stage, seen.room
    assert stage.main is room.participants["ada"]
    seen.speaks("bob")
    assert stage.main is room.participants["bob"]
    seen.speaks("me")
    assert stage.main is room.participants["bob"], "ourselves never take it"
    seen.speaks("")
    assert stage.main is room.participants["bob"], "it stays while nobody speaks"
    seen.speaks("ada")
    seen.happens(info("bob", screen=True))
    assert stage.main is stage.presenter is room.participants["bob"]
    stage.pin(room.participants["ada"])
    assert stage.main is room.participants["ada"]
    assert room.participants["ada"].is_pinned
    seen.happens(info("ada", gone=True))
    assert stage.pinned is None
    assert stage.main is room.participants["bob"]
    assert seen.names() == ["participant_pinned", "participant_pinned"]


def test_a_shared_screen_takes_the_main_place_and_the_layout_comes_back() -> None:
    """The layout that was chosen stays what it was; the newest screen is shown, then the one before."""
    seen = Seen()
    assert seen.stage.shown_layout is Layout.TILE
    assert seen.happens(info("ada", screen=True)) == ["participant_started_screen_share"]
    seen.happens(info("bob", screen=True))
    assert seen.stage.presenter is seen.room.participants["bob"]
    assert (seen.stage.layout, seen.stage.shown_layout) == (Layout.TILE, Layout.SIDEBAR)
    seen.happens(info("bob"))
    assert seen.stage.presenter is seen.room.participants["ada"]
    seen.happens(info("ada", gone=True))
    assert (seen.stage.presenter, seen.stage.shown_layout) == (None, Layout.TILE)
    seen.stage.set_layout(Layout.SPOTLIGHT)
    seen.happens(info("bob", screen=True))
    assert seen.stage.shown_layout is Layout.SPOTLIGHT


def test_what_is_told_is_a_change() -> None:
    """Nothing is told twice."""
    seen = Seen()
    stage = seen.stage
    for _ in range(2):
        stage.set_layout(Layout.SIDEBAR)
        stage.show_list(visible=True)
        stage.set_picture_in_picture(enabled=True)
        stage.set_unread(3)
    assert seen.names() == [
        "call_layout_changed",
        "participant_list_visible",
        "picture_in_picture_enabled",
        "chat_unread_changed",
    ]
    stage.next_layout()
    stage.next_layout()
    assert stage.layout is Layout.TILE
    stage.show_list(visible=False)
    stage.set_picture_in_picture(enabled=False)
    changes = ["call_layout_changed"] * 2
    assert seen.names() == [*changes, "participant_list_hidden", "picture_in_picture_disabled"]


def test_hands_and_recordings_are_told_by_attributes() -> None:
    """Of others and of ourselves; whoever comes with a hand up has raised it; what is no time is now."""
    seen = Seen()
    assert "participant_hand_raised" in seen.happens(info("ada", hand="1700000000.5"))
    assert seen.room.participants["ada"].raised_hand_at == 1_700_000_000.5
    assert seen.happens(info("ada", hand="1700000000.5")) == []
    assert "participant_hand_lowered" in seen.happens(info("ada"))
    assert "participant_started_recording" in seen.happens(info("bob", recording="RC_1"))
    assert "participant_stopped_recording" in seen.happens(info("bob"))
    assert seen.happens(info("me", hand="nonsense"))[-1] == "participant_hand_raised"
    assert (seen.room.local.raised_hand_at or 0) > 1_700_000_000
    came = seen.happens(info("eve", hand="1", recording="RC_2", screen=True))
    assert came == [
        "participant_joined",
        "participant_started_screen_share",
        "participant_hand_raised",
        "participant_started_recording",
        "participant_list_changed",
    ]


@pytest.mark.parametrize("text", ["inf", "nan", "-5", "1e400", "9" * 400])
def test_a_hand_that_was_never_raised_at_any_time_is_up_now(text: str) -> None:
    """Nobody's attribute becomes a time that no program can show."""
    seen = Seen()
    seen.happens(info("ada", hand=text))
    assert 1_700_000_000 < (seen.room.participants["ada"].raised_hand_at or 0) < 1e11


def test_a_recording_is_told_by_the_room() -> None:
    """As LiveKit says it: once when it begins, once when it ends."""
    room = Seen().room
    assert [event.name for event in room.described("m", True)] == ["recording_started"]
    assert room.is_recorded
    assert room.described("m2", True) == []
    assert [event.name for event in room.described("m2", False)] == ["recording_stopped"]
    assert room.metadata == "m2"
    join = JoinResponse(room=RoomInfo(sid="RM_1", name="r", active_recording=True), participant=info("me"))
    assert [event.name for event in Room(join, "moderator", lambda person: None).first_events] == ["recording_started"]


class Alone:
    """Somebody alone in a call, and the time."""

    def __init__(self, before_s: float = 60, after_s: float = 180) -> None:
        self.clock, self.told, self.over = ManualTimers(), list[str](), list[bool]()
        self.idle = Idle(
            before_s,
            after_s,
            lambda event: self.told.append(event.name),
            lambda: self.over.append(True),
            clock=self.clock,
        )


def test_who_is_alone_is_asked_and_then_taken_out() -> None:
    """After a minute the prompt, after three more the end."""
    alone = Alone()
    alone.idle.set_alone(True)
    alone.clock.advance(59)
    assert alone.told == []
    alone.clock.advance(1)
    assert alone.told == ["idle_prompt"]
    alone.clock.advance(30)
    assert alone.idle.seconds_left == 150
    alone.clock.advance(149)
    assert alone.over == []
    alone.clock.advance(1)
    assert (alone.told[1:], alone.over) == (["session_timed_out"], [True])
    assert (alone.idle.seconds_left, alone.clock.pending) == (None, 0)


@pytest.mark.parametrize("how", ["an answer", "a guest"])
def test_an_answer_or_a_guest_ends_the_prompt(how: str) -> None:
    """Who answers is asked again after another minute; who has company is not."""
    alone = Alone()
    alone.idle.set_alone(True)
    alone.clock.advance(100)
    if how == "an answer":
        alone.idle.stay()
    else:
        alone.idle.set_alone(False)
    assert alone.told == ["idle_prompt", "idle_prompt_ended"]
    alone.clock.advance(60)
    assert alone.told[2:] == (["idle_prompt"] if how == "an answer" else [])
    alone.clock.advance(1000)
    assert alone.over == ([True] if how == "an answer" else [])


@pytest.mark.parametrize(("before_s", "after_s"), [(0, 180), (60, 0)])
def test_nought_turns_it_off(before_s: float, after_s: float) -> None:
    """Nobody is asked, and nobody is taken out unasked."""
    alone = Alone(before_s, after_s)
    alone.idle.set_alone(True)
    alone.clock.advance(100_000)
    assert (alone.told, alone.over, alone.clock.pending) == ([], [], 0)


def speaker(label: str, *, rank: int = 50, state: Any = "ready", bus: str = "") -> Device:
    return Device(f"test:{label}", "speaker", label, rank=rank, state=state, bus=bus)


def test_an_audio_mode_is_the_best_loudspeaker_of_its_kind() -> None:
    """Told by what the device says of itself; one that is in use by others does not count."""
    headset, builtin = speaker("USB Headset", rank=60), speaker("Built-in Audio")
    there = [builtin, headset, speaker("JBL", bus="bluetooth"), speaker("Headphones", state="busy", rank=90)]
    assert speaker_for(AudioMode.HEADPHONES, there) is headset
    assert speaker_for(AudioMode.SPEAKER, there) is builtin
    assert speaker_for(AudioMode.BLUETOOTH, there).label == "JBL"
    assert mode_of(speaker("Earpiece")) is AudioMode.EARPIECE
    with pytest.raises(DeviceGone, match=r"is EARPIECE; there is Built-in Audio \(SPEAKER\)"):
        speaker_for(AudioMode.EARPIECE, there)
    with pytest.raises(DeviceGone, match="no loudspeaker at all"):
        speaker_for(AudioMode.SPEAKER, [])
