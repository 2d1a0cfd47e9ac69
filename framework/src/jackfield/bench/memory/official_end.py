"""The official SDK with a camera and a microphone of its own, and another's: ``… memory.official_end UID URL``."""

from __future__ import annotations

import argparse
import asyncio
import os
import time
from itertools import count
from typing import Any

from livekit import rtc

from jackfield.bench.frames import Pictures
from jackfield.bench.lines import hold
from jackfield.bench.memory.our_end import options
from jackfield.bench.official_join import token
from jackfield.bench.sound import BLOCK_S, RATE, block


async def pictures(source: rtc.VideoSource, run: argparse.Namespace) -> None:
    """Captures one at each tick."""
    made, start = Pictures(run.width, run.height), time.monotonic()
    for number in count():
        await asyncio.sleep(max(0.0, start + number / run.fps - time.monotonic()))
        data = bytearray(made.picture(number).to_ndarray().tobytes())
        source.capture_frame(rtc.VideoFrame(run.width, run.height, rtc.VideoBufferType.I420, data))


async def sound(source: rtc.AudioSource) -> None:
    """Captures a block at each tick."""
    start = time.monotonic()
    for number in count():
        await asyncio.sleep(max(0.0, start + number * BLOCK_S - time.monotonic()))
        samples = block(number)
        await source.capture_frame(rtc.AudioFrame(samples.tobytes(), RATE, 1, len(samples)))


async def watch(track: Any, seen: asyncio.Queue[str]) -> None:
    """Decodes this track."""
    is_video = track.kind == rtc.TrackKind.KIND_VIDEO
    stream: Any = rtc.VideoStream(track, format=rtc.VideoBufferType.I420) if is_video else rtc.AudioStream(track)
    told = False
    async for _ in stream:
        if not told:
            told = True
            seen.put_nowait("video" if is_video else "audio")


async def publish(room: rtc.Room, run: argparse.Namespace) -> tuple[rtc.VideoSource, rtc.AudioSource]:
    """The camera and the microphone, which others see."""
    camera, microphone = rtc.VideoSource(run.width, run.height), rtc.AudioSource(RATE, 1)
    how = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_CAMERA, simulcast=False)
    how.video_codec = rtc.VideoCodec.VP8
    how.video_encoding.max_bitrate, how.video_encoding.max_framerate = run.bitrate, run.fps
    await room.local_participant.publish_track(rtc.LocalVideoTrack.create_video_track("camera", camera), how)
    of_sound = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
    track = rtc.LocalAudioTrack.create_audio_track("microphone", microphone)
    await room.local_participant.publish_track(track, of_sound)
    return camera, microphone


async def measure(run: argparse.Namespace) -> None:
    """One end of one call, until told to stop."""
    room, seen = rtc.Room(), asyncio.Queue[str]()
    working: list[asyncio.Task[None]] = []
    room.on("track_subscribed", lambda track, *_: working.append(asyncio.create_task(watch(track, seen))))
    await room.connect(run.url, token(os.environ["BENCH_KEY"], os.environ["BENCH_SECRET"], run.uid))
    camera, microphone = await publish(room, run)
    working += [asyncio.create_task(pictures(camera, run)), asyncio.create_task(sound(microphone))]
    await hold(seen, working)
    await room.disconnect()


if __name__ == "__main__":
    asyncio.run(measure(options()))
