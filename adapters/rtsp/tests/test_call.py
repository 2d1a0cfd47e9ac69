"""A whole call: an IP camera's H.264, through the embedded server, to somebody who decodes it; nobody encodes."""

from __future__ import annotations

import pytest

from jackfield import DeviceDenied
from jackfield.plugins import Config, Plugins, load
from tests.lab.needs import require
from tests.lab.phones import joined, recognised, seen, two_phones

from .cameras import film, serving

WISH = {"video": {"width": 320, "height": 180, "fps": 15}, "speaker": "none", "microphone": "none"}


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    """A real RTSP server, with a log-in."""
    require("rtsp-server")
    path = film(tmp_path_factory.mktemp("film") / "film.mkv", "h264", 60, sound=True)
    with serving(f"door:sound:{path}", user="ada", password="secret of the door") as found:
        yield found


@pytest.fixture
def plugins(port) -> Plugins:
    url = f"rtsp://127.0.0.1:{port}/door"
    good = {"url": url, "user": "ada", "password": "secret of the door", "sound": True}
    return load(Config(tables={"rtsp": {"door": good, "locked": {**good, "password": "hidden"}}}))


@pytest.fixture
async def calls(tmp_path, monkeypatch, plugins):
    """Two phones at an embedded server."""
    async with two_phones(tmp_path, monkeypatch, plugins) as found:
        yield found


async def test_a_camera_is_seen_and_heard_and_nobody_encodes_its_pictures(calls, plugins):
    """The far end recognises pictures and tones; no video encoder was looked for."""
    ada = await joined(calls[0], "ada", WISH, camera="rtsp:door", microphone="rtsp:door-sound")
    bob = await joined(calls[1], "bob", WISH, camera="none")
    pictures = await recognised((await seen(bob, "ada")).video.frames(), 20)
    assert pictures.ok, pictures.text
    sound = await recognised((await seen(bob, "ada")).audio.blocks(rate=48_000, channels=1), 5)
    assert "synthetic:tone-low" in sound.text
    sent = next(each for each in ada.stats()["publications"] if each["kind"] == "video")
    assert (sent["codec"], sent["encoderImplementation"], sent["device"]) == ("H264", "", "rtsp:door")
    chosen = {role: choice.chosen for role, choice in plugins.choices.items() if role.startswith("encoder H264")}
    assert chosen == {"encoder H264": "passthrough"}, "an encoder was opened"


async def test_a_refused_password_is_said_to_whoever_joins(calls, plugins):
    """`DeviceDenied` from the join, with what to correct; and in what explains the choice afterwards."""
    with pytest.raises(DeviceDenied, match="refuses the name and password") as caught:
        await joined(calls[0], "ada", WISH, camera="rtsp:locked")
    assert "hidden" not in str(caught.value)
    assert "correct user and password in [rtsp.locked]" in str(caught.value)
    ada = await joined(calls[0], "ada", WISH, camera=["rtsp:locked", "rtsp:door"])
    said = "\n".join(map(str, ada.explain()))
    assert "rtsp:locked" in said
    assert "refuses the name and password" in said
    assert "hidden" not in said
