"""Remote tracks, and the iterators that programs read them by."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from livekit.protocol.models import ParticipantInfo, Room, TrackInfo, TrackSource, TrackType
from livekit.protocol.rtc import JoinResponse

from jackfield.session.room import Room as People
from jackfield.session.statistics import NAMES, w3c
from jackfield.session.subscriptions import Subscriptions
from jackfield.values.errors import CallError
from jackfield.values.events import Event
from jackfield.values.media import AudioBlock, EncodedFrame, VideoFrame


class FakeReceiver:
    """A receiver that a test feeds."""

    def __init__(self, track_sid: str, codec: str) -> None:
        self.track_sid, self.codec = track_sid, codec
        self.on_frame: Callable[[EncodedFrame], None] = lambda frame: None
        self.wishes = 0

    def request_keyframe(self) -> None:
        self.wishes += 1

    def hold_sound(self, wanted_ns: int) -> int:
        return 0

    def stats(self) -> dict[str, Any]:
        return {"packets_lost": 3, "jitter_ms": 5.0, "bitrate_bps": 1000}


class FakeDecoder:
    """A decoder of anything."""

    def __init__(self, codec: str) -> None:
        self.codec = codec

    def decode(self, frame: EncodedFrame) -> list[Any]:
        if self.codec == "opus":
            return [AudioBlock(np.full((480, 2), 100, np.int16), 48_000, frame.time_ns)]
        return [VideoFrame.from_ndarray(np.zeros((16, 16, 3), np.uint8), time_ns=frame.time_ns)]

    def close(self) -> None: ...


class Call:
    """One person with a camera and a microphone, as `Subscriptions` sees them."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.errors: list[CallError] = []
        self.subscriptions = Subscriptions(
            self.events.append,
            lambda channels: cast(Any, SimpleNamespace(open=FakeDecoder, name="fake", is_hardware=False, blame=None)),
            lambda error, source: self.errors.append(error),
        )
        self.camera = FakeReceiver("TR_cam", "VP8")
        self.microphone = FakeReceiver("TR_mic", "opus")
        join = JoinResponse(room=Room(name="room"), participant=ParticipantInfo(sid="PA_me", identity="me"))
        self.room = People(join, "participant", self.subscriptions.furnish)
        self.tracks = [
            TrackInfo(sid="TR_cam", name="eye", type=TrackType.VIDEO, source=TrackSource.CAMERA),
            TrackInfo(sid="TR_mic", type=TrackType.AUDIO, source=TrackSource.MICROPHONE),
        ]
        self.tell()

    def tell(self) -> None:
        self.room.update([ParticipantInfo(sid="PA_ada", identity="ada", tracks=self.tracks)])
        self.subscriptions.match(self.room)

    @property
    def ada(self) -> Any:
        return self.room.participants["ada"]


def frame(time_ns: int, codec: str = "VP8", *, keyframe: bool = True) -> EncodedFrame:
    return EncodedFrame(b"x", codec, keyframe, time_ns)


async def settle() -> None:
    await asyncio.sleep(0.05)


async def test_receiver_and_track_meet_in_either_order() -> None:
    """Told first or received first; unpublished, or ended below: each is told once."""
    call = Call()
    call.subscriptions.receiver_came(call.camera, call.room)  # type: ignore[arg-type]
    tracks, call.tracks = call.tracks, call.tracks[:1]
    call.tell()
    call.subscriptions.receiver_came(call.microphone, call.room)  # type: ignore[arg-type]
    assert [event.name for event in call.events] == ["track_subscribed"]
    call.tracks = tracks
    call.tell()
    assert sorted(call.subscriptions.tracks) == ["TR_cam", "TR_mic"]
    call.subscriptions.receiver_went(call.camera)  # type: ignore[arg-type]
    call.tracks = []
    call.tell()
    assert [event.name for event in call.events] == ["track_subscribed"] * 2 + ["track_unsubscribed"] * 2
    await call.subscriptions.close()


