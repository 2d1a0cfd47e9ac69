"""Stock aiortc, both ends in this process, no server: the peer of the latency and CPU figures.

Run as a script in a process of its own. It imports nothing of Jackfield: `frames` and `window` are the files beside it.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from fractions import Fraction
from typing import Any

import av
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCRtpSender
from frames import Pictures, number_of  # type: ignore[import-not-found,unused-ignore]
from window import Window, options  # type: ignore[import-not-found,unused-ignore]


class Camera(MediaStreamTrack):
    """Gives a picture at each tick of the clock, and remembers when."""

    kind = "video"

    def __init__(self, pictures: Pictures, fps: int) -> None:
        super().__init__()
        self._pictures, self._fps = pictures, fps
        self._number = 0
        self._start = time.monotonic()
        self.sent_ns: dict[int, int] = {}

    async def recv(self) -> av.VideoFrame:
        """The next picture, when it is due."""
        due = self._start + self._number / self._fps
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        frame: av.VideoFrame = self._pictures.picture(self._number)
        frame.pts, frame.time_base = self._number * 90_000 // self._fps, Fraction(1, 90_000)
        self.sent_ns[self._number] = time.monotonic_ns()
        self._number += 1
        return frame


async def connect(sender: RTCPeerConnection, receiver: RTCPeerConnection) -> None:
    """Offer and answer, handed over in memory."""
    await sender.setLocalDescription(await sender.createOffer())
    await receiver.setRemoteDescription(sender.localDescription)
    await receiver.setLocalDescription(await receiver.createAnswer())
    await sender.setRemoteDescription(receiver.localDescription)


async def measure(run: argparse.Namespace) -> None:
    """One call, and its figures printed."""
    window = Window(run.warm, run.seconds)
    configuration = RTCConfiguration(iceServers=[])
    sender, receiver = RTCPeerConnection(configuration), RTCPeerConnection(configuration)
    camera = Camera(Pictures(run.width, run.height), run.fps)
    transceiver = sender.addTransceiver(camera, direction="sendonly")
    codecs = RTCRtpSender.getCapabilities("video").codecs
    transceiver.setCodecPreferences([item for item in codecs if item.mimeType in (f"video/{run.codec}", "video/rtx")])
    tracks: asyncio.Queue[Any] = asyncio.Queue()
    receiver.on("track", tracks.put_nowait)
    await connect(sender, receiver)
    track = await tracks.get()
    while not window.over:
        frame = await asyncio.wait_for(track.recv(), 10)
        window.saw(camera.sent_ns.get(number_of(frame)))
    window.print()
    await sender.close()
    await receiver.close()


def main() -> None:
    """Measures; a run that imported Jackfield does not count."""
    asyncio.run(measure(options()))
    if any(name.split(".")[0] == "jackfield" for name in sys.modules):
        raise SystemExit("the peer imported jackfield")


if __name__ == "__main__":
    main()
