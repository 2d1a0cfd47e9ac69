"""Jackfield through its embedded server: both clients in this process, the server in its own.

Run as ``python -m jackfield.bench.our_call`` with this machine's server.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from typing import Any

from jackfield.bench.frames import Pictures, number_of
from jackfield.bench.window import Window, options
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


async def measure(run: argparse.Namespace) -> None:
    """One call, and its figures printed. The first picture counts from before the second participant's log-in."""
    async with Calls(remember=False) as ours, Calls(remember=False) as theirs:
        sending = await joined(ours, "ada", video_codecs=[run.codec])
        source = VideoSource(run.width, run.height, run.fps)
        camera = Camera(source, Pictures(run.width, run.height), run.fps)
        ticking = asyncio.create_task(camera.run())
        await sending.publish(source, name="numbers")
        await asyncio.sleep(1.0)
        window = Window(run.warm, run.seconds)
        receiving = await joined(theirs, "bob")
        async for frame in video_of(await first_other(receiving)).frames():
            window.saw(camera.sent_ns.get(number_of(frame.picture)))
            if window.over:
                break
        window.print()
        ticking.cancel()
        await receiving.leave()
        await sending.leave()


if __name__ == "__main__":
    asyncio.run(measure(options()))
