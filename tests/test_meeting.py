"""What people do in a call beside sending media, seen by another: on the embedded server and on a real LiveKit."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jackfield import AudioMode, CallSession, Layout
from jackfield.values.errors import DeviceGone, PluginError, SettingsError
from tests.lab.meeting import LIMIT_S, People, heard, names, until

SMALL = {"video": {"width": 320, "height": 180, "fps": 10}}
LONG = "é" * 50_000


async def two(people: People, settings: dict[str, Any] | None = None) -> tuple[CallSession, CallSession]:
    """Ada, and Bob who sees her."""
    ada = await people.join("ada", settings)
    bob = await people.join("bob")
    await until(lambda: "bob" in ada.participants and "ada" in bob.participants, "meeting")
    return ada, bob


async def test_a_raised_hand_is_seen_by_all(people: People) -> None:
    """Since when it is up, and that it is down; by its own person, too; and by who comes later."""
    ada, bob = await two(people)
    events, own = heard(bob), heard(ada)
    await ada.raise_hand()
    await until(lambda: "participant_hand_raised" in names(events), "the hand at Bob's")
    assert ada.is_hand_raised
    since = bob.participants["ada"].raised_hand_at
    assert since == ada.local.raised_hand_at is not None
    await ada.raise_hand()
    eve = await people.join("eve")
    await until(lambda: "ada" in eve.participants, "Ada at Eve's")
    assert eve.participants["ada"].raised_hand_at == since
    await ada.lower_hand()
    await until(lambda: "participant_hand_lowered" in names(events), "its end at Bob's")
    assert not ada.is_hand_raised
    assert [name for name in names(own) if "hand" in name] == ["participant_hand_raised", "participant_hand_lowered"]


async def test_chat_reaches_everyone_or_some(people: People) -> None:
    """Markup and 100 kB come as they were typed; what is private reaches nobody else; both have it in their log."""
    ada, bob = await two(people)
    eve = await people.join("eve")
    await until(lambda: "eve" in ada.participants, "Eve")
    told: list[Any] = []
    bob.on("chat_message", told.append)
    for text in ("hello", "<script>alert(1)</script> & <b>", LONG):
        sent = await ada.send_chat(text)
        assert (sent.text, sent.is_own) == (text, True)
    await ada.send_chat("for Bob", to=["bob"])
    await bob.send_chat("and back")
    await until(lambda: len(bob.chat) == 5 and len(eve.chat) == 4 and len(ada.chat) == 5, "the messages")
    assert told == list(bob.chat)
    assert {message.text for message in bob.chat} == {message.text for message in ada.chat}
    assert "for Bob" not in {message.text for message in eve.chat}
    assert (ada.chat_unread_count, eve.chat_unread_count) == (1, 4)
    await ada.press("chat")
    assert ada.chat_unread_count == 0
    ada.set_chat_button_unread_count(7)
    assert ada.chat_unread_count == 7
    (theirs,) = [message for message in ada.chat if not message.is_own]
    assert (theirs.participant.uid, theirs.text) == ("bob", "and back")
    assert abs(theirs.sent_at - bob.chat[-1].sent_at) < 60
    for wrong, why in (("  ", "is empty"), ("x" * 300_000, "at most 200000 bytes")):
        with pytest.raises(ValueError, match=why):
            await ada.send_chat(wrong)


async def test_captions_are_who_says_what(people: People) -> None:
    """As LiveKit's agents send them: of a track, bit by bit, and a last word that replaces what came before."""
    ada, bob = await two(people, SMALL | {"microphone": "synthetic:tone-low"})
    await until(lambda: any(each.kind == "audio" for each in bob.tracks()), "Ada's microphone")
    (sound,) = [each for each in bob.tracks() if each.kind == "audio"]
    told = heard(ada)
    said = {"lk.segment_id": "S1", "lk.transcribed_track_id": sound.sid, "lk.transcription_final": "false"}
    await bob.send_text("good mor", topic="lk.transcription", attributes=said)
    await bob.send_text("Good morning.", topic="lk.transcription", attributes=said | {"lk.transcription_final": "true"})
    await until(lambda: ada.captions and ada.captions[-1].final, "the last word")
    (line,) = ada.captions
    assert (line.text, line.participant is ada.local) == ("Good morning.", True)
    assert next(event.text for event in told if event.name == "transcription") == "good mor"


