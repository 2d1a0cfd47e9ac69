"""The server records a call: who may ask, what everybody sees, what is in the files, and how it ends."""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import re
import signal
import sys
from pathlib import Path
from typing import Any

import aiohttp
import av
import pytest

from jackfield import EncryptionError, NetworkError, NotAllowed, links, tokens
from jackfield.server.recording import running
from jackfield.server.recording.kept import Kept, files
from jackfield.session.service import ask
from tests.lab.machine import ROOT
from tests.lab.meeting import KEY, SECRET, People, heard, names, until

SMALL = {"camera": None, "microphone": None, "video": {"width": 320, "height": 180, "fps": 15}}


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    """What the embedded server of these tests has recorded."""
    return Kept(tmp_path / "recordings")


def streams(path: Path) -> dict[str, float]:
    """Kind → seconds of each stream in a file."""
    found: dict[str, float] = {}
    with av.open(path) as file:
        for packet in file.demux():
            if packet.pts is not None:
                found[packet.stream.type] = float(packet.pts * packet.time_base)
    return found


def recorder_pid() -> int:
    """The process that records: our child of that name."""
    for path in Path("/proc").glob("[0-9]*"):
        try:
            command, parent = (
                (path / "cmdline").read_bytes(),
                (path / "stat").read_text().rpartition(") ")[2].split()[1],
            )
        except OSError:
            continue
        if b"jackfield.cli.live.recorder" in command and int(parent) == os.getpid():
            return int(path.name)
    raise AssertionError("nothing records")


@pytest.mark.parametrize("place", ["embedded"], indirect=True)
async def test_a_call_is_recorded_and_everybody_sees_it(people: People, kept: Kept) -> None:
    """Begun by a moderator, seen by all, and ended; each has a file with sound and pictures."""
    ada, bob = await people.join("ada", SMALL), await people.join("bob", SMALL, role="participant")
    hers, his = heard(ada), heard(bob)
    with pytest.raises(NotAllowed, match="moderator"):
        await bob.start_recording()
    with pytest.raises(NotAllowed, match="not being recorded"):
        await ada.stop_recording()
    await asyncio.gather(ada.start_recording(), ada.start_recording())
    assert ada.is_recording
    await until(lambda: bob.is_recording and bob.participants["ada"].is_recording, "the mark on her")
    assert set(bob.participants) == {"ada"}, "the recorder is seen"
    await asyncio.sleep(2)
    await ada.stop_recording()
    assert not ada.is_recording
    await until(lambda: not bob.is_recording and not bob.participants["ada"].is_recording, "the end, at his")
    for events in (hers, his):
        told = [name for name in names(events) if "record" in name]
        assert sorted(told) == [
            *("participant_started_recording", "participant_stopped_recording"),
            *("recording_started", "recording_stopped"),
        ]
    ((recording, folder),) = kept.listed()
    assert (recording.session_id, recording.started_by, recording.reason) == (people.session_id, "ada", "stopped")
    assert recording.ended_at
    assert recording.ended_at - recording.started_at > 1.5
    assert [path.stem.rpartition("-")[0].rpartition("-")[0].rpartition("-")[2] for path in files(folder)] == [
        "ada",
        "bob",
    ]
    for path in files(folder):
        found = streams(path)
        assert set(found) == {"audio", "video"}
        assert min(found.values()) > 1


@pytest.mark.parametrize("place", ["embedded"], indirect=True)
async def test_a_recording_ends_with_its_call_or_its_process(people: People, kept: Kept) -> None:
    """It begins by itself where the settings say so; killed, it is told of and begun again; the call over, it ends."""
    ada = await people.join("ada", {**SMALL, "auto_start_recording": True})
    bob = await people.join("bob")
    await until(lambda: bob.is_recording and bob.participants["ada"].is_recording, "the beginning")
    events = heard(bob)
    os.kill(recorder_pid(), signal.SIGKILL)
    await until(lambda: not bob.participants["ada"].is_recording, "the end of who was killed")
    await until(lambda: "recording_stopped" in names(events), "the room's word of it")
    await ada.start_recording()
    assert ada.is_recording
    await ada.end_for_all()
    await until(lambda: all(recording.ended_at for recording, _ in kept.listed()), "the end of the second")
    assert [recording.reason for recording, _ in kept.listed()] == ["over", "killed"]


