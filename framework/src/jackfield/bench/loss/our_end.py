"""Jackfield through its server, one end in this process: ``… loss.our_end send|receive URL``."""

from __future__ import annotations

import argparse
import asyncio
import os
import time
from typing import Any

from jackfield.bench.frames import Pictures, number_of
from jackfield.bench.lines import Seen, hear, say
from jackfield.bench.our_call import Camera, first_other, joined, video_of
from jackfield.calls import Calls
from jackfield.session.call import CallSession
from jackfield.session.sources import VideoSource
from jackfield.values.people import Place


async def send(run: argparse.Namespace, calls: Calls) -> None:
    """Publishes pictures until told to stop."""
    video = {"width": run.width, "height": run.height, "fps": run.fps, "max_bitrate_bps": run.bitrate}
    call = await joined(calls, "ada", video_codecs=["VP8"], video=video)
    source = VideoSource(run.width, run.height, run.fps)
    camera = Camera(source, Pictures(run.width, run.height), run.fps)
    ticking = asyncio.create_task(camera.run())
    await call.publish(source, name="numbers")
    say(ready=True)
    course: list[dict[str, Any]] = []
    watching = asyncio.create_task(watch(call, course))
    await hear()
    ticking.cancel()
    watching.cancel()
    say(sent=camera.sent_ns, course=course)
    await call.leave()


async def watch(call: CallSession, course: list[dict[str, Any]]) -> None:
    """What is counted of the call, each second."""
    while True:
        await asyncio.sleep(1.0)
        course.append({"at_ns": time.monotonic_ns(), **call.stats()})


async def receive(run: argparse.Namespace, calls: Calls) -> None:
    """Decodes until told to stop."""
    call = await joined(calls, "bob")
    seen = Seen()

    async def read() -> None:
        async for frame in video_of(await first_other(call)).frames("yuv420p"):
            seen.saw(number_of(frame.picture, run.width), frame.width)

    reading = asyncio.create_task(read())
    await seen.first.wait()
    say(ready=True)
    course: list[dict[str, Any]] = []
    watching = asyncio.create_task(watch(call, course))
    await hear()
    reading.cancel()
    watching.cancel()
    say(seen=seen.pictures, course=course)
    await call.leave()


async def measure(run: argparse.Namespace) -> None:
    """One end of one call."""
    key, secret = os.environ["BENCH_KEY"], os.environ["BENCH_SECRET"]
    async with Calls(Place(run.url, key, secret), remember=False) as calls:
        await (send if run.role == "send" else receive)(run, calls)


def options() -> argparse.Namespace:
    """What each end is told."""
    parser = argparse.ArgumentParser()
    parser.add_argument("role", choices=["send", "receive"])
    parser.add_argument("url")
    for name, default in (("width", 640), ("height", 360), ("fps", 30), ("bitrate", 800_000)):
        parser.add_argument(f"--{name}", type=int, default=default)
    return parser.parse_args()


if __name__ == "__main__":
    asyncio.run(measure(options()))
