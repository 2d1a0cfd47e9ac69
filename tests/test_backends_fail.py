"""Encoders and decoders of hardware that fail as drivers do, each survived by a whole call that somebody watches."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from jackfield import Calls, CallSession, CallToken, Place, tokens
from jackfield.plugins import Prober, load, load_config
from jackfield.server.app import Server
from jackfield.testing import install
from tests.lab.embedded import KEY, SECRET

QUIET = {"camera": "none", "microphone": "none", "speaker": "none"}
SEEN = {"camera": None, "microphone": "none", "speaker": "none", "video": {"width": 320, "height": 180, "fps": 60}}
LIMIT_S = 40.0
#: Frames that do well, and frames that are watched.
GOOD, WATCHED = 100, 170

#: Hardware of a kind of its own, which is x264 or FFmpeg's decoder for so many frames, and then does as it is told.
SHAKY = """
import ctypes, os, signal, time
from attrs import frozen
from jackfield import EncodedFrame, EncoderError, hookimpl
from jackfield.media.libav import trial
from jackfield.media.libav.tuning import Decoding, Tuning

LIVE = {"preset": "ultrafast", "tune": "zerolatency", "profile": "baseline", "forced-idr": "1"}

@frozen
class Options:
    act: str = ""
    good: int = 100
    makes: str = "encoder"

def hang(media):
    while True:
        ctypes.CDLL(None).sleep(3600)

def die(media):
    raise EncoderError("the card has fallen off the bus")

def nothing(media):
    return []

def garbage(media):
    return [EncodedFrame(bytes(range(256)) * 3, "H264", True, media.time_ns)]

def crash(media):
    os.kill(os.getpid(), signal.SIGSEGV)

class Shaky:
    def __init__(self, inner, options):
        self.inner, self.options, self.left = inner, options, options.good
    def force_keyframe(self):
        self.inner.force_keyframe()
    def set_bitrate_bps(self, bitrate_bps):
        self.inner.set_bitrate_bps(bitrate_bps)
    def _go(self, media, job):
        self.left -= 1
        acts = {"hangs": hang, "dies": die, "nothing": nothing, "garbage": garbage, "crashes its process": crash}
        act = acts.get(self.options.act)
        return job(media) if self.left >= 0 or act is None else act(media)
    def encode(self, media):
        return self._go(media, self.inner.encode)
    def decode(self, frame):
        return self._go(frame, self.inner.decode)
    def close(self):
        self.inner.close()

class Factory:
    name, codec, backend, rank = "h264-shaky", "H264", "shakycard", 90
    def __init__(self, options):
        self.options, self.makes = options, options.makes
    def probe(self):
        if self.options.act == "crashes at the probe":
            ctypes.string_at(0)
        if self.options.act == "hangs at the probe":
            hang(None)
        return trial.encode(self) if self.makes == "encoder" else trial.decode(self)
    def open(self, encoding=None, channels=2):
        if self.makes == "decoder":
            from jackfield.media.libav.decoder import VideoDecoder
            return Shaky(VideoDecoder(Decoding("h264")), self.options)
        from jackfield.media.libav.encoder import SteeredEncoder
        return Shaky(SteeredEncoder(encoding, Tuning("libx264", lambda encoding: LIVE)), self.options)

class Plugin:
    name, api_version, options = "shaky", (1, 0), Options
    @hookimpl
    def register_codecs(self, options):
        return [Factory(options)]

plugin = Plugin()
"""


def minted(uid: str) -> CallToken:
    return tokens.mint_call_token(KEY, SECRET, uid=uid, name="", session_id="room", role="moderator")


@pytest.fixture
async def made(embedded: Server, own_state: Path, site: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Any]:
    """Makes `Calls` at the embedded server, with what is configured; the shaky card is installed.

    Everything was tried out before, as on any machine but a new one, unless that is the test's matter.
    """
    install(site, "shaky", SHAKY)
    monkeypatch.setattr("jackfield.plugins.registry.OPEN_S", 45.0)  # so long does a busy machine start a process
    opened: list[Calls] = []

    async def make(configured: str = "", *, is_new: bool = False) -> Calls:
        file = own_state / f"{len(opened)}.toml"
        file.write_text(configured or '[plugins]\ndisable = ["shaky"]\n')
        plugins = load(load_config(file))
        if not is_new:
            plugins.prober = Prober(config=file, limit_s=45.0)  # a busy machine is no broken card
            await asyncio.to_thread(plugins.probe_all)
        opened.append(Calls(Place(embedded.url, KEY, SECRET), plugins=plugins, remember=False))
        return opened[-1]

    yield make
    for calls in opened:
        await calls.close()


def failing(act: str) -> str:
    """The configuration of a card that does well for a while, in a process of its own or, where it says so, in ours."""
    act, _, here = act.partition(", ")
    isolated = "none" if here else "hardware"
    return f'[plugins]\nisolate = "{isolated}"\n\n[shaky]\nact = "{act}"\ngood = {GOOD}\n'


class Watching:
    """Two people: one sends a camera's picture, the other sees it; when each picture came, and what was told."""

    def __init__(self, sends: Calls, sees: Calls) -> None:
        self._sends, self._sees = sends, sees
        self.changes: list[Any] = []
        self._sends.on("encoder_changed", self.changes.append)
        self.at: list[float] = []
        self.joined_s = 0.0
        self.ada: CallSession
        self.bob: CallSession

    async def run(self, frames: int) -> None:
        began = time.monotonic()
        self.ada = await self._sends.join_session(call_token=minted("ada"), settings=SEEN)
        self.joined_s = time.monotonic() - began
        self.bob = await self._sees.join_session(call_token=minted("bob"), settings=QUIET)
        async with asyncio.timeout(LIMIT_S):
            async for frame in self.bob.participants["ada"].video.frames():
                assert (frame.width, frame.height) == (320, 180)
                self.at.append(time.monotonic())
                if len(self.at) >= frames:
                    return

    @property
    def gaps(self) -> str:
        """The longest times without a picture, before the card failed and since: for people, not for asserting."""
        before, since = self.at[5 : GOOD - 5], self.at[GOOD - 5 :]
        longest = [max(later - one for one, later in itertools.pairwise(span)) * 1000 for span in (before, since)]
        return f"{len(self.at)} pictures seen, longest gap {longest[1]:.0f} ms (before: {longest[0]:.0f} ms)"


