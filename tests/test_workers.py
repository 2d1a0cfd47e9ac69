"""Whole calls on a server whose rooms are in worker processes, and what the end of one of these costs."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from livekit.protocol import rtc

from jackfield import Calls, CallSession, Place, tokens
from jackfield.plugins import Plugins
from jackfield.server.app import Server
from jackfield.server.workers import WorkersMedia
from jackfield.session.connection import Connection
from tests.lab import web
from tests.lab.meeting import KEY, QUIET, SECRET, heard, names
from tests.test_reconnect_calls import SMALL, Watch

LOGIN_KEY = "log-in-key-of-the-tests"
LIMIT_S = 30.0
pytestmark = pytest.mark.timeout(180)


async def until(condition: Callable[[], Any], what: str) -> Any:
    for _ in range(round(LIMIT_S / 0.02)):
        if found := condition():
            return found
        await asyncio.sleep(0.02)
    raise AssertionError(f"{what} did not happen within {LIMIT_S} s")


@pytest.fixture
async def spread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Server]:
    """The server, with two workers."""
    monkeypatch.setenv("JACKFIELD_STATE_DIR", str(tmp_path))
    kept = {"recordings": tmp_path / "recordings", "log_file": tmp_path / "calls.sqlite3"}
    async with web.serving(keys={KEY: SECRET}, login_key=LOGIN_KEY, workers=2, **kept) as server:
        yield server


class Phones:
    """Everybody who joins, each with `Calls` of their own."""

    def __init__(self, server: Server, plugins: Plugins) -> None:
        self.server, self.plugins = server, plugins
        self.calls: list[Calls] = []

    async def join(self, uid: str, session_id: str, settings: dict[str, Any] | None = None) -> CallSession:
        calls = Calls(Place(self.server.url, KEY, SECRET), plugins=self.plugins, remember=False)
        self.calls.append(calls)
        token = tokens.mint_call_token(KEY, SECRET, uid=uid, name=uid, session_id=session_id, role="moderator")
        return await calls.join_session(call_token=token, settings=settings or SMALL)


@pytest.fixture
async def phones(spread: Server, plugins: Plugins) -> AsyncIterator[Phones]:
    found = Phones(spread, plugins)
    yield found
    await asyncio.gather(*(calls.close() for calls in found.calls))


async def test_calls_on_two_workers_and_the_end_of_one(phones: Phones, spread: Server) -> None:
    """Pictures both ways in two sessions on two UDP ports. One worker is killed: its people come back, see each other
    again, and the log has both calls; those of the other have no gap."""
    media = spread._media
    assert isinstance(media, WorkersMedia)
    sessions = {}
    for room in ("one", "two"):
        sessions[room] = [await phones.join(uid, room) for uid in (f"ada-{room}", f"bob-{room}")]
    looks = {room: [Watch(ada, bob.local.uid), Watch(bob, ada.local.uid)] for room, (ada, bob) in sessions.items()}
    for look in (*looks["one"], *looks["two"]):
        await look.more(10)
    assert [worker.people for worker in media.workers] == [2, 2]
    await until(lambda: all(worker.load.totals["packets_sent"] > 50 for worker in media.workers), "media on both")
    events = heard(sessions["one"][0])
    victim = next(each for each in media.workers if media._places.of("one") is each)
    began = time.monotonic()
    os.kill(victim.running.pid, signal.SIGKILL)  # type: ignore[union-attr]
    await until(lambda: "connection_restored" in names(events), "her coming back")
    for look in looks["one"]:
        await look.more(10)
    gaps = {room: [round(look.gap_s(began), 2) for look in found] for room, found in looks.items()}
    print(f"a worker killed: longest gaps between pictures, of its session {gaps['one']} s, of another {gaps['two']} s")
    assert "participant_left" not in names(events)
    for look in looks["two"]:
        await look.more(5)
    assert max(gaps["two"]) < 3
    await until(lambda: victim.running, "another process in its place")
    (first, again, other) = sorted(await logged(spread), key=lambda call: (call["session_id"], call["started_at"]))
    assert [first["session_id"], again["session_id"], other["session_id"]] == ["one", "one", "two"]
    assert [each["status"] for each in (first, again, other)] == ["ended", "ongoing", "ongoing"]
    assert first["reason"] == "server"
    for look in (*looks["one"], *looks["two"]):
        look.end()


async def test_a_join_outlives_the_worker_that_dies_under_it(
    phones: Phones, spread: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It dies as the first track is announced: she is in the call all the same, and what she publishes is seen."""
    media, announced = spread._media, asyncio.Event()
    assert isinstance(media, WorkersMedia)
    bob = await phones.join("bob", "one", QUIET)
    add_track = Connection.add_track

    async def dying(self: Connection, *arguments: Any) -> Any:
        if not announced.is_set():
            announced.set()
            victim = media._places.of("one")
            assert victim is not None
            os.kill(victim.running.pid, signal.SIGKILL)  # type: ignore[union-attr]
            self.signal.send = lambda **said: None  # type: ignore[method-assign]
        return await add_track(self, *arguments)

    monkeypatch.setattr(Connection, "add_track", dying)
    ada = await phones.join("ada", "one")
    look = Watch(bob, "ada")
    await look.more(10)
    assert ada.is_active
    assert [bool(each.sid) for each in ada.publications] == [True]
    look.end()


