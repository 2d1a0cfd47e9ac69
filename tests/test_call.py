"""Whole calls: Python participants with made-up devices on the embedded server, all real but the cables."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest
from livekit.protocol.rtc import MuteTrackRequest

from jackfield import (
    AudioSource,
    CallError,
    NetworkError,
    NotAllowed,
    VideoSource,
)
from jackfield.plugins import Plugins
from jackfield.roles import Verifies
from jackfield.values.media import VideoFrame
from tests.lab.meeting import LIMIT_S, QUIET, People, heard, left_over, names, until

SMALL = {"video": {"width": 320, "height": 180, "fps": 15}, "speaker": "none"}


def picture(luma: int, width: int = 320, height: int = 180) -> VideoFrame:
    return VideoFrame.from_ndarray(np.full((height * 3 // 2, width), luma, np.uint8), format="yuv420p")


@asynccontextmanager
async def pushing(source: VideoSource | AudioSource, make: Callable[[int], Any], every_s: float) -> AsyncIterator[None]:
    """Something is pushed again and again."""

    async def push() -> None:
        for count in range(10_000):
            source.push(make(count))
            await asyncio.sleep(every_s)

    task = asyncio.create_task(push())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def luma_of(frames: Any, wanted: int) -> int:
    """How many pictures were looked at until one of this brightness came."""
    seen = 0
    async with asyncio.timeout(LIMIT_S):
        async for frame in frames:
            seen += 1
            plane = frame.picture.planes[0]
            if abs(memoryview(plane)[90 * plane.line_size + 160] - wanted) < 6:
                return seen
    raise AssertionError("the pictures ended")


@pytest.mark.parametrize("codec", ["H264", "VP8", "VP9", "AV1", "H265"])
async def test_what_one_sends_the_other_decodes(people: People, plugins: Plugins, codec: str) -> None:
    """Frame counters are read from decoded pictures, the tone from decoded sound; statistics say so too."""
    maker = next(driver for driver in plugins.captures if isinstance(driver, Verifies))
    cards, tones = maker.verifier(), maker.verifier()
    ada = await people.join("ada", {**SMALL, "camera": None, "microphone": None, "video_codecs": [codec]})
    bob = await people.join("bob")
    person = bob.participants["ada"]

    async def listen() -> None:
        async for block in person.audio.blocks(rate=48_000, channels=1):
            tones.observe(block)

    listening = asyncio.create_task(listen())
    async with asyncio.timeout(LIMIT_S):
        async for frame in person.video.frames():
            cards.observe(frame)
            if cards.verdict().frames >= 30 and tones.verdict().frames >= 10:
                break
    listening.cancel()
    assert cards.verdict().ok, cards.verdict().text
    assert tones.verdict().ok, tones.verdict().text
    assert (frame.width, frame.height) == (320, 180)
    video = next(track for track in bob.stats()["tracks"] if track["kind"] == "video")
    assert (video["codec"], video["frameWidth"], video["uid"]) == (codec, 320, "ada")
    assert video["bitrate"] > 0
    sent = next(track for track in ada.stats()["publications"] if track["kind"] == "video")
    assert sent["framesEncoded"] >= 30
    sound = next(track for track in bob.stats()["tracks"] if track["kind"] == "audio")
    assert sound["packetsRedundant"] > 10, "each packet of sound brings the frame before along"
    assert sent["qualityLimitationReason"] in sent["qualityLimitationDurations"]
    assert video["jitterBufferEmittedCount"] >= 30
    assert video["totalInterFrameDelay"] > 0
    assert sound["totalSamplesReceived"] >= sound["concealedSamples"]
    pair = bob.stats()["connection"]["subscriber"]["selectedCandidatePair"]
    assert (pair["local"]["protocol"], pair["remote"]["candidateType"]) == ("udp", "host")
    assert "encoder " + codec in "".join(map(str, ada.explain()))


async def test_decoding_runs_only_while_somebody_reads(people: People) -> None:
    """No decoder thread before the first reader, none after the last."""
    others = set(threading.enumerate())

    def decoding() -> list[str]:
        return [each.name for each in threading.enumerate() if each not in others and "decode" in each.name]

    await people.join("ada", {**SMALL, "camera": None})
    bob = await people.join("bob")
    await until(lambda: bob.tracks(), "the subscription")
    assert decoding() == []
    async for _ in bob.participants["ada"].video.frames(format="rgb24"):
        assert decoding() == ["jackfield decode ada camera"]
        break
    await until(lambda: not decoding(), "the end of the decoder")


async def test_listeners_of_calls_hear_the_first_event(people: People) -> None:
    """Registered before the join: joined, then who was there, then their tracks."""
    await people.join("ada", {**SMALL, "camera": None})
    calls = people.phone()
    events, stream = heard(calls), calls.events()
    session = await calls.join_session(call_token=people.token("bob"), settings=QUIET)
    await until(lambda: "track_subscribed" in names(events), "the subscription")
    assert names(events)[:3] == ["session_joined", "participant_joined", "participant_list_changed"]
    assert events[0].session is session
    assert [(await anext(stream)).name for _ in range(3)] == names(events)[:3]


async def test_messages_reach_everyone_or_whom_they_are_for(people: People) -> None:
    """Reliable and lossy, with a topic, to all or to one; the sender hears nothing."""
    ada, bob, eve = [await people.join(uid) for uid in ("ada", "bob", "eve")]
    boxes = {session.uid: [] for session in (ada, bob, eve)}
    for session in (ada, bob, eve):
        session.on("data", boxes[session.uid].append)
    for session in (bob, eve):  # LiveKit keeps no message for whom it has no data channel to yet
        await until(lambda s=session: s.stats()["connection"]["subscriber"]["state"] == "connected", "their connection")
    await asyncio.sleep(0.3)
    await ada.send_data("to all", topic="news")
    await ada.send_data(b"to bob", reliable=False, to=["bob"])
    await until(lambda: len(boxes["bob"]) == 2 and boxes["eve"], "the messages")
    assert {(each.payload, each.topic, each.reliable, each.participant.uid) for each in boxes["bob"]} == {
        (b"to all", "news", True, "ada"),
        (b"to bob", "", False, "ada"),
    }
    assert [each.payload for each in boxes["eve"]] == [b"to all"]
    assert boxes["ada"] == []
    with pytest.raises(ValueError, match="60000"):
        await ada.send_data(bytes(70_000))


async def test_mute_and_pause_are_seen_by_all(people: People) -> None:
    """State, our events and theirs; a paused camera is closed and comes back with a keyframe."""
    ada = await people.join("ada", {**SMALL, "camera": None, "microphone": None, "start_audio_muted": True})
    bob = await people.join("bob")
    person = bob.participants["ada"]
    assert ada.is_audio_muted
    assert not ada.is_video_paused
    await until(lambda: person.audio_muted and not person.video_paused, "the first state")
    mine, theirs = heard(ada), heard(bob)
    await ada.unmute_audio()
    await ada.pause_video()
    await until(lambda: not person.audio_muted and person.video_paused, "the change")
    await ada.resume_video()
    await until(lambda: not person.video_paused, "the resumption")
    ours = ["audio_unmuted", "video_paused", "video_resumed"]
    assert [name for name in names(mine) if name != "dominant_speaker_changed"] == ours
    wanted = ["participant_audio_unmuted", "participant_video_paused", "participant_video_resumed"]
    assert [name for name in names(theirs) if name in wanted] == wanted
    async with asyncio.timeout(LIMIT_S):
        async for _ in person.video.frames():
            break


async def test_programs_publish_side_by_side(people: People) -> None:
    """Two pictures and a sound at once, told apart by name; one ends and another takes its place."""
    ada, bob = await people.join("ada"), await people.join("bob")
    bright, dark, sound = VideoSource(320, 180, 15), VideoSource(320, 180, 15), AudioSource(16_000)
    first = await ada.publish(bright, name="bright")
    second = await ada.publish(dark, name="dark")
    await ada.publish(sound, name="hum")
    assert [each.source for each in ada.publications] == ["camera", "unknown", "microphone"]
    person = bob.participants["ada"]
    hum = (8000 * np.sin(np.arange(1600) / 10)).astype(np.int16)
    async with (
        pushing(bright, lambda _: picture(200), 0.06),
        pushing(dark, lambda _: np.full((180, 320, 3), 40, np.uint8), 0.06),
        pushing(sound, lambda _: hum, 0.1),
    ):
        await luma_of(person.video.frames(), 200)
        await luma_of(person.video_named("dark").frames(), 50)
        async with asyncio.timeout(LIMIT_S):
            async for block in person.audio_named("hum").blocks(rate=8000, ptime_ms=20):
                assert (block.rate, block.samples.shape) == (8000, (160, 1))
                if np.abs(block.samples).max() > 3000:
                    break
        await ada.unpublish(second)
        await until(lambda: len(bob.tracks()) == 2, "the end of one")
        assert first in ada.publications
        third = VideoSource(320, 180, 15)
        await ada.publish(third, name="grey")
        async with pushing(third, lambda _: picture(120), 0.06):
            await luma_of(person.video_named("grey").frames(), 120)
        await luma_of(person.video.frames(), 200)


async def test_a_camera_in_several_sizes_and_who_takes_which(people: People) -> None:
    """Who spares the line gets the smallest, all others the largest; what nobody takes rests, and wakes up again."""
    sizes = {"camera": None, "simulcast": True, "video": {"width": 960, "height": 540, "fps": 15}, "speaker": "none"}
    ada = await people.join("ada", sizes)
    (camera,) = ada.publications

    def sent() -> dict[str, int]:
        return {layer["rid"]: layer["framesPerSecond"] for layer in camera.stats()["layers"]}

    async def seen(by: Any, height: int) -> None:
        async with asyncio.timeout(LIMIT_S):
            async for frame in by.participants["ada"].video.frames():
                if frame.height == height:
                    return

    spare = await people.join("bob", {**QUIET, "low_bandwidth": True})
    await seen(spare, 134)
    await until(lambda: sent()["q"] and not sent()["h"] and not sent()["f"], "only the smallest is sent")
    eve = await people.join("eve")
    await seen(eve, 540)
    await seen(spare, 134)
    layers = {layer["rid"]: layer for layer in camera.stats()["layers"]}
    assert [layers[rid]["frameHeight"] for rid in "qhf"] == [134, 270, 540]
    assert layers["q"]["framesEncoded"] > layers["f"]["framesEncoded"] > 0
    await spare.leave()
    await eve.leave()
    await until(lambda: not any(sent().values()), "nothing is sent to nobody")


async def test_a_picture_that_stands_still_reaches_who_comes_late(people: People) -> None:
    """Pushed once: whoever subscribes later asks for a keyframe and gets the last picture again."""
    ada = await people.join("ada")
    source = VideoSource(320, 180, 15)
    await ada.publish(source, name="slide")
    source.push(picture(160))
    await asyncio.sleep(0.5)
    bob = await people.join("bob")
    await luma_of(bob.participants["ada"].video.frames(), 160)


async def test_encoded_frames_pass_through(people: People) -> None:
    """What arrives encoded is published as it is, with no encoder, and the wish for a keyframe reaches the program."""
    await people.join("ada", {**SMALL, "camera": None})
    bob = await people.join("bob")
    asked: list[float] = []
    track = await until(lambda: next(iter(bob.tracks()), None), "the subscription")
    relay = VideoSource(320, 180, 15, codec=track.codec, on_keyframe_request=lambda: asked.append(time.monotonic()))
    publication = await bob.publish(relay, name="relay")

    async def pass_on() -> None:
        async for frame in bob.participants["ada"].video.encoded():
            if asked:
                track.request_keyframe()
                asked.clear()
            relay.push(frame)

    passing = asyncio.create_task(pass_on())
    eve = await people.join("eve")
    await until(lambda: "bob" in eve.participants, "bob")
    seen = 0
    async with asyncio.timeout(LIMIT_S):
        async for frame in eve.participants["bob"].video_named("relay").frames():
            seen += 1
            if seen == 10:
                size = (frame.width, frame.height)
                break
    assert (size, publication.encoder) == ((320, 180), "")
    passing.cancel()


async def test_names_and_attributes_are_seen_by_all(people: People) -> None:
    """Changes are confirmed, merged and told."""
    ada, bob = await people.join("ada"), await people.join("bob")
    told = heard(bob)
    await ada.set_attributes({"mood": "fine", "seat": "3"})
    await ada.set_attributes({"seat": ""})
    await ada.set_metadata("about me")
    await ada.set_name("Countess")
    person = bob.participants["ada"]
    await until(lambda: (person.name, person.metadata) == ("Countess", "about me"), "the change")
    assert person.attributes.get("mood") == "fine"
    assert "seat" not in person.attributes
    assert "participant_updated" in names(told)


async def test_a_moderator_mutes_removes_and_ends(people: People) -> None:
    """Each reaches whom it concerns, with its reason; a participant's token allows none of it."""
    ada = await people.join("ada")
    bob = await people.join("bob", {**SMALL, "microphone": None}, role="participant")
    eve = await people.join("eve", role="participant")
    await until(lambda: "bob" in ada.participants and not ada.participants["bob"].audio_muted, "bob's sound")
    for refused in (bob.remove_participant("ada"), bob.mute_participant("ada"), bob.end_for_all()):
        with pytest.raises(NotAllowed) as caught:
            await refused
        assert caught.value.code == "ERROR_PERMISSION"
    told = heard(bob)
    await ada.mute_participant(ada.participants["bob"])
    await until(lambda: bob.is_audio_muted, "the muting")
    assert [event.by_moderator for event in told if event.name == "audio_muted"] == [True]
    microphone = bob._own.of("microphone")
    assert microphone is not None
    bob._server_words.take("mute", MuteTrackRequest(sid=microphone.sid, muted=False))
    await asyncio.sleep(0.1)
    assert bob.is_audio_muted, "what is off, nobody else switches on"
    await ada.remove_participant("bob")
    assert await asyncio.wait_for(bob.until_left(), LIMIT_S) == "removed"
    await ada.end_for_all()
    # On LiveKit a moderator's token ends no room, so everyone is removed instead.
    assert await asyncio.wait_for(eve.until_left(), LIMIT_S) in ("ended", "removed")
    assert await asyncio.wait_for(ada.until_left(), LIMIT_S) == "ended"
    assert not ada.is_active
    with pytest.raises(CallError):
        await ada.send_data(b"too late")


