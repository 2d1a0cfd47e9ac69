"""A session with several participants in the test's own process, on the embedded server and on a real LiveKit."""

from __future__ import annotations

import asyncio
import gc
import os
import secrets
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from jackfield import Calls, CallSession, CallToken, Place, tokens
from jackfield.plugins import Config, Plugins, load
from jackfield.server.app import Server
from jackfield.server.launch import make_sfu
from jackfield.server.settings import ServerSettings
from jackfield.values.events import EVENTS

KEY, SECRET = "APIcalls", "secret-of-the-whole-call-tests-32"
QUIET = {"camera": "none", "microphone": "none", "speaker": "none"}
LIMIT_S = 10.0


@pytest.fixture(scope="module")
def plugins() -> Plugins:
    """What is installed, with nothing configured."""
    return load(Config())


@pytest.fixture(params=["embedded", pytest.param("livekit", marks=pytest.mark.needs("livekit-server"))])
async def place(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Place]:
    """The embedded server, in this process; and a real LiveKit server: the same code, another address and key."""
    monkeypatch.setenv("JACKFIELD_STATE_DIR", str(tmp_path))
    if request.param == "livekit":
        real = request.getfixturevalue("livekit_server")
        yield Place(real.url, real.key, real.secret)
        return
    settings = ServerSettings(
        keys={KEY: SECRET},
        login_key="log-in-key-of-the-tests",
        port=0,
        udp_port=0,
        recordings=tmp_path / "recordings",
        log_file=tmp_path / "calls.sqlite3",
    )
    server = Server(settings, make_sfu)
    await server.start()
    yield Place(server.url, KEY, SECRET)
    await server.close()


class People:
    """Participants of one test, in one session, each with `Calls` of its own."""

    def __init__(self, place: Place, plugins: Plugins) -> None:
        self.place, self.plugins = place, plugins
        self.session_id = f"room {secrets.token_hex(4)}"
        self.calls: list[Calls] = []

    def phone(self) -> Calls:
        calls = Calls(self.place, plugins=self.plugins, remember=False)
        self.calls.append(calls)
        return calls

    def token(self, uid: str, role: Any = "moderator") -> CallToken:
        pair = (self.place.api_key or "", self.place.api_secret or "")
        return tokens.mint_call_token(*pair, uid=uid, name=uid.title(), session_id=self.session_id, role=role)

    async def join(self, uid: str, settings: dict[str, Any] | None = None, *, role: Any = "moderator") -> CallSession:
        joining = self.phone().join_session(call_token=self.token(uid, role), settings={**QUIET, **(settings or {})})
        return await joining


@pytest.fixture
async def people(place: Place, plugins: Plugins) -> AsyncIterator[People]:
    everyone = People(place, plugins)
    yield everyone
    await asyncio.gather(*(calls.close() for calls in everyone.calls))


async def until(condition: Callable[[], Any], what: str = "it") -> Any:
    """Waits for something to become true."""
    try:
        async with asyncio.timeout(LIMIT_S):
            while not (found := condition()):
                await asyncio.sleep(0.01)
            return found
    except TimeoutError:
        raise AssertionError(f"{what} did not happen within {LIMIT_S} s") from None


def heard(session: CallSession | Calls) -> list[Any]:
    """Every event from now on."""
    events: list[Any] = []
    for name in EVENTS:
        session.on(name, events.append)
    return events


def names(events: list[Any]) -> list[str]:
    return [event.name for event in events]


def left_over() -> tuple[int, int, int]:
    """Tasks, threads of ours, and open descriptors."""
    gc.collect()
    threads = [thread for thread in threading.enumerate() if not thread.name.startswith("asyncio_")]
    return len(asyncio.all_tasks()), len(threads), len(os.listdir("/proc/self/fd"))