async def logged(server: Server) -> list[dict[str, Any]]:
    """The log of calls, over HTTP."""
    token = tokens.mint_log_in(KEY, SECRET, "ada").auth_token
    async with (
        aiohttp.ClientSession(server.url, headers={"Authorization": f"Bearer {token}"}) as http,
        http.get("/api/log") as answer,
    ):
        return list((await answer.json())["calls"])


async def test_a_session_is_moderated_recorded_and_rung_as_ever(phones: Phones, spread: Server, tmp_path: Path) -> None:
    """What the service does with a session reaches it where it is: recording, its mark, removal, a resume, the end."""
    for room in ("one", "two"):
        ada = await phones.join("ada", room)
        bob = await phones.join("bob", room, QUIET)
        events = heard(bob)
        await ada.start_recording()
        await until(lambda seen=bob: seen.is_recording and seen.participants["ada"].is_recording, "the recording")
        await asyncio.sleep(1.0)
        await ada.stop_recording()
        await until(lambda seen=bob: not seen.participants["ada"].is_recording, "the end of it")
        ours = heard(ada)
        ada._connection.signal._websocket._response.connection.transport.abort()  # type: ignore[union-attr]
        await until(lambda seen=ours: "connection_restored" in names(seen), "the resume")
        (restored,) = [event for event in ours if event.name == "connection_restored"]
        assert not restored.rejoined
        await ada.remove_participant("bob")
        assert await bob.until_left() == "removed"
        assert "recording_started" in names(events)
    for call in await logged(spread):
        assert ({who["uid"] for who in call["people"]}, len(call["recordings"])) == ({"ada", "bob"}, 1)


# --- as a command -------------------------------------------------------------------------------------------------
class Serving:
    """`jackfield serve --workers 2` in a process group of its own, as at a terminal."""

    def __init__(self, process: asyncio.subprocess.Process, facts: dict[str, Any]) -> None:
        self.process, self.facts = process, facts
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        self.workers = [int(pid) for pid in children]

    def left(self) -> list[int]:
        """The workers that are still there."""
        return [pid for pid in self.workers if Path(f"/proc/{pid}/cmdline").exists() and _is_worker(pid)]


def _is_worker(pid: int) -> bool:
    with suppress(OSError):
        return b"workers.process" in Path(f"/proc/{pid}/cmdline").read_bytes()
    return False


@pytest.fixture
async def serving(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Serving]:
    monkeypatch.setenv("JACKFIELD_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "jackfield", "serve", "--json", "--port", "0", "--udp-port", "0", "--workers", "2"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "JACKFIELD_KEYS": f"{KEY}: {SECRET}"},
        start_new_session=True,
        cwd=tmp_path,
    )
    assert process.stdout is not None
    line = await asyncio.wait_for(process.stdout.readline(), LIMIT_S)
    yield Serving(process, json.loads(line))
    if process.returncode is None:
        process.kill()
        await process.communicate()


async def joined(http: aiohttp.ClientSession, url: str) -> aiohttp.ClientWebSocketResponse:
    token = tokens.mint_call_token(KEY, SECRET, uid="ada", name="", session_id="s").token
    websocket = await http.ws_connect(f"{url}/rtc?access_token={token}")
    await websocket.receive(timeout=LIMIT_S)
    return websocket


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
async def test_a_signal_to_the_whole_group_ends_in_order(serving: Serving, name: str) -> None:
    """Ctrl-C at a terminal reaches every process of the group, a service manager's SIGTERM every process: who is in a
    call is told to leave, and the exit code is that of an orderly end."""
    assert len(serving.workers) == len(serving.facts["udp_ports"]) == 2
    async with aiohttp.ClientSession() as http:
        websocket = await joined(http, serving.facts["url"])
        for pid in serving.workers:
            os.kill(pid, getattr(signal, name))
        os.killpg(serving.process.pid, getattr(signal, name))
        kinds = []
        while (message := await websocket.receive(timeout=LIMIT_S)).type is aiohttp.WSMsgType.BINARY:
            kinds.append(_kind(message.data))
        assert kinds[-1] == "leave"
        _, errors = await asyncio.wait_for(serving.process.communicate(), LIMIT_S)
    said = "Ending: 1 person is in a call, which goes on for 5 s at most; another signal ends all at once.\n"
    assert (serving.process.returncode, errors.decode()) == (0, said if name == "SIGTERM" else "")
    assert serving.left() == []


def _kind(data: bytes) -> str | None:
    return rtc.SignalResponse.FromString(data).WhichOneof("message")


async def test_workers_do_not_outlive_a_server_that_was_killed(serving: Serving, tmp_path: Path) -> None:
    """SIGKILL to the first process: the others go, and take their sockets along."""
    assert serving.left() == serving.workers
    serving.process.kill()
    await serving.process.communicate()
    await until(lambda: not serving.left(), "their end")
    await until(lambda: not list(tmp_path.glob("jackfield-workers-*")), "the folder's end")
