"""A call without a server tells what a real one tells, and is a real one's shape."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

import attrs
import pytest

from jackfield import roles
from jackfield.plugins.loader import lacks
from jackfield.session.call import CallSession
from jackfield.session.meeting import BUTTONS
from jackfield.session.participant import Participant
from jackfield.testing import FakeCall, FakeParticipant, samples
from jackfield.values.errors import DeviceGone
from jackfield.values.events import EVENTS
from jackfield.values.settings import Layout


class Heard(list[Any]):
    """Every event of a call."""

    def __init__(self, call: FakeCall) -> None:
        super().__init__()
        for name in EVENTS:
            call.on(name, self.append)

    def names(self) -> list[str]:
        names = [event.name for event in self]
        self.clear()
        return names


def members(role: type) -> set[str]:
    """What a protocol asks for."""
    return {name for name in (*vars(role), *role.__annotations__) if not name.startswith("_")}


async def test_a_call_and_its_fake_have_what_renderers_rely_on() -> None:
    """Each by every name, and methods with the same parameters; people too."""
    call = FakeCall()
    assert lacks(call, roles.RenderedCall) == []
    set_when_made = {"session_id", "settings", "joined_at", "left_because"}
    assert members(roles.RenderedCall) - set(dir(CallSession)) == set_when_made
    for name in members(roles.RenderedCall):
        wanted = vars(roles.RenderedCall).get(name)
        if inspect.isfunction(wanted):
            for kind in (CallSession, FakeCall):
                assert (
                    list(inspect.signature(getattr(kind, name)).parameters)[1:]
                    == list(inspect.signature(wanted).parameters)[1:]
                ), f"{kind.__name__}.{name}"
    for person in (Participant, FakeParticipant):
        fields = {field.name for field in attrs.fields(person)}
        assert members(roles.RenderedPerson) - fields == set(), person.__name__


async def test_what_others_do_is_told() -> None:
    """In the order in which a server would: who comes, what they send, what they say."""
    call = FakeCall()
    told = Heard(call)
    ada = call.join("ada", "Ada", role="moderator")
    assert (ada.name, ada.role, ada.audio_muted, call.participants) == ("Ada", "moderator", True, {"ada": ada})
    picture = call.send("ada", "camera")
    frames: list[Any] = []
    picture.take_decoded(frames.append)
    picture.feed(samples.picture(0))
    screen = call.send("ada", "screen")
    assert (len(frames), call.presenter, call.shown_layout) == (1, ada, Layout.SIDEBAR)
    call.end_sending(screen)
    assert call.shown_layout is Layout.TILE
    assert told.names() == [
        "participant_joined",
        "participant_list_changed",
        "participant_video_resumed",
        "track_subscribed",
        "participant_started_screen_share",
        "track_subscribed",
        "participant_stopped_screen_share",
        "track_unsubscribed",
    ]
    call.hand("ada")
    call.write("ada", "<b>hello</b>")
    call.caption("ada", "Hello.")
    call.speak("ada")
    call.speak(None)
    assert (call.main_participant, call.chat_unread_count, call.captions[0].text) == (ada, 1, "Hello.")
    assert ada.raised_hand_at
    call.depart("ada")
    assert call.participants == {}
    assert "dominant_speaker_changed" in (names := told.names())
    assert names[-3:] == ["track_unsubscribed", "participant_left", "participant_list_changed"]


async def test_what_we_do_is_told() -> None:
    """Buttons, devices, and what a moderator does."""
    call = FakeCall()
    told = Heard(call)
    call.join("ada")
    call.send("ada", "microphone")
    told.clear()
    for button in BUTTONS[1:]:
        assert await call.press(button), button
    names = told.names()
    wanted = ["audio_muted", "video_paused", "camera_changed", "participant_hand_raised", "call_layout_changed"]
    wanted += ["participant_list_visible", "recording_started", "screen_share_started"]
    assert [name for name in names if name in wanted] == wanted
    for button in ("toggle_audio", "toggle_video", "raise_hand", "recording_toggle", "screen_share"):
        await call.press(button)  # type: ignore[arg-type]
    assert (call.is_audio_muted, call.is_hand_raised, call.is_recording, call.is_screen_sharing) == (False,) * 4
    await call.mute_participant("ada")
    assert call.participants["ada"].audio_muted
    with pytest.raises(DeviceGone, match="fake:front"):
        await call.set_camera("none of those")
    await call.set_speaker("Headset")
    assert call.audio_mode == "HEADPHONES"
    message = await call.send_chat("ours")
    assert (call.written, call.chat_unread_count) == ([message], 0)
    await call.remove_participant("ada")
    assert call.asked == [("mute", "ada"), ("remove", "ada")]
    call.on("leave_session_button_clicked", lambda event: event.prevent_default())
    assert not await call.press("leave_session")
    assert call.is_active


async def test_who_is_alone_is_asked_when_the_clock_says_so() -> None:
    """The prompt, an answer, the prompt again, and the end."""
    call = FakeCall()
    told = Heard(call)
    call.clock.advance(60)
    assert call.idle_seconds_left == 180
    call.stay()
    call.clock.advance(300)
    assert await asyncio.wait_for(call.until_left(), 1) == "idle"
    asked = ["idle_prompt", "idle_prompt_ended", "idle_prompt", "session_timed_out", "session_left"]
    assert told.names() == asked
