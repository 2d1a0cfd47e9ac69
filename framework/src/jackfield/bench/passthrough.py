"""One sender of 1080p H.264 and its CPU: access units sent as they are, or the same pictures encoded here.

Run as ``python -m jackfield.bench.passthrough HOW`` with this machine's server; the watcher, who asks for keyframes, is
a process of its own (``HOW`` is ``watch``), so that the sender's time is the sender's alone.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import time
from collections.abc import Sequence
from typing import Any

from attrs import define, field

from jackfield.bench.frames import Pictures
from jackfield.bench.our_call import first_other, joined
from jackfield.calls import Calls
from jackfield.plugins.config import load_config
from jackfield.plugins.registry import load
from jackfield.rtc.payload.h264 import is_keyframe
from jackfield.rtc.rtp import RtpPacket
from jackfield.rtc.send_stream import PacketSink, SendStream
from jackfield.session.publication import Publication
from jackfield.session.sources import VideoSource
from jackfield.values.formats import VideoEncoding
from jackfield.values.media import EncodedFrame, VideoFrame

#: So many pictures, again and again; the first of them is a keyframe.
PICTURES = 60
BITRATE_BPS = 4_000_000
#: The watcher asks for a keyframe so often.
ASK_S = 0.7


@define
class Tap:
    """Stands before a stream's way to the network, and notes when the first packets of a picture have left."""

    sink: PacketSink
    pushed_ns: int = 0
    asked_ns: int = 0
    counts: bool = False
    delays_ms: list[float] = field(factory=list)
    answers_ms: list[float] = field(factory=list)
    octets: int = 0

    def send_packets(
        self, packets: Sequence[RtpPacket], transport_cc_extension: int | None, probe: int | None = None
    ) -> int:
        """Sends; the first packet after a push is that picture's first."""
        if self.counts:
            self.octets += sum(len(packet.payload) for packet in packets)
        # A probe of padding has no payload.
        answered = self.asked_ns and any(packet.payload and is_keyframe(packet.payload) for packet in packets)
        count = self.sink.send_packets(packets, transport_cc_extension, probe)
        now_ns = time.monotonic_ns()
        if self.pushed_ns and self.counts:
            self.delays_ms.append((now_ns - self.pushed_ns) / 1e6)
        if answered and self.counts:
            self.answers_ms.append((now_ns - self.asked_ns) / 1e6)
        self.pushed_ns = 0
        self.asked_ns = 0 if answered else self.asked_ns
        return count

    @classmethod
    def into(cls, stream: SendStream) -> Tap:
        """Stands in the stream's way from now on, and hears its requests for keyframes."""
        tap = stream._sink = cls(stream._sink)
        request = stream.gate.request

        def requested() -> None:
            tap.asked_ns = tap.asked_ns or time.monotonic_ns()
            request()

        stream.gate.request = requested  # type: ignore[method-assign]
        return tap


class Made:
    """The pictures, made before anything is measured; as access units, or as they are."""

    def __init__(self, run: argparse.Namespace) -> None:
        scene = Pictures(run.width, run.height)
        self._pictures = [scene.picture(number) for number in range(PICTURES)]
        self._units: list[EncodedFrame] = []
        self._next = 0
        if run.how == "as-is":
            encoding = VideoEncoding("H264", run.width, run.height, run.fps, BITRATE_BPS)
            encoder, _ = load(load_config()).encoder("H264", encoding)
            self._units = [unit for picture in self._pictures for unit in encoder.encode(VideoFrame(picture))]
            encoder.close()
            self._pictures = []

    def begin_again(self) -> None:
        """The next one is a keyframe: what a camera does that is asked for one."""
        self._next = 0

    def take(self) -> VideoFrame | EncodedFrame:
        """The next one, taken now."""
        number, self._next = self._next, (self._next + 1) % PICTURES
        if not self._units:
            return VideoFrame(self._pictures[number])
        unit = self._units[number]
        return EncodedFrame(unit.data, "H264", unit.keyframe, width=unit.width, height=unit.height)


async def measure(run: argparse.Namespace) -> None:
    """One call, and the sender's figures printed."""
    made = Made(run)
    codec = "H264" if run.how == "as-is" else None
    source = VideoSource(run.width, run.height, run.fps, codec=codec, on_keyframe_request=made.begin_again)
    video = {"width": run.width, "height": run.height, "fps": run.fps, "max_bitrate_bps": BITRATE_BPS}
    async with Calls(remember=False) as calls:
        call = await joined(calls, "ada", video_codecs=["H264"], video=video)
        publication = await call.publish(source, name="pictures")
        command = [sys.executable, "-m", "jackfield.bench.passthrough", "watch"]
        watcher = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        assert watcher.stdout is not None
        try:
            await asyncio.wait_for(watcher.stdout.readline(), 30)
            print(json.dumps(await _sent(run, made, source, publication)))
        finally:
            watcher.terminate()
            await watcher.wait()
        await call.leave()


async def _sent(run: argparse.Namespace, made: Made, source: VideoSource, publication: Publication) -> dict[str, Any]:
    """Pushes for the warm and the measured seconds."""
    assert publication._sender is not None
    tap = Tap.into(publication._sender.streams[0])
    start, number, cpu_s, wall = time.monotonic(), 0, 0.0, 0.0
    while (passed := time.monotonic() - start) < run.warm + run.seconds:
        await asyncio.sleep(max(0.0, number / run.fps - passed))
        number += 1
        if not tap.counts and passed >= run.warm:
            tap.counts, cpu_s, wall = True, time.process_time(), time.monotonic()
        tap.pushed_ns = time.monotonic_ns()
        source.push(made.take())
    return {
        "cpu_s": time.process_time() - cpu_s,
        "wall_s": time.monotonic() - wall,
        "delays_ms": tap.delays_ms,
        "answers_ms": tap.answers_ms,
        "pictures_per_s": len(tap.delays_ms) / (time.monotonic() - wall),
        "load": os.getloadavg()[0],
        "bitrate_bps": 8 * tap.octets / (time.monotonic() - wall),
    }


async def watch() -> None:
    """Takes part, decodes nothing, and asks for a keyframe now and then."""
    async with Calls(remember=False) as calls:
        call = await joined(calls, "bob")
        await first_other(call)
        while not call.tracks():
            await asyncio.sleep(0.05)
        print("here", flush=True)
        while True:
            await asyncio.sleep(ASK_S)
            for track in call.tracks():
                track.request_keyframe()


def options() -> argparse.Namespace:
    """What this run is told."""
    parser = argparse.ArgumentParser()
    parser.add_argument("how", choices=["as-is", "encoded", "watch"])
    for name, default in (("width", 1920), ("height", 1080), ("fps", 30), ("seconds", 5), ("warm", 3)):
        parser.add_argument(f"--{name}", type=int, default=default)
    return parser.parse_args()


if __name__ == "__main__":
    wanted = options()
    try:
        asyncio.run(watch() if wanted.how == "watch" else measure(wanted))
    except KeyboardInterrupt:
        pass