@pytest.mark.parametrize(
    ("act", "good", "words"),
    [
        ("crashes at the probe", GOOD, "probing it crashed (SIGSEGV)"),
        ("hangs at the probe", GOOD, "it is still being tried out"),
        ("nothing", 0, "it took 12 pictures and gave nothing"),
        ("garbage", 0, "bytes that are no H264 keyframe"),
        ("dies", 3, "the card has fallen off the bus"),
    ],
)
@pytest.mark.timeout(150)
async def test_what_fails_at_the_probe_costs_the_call_nothing(made: Any, act: str, good: int, words: str) -> None:
    """Software encodes, pictures arrive, and `explain` says why the card was passed over."""
    is_new = act == "hangs at the probe"
    call = Watching(await made(f'[shaky]\nact = "{act}"\ngood = {good}\n', is_new=is_new), await made())
    await call.run(20)
    assert call.ada.publications[0].encoder == "h264-x264"
    assert call.changes == []
    (choice,) = (each for each in call.ada.explain() if each.asked == "encoder H264")
    (passed,) = (each for each in choice.passed_over if each.name == "h264-shaky")
    assert words in passed.reason
    print(f"\n{act} ({good} good): joined in {call.joined_s:.2f} s; {passed}")


@pytest.mark.parametrize(
    ("act", "words"),
    [
        ("crashes its process", "its process crashed (SIGSEGV)"),
        ("dies", "the card has fallen off the bus"),
        ("hangs", "it took a picture and has not come back for 0.3 s"),
        ("nothing", "it gave nothing for"),
        ("garbage", "it gave 768 bytes that are no H264 keyframe"),
        ("hangs, in our process", "it took a picture and has not come back for 0.3 s"),
    ],
)
@pytest.mark.timeout(150)
async def test_what_fails_in_the_call_is_replaced(made: Any, act: str, words: str) -> None:
    """After a hundred frames: the other side goes on seeing pictures, and `encoder_changed` says what and why."""
    call = Watching(await made(failing(act)), await made())
    await call.run(WATCHED)
    print(f"\n{act} after {GOOD} frames: {call.gaps}")
    assert [(each.before, each.encoder) for each in call.changes] == [("h264-shaky", "h264-x264")]
    assert words in call.changes[0].reason
    assert call.changes[0].publication is call.ada.publications[0]
    assert call.ada.publications[0].encoder == "h264-x264"
    assert any("it failed in the call" in str(choice) for choice in call.ada.explain())
    print(f"told: {call.changes[0].before} → {call.changes[0].encoder}: {call.changes[0].reason}")


@pytest.mark.timeout(150)
async def test_a_card_that_broke_is_not_taken_again_at_once(made: Any) -> None:
    """Nor by another publication of the same process: each that hangs keeps a thread for good."""
    call = Watching(await made(f'[shaky]\nact = "dies"\ngood = {GOOD}\n'), await made())
    await call.run(WATCHED)
    assert len(call.changes) == 1
    second = await call.ada.publish("synthetic:card-rear", name="again")
    assert second.encoder == "h264-x264"


@pytest.mark.parametrize("act", ["dies", "hangs", "nothing"])
@pytest.mark.timeout(150)
async def test_a_decoder_that_fails_in_the_call_is_replaced(made: Any, act: str) -> None:
    """Whoever watches goes on seeing pictures, by the next decoder."""
    call = Watching(await made(), await made(f'[shaky]\nact = "{act}"\ngood = {GOOD}\nmakes = "decoder"\n'))
    await call.run(WATCHED)
    (track,) = call.bob.tracks()
    print(f"\ndecoder {act} after {GOOD} frames: {call.gaps}")
    assert track.stats()["decoderImplementation"] == "h264-ffmpeg"
    assert any("h264-shaky" in str(choice) and "in the call" in str(choice) for choice in call.bob.explain())


@pytest.mark.parametrize(("act", "most"), [("hangs", 0), ("hangs, in our process", 1)])
@pytest.mark.timeout(150)
async def test_leaving_does_not_wait_for_an_encoder_that_hangs(made: Any, act: str, most: int) -> None:
    """The call ends as ever; where its driver was in our process, the one thread that is left is the driver's."""
    before = set(threading.enumerate())
    call = Watching(await made(failing(act)), await made())
    await call.run(WATCHED)
    await call.ada.leave()
    await call.bob.leave()

    def left() -> int:
        return sum(thread.name == "jackfield encode camera" for thread in set(threading.enumerate()) - before)

    async with asyncio.timeout(LIMIT_S):
        while left() > most:
            await asyncio.sleep(0.05)
    assert left() == most
