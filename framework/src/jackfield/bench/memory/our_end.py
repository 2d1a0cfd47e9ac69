"""Jackfield in a call with a camera and a microphone of its own, and another's: ``… memory.our_end UID URL``."""

from __future__ import annotations

import argparse
import asyncio
import os
import time
from itertools import count
from typing import Any

from jackfield.bench.frames import Pictures
from jackfield.bench.lines import hold
from jackfield.bench.our_call import QUIET, first_other, video_of
from jackfield.bench.sound import BLOCK_S, RATE, block
from jackfield.calls import Calls
from jackfield.session.call import CallSession
from jackfield.session.participant import Participant
from jackfield.session.sources import AudioSource, VideoSource
from jackfield.values.people import Place

SESSION = "bench"


def options() -> argparse.Namespace:
    """What each end is told."""
    parser = argparse.ArgumentParser()
    parser.add_argument("uid")
    parser.add_argument("url", nargs="?", default="")
    for name, default in (("width", 1280), ("height", 720), ("fps", 30), ("bitrate", 1_500_000)):
        parser.add_argument(f"--{name}", type=int, default=default)
    return parser.parse_args()


async def pictures(source: VideoSource, run: argparse.Namespace) -> None:
    """Pushes one at each tick."""
    made, start = Pictures(run.width, run.height), time.monotonic()
    for number in count():
        await asyncio.sleep(max(0.0, start + number / run.fps - time.monotonic()))
        source.push(made.picture(number))


async def sound(source: AudioSource) -> None:
    """Pushes a block at each tick."""
    start = time.monotonic()
    for number in count():
        await asyncio.sleep(max(0.0, start + number * BLOCK_S - time.monotonic()))
        source.push(block(number))


async def watch(participant: Participant, seen: asyncio.Queue[str]) -> None:
    """Decodes all that this participant sends."""

    async def look() -> None:
        async for _ in video_of(participant).frames("yuv420p"):
            seen.put_nowait("video")
            break
        async for _ in video_of(participant).frames("yuv420p"):
            pass

    async def listen() -> None:
        if participant.audio is None:
            raise AssertionError("only the local participant has no sound to hear")
        async for _ in participant.audio.blocks():
            seen.put_nowait("audio")
            break
        async for _ in participant.audio.blocks():
            pass

    await asyncio.gather(look(), listen())


async def joined(calls: Calls, run: argparse.Namespace) -> CallSession:
    """In the session; what is sent is as large as the others send it."""
    video = {"width": run.width, "height": run.height, "fps": run.fps, "max_bitrate_bps": run.bitrate}
    await calls.login(run.uid)
    settings: dict[str, Any] = QUIET | {"video_codecs": ["VP8"], "video": video}
    return await calls.join_session(session_id=SESSION, settings=settings)


async def measure(run: argparse.Namespace) -> None:
    """One end of one call, until told to stop."""
    key, secret = os.environ["BENCH_KEY"], os.environ["BENCH_SECRET"]
    async with Calls(Place(run.url, key, secret), remember=False) as calls:
        call = await joined(calls, run)
        camera, microphone = VideoSource(run.width, run.height, run.fps), AudioSource(RATE, 1)
        await call.publish(camera, name="camera")
        await call.publish(microphone, name="microphone")
        seen: asyncio.Queue[str] = asyncio.Queue()
        working = [
            asyncio.create_task(pictures(camera, run)),
            asyncio.create_task(sound(microphone)),
            asyncio.create_task(watch(await first_other(call), seen)),
        ]
        await hold(seen, working)
        await call.leave()


if __name__ == "__main__":
    asyncio.run(measure(options()))
