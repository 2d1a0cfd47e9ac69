"""Our own pictures, shown to ourselves: what is handed over when, and what nobody looks at costs nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest

from jackfield.plugins import Choice
from jackfield.session.own_track import OwnTrack
from jackfield.session.participant import Participant
from jackfield.values.media import EncodedFrame, VideoFrame
from tests.lab.bench import FRONT, SMART, Bench, Call, call


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Devices here give what a test says and no more: that is no stall."""
    monkeypatch.setattr("jackfield.session.absence.PICTURE_STALL_S", 60.0)


class Decoder:
    """Makes a picture of anything."""

    def decode(self, frame: EncodedFrame) -> list[VideoFrame]:
        return [VideoFrame.from_ndarray(np.zeros((16, 16, 3), np.uint8), time_ns=frame.time_ns)]

    def close(self) -> None: ...


class Decoding(Bench):
    """A bench that counts the decoders it opens."""

    decoders = 0

    def decoder(self, codec: str, **_: Any) -> tuple[Any, Choice]:
        self.decoders += 1
        return Decoder(), Choice(f"decoder {codec}", "made-up", "bench", "the only one")


@asynccontextmanager
async def shown(bench: Bench) -> AsyncIterator[tuple[Call, OwnTrack]]:
    """A call whose camera is shown to ourselves."""
    async with call(bench) as now:
        now.own.shown.participant = Participant(pid="PA_1", uid="ada", is_local=True)
        now.own.shown.begin(now.own.publications[0])
        (track,) = now.own.shown.all
        yield now, track


async def test_pictures_as_the_encoder_gets_them() -> None:
    """The very same picture, with no copy; of a placeholder too; nothing while it is off, and after that again."""
    async with shown(Bench(FRONT)) as (now, track):
        pictures: list[Any] = []
        unwatch = track.take_decoded(pictures.append)
        now.capture.give()
        await now.until(lambda: pictures)
        await now.sent(b"picture")
        await asyncio.to_thread(now.bench.pull, FRONT)
        await now.sent(b"picture", b"placeholder")
        assert bytes(pictures[-1].picture.planes[0])[0] != 0, "others see a placeholder: so do we"
        await asyncio.to_thread(now.bench.plug, FRONT)
        await now.opened(2)
        now.capture.give()
        await now.until(lambda: "device_restored" in now.names())
        await now.own.set_muted("camera", True)
        assert track.muted
        await now.own.set_muted("camera", False)
        await now.opened(3)
        assert not track.muted
        seen = len(pictures)
        now.capture.give()
        await now.until(lambda: len(pictures) > seen)
        unwatch()
        seen = len(pictures)
        now.capture.give()
        await asyncio.sleep(0.05)
        assert len(pictures) == seen
    assert now.names()[0] == "own_track_started"
    assert now.names()[-1] == "own_track_ended"
    assert now.own.shown.all == ()


async def test_what_a_camera_encodes_is_decoded_while_somebody_looks() -> None:
    """Handed on as it came to whoever takes it encoded; one decoder for all who look, from a keyframe on, and none
    otherwise; while a placeholder stands in, the placeholder's own pictures."""
    bench = Decoding(SMART)
    async with shown(bench) as (now, track):
        encoded: list[EncodedFrame] = []
        pictures: list[Any] = []
        track.take_encoded(encoded.append)
        now.capture.give()
        await now.until(lambda: encoded)
        assert (encoded[0].data[-6:], track.codec, bench.decoders) == (b"camera", "H264", 0)
        asked = now.capture.keyframes_asked
        for _ in range(2):
            track.take_decoded(pictures.append)
        now.capture.give(keyframe=False)
        await now.until(lambda: now.capture.keyframes_asked > asked)
        assert pictures == []
        now.capture.give()
        await now.until(lambda: len(pictures) == 2)
        await asyncio.to_thread(bench.pull, SMART)
        await now.until(lambda: len(pictures) > 3)
        assert pictures[-1].width == 320, "not decoded: the placeholder itself"
        assert bench.decoders == 1
        await asyncio.to_thread(bench.plug, SMART)
        await now.opened(2)
        now.capture.give()
        await now.until(lambda: pictures[-1].width == 16)


async def test_what_nobody_takes_is_encoded_for_ourselves_alone() -> None:
    """Every layer rests: the largest goes on while we take it, is not sent, and rests again after; keyframes that are
    asked for are no more than three a second."""
    async with shown(Bench(FRONT)) as (now, track):
        now.sender.on_bitrate("", 0)
        now.capture.give()
        await asyncio.sleep(0.1)
        assert now.sender.frames == []
        encoded: list[EncodedFrame] = []
        unwatch = track.take_encoded(encoded.append)
        await asyncio.sleep(0.05)
        now.capture.give()
        await now.until(lambda: encoded)
        assert encoded[0].keyframe
        for _ in range(20):
            track.request_keyframe()
            now.capture.give()
            await asyncio.sleep(0.02)
        assert 1 <= sum(frame.keyframe for frame in encoded) <= 4
        unwatch()
        await asyncio.sleep(0.05)
        seen = len(encoded), now.own.publications[0].stats()["framesEncoded"]
        now.capture.give()
        await asyncio.sleep(0.1)
        assert (len(encoded), now.own.publications[0].stats()["framesEncoded"]) == seen