async def test_the_same_uid_replaces_its_earlier_self(people: People) -> None:
    """The first is told so; others see one participant of that name."""
    first, other = await people.join("ada"), await people.join("bob")
    second = await people.join("ada")
    assert await asyncio.wait_for(first.until_left(), LIMIT_S) == "replaced"
    await until(lambda: [each.pid for each in other.participants.values()] == [second.local.pid], "the replacement")
    assert second.is_active


async def test_a_call_that_is_over_opens_nothing(people: People) -> None:
    """Devices are not opened for it, and whoever asks is told."""
    ada = await people.join("ada")
    await ada.leave()
    for late in (ada.set_camera, ada.set_microphone, ada.set_speaker):
        with pytest.raises(NetworkError, match="the call is over"):
            await late(None)
    with pytest.raises(NetworkError, match="the call is over"):
        await ada.resume_video()


async def test_who_may_only_watch_publishes_nothing(people: People) -> None:
    """The devices are given back, and publishing is refused."""
    from livekit import api

    grants = api.VideoGrants(room_join=True, room=people.session_id, can_publish=False, can_publish_data=False)
    made = api.AccessToken(people.place.api_key, people.place.api_secret).with_identity("fly")
    token = made.with_grants(grants).to_jwt()
    session = await people.phone().join_session(call_token=token, settings={**SMALL, "camera": None})
    assert session.publications == ()
    with pytest.raises(NotAllowed):
        await session.publish(VideoSource())
    with pytest.raises(NotAllowed):
        await session.send_data(b"hello")


