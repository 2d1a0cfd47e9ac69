"""The contract of whatever shows or keeps a call."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, ClassVar

import pytest

from jackfield.testing.contracts.offered import PluginUnderTest
from jackfield.testing.fake_call import FakeCall
from jackfield.testing.fakes import FakeParticipant, FakeTrack
from jackfield.values.errors import ContainerError
from jackfield.values.settings import SessionSettings

CLOSE_LIMIT_S = 5.0


class RendererContract(PluginUnderTest):
    """What a call relies on of a renderer. It takes ``container`` and refuses ``wrong_container``."""

    hook: ClassVar[str] = "register_renderers"
    container: ClassVar[Any] = None
    #: Left at its default where a renderer needs no container.
    wrong_container: ClassVar[Any] = NotImplemented

    @pytest.fixture
    def call(self, tmp_path: Path) -> FakeCall:
        """A call with nobody in it yet, which may be recorded to a folder of the test's own."""
        return FakeCall(settings=SessionSettings(record_to=str(tmp_path / "recording")))

    @pytest.mark.asyncio
    async def test_it_opens_on_an_empty_call_and_closes(self, offer: Any, call: FakeCall) -> None:
        """A call may be shown before anyone is there; closing is bounded."""
        renderer = await self._open(offer, call)
        assert hasattr(renderer, "view")
        await asyncio.wait_for(renderer.close(), CLOSE_LIMIT_S)

    @pytest.mark.asyncio
    async def test_it_shows_who_is_there_and_who_comes(self, offer: Any, call: FakeCall) -> None:
        """Tracks from before it was opened and tracks that come later are taken alike."""
        early, late = _tracks("early")[0], _tracks("late")[0]
        call.subscribe(early)
        renderer = await self._open(offer, call)
        call.subscribe(late)
        await _feed(early, late)
        assert _takers(early), "the track that was there is not taken"
        assert _takers(late), "the track that came later is not taken"
        await asyncio.wait_for(renderer.close(), CLOSE_LIMIT_S)

    @pytest.mark.asyncio
    async def test_it_takes_pictures_and_sound_of_several(self, offer: Any, call: FakeCall) -> None:
        """Two people with picture and sound at once, and one who leaves, are nothing special."""
        renderer = await self._open(offer, call)
        tracks = [track for name in ("ada", "bob") for track in _tracks(name)]
        for track in tracks:
            call.subscribe(track)
        await _feed(*tracks)
        call.unsubscribe(tracks[0])
        await _feed(*tracks[1:])
        await asyncio.wait_for(renderer.close(), CLOSE_LIMIT_S)

    @pytest.mark.asyncio
    async def test_closing_lets_go_of_everything(self, offer: Any, call: FakeCall) -> None:
        """After ``close`` no track is taken and no event listened to, so decoding can stop."""
        tracks = _tracks("ada")
        for track in tracks:
            call.subscribe(track)
        renderer = await self._open(offer, call)
        await _feed(*tracks)
        await asyncio.wait_for(renderer.close(), CLOSE_LIMIT_S)
        assert [_takers(track) for track in tracks] == [0, 0]
        assert call.listeners == 0

    @pytest.mark.asyncio
    async def test_a_track_that_ends_is_let_go_of(self, offer: Any, call: FakeCall) -> None:
        """After ``track_unsubscribed`` its handlers are gone."""
        track = call.subscribe(_tracks("ada")[0])
        renderer = await self._open(offer, call)
        await _feed(track)
        call.unsubscribe(track)
        await asyncio.sleep(0.05)
        assert _takers(track) == 0
        await asyncio.wait_for(renderer.close(), CLOSE_LIMIT_S)

    @pytest.mark.asyncio
    async def test_a_container_of_the_wrong_kind_is_refused(self, offer: Any, call: FakeCall) -> None:
        """A container that it cannot draw into raises `ContainerError`, before anything is shown."""
        if self.wrong_container is NotImplemented:
            return
        with pytest.raises(ContainerError):
            await offer.open(call, self.wrong_container)

    @pytest.mark.asyncio
    async def test_it_lives_through_a_whole_meeting(self, offer: Any, call: FakeCall) -> None:
        """Names of 500 emoji, markup and 100 kB of chat, hands, captions, screens, pins, layouts, an idle prompt, a
        connection that is lost: none of it raises, and none of it is listened to after closing."""
        renderer = await self._open(offer, call)
        call.clock.advance(call.settings.idle_timeout_before_prompt_s + 1)
        await _meet(call)
        call.end("ended")
        await asyncio.sleep(0.05)
        await asyncio.wait_for(renderer.close(), CLOSE_LIMIT_S)
        assert call.listeners == 0

    async def _open(self, factory: Any, call: FakeCall) -> Any:
        return await asyncio.wait_for(factory.open(call, self.container), 10)


async def _meet(call: FakeCall) -> None:
    call.join("ada", "\N{GRINNING FACE}" * 500, role="moderator")
    call.join("eve", "<b>Eve</b>")
    tracks = [call.send("ada", "camera"), call.send("ada", "microphone"), call.send("eve", "screen")]
    await _feed(*tracks)
    call.hand("ada")
    call.record("eve")
    for text in ("hello", "<script>alert(1)</script>", "\u00e9" * 50_000):
        call.write("ada", text)
    call.caption("eve", "good mor", final=False)
    call.caption("eve", "Good morning.")
    for uid in ("ada", "bob", None):
        call.speak(uid)
    call.pin_participant("eve")
    for layout in ("SIDEBAR", "SPOTLIGHT", "TILE"):
        call.set_layout(layout)
    call.show_participant_list()
    call.enable_picture_in_picture_layout()
    call.quality("ada", "poor")
    await asyncio.sleep(0.02)
    call.lose()
    call.turn_off("ada", "camera")
    call.restore()
    call.disable_picture_in_picture_layout()
    call.hide_participant_list()
    call.end_sending(tracks[2])
    call.unpin_participant()
    call.depart("ada")
    await _feed(call.show_own())
    call.depart("eve")
    await asyncio.sleep(0.02)


def _tracks(uid: str) -> list[FakeTrack]:
    person = FakeParticipant(uid, uid.title(), f"PA_{uid}", f"PA_{uid}")
    picture = FakeTrack(f"TR_{uid}_v", "camera", "video", "camera", person, "VP8")
    return [picture, FakeTrack(f"TR_{uid}_a", "microphone", "audio", "microphone", person, "opus")]


async def _feed(*tracks: FakeTrack) -> None:
    """Half a second of media, encoded and decoded, as fast as it is taken."""
    from jackfield.testing import samples

    for track in tracks:
        for index, frame in enumerate(samples.encoded(track.codec, 8)):
            track.feed(frame)
            track.feed(samples.block(index) if track.kind == "audio" else samples.picture(index))
            await asyncio.sleep(0)
    await asyncio.sleep(0.02)


def _takers(track: FakeTrack) -> int:
    return len(track.encoded) + len(track.decoded)
