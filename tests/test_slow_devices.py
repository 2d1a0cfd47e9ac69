"""Devices that open slowly while a call is joined: the server is answered meanwhile, and what it tells is not lost."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from jackfield import CallError, Place
from jackfield.plugins import Config, load
from jackfield.server.app import Server
from jackfield.server.settings import ServerSettings
from jackfield.server.sfu import Sfu
from jackfield.server.sfu.participant import Participant, Reason, State
from tests.lab.meeting import KEY, QUIET, SECRET, People, heard, names, until

SLOW = {"camera": "synthetic:card-front", "video": {"width": 320, "height": 180, "fps": 15}}


class Slow:
    """A call whose camera opens when the test says so, at a server that the test looks into."""

    def __init__(self, sfu: Sfu, people: People) -> None:
        self.sfu, self.people = sfu, people
        self.opening, self.may_open = threading.Event(), threading.Event()
        driver = next(each for each in people.plugins.captures if each.name == "synthetic")
        self.captures: list[Any] = []
        open_at_once = driver.open

        def open(device: Any, format: Any) -> Any:
            self.opening.set()
            assert self.may_open.wait(60)
            self.captures.append(open_at_once(device, format))
            return self.captures[-1]

        driver.open = open  # type: ignore[method-assign]

    def seen(self, uid: str) -> Participant | None:
        """The participant, as the server has it."""
        rooms = [room for room in self.sfu.rooms if uid in room.participants]
        return rooms[0].participants[uid] if rooms else None

    def is_connected(self, uid: str) -> bool:
        """Whether the server's offer was answered, and its media has a way."""
        seen = self.seen(uid)
        return seen is not None and seen.state == State.ACTIVE


@pytest.fixture
async def slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Slow]:
    """Nobody has joined yet."""
    monkeypatch.setenv("JACKFIELD_STATE_DIR", str(tmp_path))
    sfu = Sfu(keys={KEY: SECRET})
    settings = ServerSettings(keys={KEY: SECRET}, login_key="log-in-key-of-the-tests", port=0, udp_port=0)
    server = Server(settings, lambda settings, port: sfu)
    await server.start()
    people = People(Place(server.url, KEY, SECRET), load(Config()))
    slow = Slow(sfu, people)
    yield slow
    slow.may_open.set()
    await asyncio.gather(*(calls.close() for calls in people.calls))
    await server.close()


async def test_the_server_is_answered_while_a_camera_opens(slow: Slow) -> None:
    """An offer has its answer and media its way before the camera is open; then its picture is there as ever."""
    joining = asyncio.create_task(slow.people.join("ada", SLOW))
    await until(lambda: slow.opening.is_set() and slow.is_connected("ada"), "an answer to the server")
    assert not joining.done()
    slow.may_open.set()
    await joining
    bob = await slow.people.join("bob")
    async with asyncio.timeout(10):
        frame = await anext(aiter(bob.participants["ada"].video.frames()))
    assert (frame.width, frame.height) == (320, 180)


async def test_what_happens_while_a_camera_opens_is_told_once_it_is_open(slow: Slow) -> None:
    """Somebody comes, and sends a message: `session_joined` first, then all of it."""
    bob = await slow.people.join("bob")
    calls = slow.people.phone()
    events = heard(calls)
    joining = asyncio.ensure_future(calls.join_session(call_token=slow.people.token("ada"), settings={**QUIET, **SLOW}))
    await until(lambda: slow.is_connected("ada"), "an answer to the server")
    await slow.people.join("cleo")
    await bob.send_data("are you there?")
    assert events == []
    slow.may_open.set()
    ada = await joining
    assert set(ada.participants) == {"bob", "cleo"}
    await until(lambda: "data" in names(events), "the message")
    told = [name for name in names(events) if name in ("session_joined", "participant_joined", "data")]
    assert told == ["session_joined", "participant_joined", "participant_joined", "data"]


@pytest.mark.parametrize(
    ("why", "code", "said"),
    [
        (Reason.PARTICIPANT_REMOVED, "ERROR_PERMISSION", "a moderator removed you"),
        (Reason.ROOM_DELETED, "ERROR_NETWORK", "the session was ended for everyone"),
        (Reason.DUPLICATE_IDENTITY, "ERROR_NETWORK", "the same person joined this session again"),
    ],
)
async def test_who_is_sent_away_while_a_camera_opens_hears_why_at_once(
    slow: Slow, why: Reason, code: str, said: str
) -> None:
    """The join is an error that says what happened, before the camera is open; then that is closed again."""
    joining = asyncio.create_task(slow.people.join("ada", SLOW))
    await until(lambda: slow.opening.is_set() and slow.is_connected("ada"), "an answer to the server")
    ada = slow.seen("ada")
    assert ada is not None
    await ada.end(why)
    with pytest.raises(CallError, match=said) as caught:
        async with asyncio.timeout(2):
            await joining
    assert caught.value.matches(code)
    slow.may_open.set()
    await until(lambda: slow.captures and slow.captures[0].stopped, "a closed camera")