@pytest.mark.parametrize("place", ["embedded"], indirect=True)
async def test_what_was_recorded_is_listed_and_fetched_by_those_who_may(people: People) -> None:
    """A log-in reads all, a moderator their own session's; others nothing, and no path leads out of the folder."""
    ada = await people.join("ada", SMALL)
    await people.join("bob")
    await ada.start_recording()
    await asyncio.sleep(1)
    await ada.stop_recording()
    log_in = tokens.mint_log_in(KEY, SECRET, "operator").auth_token
    other = tokens.mint_call_token(KEY, SECRET, uid="eve", name="", session_id="another", role="moderator").token
    async with aiohttp.ClientSession(people.place.url) as http:

        async def get(path: str, token: str) -> tuple[int, bytes]:
            async with http.get(path, headers={"Authorization": f"Bearer {token}"}) as answer:
                return answer.status, await answer.read()

        for token in (log_in, ada.token.token):
            status, body = await get("/api/recordings", token)
            (found,) = json.loads(body)["recordings"]
            assert (status, found["session_id"], found["started_by"]) == (200, people.session_id, "ada")
            (file,) = found["files"]
            status, content = await get(f"/api/recordings/{found['id']}/{file['name']}", token)
            assert (status, len(content)) == (200, file["bytes"])
        status, body = await get("/api/recordings", other)
        assert json.loads(body) == {"recordings": []}
        assert (await get(f"/api/recordings/{found['id']}/{file['name']}", other))[0] == 404
        assert (await get(f"/api/recordings/{found['id']}/recording.json", log_in))[0] == 404
        assert (await get("/api/recordings/..%2f..%2fx/keys.json", log_in))[0] == 404
        assert (await get("/api/recordings", people.token("bob", "participant").token))[0] == 403
        async with http.post(
            "/api/recording", json={"action": "burn"}, headers={"Authorization": f"Bearer {other}"}
        ) as no:
            assert (no.status, "start or stop" in await no.text()) == (400, True)
        async with http.post(
            "/api/recording", json={"action": "start"}, headers={"Authorization": f"Bearer {other}"}
        ) as no:
            assert (no.status, "join it first" in await no.text()) == (403, True)


@pytest.mark.parametrize("place", ["embedded"], indirect=True)
async def test_jackfield_log_tells_of_calls_and_their_recordings(people: People) -> None:
    """Who was in it, for how long, and what was recorded; an invite link leads to the same session."""
    ada, bob = await people.join("ada"), await people.join("bob", role="participant")
    link = links.parse(await ada.invite_link(ttl_s=60))
    assert (link.session_id, link.url) == (people.session_id, people.place.url)
    with pytest.raises(NotAllowed, match="moderator"):
        await bob.invite_link()
    await ada.start_recording()
    await bob.leave()
    await ada.end_for_all()
    environment = {**os.environ, "JACKFIELD_API_KEY": KEY, "JACKFIELD_API_SECRET": SECRET}
    command = [sys.executable, "-m", "jackfield", "log", "--url", str(people.place.url), "--since", "1h"]

    async def log(*options: str) -> str:
        process = await asyncio.create_subprocess_exec(
            *command, *options, env=environment, stdout=asyncio.subprocess.PIPE
        )
        said, _ = await process.communicate()
        assert process.returncode == 0
        return said.decode()

    async with asyncio.timeout(20):
        while not (call := json.loads(await log("--json"))["calls"][0])["recordings"][0]["ended_at"]:
            pass
    assert (call["session_id"], call["status"], call["reason"]) == (people.session_id, "ended", "ended")
    assert [(who["uid"], who["role"], who["reason"]) for who in call["people"]] == [
        ("ada", "moderator", "ended"),
        ("bob", "participant", "left"),
    ]
    assert 0 < call["duration_s"] < 60
    assert (call["recordings"][0]["started_by"], call["recordings"][0]["reason"]) == ("ada", "over")
    shown = await log()
    assert "Ada, Bob" in shown
    assert people.session_id in shown


async def test_where_it_cannot_be_recorded_words_say_why(people: People) -> None:
    """End-to-end encrypted, or on a server that has no such service: LiveKit's own."""
    ada = await people.join("ada", {"e2ee_key": "a key"})
    with pytest.raises(EncryptionError, match="record_to"):
        await ada.start_recording()
    if people.place.api_key != KEY:
        bob: Any = await people.join("bob")
        with pytest.raises(NotAllowed, match="call tokens of your own"):
            await bob.invite_link()
        with pytest.raises(NotAllowed, match=r"Egress.*record_to"):
            await bob.start_recording()


async def test_a_recorder_that_does_not_begin_is_given_up_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is killed, not asked to end: whoever waits for it gets the reason, and not their own timeout."""
    monkeypatch.setattr(running, "BEGIN_S", 0.5)
    program = [sys.executable, "-c", "import time; time.sleep(60)"]
    recorder = await running.RecorderProcess.started(running.Order("ws://127.0.0.1:9", "t", "."), program)
    with pytest.raises(NetworkError, match=r"the recorder did not begin within 0.5 s; try again"):
        async with asyncio.timeout(5):
            await recorder.begun()
    await recorder.stop()


def test_whoever_asks_for_a_recording_waits_longer_than_a_recorder_may_take() -> None:
    """The page (25 s) and Python (30 s): else a slow recorder would be a server that cannot be reached."""
    written = (ROOT / "framework" / "web" / "src" / "service.ts").read_text()
    found = re.search(r"TIMEOUT_MS = ([\d_]+);", written)
    assert found
    assert int(found[1]) / 1000 == 25
    in_python: float = inspect.signature(ask).parameters["timeout_s"].default
    assert min(25, in_python) > running.BEGIN_S + 4
