"""The official SDK through our server, one end in this process: ``… loss.official_end send|receive URL``."""

from __future__ import annotations

import argparse
import asyncio
import os
import time
from itertools import count
from typing import Any

import numpy as np
from livekit import rtc

from jackfield.bench.frames import Pictures, read_number
from jackfield.bench.lines import Seen, hear, say
from jackfield.bench.loss.our_end import options
from jackfield.bench.official_join import token


async def connected(run: argparse.Namespace, uid: str, room: rtc.Room) -> None:
    """``uid`` is in the session."""
    await room.connect(run.url, token(os.environ["BENCH_KEY"], os.environ["BENCH_SECRET"], uid))


async def send(run: argparse.Namespace) -> None:
    """Publishes pictures until told to stop."""
    room, source = rtc.Room(), rtc.VideoSource(run.width, run.height)
    await connected(run, "ada", room)
    track = rtc.LocalVideoTrack.create_video_track("numbers", source)
    how = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_CAMERA, simulcast=False)
    how.video_codec = rtc.VideoCodec.VP8
    how.video_encoding.max_bitrate, how.video_encoding.max_framerate = run.bitrate, run.fps
    sent: dict[int, int] = {}

    async def tick() -> None:
        pictures, start = Pictures(run.width, run.height), time.monotonic()
        for number in count():
            await asyncio.sleep(max(0.0, start + number / run.fps - time.monotonic()))
            data = bytearray(pictures.picture(number).to_ndarray().tobytes())
            sent[number] = time.monotonic_ns()
            source.capture_frame(rtc.VideoFrame(run.width, run.height, rtc.VideoBufferType.I420, data))

    ticking = asyncio.create_task(tick())
    await room.local_participant.publish_track(track, how)
    say(ready=True)
    await hear()
    ticking.cancel()
    say(sent=sent)
    await room.disconnect()


async def receive(run: argparse.Namespace) -> None:
    """Decodes until told to stop."""
    room, seen = rtc.Room(), Seen()
    found: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def subscribed(track: Any, *_: Any) -> None:
        if track.kind == rtc.TrackKind.KIND_VIDEO and not found.done():
            found.set_result(track)

    async def read() -> None:
        stream = rtc.VideoStream(await found, format=rtc.VideoBufferType.I420)
        async for event in stream:
            frame = event.frame
            luma = np.frombuffer(frame.data, np.uint8, frame.width * frame.height).reshape(frame.height, frame.width)
            seen.saw(read_number(luma, frame.width / run.width), frame.width)

    room.on("track_subscribed", subscribed)
    await connected(run, "bob", room)
    reading = asyncio.create_task(read())
    await seen.first.wait()
    say(ready=True)
    await hear()
    reading.cancel()
    say(seen=seen.pictures)
    await room.disconnect()


if __name__ == "__main__":
    wanted = options()
    asyncio.run(send(wanted) if wanted.role == "send" else receive(wanted))
