"""A whole call: a command's H.264, through the embedded server, to somebody who decodes it; nobody encodes."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import pytest
from jackfield_synthetic.plugin import plugin as synthetic

from jackfield import Calls, Place
from jackfield.plugins import Config, Plugins, load
from jackfield.server.app import Server
from jackfield.server.launch import make_sfu
from jackfield.server.settings import ServerSettings

KEY, SECRET = "APIpipe", "secret-of-the-pipe-call-tests-32b"
CARD = [sys.executable, str(Path(__file__).with_name("card_on_stdout.py"))]
OPTIONS = {
    "front": {"command": [*CARD, "h264", "--gop", "600"], "format": "h264", "on_keyframe": "SIGUSR1"},
    "raw": {"command": [*CARD, "nv12"], "format": "nv12"},
    "line-in": {"command": [*CARD, "s16le"], "format": "s16le"},
}
SIZE = {"width": 320, "height": 180}
WISH = {"video": {**SIZE, "fps": 30}, "speaker": "none", "microphone": "none"}


@pytest.fixture
def plugins() -> Plugins:
    return load(Config(tables={"pipe": {name: {**SIZE, "timeout_s": 8, **each} for name, each in OPTIONS.items()}}))


@pytest.fixture
async def calls(tmp_path, monkeypatch, plugins):
    """Two phones at an embedded server."""
    monkeypatch.setenv("JACKFIELD_STATE_DIR", str(tmp_path))
    server = Server(ServerSettings(keys={KEY: SECRET}, login_key="log-in", port=0, udp_port=0), make_sfu)
    await server.start()
    phones = [Calls(Place(server.url, KEY, SECRET), plugins=plugins, remember=False) for _ in range(2)]
    yield phones
    await asyncio.gather(*(each.close() for each in phones))
    await server.close()


async def joined(phone: Calls, uid: str, **settings):
    await phone.login(uid)
    return await phone.join_session(session_id="door", settings={**WISH, **settings})


async def watched(call, uid: str, count: int = 30):
    """What a verifier says of so many decoded pictures."""
    (driver,) = synthetic.register_captures(synthetic.options())
    verifier, seen = driver.verifier(), 0
    async with asyncio.timeout(25):
        while uid not in call.participants:
            await asyncio.sleep(0.02)
        async for frame in call.participants[uid].video.frames():
            verifier.observe(frame)
            seen += 1
            if seen >= count:
                return verifier.verdict()


async def test_h264_of_a_command_is_seen_and_nobody_encodes_it(calls, plugins):
    """The far end recognises the pictures; it came late and was given a keyframe of the command, which makes none by
    itself; and no encoder was opened."""
    ada = await joined(calls[0], "ada", camera="pipe:front")
    assert "camera pipe:front: pipe:front (pipe): its id was asked for" in "\n".join(map(str, ada.explain()))
    await asyncio.sleep(1.0)
    bob = await joined(calls[1], "bob", camera="none")
    verdict = await watched(bob, "ada")
    assert verdict.ok, verdict.text
    assert "synthetic:card-front" in verdict.text
    sent = next(each for each in ada.stats()["publications"] if each["kind"] == "video")
    assert (sent["codec"], sent["encoderImplementation"], sent["device"]) == ("H264", "", "pipe:front")
    assert "framesEncoded" not in sent
    chosen = {role: choice.chosen for role, choice in plugins.choices.items() if role.startswith("encoder")}
    assert chosen == {"encoder H264": "passthrough"}, "an encoder was opened"


async def test_raw_pictures_of_a_command_are_encoded_as_any_cameras(calls):
    """nv12 in, the same pictures out."""
    ada = await joined(calls[0], "ada", camera="pipe:raw")
    bob = await joined(calls[1], "bob", camera="none")
    verdict = await watched(bob, "ada", 15)
    assert verdict.ok, verdict.text
    sent = next(each for each in ada.stats()["publications"] if each["kind"] == "video")
    assert sent["framesEncoded"] > 0


async def test_sound_of_a_command_is_heard(calls):
    """The tones arrive."""
    await joined(calls[0], "ada", camera="none", microphone="pipe:line-in")
    bob = await joined(calls[1], "bob", camera="none")
    (driver,) = synthetic.register_captures(synthetic.options())
    verifier = driver.verifier()
    async with asyncio.timeout(20):
        async for block in bob.participants["ada"].audio.blocks(rate=48_000, channels=1):
            verifier.observe(block)
            if verifier.verdict().frames >= 10:
                break
    assert "synthetic:tone-low" in verifier.verdict().text


async def test_a_command_that_dies_is_seen_again(calls):
    """Killed in mid-call: the track stays published, and pictures go on once it was started again."""
    ada = await joined(calls[0], "ada", camera="pipe:front")
    bob = await joined(calls[1], "bob", camera="none")
    assert (await watched(bob, "ada", 5)).ok
    (publication,) = ada.publications
    capture, sid = publication._feed.capture, publication.sid
    pid = capture._program.pid
    capture.signal(signal.SIGKILL)
    async with asyncio.timeout(20):
        while capture._program is None or capture._program.pid == pid or not capture._media_at_ns:
            await asyncio.sleep(0.02)
    (driver,) = synthetic.register_captures(synthetic.options())
    verifier = driver.verifier()
    async with asyncio.timeout(20):
        async for frame in bob.participants["ada"].video.frames():
            verifier.observe(frame)
            if verifier.verdict().frames >= 15:
                break
    assert [each.sid for each in ada.publications] == [sid]
    assert [track["uid"] for track in bob.stats()["tracks"] if track["kind"] == "video"] == ["ada"]
