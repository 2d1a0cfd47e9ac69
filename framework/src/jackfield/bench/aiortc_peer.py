"""Stock aiortc, both ends in this process, no server: the peer of the latency, CPU and joining figures.

Run as a script in a process of its own. It imports nothing of Jackfield: `frames` is the file beside it.
Prints one JSON object: {"latencies_ms": […], "cpu_s": …, "wall_s": …, "frames": …, "first_frame_ms": …}.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from fractions import Fraction
from typing import Any

import av
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCRtpSender
from frames import Pictures, number_of  # type: ignore[import-not-found,unused-ignore]


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


async def measure(codec: str, width: int, height: int, fps: int, seconds: float, warm_s: float) -> dict[str, Any]:
    """One call: latency of each picture after ``warm_s``, and the CPU this process took meanwhile."""
    started = time.monotonic()
    configuration = RTCConfiguration(iceServers=[])
    sender, receiver = RTCPeerConnection(configuration), RTCPeerConnection(configuration)
    camera = Camera(Pictures(width, height), fps)
    transceiver = sender.addTransceiver(camera, direction="sendonly")
    codecs = RTCRtpSender.getCapabilities("video").codecs
    transceiver.setCodecPreferences([item for item in codecs if item.mimeType in (f"video/{codec}", "video/rtx")])
    tracks: asyncio.Queue[Any] = asyncio.Queue()
    receiver.on("track", tracks.put_nowait)
    await connect(sender, receiver)
    track = await tracks.get()
    latencies: list[float] = []
    first_frame_ms = cpu_s = wall_from = 0.0
    end = time.monotonic() + warm_s + seconds
    while time.monotonic() < end:
        frame = await asyncio.wait_for(track.recv(), 10)
        now = time.monotonic_ns()
        first_frame_ms = first_frame_ms or (time.monotonic() - started) * 1000
        if time.monotonic() < end - seconds:
            continue
        if not wall_from:
            wall_from, cpu_s = time.monotonic(), time.process_time()
        sent = camera.sent_ns.get(number_of(frame))
        if sent is not None:
            latencies.append((now - sent) / 1e6)
    result = {
        "latencies_ms": latencies,
        "cpu_s": time.process_time() - cpu_s,
        "wall_s": time.monotonic() - wall_from,
        "frames": len(latencies),
        "first_frame_ms": first_frame_ms,
    }
    await sender.close()
    await receiver.close()
    return result


def main() -> None:
    """Reads the options and prints the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--codec", default="VP8")
    for name, default in (("width", 1280), ("height", 720), ("fps", 30), ("seconds", 5), ("warm", 2)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    size = (options.width, options.height, options.fps)
    result = asyncio.run(measure(options.codec, *size, options.seconds, options.warm))
    if any(name.split(".")[0] == "jackfield" for name in sys.modules):
        raise SystemExit("the peer imported jackfield")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