async def test_encoded_takers_get_every_frame_and_nothing_is_decoded() -> None:
    """Directly, in order; a taker that raises stops nobody."""
    call = Call()
    call.subscriptions.receiver_came(call.camera, call.room)  # type: ignore[arg-type]
    track = call.subscriptions.tracks["TR_cam"]
    taken: list[int] = []

    def breaks(frame: EncodedFrame) -> None:
        raise RuntimeError("broken")

    track.take_encoded(breaks)
    stop = track.take_encoded(lambda frame: taken.append(frame.time_ns))
    for number in (1, 2):
        call.camera.on_frame(frame(number))
    stop()
    call.camera.on_frame(frame(3))
    assert taken == [1, 2]
    assert "framesDecoded" not in track.stats()
    await call.subscriptions.close()


async def test_readers_get_the_newest_picture_and_follow_the_track() -> None:
    """What is read late is the last; a track that is published anew is read on; leaving ends it."""
    call = Call()
    reading = call.ada.video.frames()
    first = asyncio.ensure_future(anext(reading))
    await settle()
    call.subscriptions.receiver_came(call.camera, call.room)  # type: ignore[arg-type]
    assert call.camera.wishes == 1
    call.camera.on_frame(frame(1))
    assert (await asyncio.wait_for(first, 2)).time_ns == 1
    for number in (2, 3, 4):
        call.camera.on_frame(frame(number))
        await settle()
    assert (await anext(reading)).time_ns == 4
    call.subscriptions.receiver_went(call.camera)  # type: ignore[arg-type]
    again = FakeReceiver("TR_cam", "VP8")
    call.subscriptions.receiver_came(again, call.room)  # type: ignore[arg-type]
    again.on_frame(frame(5))
    assert (await asyncio.wait_for(anext(reading), 2)).time_ns == 5
    call.subscriptions.forget(call.ada)
    with pytest.raises(StopAsyncIteration):
        await asyncio.wait_for(anext(reading), 2)
    assert [each async for each in call.ada.video.frames()] == []
    await call.subscriptions.close()


async def test_sound_is_given_in_the_format_that_was_asked_for() -> None:
    """Stereo at 48 kHz becomes mono at 16 kHz in blocks of 20 ms."""
    call = Call()
    call.subscriptions.receiver_came(call.microphone, call.room)  # type: ignore[arg-type]
    reading = call.ada.audio.blocks(rate=16_000, channels=1, ptime_ms=20)
    first = asyncio.ensure_future(anext(reading))
    await settle()
    for number in range(4):
        call.microphone.on_frame(frame(number * 10_000_000, "opus"))
    block = await asyncio.wait_for(first, 2)
    assert (block.rate, block.samples.shape) == (16_000, (320, 1))
    await reading.aclose()
    await call.subscriptions.close()


async def test_a_reader_by_name_finds_its_track() -> None:
    """Before the track is there and after; a name that nobody has waits."""
    call = Call()
    early = call.ada.video_named("eye")
    call.subscriptions.receiver_came(call.camera, call.room)  # type: ignore[arg-type]
    assert early.track is call.subscriptions.tracks["TR_cam"]
    assert call.ada.video_named("eye") is early
    assert call.ada.video.track is early.track
    assert call.ada.video_named("nobody's").track is None
    assert call.ada.audio_named("eye").track is None
    await call.subscriptions.close()


async def test_statistics_have_the_names_of_the_standard() -> None:
    """W3C names and units; what the decoder counts beside what the receiver does."""
    call = Call()
    call.subscriptions.receiver_came(call.camera, call.room)  # type: ignore[arg-type]
    track = call.subscriptions.tracks["TR_cam"]
    stop = track.take_decoded(lambda media: None)
    call.camera.on_frame(frame(1))
    await settle()
    found = track.stats()
    assert (found["packetsLost"], found["jitter"], found["bitrate"]) == (3, 0.005, 1000)
    assert (found["framesDecoded"], found["frameWidth"], found["kind"]) == (1, 16, "video")
    stop()
    assert w3c({"muted": True, "rtt_ms": None, "own": 1}) == {"muted": True, "roundTripTime": None, "own": 1}
    assert not [name for name, (known, _) in NAMES.items() if "_" in known]
    await call.subscriptions.close()
