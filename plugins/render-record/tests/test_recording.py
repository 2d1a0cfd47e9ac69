"""What was recorded is read by FFmpeg: every frame, at its time, whatever came in between."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import textwrap
import time
from datetime import datetime
from pathlib import Path

import attrs
import av
import pytest
from jackfield_render_record.naming import naming
from jackfield_render_record.options import Options
from jackfield_render_record.plugin import plugin
from jackfield_render_record.recording import Source
from jackfield_render_record.renderer import TakenTrack

from jackfield.testing import FakeCall, FakeParticipant, FakeTrack, samples
from jackfield.values.errors import PluginError
from jackfield.values.settings import SessionSettings

MS = 1_000_000


@pytest.fixture
def call(tmp_path):
    """A call to be recorded to a folder of the test's own."""
    return FakeCall(settings=SessionSettings(record_to=str(tmp_path / "kept")))


def person(uid="ada"):
    """Somebody."""
    return FakeParticipant(uid, uid.title(), f"PA_{uid}", f"PA_{uid}")


def camera(who, codec="VP8", sid="TR_v"):
    """Their camera."""
    return FakeTrack(sid, "camera", "video", "camera", who, codec)


def microphone(who):
    """Their microphone."""
    return FakeTrack("TR_a", "microphone", "audio", "microphone", who, "opus")


async def recorder(call, **options):
    """A recording that has begun."""
    (factory,) = plugin.register_renderers(Options(**options))
    return await factory.open(call, None)


def feed(track, frames, *, at_ns=0, rtp=0, start_ns=None):
    """The frames, as if they had arrived this much after the beginning, with RTP timestamps from this one on."""
    base = time.monotonic_ns() if start_ns is None else start_ns
    for frame in frames:
        moved = frame.time_ns - samples.START_NS + base + at_ns
        track.feed(attrs.evolve(frame, time_ns=moved, rtp_timestamp=frame.rtp_timestamp + rtp, width=0, height=0))


def read(path):
    """What is in the file: for each track its codec, the times of its packets in ms, and its decoded frames."""
    found = {}
    with av.open(str(path)) as container:
        for stream in container.streams:
            found[stream.metadata["title"]] = {"codec": stream.codec_context.name, "ms": [], "frames": []}
        for packet in container.demux():
            kept = found[packet.stream.metadata["title"]]
            if packet.size:
                kept["ms"].append(round(packet.pts * packet.time_base * 1000))
            kept["frames"] += packet.decode()
    return found


