"""Joining on one server, in one network: the official SDK and Jackfield, one after the other, several times each.

Run as ``python -m jackfield.bench.official_join`` by `runs`, in a network namespace with an address that is not
loopback: libwebrtc gathers no other. Prints {"ours_ms": […], "official_ms": […]}: token and join → first remote
picture, with one official participant publishing.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import time
from itertools import count
from typing import Any

from livekit import api, rtc

from jackfield.bench.frames import Pictures
from jackfield.bench.our_call import QUIET, video_of
from jackfield.bench.serving import until_open
from jackfield.calls import Calls
from jackfield.values.people import Place

SESSION = "bench"
WIDTH, HEIGHT = 640, 360
#: Between joins, so that none waits for the keyframe throttle that another has set.
PAUSE_S = 1.0


def token(key: str, secret: str, uid: str) -> str:
    """A LiveKit token."""
    grants = api.VideoGrants(room_join=True, room=SESSION)
    return api.AccessToken(key, secret).with_identity(uid).with_grants(grants).to_jwt()


async def publisher(url: str, key: str, secret: str) -> tuple[Any, asyncio.Task[None]]:
    """An official participant that sends pictures until its task is cancelled."""
    room = rtc.Room()
    await room.connect(url, token(key, secret, "publisher"))
    source = rtc.VideoSource(WIDTH, HEIGHT)
    track = rtc.LocalVideoTrack.create_video_track("pictures", source)
    options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_CAMERA, simulcast=False)
    options.video_codec = rtc.VideoCodec.VP8

    async def send() -> None:
        pictures = Pictures(WIDTH, HEIGHT)
        for number in count():
            data = bytearray(pictures.picture(number).to_ndarray().tobytes())
            source.capture_frame(rtc.VideoFrame(WIDTH, HEIGHT, rtc.VideoBufferType.I420, data))
            await asyncio.sleep(1 / 30)

    task = asyncio.create_task(send())
    await room.local_participant.publish_track(track, options)
    return room, task


async def official(url: str, key: str, secret: str, index: int) -> float:
    """Milliseconds from nothing to the first picture, with the official SDK."""
    began = time.monotonic()
    room = rtc.Room()
    seen: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def subscribed(track: Any, *_: Any) -> None:
        if track.kind == rtc.TrackKind.KIND_VIDEO and not seen.done():
            seen.set_result(track)

    room.on("track_subscribed", subscribed)
    await room.connect(url, token(key, secret, f"official-{index}"))
    stream = rtc.VideoStream(await asyncio.wait_for(seen, 10))
    async for _ in stream:
        break
    took = (time.monotonic() - began) * 1000
    await stream.aclose()
    await room.disconnect()
    return took


async def ours(calls: Calls, index: int) -> float:
    """The same with Jackfield."""
    began = time.monotonic()
    await calls.login(f"ours-{index}")
    call = await calls.join_session(session_id=SESSION, settings=QUIET)
    async with asyncio.timeout(10):
        while not call.participants:
            await asyncio.sleep(0.001)
        async for _ in video_of(call.participants["publisher"]).frames():
            break
    took = (time.monotonic() - began) * 1000
    await call.leave()
    return took


async def measure(address: str, times: int) -> dict[str, list[float]]:
    """Each ``times`` times, after one of each that does not count."""
    key, secret = "bench", "bench-secret-of-this-run-" + os.urandom(16).hex()
    environment = {**os.environ, "JACKFIELD_KEYS": f"{key}: {secret}"}
    command = [sys.executable, "-m", "jackfield", "serve", "--host", address, "--port", "7880", "--behind-proxy"]
    server = await asyncio.create_subprocess_exec(
        *command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    url = f"http://{address}:7880"
    try:
        await until_open(address, 7880, server, 20)
        room, sending = await publisher(url, key, secret)
        figures: dict[str, list[float]] = {"ours_ms": [], "official_ms": []}
        async with Calls(Place(url, key, secret), remember=False) as calls:
            for index in range(times + 1):
                await asyncio.sleep(PAUSE_S)
                figures["official_ms"].append(await official(url, key, secret, index))
                await asyncio.sleep(PAUSE_S)
                figures["ours_ms"].append(await ours(calls, index))
        sending.cancel()
        await room.disconnect()
    finally:
        if server.returncode is None:
            server.terminate()
        await asyncio.wait_for(server.wait(), 10)
    return {name: values[1:] for name, values in figures.items()}


def main() -> None:
    """Reads the options and prints the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("address")
    parser.add_argument("--count", type=int, default=5)
    options = parser.parse_args()
    print(json.dumps(asyncio.run(measure(options.address, options.count))))


if __name__ == "__main__":
    main()