async def test_iterators_end_when_their_participant_leaves(people: People) -> None:
    """Whoever reads a participant's media comes to the end of it; nothing hangs."""
    ada, bob = await people.join("ada", {**SMALL, "camera": None, "microphone": None}), await people.join("bob")
    person = bob.participants["ada"]

    async def read(media: Any) -> int:
        return sum([1 async for _ in media])

    reading = asyncio.gather(read(person.video.frames()), read(person.audio.blocks()), read(person.screen.frames()))
    await until(lambda: len(bob.tracks()) == 2, "the subscription")
    await asyncio.sleep(0.5)
    await ada.leave()
    pictures, blocks, screens = await asyncio.wait_for(reading, LIMIT_S)
    assert (pictures > 0, blocks > 0, screens) == (True, True, 0)


async def test_a_camera_is_swapped_while_its_track_stays(people: People) -> None:
    """Another device, the same track; the far end sees the other card."""
    ada = await people.join("ada", {**SMALL, "camera": None})
    bob = await people.join("bob")
    track = await until(lambda: next(iter(bob.tracks()), None), "the subscription")
    cameras = ada.devices("camera")
    if len(cameras) < 2:
        pytest.fail("the made-up cameras are not there")
    used = ada.device("camera")
    other = next(camera for camera in cameras if camera.plugin == used.plugin and camera != used)
    changed = heard(ada)
    assert await ada.set_camera(other.id) == other
    assert "camera_changed" in names(changed)
    assert ada.device("camera") == other
    async with asyncio.timeout(LIMIT_S):
        async for _ in bob.participants["ada"].video.frames():
            break
    assert [each.sid for each in bob.tracks()] == [track.sid]


