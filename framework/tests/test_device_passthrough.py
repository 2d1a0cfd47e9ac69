"""Cameras that encode by themselves in a running publication: sent as they are, covered, and encoded anew."""

from __future__ import annotations

import asyncio
import time

import pytest
from attrs import evolve

from jackfield.values.errors import DeviceBusy, DeviceGone
from tests.lab.bench import FRONT, H264, RAW, REAR, SMART, SPS, Bench, Marking, call


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Devices here give what a test says and no more: that is no stall."""
    monkeypatch.setattr("jackfield.session.absence.PICTURE_STALL_S", 60.0)
    monkeypatch.setattr("jackfield.session.absence.SOUND_STALL_S", 60.0)


async def test_what_a_camera_encodes_is_sent_as_it_is() -> None:
    """No encoder is opened; a keyframe that the far end wants, and the bitrate of the path, reach the camera."""
    bench = Bench(SMART)
    async with call(bench) as now:
        assert now.capture.format == H264
        now.capture.give()
        await now.sent(b"camera")
        assert bench.encoders == 0
        asked = now.capture.keyframes_asked
        now.sender.on_keyframe_request("")
        now.sender.on_bitrate("", 250_000)
        assert now.capture.keyframes_asked == asked + 1
        assert now.capture.bitrates == [250_000]
        assert bench.choices["encoder H264"].chosen == "passthrough"
        stats = now.own.publications[0].stats()
        assert (stats["frameWidth"], stats["frameHeight"], stats["encoderImplementation"]) == (320, 180, "")


async def test_an_encoding_camera_that_is_pulled_is_covered_too() -> None:
    """An encoder is opened for the placeholder alone, and given back at the camera's first keyframe."""
    bench = Bench(SMART)
    async with call(bench) as now:
        now.capture.give()
        await now.sent(b"camera")
        await asyncio.to_thread(bench.pull, SMART)
        await now.sent(b"camera", b"placeholder")
        assert (now.sender.frames[-1][1].width, now.sender.frames[-1][1].height) == (320, 180)
        await asyncio.to_thread(bench.plug, SMART)
        await now.opened(2)
        now.capture.give(keyframe=False)
        await now.until(lambda: now.capture.keyframes_asked)
        await asyncio.sleep(0.1)
        assert "device_restored" not in now.names()  # others still see the placeholder
        now.capture.give()
        await now.sent(b"camera", b"placeholder", b"camera")
        await now.until(lambda: not now.own.publications[0].encoder)
        for _ in range(3):
            now.capture.give(keyframe=False)
        await now.until(lambda: "device_restored" in now.names())
        assert now.sender.what() == [b"camera", b"placeholder", b"camera"]


async def test_a_picture_of_the_camera_before_turns_none_raw() -> None:
    """It is on its way to the loop while another takes its place, which encodes by itself: that one is sent as it is.
    One that gives raw pictures of its own is encoded."""
    bench = Bench(REAR, SMART)
    async with call(bench, camera=REAR.id) as now:
        now.capture.give()
        await now.sent(b"picture")
        late = now.own.publications[0].supply._turned_raw
        await now.own.set_device("camera", SMART.id)
        await now.opened(2)
        now.capture.give()
        await now.sent(b"picture", b"camera")
        late()
        await asyncio.sleep(0.1)
        assert now.own.publications[0].encoder == ""
        now.capture.format = RAW
        now.capture.give()
        await now.until(lambda: now.own.publications[0].encoder)


async def test_a_call_that_ends_while_an_encoder_is_given_back_waits_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The placeholder's, which is slow to close: when the call is over no thread of it is left."""
    closed: list[bool] = []

    def close(encoder: Marking) -> None:
        time.sleep(0.3)
        closed.append(True)

    monkeypatch.setattr(Marking, "close", close)
    bench = Bench(SMART)
    async with call(bench) as now:
        now.capture.give()
        await now.sent(b"camera")
        await asyncio.to_thread(bench.pull, SMART)
        await now.sent(b"camera", b"placeholder")
        await asyncio.to_thread(bench.plug, SMART)
        await now.opened(2)
        now.capture.give()
        await now.until(lambda: not now.own.publications[0].encoder)
        assert not closed
    assert closed


async def test_a_swap_that_fails_leaves_the_old_camera_alone() -> None:
    """It was never stopped, so its stream goes on where it is, and waits for no keyframe."""
    bench = Bench(SMART, REAR)
    async with call(bench, camera=SMART.id) as now:
        now.capture.give()
        await now.sent(b"camera")
        first, bench.refuse[REAR.id] = now.capture, DeviceGone("no such camera")
        asked, sent = first.keyframes_asked, len(now.sender.frames)
        with pytest.raises(DeviceGone, match="no such camera"):
            await now.own.set_device("camera", REAR.id)
        first.give(keyframe=False)
        await now.until(lambda: len(now.sender.frames) > sent)
        assert (now.capture, first.stopped, first.keyframes_asked) == (first, False, asked)


