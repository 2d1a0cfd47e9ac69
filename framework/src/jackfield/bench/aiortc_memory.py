"""Stock aiortc with a camera and a microphone each way, one end in this process: ``aiortc_memory.py UID``.

Run as a script in a process of its own; ``ada`` offers. It imports nothing of Jackfield, only the files beside it.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from fractions import Fraction

import av
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCRtpSender, RTCSessionDescription
from frames import Pictures  # type: ignore[import-not-found,unused-ignore]
from lines import hear, hold, say  # type: ignore[import-not-found,unused-ignore]
from sound import BLOCK_S, RATE, block  # type: ignore[import-not-found,unused-ignore]


class Camera(MediaStreamTrack):
    """Gives a picture at each tick of the clock."""

    kind = "video"

    def __init__(self, pictures: Pictures, fps: int) -> None:
        super().__init__()
        self._pictures, self._fps = pictures, fps
        self._number, self._start = 0, time.monotonic()

    async def recv(self) -> av.VideoFrame:
        """The next picture, when it is due."""
        await asyncio.sleep(max(0.0, self._start + self._number / self._fps - time.monotonic()))
        frame: av.VideoFrame = self._pictures.picture(self._number)
        frame.pts, frame.time_base = self._number * 90_000 // self._fps, Fraction(1, 90_000)
        self._number += 1
        return frame


class Microphone(MediaStreamTrack):
    """Gives a block at each tick of the clock."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._number, self._start = 0, time.monotonic()

    async def recv(self) -> av.AudioFrame:
        """The next block, when it is due."""
        await asyncio.sleep(max(0.0, self._start + self._number * BLOCK_S - time.monotonic()))
        samples = block(self._number)
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.time_base = RATE, Fraction(1, RATE)
        frame.pts = self._number * len(samples)
        self._number += 1
        return frame


def send(peer: RTCPeerConnection, run: argparse.Namespace) -> None:
    """Camera and microphone go out."""
    peer.addTrack(Camera(Pictures(run.width, run.height), run.fps))
    peer.addTrack(Microphone())
    codecs = RTCRtpSender.getCapabilities("video").codecs
    for transceiver in peer.getTransceivers():
        if transceiver.kind == "video":
            transceiver.setCodecPreferences([item for item in codecs if item.mimeType in ("video/VP8", "video/rtx")])


async def watch(track: MediaStreamTrack, seen: asyncio.Queue[str]) -> None:
    """Decodes this track."""
    await track.recv()
    seen.put_nowait(track.kind)
    while True:
        await track.recv()


async def measure(run: argparse.Namespace) -> None:
    """One end of one call, until told to stop."""
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    seen: asyncio.Queue[str] = asyncio.Queue()
    working: list[asyncio.Task[None]] = []
    peer.on("track", lambda track: working.append(asyncio.create_task(watch(track, seen))))
    if run.uid == "ada":
        send(peer, run)
        await peer.setLocalDescription(await peer.createOffer())
        say(offer=peer.localDescription.sdp)
        await peer.setRemoteDescription(RTCSessionDescription((await hear())["answer"], "answer"))
    else:
        await peer.setRemoteDescription(RTCSessionDescription((await hear())["offer"], "offer"))
        send(peer, run)
        await peer.setLocalDescription(await peer.createAnswer())
        say(answer=peer.localDescription.sdp)
    await hold(seen, working)
    await peer.close()


def main() -> None:
    """A run that imported Jackfield does not count."""
    parser = argparse.ArgumentParser()
    parser.add_argument("uid")
    for name, default in (("width", 1280), ("height", 720), ("fps", 30)):
        parser.add_argument(f"--{name}", type=int, default=default)
    asyncio.run(measure(parser.parse_args()))
    if any(name.split(".")[0] == "jackfield" for name in sys.modules):
        raise SystemExit("the peer imported jackfield")


if __name__ == "__main__":
    main()
