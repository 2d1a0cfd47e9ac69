"""End-to-end encryption in whole calls of ours: who has the key sees, hears and records, who has none is told so."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import av
import pytest

from jackfield import AudioSource, CallSession, EncodedFrame, EncoderError, EncryptionError, Place, VideoSource
from jackfield.media.h264 import is_keyframe
from jackfield.plugins import Plugins
from jackfield.server.app import Server
from jackfield.server.launch import make_sfu
from jackfield.server.settings import ServerSettings
from jackfield.values.media import VideoFrame
from tests.lab.machine import ROOT
from tests.lab.meeting import KEY as API_KEY
from tests.lab.meeting import LIMIT_S, SECRET, People, heard, until
from tests.peers.pattern import BLOCK, RATE, paint, tone
from tests.test_docs import blocks

KEY = "a key that everybody in the call was told"
SMALL = {"video": {"width": 320, "height": 180, "fps": 15, "max_bitrate_bps": 500_000}}


@contextlib.asynccontextmanager
async def sending(session: CallSession, luma: int, hz: int) -> Any:
    """This participant's pictures and tone."""
    video, audio = VideoSource(320, 180, 15), AudioSource(RATE)
    await session.publish(video, name="camera", source="camera")
    await session.publish(audio, name="microphone", source="microphone")

    async def push() -> None:
        for count in range(10_000):
            video.push(VideoFrame.from_ndarray(paint(320, 180, luma, count), format="yuv420p"))
            for part in range(7):
                audio.push(tone(hz, (7 * count + part) * BLOCK % RATE))
            await asyncio.sleep(0.07)

    task = asyncio.create_task(push())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def brightness(session: CallSession, uid: str) -> int:
    """Of the first picture that comes of this participant."""
    async with asyncio.timeout(LIMIT_S):
        async for frame in session.participants[uid].video.frames():  # type: ignore[union-attr]
            return luma_of(frame.picture)
    raise AssertionError("no picture came")


def luma_of(picture: av.VideoFrame) -> int:
    """How bright it is near its corner."""
    return memoryview(picture.planes[0])[10 * picture.planes[0].line_size + 10]


def recorded(folder: Path) -> dict[str, int]:
    """How many pictures and pieces of sound decode of all that was kept, and how bright the pictures are."""
    found = {"video": 0, "audio": 0, "luma": -1}
    for path in folder.rglob("*.mkv"):
        with av.open(str(path)) as file:
            for stream in file.streams:
                file.seek(0)
                for frame in file.decode(stream):
                    found[stream.type] += 1
                    if isinstance(frame, av.VideoFrame):
                        found["luma"] = luma_of(frame)
    return found


async def test_who_has_the_key_records_and_who_has_none_keeps_nothing(people: People, tmp_path: Path) -> None:
    """Plain frames in the file of the one; the other's is empty, and an error says why, once for each track."""
    with_key, without = tmp_path / "with", tmp_path / "without"
    ada = await people.join("ada", {**SMALL, "e2ee_key": KEY})
    bob = await people.join("bob", {"e2ee_key": KEY, "record_to": str(with_key)})
    eve = await people.join("eve", {"record_to": str(without)})
    told = heard(eve), heard(bob)
    async with sending(ada, 150, 500):
        assert abs(await brightness(bob, "ada") - 150) < 8
        await until(lambda: sum(event.name == "error" for event in told[0]) >= 2, "being told")
        await asyncio.sleep(1)
        (track,) = [track for track in bob.tracks() if track.kind == "video"]
        assert track.encrypted
    for session in (bob, eve, ada):
        await session.leave()
    kept = await asyncio.to_thread(recorded, with_key)
    assert kept["video"] > 5
    assert kept["audio"] > 10
    assert abs(kept["luma"] - 150) < 8
    kept = await asyncio.to_thread(recorded, without)
    assert (kept["video"], kept["audio"]) == (0, 0)
    errors = [event for event in told[0] if event.name == "error"]
    assert sorted(event.source for event in errors) == ["ada's camera", "ada's microphone"]
    assert all(isinstance(event.error, EncryptionError) for event in errors)
    assert all("this call has no key" in event.error.message for event in errors)
    assert [event for event in told[1] if event.name == "error"] == []


