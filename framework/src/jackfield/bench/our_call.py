"""Jackfield through its embedded server: both clients in this process, the server in its own.

Run as ``python -m jackfield.bench.our_call`` with this machine's server; prints one JSON object as `aiortc_peer` does,
with ``join_ms`` too: token and join of a second participant until its first remote picture.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from typing import Any

from jackfield.bench.frames import Pictures, number_of
from jackfield.calls import Calls
from jackfield.session.call import CallSession
from jackfield.session.participant import Participant
from jackfield.session.sources import VideoSource
from jackfield.session.streams import VideoMedia

QUIET = {"camera": "none", "microphone": "none", "speaker": "none"}
SESSION = "bench"


class Camera:
    """Pushes a numbered picture at each tick, and remembers when."""

    def __init__(self, source: VideoSource, pictures: Pictures, fps: int) -> None:
        self._source, self._pictures, self._fps = source, pictures, fps
        self.sent_ns: dict[int, int] = {}

    async def run(self) -> None:
        """Until cancelled."""
        start, number = time.monotonic(), 0
        while True:
            await asyncio.sleep(max(0.0, start + number / self._fps - time.monotonic()))
            picture = self._pictures.picture(number)
            self.sent_ns[number] = time.monotonic_ns()
            self._source.push(picture)
            number += 1


async def joined(calls: Calls, uid: str, **settings: Any) -> CallSession:
    """``uid`` in the session, with nothing of its own."""
    await calls.login(uid)
    call = await calls.join_session(session_id=SESSION, settings=QUIET | settings)
    if call is None:
        raise AssertionError("join_session without on_error answers with a session")
    return call


def video_of(participant: Participant) -> VideoMedia:
    """The pictures of somebody who is there."""
    if participant.video is None:
        raise AssertionError("only the local participant has no video to read")
    return participant.video


async def first_other(call: CallSession) -> Participant:
    """The first remote participant."""
    async with asyncio.timeout(10):
        while True:
            for participant in call.participants.values():
                return participant
            await asyncio.sleep(0.001)


async def measure(codec: str, width: int, height: int, fps: int, seconds: float, warm_s: float) -> dict[str, Any]:
    """One call: latency of each picture after ``warm_s``, and the CPU this process took meanwhile."""
    async with Calls() as ours, Calls() as theirs:
        sending = await joined(ours, "ada", video_codecs=[codec])
        source = VideoSource(width, height, fps)
        camera = Camera(source, Pictures(width, height), fps)
        ticking = asyncio.create_task(camera.run())
        await sending.publish(source, name="numbers")
        await asyncio.sleep(1.0)
        began = time.monotonic()
        receiving = await joined(theirs, "bob")
        participant = await first_other(receiving)
        latencies: list[float] = []
        first_frame_ms = cpu_s = wall_from = 0.0
        async for frame in video_of(participant).frames():
            now = time.monotonic_ns()
            first_frame_ms = first_frame_ms or (time.monotonic() - began) * 1000
            elapsed = time.monotonic() - began
            if elapsed < warm_s:
                continue
            if not wall_from:
                wall_from, cpu_s = time.monotonic(), time.process_time()
            sent = camera.sent_ns.get(number_of(frame.picture))
            if sent is not None:
                latencies.append((now - sent) / 1e6)
            if elapsed > warm_s + seconds:
                break
        result = {
            "latencies_ms": latencies,
            "cpu_s": time.process_time() - cpu_s,
            "wall_s": time.monotonic() - wall_from,
            "frames": len(latencies),
            "first_frame_ms": first_frame_ms,
            "encoder": [str(choice) for choice in sending.explain()],
        }
        ticking.cancel()
        await receiving.leave()
        await sending.leave()
    return result


def main() -> None:
    """Reads the options and prints the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--codec", default="VP8")
    for name, default in (("width", 1280), ("height", 720), ("fps", 30), ("seconds", 5), ("warm", 2)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    size = (options.width, options.height, options.fps)
    print(json.dumps(asyncio.run(measure(options.codec, *size, options.seconds, options.warm))))


if __name__ == "__main__":
    main()
