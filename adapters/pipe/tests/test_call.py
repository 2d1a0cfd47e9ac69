"""A whole call: a command's H.264, through the embedded server, to somebody who decodes it; nobody encodes."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import pytest

from jackfield.plugins import Config, Plugins, load
from tests.lab.phones import joined, recognised, seen, two_phones

CARD = [sys.executable, str(Path(__file__).with_name("card_on_stdout.py"))]
OPTIONS = {
    "front": {"command": [*CARD, "h264", "--gop", "600"], "format": "h264", "on_keyframe": "SIGUSR1"},
    "raw": {"command": [*CARD, "nv12"], "format": "nv12"},
    "line-in": {"command": [*CARD, "s16le"], "format": "s16le"},
}
SIZE = {"width": 320, "height": 180}
WISH = {"video": {**SIZE, "fps": 30}, "speaker": "none", "microphone": "none"}


@pytest.fixture
def plugins(tmp_path) -> Plugins:
    tables = {name: {**SIZE, "timeout_s": 8, **each} for name, each in OPTIONS.items()}
    tables["front"] |= {"command": [*OPTIONS["front"]["command"], "--damage", str(tmp_path / "damage")]}
    return load(Config(tables={"pipe": tables}))


@pytest.fixture
async def calls(tmp_path, monkeypatch, plugins):
    """Two phones at an embedded server."""
    async with two_phones(tmp_path, monkeypatch, plugins) as found:
        yield found


async def watched(call, uid: str, count: int = 30):
    """What a verifier says of so many decoded pictures."""
    return await recognised((await seen(call, uid)).video.frames(), count)


async def test_h264_of_a_command_is_seen_and_nobody_encodes_it(calls, plugins):
    """The far end recognises the pictures; it came late and was given a keyframe of the command, which makes none by
    itself; and no encoder was opened."""
    ada = await joined(calls[0], "ada", WISH, camera="pipe:front")
    assert "camera pipe:front: pipe:front (pipe): its id was asked for" in "\n".join(map(str, ada.explain()))
    await asyncio.sleep(1.0)
    bob = await joined(calls[1], "bob", WISH, camera="none")
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
    ada = await joined(calls[0], "ada", WISH, camera="pipe:raw")
    bob = await joined(calls[1], "bob", WISH, camera="none")
    verdict = await watched(bob, "ada", 15)
    assert verdict.ok, verdict.text
    sent = next(each for each in ada.stats()["publications"] if each["kind"] == "video")
    assert sent["framesEncoded"] > 0


async def test_sound_of_a_command_is_heard(calls):
    """The tones arrive."""
    await joined(calls[0], "ada", WISH, camera="none", microphone="pipe:line-in")
    bob = await joined(calls[1], "bob", WISH, camera="none")
    sound = await recognised((await seen(bob, "ada")).audio.blocks(rate=48_000, channels=1), 10)
    assert "synthetic:tone-low" in sound.text


async def test_a_command_that_dies_is_seen_again(calls):
    """Killed in mid-call: the track stays published, and pictures go on once it was started again."""
    ada = await joined(calls[0], "ada", WISH, camera="pipe:front")
    bob = await joined(calls[1], "bob", WISH, camera="none")
    assert (await watched(bob, "ada", 5)).ok
    (publication,) = ada.publications
    capture, sid = publication.supply._feed.capture, publication.sid
    pid = capture._program.pid
    capture.signal(signal.SIGKILL)
    async with asyncio.timeout(20):
        while capture._program is None or capture._program.pid == pid or not capture._media_at_ns:
            await asyncio.sleep(0.02)
    await watched(bob, "ada", 15)
    assert [each.sid for each in ada.publications] == [sid]
    assert [track["uid"] for track in bob.stats()["tracks"] if track["kind"] == "video"] == ["ada"]


async def test_a_command_whose_h264_becomes_damaged_is_covered_until_it_holds(calls, tmp_path):
    """Its headers hold, so that the far end's decoder finds it first; one error names the device and the fault. What
    is whole again is passed on as before."""
    ada = await joined(calls[0], "ada", WISH, camera="pipe:front")
    bob = await joined(calls[1], "bob", WISH, camera="none")
    told: list[str] = []
    for name in ("device_lost", "device_restored"):
        ada.on(name, lambda event: told.append(event.name))
    ada.on("error", lambda event: told.append(event.error.message))
    assert (await watched(bob, "ada", 5)).ok
    (publication,) = ada.publications
    damage = tmp_path / "damage"
    damage.touch()
    looking = asyncio.create_task(watched(bob, "ada", 10_000))
    async with asyncio.timeout(20):
        while len(told) < 2 or not publication.is_away:
            await asyncio.sleep(0.05)
        damage.unlink()
        while "device_restored" not in told:
            await asyncio.sleep(0.05)
    looking.cancel()
    await asyncio.gather(looking, return_exceptions=True)
    lost, message, restored = told
    assert (lost, restored) == ("device_lost", "device_restored")
    assert "(pipe:front) cannot be sent as it is: the pictures that it begins with are damaged" in message
    await watched(bob, "ada", 15)
    async with asyncio.timeout(5):
        while publication.encoder:
            await asyncio.sleep(0.05)