async def test_a_camera_that_is_opened_anew_aims_where_it_did() -> None:
    """Muted or pulled, it knows nothing of the bitrate when it is back: it is told again."""
    bench = Bench(SMART)
    async with call(bench) as now:
        now.capture.give()
        await now.sent(b"camera")
        now.sender.on_bitrate("", 250_000)
        (publication,) = now.own.publications
        await publication.mute()
        await publication.unmute()
        assert now.capture.bitrates == [250_000]
        now.sender.on_bitrate("", 0)
        await asyncio.to_thread(bench.pull, SMART)
        await asyncio.to_thread(bench.plug, SMART)
        await now.opened(3)
        await now.until(lambda: now.capture.bitrates == [250_000])


async def test_a_camera_that_does_not_start_is_given_back() -> None:
    """Another program may want it; the next unmuting opens it anew, and says so when it fails again."""
    bench = Bench(SMART)
    async with call(bench) as now:
        (publication,) = now.own.publications
        await publication.mute()
        bench.start_fails = DeviceBusy("the bus has no room for it; unplug another camera")
        for _ in range(2):
            with pytest.raises(DeviceBusy, match="no room"):
                await publication.unmute()
            assert publication.muted
            assert now.capture.stopped
        bench.start_fails = None
        await publication.unmute()
        now.capture.give()
        await now.sent(b"camera")


async def test_a_profile_that_browsers_lack_is_named_and_encoded_anew() -> None:
    """A finding says which, and what to do; the camera is asked for raw pictures, so that nobody sees black."""
    bench = Bench(SMART)
    async with call(bench) as now:
        now.capture.give(sps=SPS.replace(b"\x67\x42\xc0", b"\x67\x58\xc0"))
        await now.opened(2)
        assert now.capture.format.codec is None  # type: ignore[union-attr]
        now.capture.give()
        await now.sent(b"picture")
        (event,) = [event for event in now.told if event.name == "error"]
        assert event.error.code == "VALIDATION_ERROR"
        assert "profile Extended, which browsers do not decode" in str(event.error)
        assert "passthrough=False" in str(event.error)


async def test_a_camera_that_was_unfit_once_is_asked_for_raw_pictures_when_it_is_back() -> None:
    """What it encodes has not changed; another camera's encoding is sent as it is."""
    other = evolve(SMART, id="bench:clever")
    bench = Bench(SMART, other)
    async with call(bench, camera=SMART.id) as now:
        now.capture.give(sps=SPS.replace(b"\x67\x42\xc0", b"\x67\x58\xc0"))
        await now.opened(2)
        now.capture.give()
        await now.sent(b"picture")
        await asyncio.to_thread(bench.pull, SMART)
        await now.sent(b"picture", b"placeholder")
        await asyncio.to_thread(bench.plug, SMART)
        await now.opened(3)
        assert now.capture.format.codec is None  # type: ignore[union-attr]
        now.capture.give()
        await now.sent(b"picture", b"placeholder", b"picture")
        await now.until(lambda: "device_restored" in now.names())
        await now.own.set_device("camera", other.id)
        assert now.capture.format.codec == "H264"  # type: ignore[union-attr]
        now.capture.give()
        await now.sent(b"placeholder", b"picture", b"camera")


async def test_a_camera_that_turns_to_raw_pictures_is_encoded_here() -> None:
    """A stream that changed in mid-call to what nobody decodes is decoded by its driver: the track goes on."""
    bench = Bench(SMART)
    async with call(bench) as now:
        now.capture.give()
        await now.sent(b"camera")
        now.capture.format = RAW
        now.capture.give()
        await now.until(lambda: bench.encoders == 1)
        await now.until(lambda: now.own.publications[0].encoder)
        now.capture.give()
        await now.sent(b"camera", b"picture")


async def test_cameras_are_swapped_between_raw_and_encoded() -> None:
    """The track and its codec stay; an encoder is there exactly while it is needed."""
    bench = Bench(FRONT, SMART)
    async with call(bench, camera=FRONT.id) as now:
        now.capture.give()
        await now.sent(b"picture")
        assert await now.own.set_device("camera", SMART.id) == SMART
        now.capture.give()
        await now.sent(b"picture", b"camera")
        assert now.own.publications[0].encoder == ""
        await now.own.set_device("camera", FRONT.id)
        now.capture.give()
        await now.sent(b"picture", b"camera", b"picture")
        assert now.names() == ["camera_changed", "camera_changed"]
        assert len(now.wire.senders) == 1


async def test_a_camera_of_another_codec_is_asked_for_raw_pictures() -> None:
    """The track is VP8: a camera that can do H.264 gives what an encoder takes."""
    bench = Bench(FRONT, SMART)
    async with call(bench, camera=FRONT.id, video_codecs=["VP8"]) as now:
        await now.own.set_device("camera", SMART.id)
        assert now.capture.format.codec is None  # type: ignore[union-attr]
        now.capture.give()
        await now.sent(b"picture")