async def test_many_joins_leave_nothing_behind(people: People) -> None:
    """Tasks, threads and descriptors are as many after as before; the one who stayed saw every picture begin."""
    stays = await people.join("stays")
    counted: list[tuple[int, int, int]] = []
    for turn in range(20):
        guest = await people.join(f"guest{turn}", {**SMALL, "camera": None, "microphone": None})
        async with asyncio.timeout(LIMIT_S):
            person = await until(lambda t=turn: stays.participants.get(f"guest{t}"), "the guest")
            async for _ in person.video.frames():
                break
        await guest.leave()
        await people.calls.pop().close()
        await until(lambda: not stays.participants, "the departure")
        if turn == 4:
            await asyncio.sleep(1)
        counted.append(left_over())
    early = counted[4]
    try:
        await until(lambda: all(map(int.__le__, left_over(), early)), "the end of everything")
    except AssertionError:
        pytest.fail(f"tasks, threads, descriptors: {counted}; {sorted(map(str, asyncio.all_tasks()))}")


@pytest.mark.parametrize(
    ("wished", "said"),
    [
        ({"video": {"width": 320, "height": 180}}, "its longer side has 320 pixels, and 480 are the least"),
        ({"video_codecs": ["VP9"]}, "it is sent as VP9, and H264 or VP8 could be: see video_codecs"),
    ],
)
@pytest.mark.parametrize("place", ["embedded"], indirect=True)
async def test_what_cannot_be_sent_in_several_sizes_is_said(
    people: People, caplog: pytest.LogCaptureFixture, wished: dict[str, Any], said: str
) -> None:
    """Once, in the log."""
    await people.join("ada", {"camera": None, "simulcast": True, **wished})
    assert [record.getMessage() for record in caplog.records if "simulcast" in record.message] == [
        f"simulcast: camera is sent in one size: {said}"
    ]


@pytest.mark.parametrize("place", ["embedded"], indirect=True)
async def test_what_cannot_be_published_is_named(people: People) -> None:
    """And what never was cannot be taken back."""
    ada = await people.join("ada")
    for what in (None, 5, b"camera"):
        with pytest.raises(ValueError, match=f"can be published; this is {type(what).__name__}"):
            await ada.publish(what)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="what `publish` answered can be unpublished"):
            await ada.unpublish(what)  # type: ignore[arg-type]
    assert ada.publications == ()
