"""Stock aiortc with its two ends in two processes, for `jackfield bench loss`: ``aiortc_loss.py send|receive``.

Run as a script in a process of its own. It imports nothing of Jackfield: what it imports are the files beside it.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from typing import Any

from aiortc import RTCConfiguration, RTCPeerConnection, RTCRtpSender, RTCSessionDescription
from aiortc_peer import Camera  # type: ignore[import-not-found,unused-ignore]
from frames import Pictures, number_of  # type: ignore[import-not-found,unused-ignore]
from lines import Seen, hear, say  # type: ignore[import-not-found,unused-ignore]


async def send(run: argparse.Namespace) -> None:
    """Offers a camera, and sends until told to stop."""
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    camera = Camera(Pictures(run.width, run.height), run.fps)
    transceiver = peer.addTransceiver(camera, direction="sendonly")
    codecs = RTCRtpSender.getCapabilities("video").codecs
    transceiver.setCodecPreferences([item for item in codecs if item.mimeType in ("video/VP8", "video/rtx")])
    await peer.setLocalDescription(await peer.createOffer())
    say(offer=peer.localDescription.sdp)
    await peer.setRemoteDescription(RTCSessionDescription((await hear())["answer"], "answer"))
    say(ready=True)
    await hear()
    say(sent=camera.sent_ns)
    await peer.close()


async def receive(run: argparse.Namespace) -> None:
    """Answers, and decodes until told to stop."""
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    tracks: asyncio.Queue[Any] = asyncio.Queue()
    peer.on("track", tracks.put_nowait)
    seen = Seen()

    async def read() -> None:
        track = await tracks.get()
        while True:
            frame = await track.recv()
            seen.saw(number_of(frame, run.width), frame.width)

    await peer.setRemoteDescription(RTCSessionDescription((await hear())["offer"], "offer"))
    await peer.setLocalDescription(await peer.createAnswer())
    say(answer=peer.localDescription.sdp)
    reading = asyncio.create_task(read())
    await seen.first.wait()
    say(ready=True)
    await hear()
    reading.cancel()
    say(seen=seen.pictures)
    await peer.close()


def main() -> None:
    """A run that imported Jackfield does not count."""
    parser = argparse.ArgumentParser()
    parser.add_argument("role", choices=["send", "receive"])
    for name, default in (("width", 640), ("height", 360), ("fps", 30)):
        parser.add_argument(f"--{name}", type=int, default=default)
    run = parser.parse_args()
    asyncio.run(send(run) if run.role == "send" else receive(run))
    if any(name.split(".")[0] == "jackfield" for name in sys.modules):
        raise SystemExit("the peer imported jackfield")


if __name__ == "__main__":
    main()
