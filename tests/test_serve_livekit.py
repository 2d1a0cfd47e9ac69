"""Our service before a real LiveKit server: one address for log-ins, joining, moderation, recording and the log."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from jackfield import Calls, Place, SettingsError
from jackfield.plugins import Plugins
from jackfield.server.app import Server
from jackfield.server.launch import make_sfu
from jackfield.server.livekit import LiveKitMedia
from jackfield.server.recording.kept import Kept, files
from jackfield.server.settings import ServerSettings, check
from tests.lab.livekit import free_port
from tests.lab.meeting import QUIET, heard, names, until

pytestmark = pytest.mark.needs("livekit-server")
SMALL = {"camera": None, "microphone": None, "speaker": "none", "video": {"width": 320, "height": 180, "fps": 15}}
LOGIN_KEY = "log-in-key-of-the-tests"


@pytest.fixture
async def front(livekit_server: Any, tmp_path: Path) -> AsyncIterator[Server]:
    """The service in front."""
    settings = ServerSettings(
        keys={livekit_server.key: livekit_server.secret},
        login_key=LOGIN_KEY,
        port=0,
        livekit=livekit_server.url,
        recordings=tmp_path / "recordings",
        log_file=tmp_path / "calls.sqlite3",
    )
    server = Server(settings, make_sfu)
    await server.start()
    yield server
    await server.close()


async def test_a_call_through_the_service_in_front(front: Server, plugins: Plugins, tmp_path: Path) -> None:
    """Logged in at our service, joined through it, on LiveKit: pictures, chat, an invite, recording, and the log."""
    place = Place(front.url, login_key=LOGIN_KEY)
    async with (
        Calls(place, plugins=plugins, remember=False) as one,
        Calls(place, plugins=plugins, remember=False) as two,
    ):
        await one.login("ada", LOGIN_KEY)
        await two.login("bob", LOGIN_KEY)
        ada = await one.join_session(session_id="stand-up", settings=SMALL)
        bob = await two.join_session(session_id="stand-up", settings=QUIET)
        events = heard(bob)
        person = await until(lambda: bob.participants.get("ada"), "Ada")
        async with asyncio.timeout(15):
            assert (await anext(aiter(person.video.frames()))).width == 320
        await ada.send_chat("hello")
        await until(lambda: [each.text for each in bob.chat] == ["hello"], "her words")
        assert "/join/stand-up#invite=" in await ada.invite_link()
        await ada.start_recording()
        await until(lambda: bob.is_recording and bob.participants["ada"].is_recording, "the recording")
        assert set(bob.participants) == {"ada"}
        await asyncio.sleep(2)
        await ada.stop_recording()
        await until(lambda: not bob.participants["ada"].is_recording, "the end of it")
        ((recording, folder),) = Kept(tmp_path / "recordings").listed()
        assert (recording.reason, len(files(folder))) == ("stopped", 1)
        await ada.remove_participant("bob")
        assert await bob.until_left() == "removed"
        assert "recording_started" in names(events)
        await until(lambda: front._media and front._media.participant_count == 1, "his going, at our service")
        token = one.auth_token
        async with (
            aiohttp.ClientSession(front.url, headers={"Authorization": f"Bearer {token}"}) as http,
            http.get("/api/log") as answer,
        ):
            (call,) = (await answer.json())["calls"]
        assert {who["uid"] for who in call["people"]} == {"ada", "bob"}
        assert (call["session_id"], call["status"], len(call["recordings"])) == ("stand-up", "ongoing", 1)


async def test_wrong_tokens_and_a_server_that_goes_are_said(front: Server, livekit_server: Any) -> None:
    """LiveKit's own refusals come through; where it does not answer, that is a bad gateway and no hang."""
    async with aiohttp.ClientSession(front.url) as http:
        for path in ("/rtc/validate", "/rtc/v1/validate", "/rtc"):
            async with http.get(f"{path}?access_token=garbage") as answer:
                assert answer.status == 401
        async with http.post("/twirp/livekit.RoomService/ListRooms", json={}) as answer:
            assert answer.status in (401, 403)
        front._media._url = f"http://127.0.0.1:{free_port('127.0.0.1')}"  # type: ignore[union-attr]
        for path in ("/rtc/validate", "/rtc"):
            async with http.get(path) as answer:
                assert (answer.status, "does not answer" in await answer.text()) == (502, True)


async def test_what_cannot_be_started_is_said(livekit_server: Any) -> None:
    """Nobody there, keys that LiveKit does not know, this machine's own keys, and what is no address."""
    for url, keys, words in (
        (f"ws://127.0.0.1:{free_port('127.0.0.1')}", ("key", "s" * 32), "no LiveKit server answers"),
        (livekit_server.url, ("strange", "s" * 32), "refuses them"),
    ):
        media = LiveKitMedia(url, keys)
        with pytest.raises(SettingsError, match=words):
            await media.start()
        await media.close()
    with pytest.raises(SettingsError) as refused:
        check(ServerSettings(keys={"DEV": "s" * 36}, development=True, livekit="livekit.example.com"))
    assert {finding.key for finding in refused.value.findings} == {"keys", "livekit"}