@pytest.mark.parametrize("codec", ["VP8", "H264", "VP9", "AV1", "H265"])
async def test_picture_and_sound_are_in_one_file_at_their_times(call, codec):
    """Nothing is missing, the two keep the offset with which they arrived, and the file knows its length."""
    ada = person()
    video, audio = call.subscribe(camera(ada, codec)), call.subscribe(microphone(ada))
    renderer = await recorder(call)
    start_ns = time.monotonic_ns()
    feed(video, samples.encoded(codec, 30), rtp=9_000_000, start_ns=start_ns)
    feed(audio, samples.encoded("opus", 40), at_ns=200 * MS, rtp=77, start_ns=start_ns)
    await renderer.close()
    (path,) = renderer.view
    assert path.name.startswith("stand-up-ada-")
    found = read(path)
    assert len(found["camera"]["frames"]) == 30
    assert {(frame.width, frame.height) for frame in found["camera"]["frames"]} == {(320, 180)}
    assert found["camera"]["ms"] == [index * 3000 * 1000 // 90_000 for index in range(30)]
    assert found["microphone"]["ms"] == [200 + index * 20 for index in range(40)]
    assert sum(frame.samples for frame in found["microphone"]["frames"]) == 40 * 960
    with av.open(str(path)) as container:
        assert container.duration / 1000 == pytest.approx(980, abs=45)
        assert container.metadata["title"] == "Ada in stand-up"


async def test_each_participant_has_a_file(call):
    """Files are begun when the first media comes, and one for each person."""
    renderer = await recorder(call)
    for uid in ("ada", "bob"):
        feed(call.subscribe(camera(person(uid), sid=f"TR_{uid}")), samples.encoded("VP8", 5))
    call.subscribe(camera(person("eve"), sid="TR_eve"))
    await renderer.close()
    assert sorted(path.name.split("-")[2] for path in renderer.view) == ["ada", "bob"]


async def test_a_track_that_comes_later_joins_the_file(call):
    """Picture that is switched on after a second of sound is in the same file, a second in."""
    ada = person()
    renderer = await recorder(call)
    start_ns = time.monotonic_ns()
    feed(call.subscribe(microphone(ada)), samples.encoded("opus", 50), start_ns=start_ns)
    await asyncio.sleep(0.3)
    feed(call.subscribe(camera(ada, "H264")), samples.encoded("H264", 10), at_ns=1000 * MS, start_ns=start_ns)
    await renderer.close()
    (path,) = renderer.view
    found = read(path)
    assert found["camera"]["ms"][0] == 1000
    assert (len(found["camera"]["frames"]), len(found["microphone"]["ms"])) == (10, 50)


async def test_a_camera_that_goes_and_comes_back_is_the_same_track(call):
    """Unpublished and published again, or muted for a while, it leaves a gap as long as it was."""
    ada = person()
    renderer = await recorder(call)
    start_ns = time.monotonic_ns()
    feed(first := call.subscribe(camera(ada, sid="TR_1")), samples.encoded("VP8", 5), start_ns=start_ns)
    call.unsubscribe(first)
    second = call.subscribe(camera(ada, sid="TR_2"))
    feed(second, samples.encoded("VP8", 5), at_ns=5000 * MS, rtp=123_456_789, start_ns=start_ns)
    await renderer.close()
    found = read(renderer.view[0])
    assert list(found) == ["camera"]
    assert found["camera"]["ms"][4:6] == [133, 5000]


async def test_another_codec_is_another_track_and_another_size_is_not(call):
    """A change of codec adds a track to the file; a change of size is in the pictures."""
    ada = person()
    video = call.subscribe(camera(ada, "H264"))
    renderer = await recorder(call)
    start_ns = time.monotonic_ns()
    for index, size in enumerate(((320, 180), (160, 96), (640, 360))):
        frames = samples.encoded("H264", 5, width=size[0], height=size[1])
        feed(video, frames, at_ns=index * 1000 * MS, rtp=index * 90_000, start_ns=start_ns)
    feed(video, samples.encoded("VP8", 5), at_ns=3000 * MS, rtp=3 * 90_000, start_ns=start_ns)
    await renderer.close()
    with av.open(str(renderer.view[0])) as container:
        assert [stream.codec_context.name for stream in container.streams] == ["h264", "vp8"]
        pictures = [frame for packet in container.demux(video=0) for frame in packet.decode()]
    assert [(frame.width, frame.height) for frame in pictures[::5]] == [(320, 180), (160, 96), (640, 360)]
    assert len(pictures) == 15


async def test_a_recording_starts_at_a_keyframe_and_goes_on_at_one_after_a_loss(call):
    """A keyframe is asked for at once and after each loss; what cannot be decoded is left out."""
    video = call.subscribe(camera(person()))
    renderer = await recorder(call)
    assert video.keyframe_requests == 1
    frames = samples.encoded("VP8", 10)
    start_ns = time.monotonic_ns()
    feed(video, frames[5:], start_ns=start_ns)
    feed(video, frames[:4], start_ns=start_ns)
    feed(video, [attrs.evolve(frames[5], lost_before=1), *frames[6:]], start_ns=start_ns)
    assert video.keyframe_requests == 2
    feed(video, frames, at_ns=1000 * MS, rtp=90_000, start_ns=start_ns)
    await renderer.close()
    kept = read(renderer.view[0])["camera"]
    assert len(kept["frames"]) == 14
    assert kept["ms"][3:5] == [100, 1000]


async def test_a_sender_that_starts_anew_does_not_break_time(call):
    """RTP timestamps that jump are placed by arrival again, and time never runs back."""
    audio = call.subscribe(microphone(person()))
    renderer = await recorder(call)
    frames = samples.encoded("opus", 10)
    start_ns = time.monotonic_ns()
    feed(audio, frames, rtp=4_000_000_000, start_ns=start_ns)
    feed(audio, frames, at_ns=200 * MS, rtp=5, start_ns=start_ns)
    feed(audio, frames, at_ns=300 * MS, rtp=5 + 200 * 48, start_ns=start_ns)
    await renderer.close()
    times = read(renderer.view[0])["microphone"]["ms"]
    assert times[:20] == [index * 20 for index in range(20)]
    assert times == sorted(set(times))


async def test_a_phone_held_upright_is_shown_upright(call):
    """The rotation of the first picture is in the file, clockwise as it was sent."""
    video = call.subscribe(camera(person()))
    renderer = await recorder(call)
    feed(video, [attrs.evolve(frame, rotation=90) for frame in samples.encoded("VP8", 3)])
    await renderer.close()
    assert [frame.rotation for frame in read(renderer.view[0])["camera"]["frames"]] == [-90] * 3


async def test_a_closed_file_can_be_sought_in(call):
    """Keyframes are listed, so that a player jumps to the last one before a time."""
    video = call.subscribe(camera(person()))
    renderer = await recorder(call, cluster_ms=200)
    start_ns = time.monotonic_ns()
    for index in range(4):
        feed(video, samples.encoded("VP8", 30), at_ns=index * 1000 * MS, rtp=index * 90_000, start_ns=start_ns)
    await renderer.close()
    with av.open(str(renderer.view[0])) as container:
        container.seek(2_500_000)
        packet = next(container.demux())
        assert packet.is_keyframe
        assert packet.pts * packet.time_base == 2


KILLED = """
    import asyncio, os, signal, sys, time
    sys.path.insert(0, {tests!r})
    from test_recording import FakeCall, SessionSettings, camera, feed, microphone, person, recorder, samples

    async def main():
        call = FakeCall(settings=SessionSettings(record_to={folder!r}))
        ada = person()
        video, audio = call.subscribe(camera(ada, "H264")), call.subscribe(microphone(ada))
        await recorder(call, cluster_ms=200)
        start_ns = time.monotonic_ns()
        feed(video, samples.encoded("H264", 60), start_ns=start_ns)
        feed(audio, samples.encoded("opus", 100), start_ns=start_ns)
        await asyncio.sleep(0.8)
        feed(video, samples.encoded("H264", 60), at_ns=2_000_000_000, rtp=180_000, start_ns=start_ns)
        os.kill(os.getpid(), signal.SIGKILL)

    asyncio.run(main())
"""


def test_a_file_can_be_played_when_the_process_was_killed(tmp_path):
    """All but the last moment is there, from beginning to end."""
    program = textwrap.dedent(KILLED).format(tests=str(Path(__file__).parent), folder=str(tmp_path))
    done = subprocess.run([sys.executable, "-c", program], timeout=30, capture_output=True, check=False)
    assert done.returncode == -9, done.stderr.decode()
    (path,) = tmp_path.glob("*.mkv")
    found = read(path)
    assert len(found["camera"]["frames"]) >= 60
    assert len(found["microphone"]["ms"]) == 100


@pytest.mark.parametrize("uid", ["../../etc/passwd", "a/b\\c", "..", "ünï cödé", "x" * 500, "会" * 256, ""])
def test_no_name_leads_out_of_the_folder(tmp_path, uid):
    """Whatever people call themselves or the session, files stay where they belong."""
    name = naming(str(tmp_path), "../" + uid, datetime(2026, 1, 2, 3, 4, 5))
    path = name(Source(uid, uid, "camera", "VP8"))
    assert path.parent == tmp_path
    path.touch()


def test_files_are_named_by_pattern_and_never_overwritten(tmp_path):
    """A pattern may name folders; a name that is taken gets a number; an unknown field is an error that says so."""
    pattern = str(tmp_path / "{session}" / "{name}")
    name = naming(pattern, "stand-up", datetime(2026, 1, 2))
    who = Source("ada", "Ada L", "camera", "VP8")
    assert name(who) == tmp_path / "stand-up" / "Ada_L.mkv"
    name(who).touch()
    assert name(who) == tmp_path / "stand-up" / "Ada_L-2.mkv"
    with pytest.raises(PluginError, match="nonsense"):
        naming("{nonsense}", "stand-up", datetime(2026, 1, 2))


async def test_a_folder_that_cannot_be_written_is_an_error_before_the_call(tmp_path):
    """Opening says what is wrong, and which setting mends it."""
    (tmp_path / "file").touch()
    call = FakeCall(settings=SessionSettings(record_to=str(tmp_path / "file" / "below")))
    with pytest.raises(PluginError, match="record_to"):
        await recorder(call)


async def test_a_disk_that_fails_ends_one_recording_and_is_told(call, tmp_path, caplog):
    """A file that cannot be written is given up with a word of why."""
    renderer = await recorder(call)
    (tmp_path / "kept").rmdir()
    (tmp_path / "kept").touch()
    feed(call.subscribe(camera(person())), samples.encoded("VP8", 5))
    await renderer.close()
    assert renderer.view == ()
    assert caplog.text.count("the recording of ada ends here") == 1


async def test_what_one_sends_ends_nobody_elses_recording(call, caplog):
    """Parameter sets that no file can hold, and frames that break the writer, cost only their sender's recording."""
    renderer = await recorder(call)
    flood = b"".join(b"\0\0\0\1" + unit for unit in (b"\x67\x42\xe0\x1f", *([b"\x68\xce"] * 300), b"\x65\x88"))
    hostile = call.subscribe(camera(person("eve"), "H264", "TR_e"))
    frame = samples.encoded("H264", 1)[0]
    feed(hostile, [attrs.evolve(frame, data=flood)])
    broken = call.subscribe(camera(person("mallory"), "VP8", "TR_m"))
    broken.feed(attrs.evolve(samples.encoded("VP8", 1)[0], data=None))
    feed(call.subscribe(camera(person("ada"))), samples.encoded("VP8", 5))
    await renderer.close()
    (kept,) = [path for path in renderer.view if "-ada-" in path.name]
    assert len(read(kept)["camera"]["frames"]) == 5
    assert "the recording of mallory ends here" in caplog.text


class FullRecording:
    """A recording whose disk is too slow."""

    def put(self, source, frame):
        """Never takes anything."""
        return False


def test_what_a_slow_disk_drops_is_made_good_at_a_keyframe():
    """A dropped picture takes those that build on it along, and asks for a keyframe once."""
    track = camera(person())
    taken = TakenTrack(track, lambda codec: Source("ada", "Ada", "camera", codec), FullRecording())
    for frame in samples.encoded("VP8", 5):
        taken.take(frame)
    assert track.keyframe_requests == 1