async def test_what_is_passed_through_is_encrypted_too(people: People) -> None:
    """H.264 as a camera encodes it, with delimiters and short start codes, is seen by who has the key."""
    ada = await people.join("ada", {**SMALL, "e2ee_key": KEY})
    bob = await people.join("bob", {"e2ee_key": KEY})
    source = VideoSource(320, 180, 15, codec="H264")
    frames = encoded(200)

    async def push() -> None:
        while True:
            for data in frames:
                source.push(EncodedFrame(data, "H264", is_keyframe(data)))
                await asyncio.sleep(0.05)

    await ada.publish(source, name="camera", source="camera")
    task = asyncio.create_task(push())
    try:
        await until(lambda: "ada" in bob.participants, "ada")
        assert abs(await brightness(bob, "ada") - 200) < 8
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert ada.publications[0].encoder == ""


def encoded(luma: int) -> list[bytes]:
    """Pictures as some cameras give them."""
    context = av.CodecContext.create("libx264", "w")
    assert isinstance(context, av.VideoCodecContext)
    context.width, context.height, context.pix_fmt, context.framerate = 320, 180, "yuv420p", 15  # type: ignore[assignment]
    context.options = {"profile": "baseline", "tune": "zerolatency", "x264-params": "keyint=10:aud=1:slices=2"}
    found = []
    for count in range(20):
        picture = av.VideoFrame.from_ndarray(paint(320, 180, luma, count), format="yuv420p")
        picture.pts = count
        found += [bytes(packet) for packet in context.encode(picture)]
    return [data.replace(b"\0\0\0\1", b"\0\0\1") for data in found]


async def test_what_the_guide_shows(people: People, capsys: pytest.CaptureFixture[str]) -> None:
    """Its program joins, and prints why it cannot read what somebody sends with another key."""
    (block,) = blocks(ROOT / "docs" / "end-to-end-encryption.md", "python")
    parts: dict[str, Any] = {}
    exec(compile(block.text, block.title, "exec"), parts)
    calls = people.phone()
    await calls.login("ada")
    ada = await parts["join"](calls, people.session_id, KEY)
    bob = await people.join("bob", {**SMALL, "e2ee_key": "another"})
    said = ""
    async with sending(bob, 90, 600), asyncio.timeout(LIMIT_S):
        while "bob's camera cannot be shown: it is encrypted with another key" not in said:
            await asyncio.sleep(0.05)
            said += capsys.readouterr().out
    await ada.leave()


async def test_av1_is_refused_with_a_reason(people: People) -> None:
    """No other implementation would read it: what remains of the wish is taken, and nothing is an error."""
    ada = await people.join("ada", {**SMALL, "e2ee_key": KEY, "video_codecs": ["AV1", "VP8"]})
    publication = await ada.publish(VideoSource(320, 180, 15))
    assert publication.codec == "VP8"
    await ada.leave()
    bob = await people.join("bob", {**SMALL, "e2ee_key": KEY, "video_codecs": ["AV1"]})
    with pytest.raises(EncoderError, match="AV1 can be encrypted end to end; name H264, VP8 or VP9"):
        await bob.publish(VideoSource(320, 180, 15))


async def test_who_comes_back_is_still_encrypted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plugins: Plugins
) -> None:
    """The server is restarted and both join anew: pictures go on, sealed as before, and nobody complains."""
    monkeypatch.setenv("JACKFIELD_STATE_DIR", str(tmp_path))

    async def serving(port: int = 0) -> Server:
        settings = ServerSettings(keys={API_KEY: SECRET}, login_key="log-in-key-of-the-tests", port=port, udp_port=0)
        server = Server(settings, make_sfu)
        await server.start()
        return server

    server = await serving()
    people = People(Place(server.url, API_KEY, SECRET), plugins)
    ada = await people.join("ada", {**SMALL, "e2ee_key": KEY})
    bob = await people.join("bob", {"e2ee_key": KEY})
    events = heard(bob)
    async with sending(ada, 150, 500):
        assert abs(await brightness(bob, "ada") - 150) < 8
        await server.close()
        await until(lambda: ada.connection_state == bob.connection_state == "reconnecting", "the loss")
        server = await serving(int(server.url.rpartition(":")[2]))
        await until(lambda: ada.connection_state == bob.connection_state == "connected", "the comeback")
        await until(lambda: [track for track in bob.tracks() if track.kind == "video"], "her camera")
        assert abs(await brightness(bob, "ada") - 150) < 8
        assert all(track.encrypted for track in bob.tracks())
        got: list[str] = []

        async def read(reader: Any, person: Any) -> None:
            got.append(await reader.read_all())

        bob.on_text_stream("t", read)
        await ada.send_text("still here", topic="t")
        await until(lambda: got == ["still here"], "what she sent")
    assert [event for event in events if event.name == "error"] == []
    await asyncio.gather(*(calls.close() for calls in people.calls))
    await server.close()