async def test_a_button_is_told_before_it_acts(people: People) -> None:
    """Its default may be prevented; what is pressed does what the action does."""
    ada, _ = await two(people, SMALL | {"camera": "synthetic:card-front"})
    order = heard(ada)
    assert await ada.press("toggle_video")
    await until(lambda: "video_paused" in names(order), "the camera's end")
    told = [name for name in names(order) if name in ("toggle_video_button_clicked", "video_paused")]
    assert told == ["toggle_video_button_clicked", "video_paused"]

    async def thinks(event: Any) -> None:
        await asyncio.sleep(0.01)
        event.prevent_default()

    for prevents in (lambda event: event.prevent_default(), thinks):
        stop = ada.on("raise_hand_button_clicked", prevents)
        assert not await ada.press("raise_hand")
        assert not ada.is_hand_raised
        stop()
    assert await ada.press("raise_hand")
    await until(lambda: ada.is_hand_raised, "the hand")
    await ada.press("change_layout")
    assert ada.layout is Layout.SIDEBAR
    await ada.press("participant_list")
    assert ada.is_participant_list_visible
    assert await ada.press("share_invite"), "the renderer shows the link"
    with pytest.raises(ValueError, match="no button 'bell'"):
        await ada.press("bell")  # type: ignore[arg-type]
    await ada.press("leave_session")
    assert await asyncio.wait_for(ada.until_left(), LIMIT_S) == "left"


BUTTON_EVENTS = (
    *("toggle_audio_button_clicked", "toggle_video_button_clicked", "switch_camera_button_clicked"),
    *("raise_hand_button_clicked", "share_invite_button_clicked", "change_layout_button_clicked"),
    *("participant_list_button_clicked", "chat_button_clicked", "recording_toggle_button_clicked"),
    *("screen_share_button_clicked", "leave_session_button_clicked"),
)


@pytest.mark.parametrize("place", ["embedded"], indirect=True)
async def test_every_button_is_told_and_can_be_prevented(people: People) -> None:
    """Nothing is done by one that is prevented; left alone, each does what its action does."""
    media = {"camera": None, "camera_facing": "REAR", "microphone": "synthetic:tone-low"}
    ada = await people.join("ada", SMALL | media)
    assert (ada.device("camera") or media["camera"]).id == "synthetic:card-rear"
    stops = [ada.on(name, lambda event: event.prevent_default()) for name in BUTTON_EVENTS]
    events = heard(ada)
    buttons: list[Any] = [name.removesuffix("_button_clicked") for name in BUTTON_EVENTS]
    assert [await ada.press(button) for button in buttons] == [False] * len(buttons)
    assert names(events) == list(BUTTON_EVENTS)
    for stop in (*stops[:8], stops[10]):
        stop()
    ada.enable_picture_in_picture_layout()
    assert ada.is_picture_in_picture
    ada.disable_picture_in_picture_layout()
    for button in buttons:
        await ada.press(button)
    told = [name for name in names(events[len(buttons) :]) if name not in BUTTON_EVENTS and "speaker" not in name]
    wanted = ["picture_in_picture_enabled", "picture_in_picture_disabled", "audio_muted", "video_paused"]
    wanted += ["camera_changed", "camera_facing_changed", "participant_hand_raised", "call_layout_changed"]
    wanted += ["participant_list_visible", "connection_closed", "session_left"]
    assert [name for name in told if name in wanted] == wanted


async def test_who_is_pinned_is_this_persons_own_affair(people: People) -> None:
    """Nobody else hears of it; nobody can be pinned who is not here."""
    ada, bob = await two(people)
    ada.pin_participant("bob")
    assert ada.pinned is ada.main_participant is ada.participants["bob"]
    assert ada.shown_layout is Layout.SIDEBAR
    assert not bob.local.is_pinned
    with pytest.raises(ValueError, match="uid 'eve'; here: bob"):
        ada.pin_participant("eve")
    ada.unpin_participant("bob")
    assert (ada.pinned, ada.shown_layout) == (None, Layout.TILE)
    ada.set_layout("spotlight")
    assert ada.layout is Layout.SPOTLIGHT
    with pytest.raises(ValueError, match="'round'; there are TILE"):
        ada.set_layout("round")


async def test_a_screen_is_shared_beside_the_camera(people: People) -> None:
    """Seen by others as a screen, told of at both ends, and over when it is stopped."""
    ada, bob = await two(people)
    events, own = heard(bob), heard(ada)
    shared = await ada.start_screen_sharing("synthetic:card-screen")
    assert ada.is_screen_sharing
    await until(lambda: bob.presenter is bob.participants["ada"], "the screen at Bob's")
    async with asyncio.timeout(LIMIT_S):
        async for frame in bob.participants["ada"].screen.frames():
            assert frame.width > 0
            break
    assert await ada.start_screen_sharing("synthetic:card-screen") is shared
    await ada.stop_screen_sharing()
    await until(lambda: "participant_stopped_screen_share" in names(events), "its end at Bob's")
    assert not ada.is_screen_sharing
    assert bob.presenter is None
    assert [name for name in names(own) if "screen_share" in name] == ["screen_share_started", "screen_share_stopped"]


async def test_an_audio_mode_that_is_not_there_says_what_is(people: People) -> None:
    """The loudspeaker that plays stays; naming it again opens nothing."""
    ada, _ = await two(people, {"speaker": "synthetic:speaker"})
    await until(lambda: ada.device("speaker"), "the loudspeaker")
    events = heard(ada)
    speaker = ada.device("speaker")
    assert speaker is not None
    await ada.set_speaker(speaker.id)
    assert ada.audio_mode is AudioMode.SPEAKER
    assert await ada.set_audio_mode("speaker") == speaker
    with pytest.raises(DeviceGone, match="is EARPIECE"):
        await ada.set_audio_mode("EARPIECE")
    with pytest.raises(ValueError, match="'LOUD'; there are SPEAKER"):
        await ada.set_audio_mode("LOUD")
    assert "speaker_changed" not in names(events)


@pytest.mark.parametrize("place", ["embedded"], indirect=True)
async def test_what_the_settings_begin_is_begun(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once the call is joined, without holding it up; what cannot be begun is told, and the call goes on."""
    begun: list[str] = []

    async def start_recording(session: CallSession) -> None:
        begun.append(session.uid)

    async def start_transcription(session: CallSession) -> None:
        raise PluginError("nothing here transcribes")

    monkeypatch.setattr(CallSession, "start_recording", start_recording, raising=False)
    monkeypatch.setattr(CallSession, "start_transcription", start_transcription, raising=False)
    ada = await people.join("ada", {"auto_start_recording": True, "auto_start_transcription": True})
    events = heard(ada)
    await until(lambda: "error" in names(events), "the error")
    assert (begun, events[0].source, ada.is_active) == (["ada"], "auto_start_transcription", True)
    await people.join("bob")
    assert begun == ["ada"]


async def test_who_stays_alone_is_taken_out_of_the_call(people: People) -> None:
    """Asked first; the call ends with reason idle."""
    ada = await people.join("ada", {"idle_timeout_before_prompt_s": 0.2, "idle_timeout_after_prompt_s": 0.3})
    events = heard(ada)
    assert await asyncio.wait_for(ada.until_left(), LIMIT_S) == "idle"
    told = [name for name in names(events) if name in ("idle_prompt", "session_timed_out", "session_left")]
    assert told == ["idle_prompt", "session_timed_out", "session_left"]


async def test_a_background_that_no_plugin_can_change_is_refused_in_words(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was asked for, and what to install; to clear what was never set is fine."""
    ada = await people.join("ada")
    monkeypatch.setattr(ada._plugins, "loaded", [each for each in ada._plugins.loaded if each.name != "background"])
    assert not ada.can_set_background
    with pytest.raises(
        PluginError, match=r"a blur of 0\.5 was asked for.*pip install jackfield-background.*background\.md"
    ):
        await ada.set_background_blur(0.5)
    with pytest.raises(PluginError, match=r"beach\.jpg as background"):
        await ada.set_background_image("beach.jpg")
    await ada.clear_background()


async def test_what_is_behind_us_is_changed_in_a_call(people: People, tmp_path: Path) -> None:
    """Of a real call, as another sees it: blurred, a picture, and as it is; what is wrong changes nothing."""
    ada = await people.join(
        "ada", {"camera": "synthetic:card-front", "video": {"width": 320, "height": 180, "fps": 15}}
    )
    assert ada.can_set_background
    bob = await people.join("bob")
    await until(lambda: any(track.kind == "video" for track in bob.tracks()))
    shown: list[Any] = []
    next(track for track in bob.tracks() if track.kind == "video").take_decoded(shown.append)

    def sharpness() -> int:
        """How much neighbours in the newest picture differ at most: the card has edges, and no grain."""
        return int(np.abs(np.diff(shown[-1].to_ndarray(format="gray").astype(int), axis=1)).max())

    await until(lambda: bool(shown))
    sharp = sharpness()
    await ada.set_background_blur(1.0)
    await until(lambda: sharpness() < sharp / 3)
    for level in (7, -1, float("nan"), True, "much"):
        with pytest.raises(SettingsError, match="give a level from 0"):
            await ada.set_background_blur(level)  # type: ignore[arg-type]
    (tmp_path / "text.png").write_text("no picture")
    for name in ("nowhere.png", "text.png"):
        with pytest.raises(SettingsError, match=rf"background image: .*{name}.*; name a picture"):
            await ada.set_background_image(tmp_path / name)
    assert sharpness() < sharp / 3
    (tmp_path / "white.ppm").write_bytes(b"P6 16 9 255\n" + b"\xff" * (16 * 9 * 3))
    await ada.set_background_image(tmp_path / "white.ppm")
    await until(lambda: int(np.median(shown[-1].to_ndarray(format="gray"))) > 225)
    assert "selfie (background)" in next(str(each) for each in ada.explain() if each.asked == "processor background")
    await ada.set_background_blur(0)
    await until(lambda: sharpness() > sharp * 0.7)
    await ada.set_background_blur(0.5)
    await ada.clear_background()
    assert not [each for each in ada.explain() if each.asked == "processor background"]
