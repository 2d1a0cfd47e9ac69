"""Our peers against aiortc's own peer connection: one we did not write, on the other end of the wire."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from fractions import Fraction

import av
import numpy as np
from aiortc import (
    MediaStreamTrack,
    RTCBundlePolicy,
    RTCConfiguration,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.codecs.opus import OpusEncoder
from aiortc.mediastreams import AudioStreamTrack, VideoStreamTrack

from jackfield.rtc.peer import PublisherPeer, SubscriberPeer
from jackfield.rtc.receiver import RtpReceiver
from jackfield.rtc.transport import DataChannel
from jackfield.values.media import EncodedFrame


async def until(holds: Callable[[], object], *, seconds: float = 10) -> None:
    """Returns once it holds; fails when that takes too long."""
    async with asyncio.timeout(seconds):
        while not holds():
            await asyncio.sleep(0.01)


@asynccontextmanager
async def stock() -> AsyncIterator[RTCPeerConnection]:
    """aiortc's connection as it comes, on one transport."""
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))
    try:
        yield peer
    finally:
        await peer.close()


def vp8_frames(count: int) -> list[EncodedFrame]:
    """Real VP8, 160 by 120, made by aiortc's encoder."""
    codec = av.CodecContext.create("libvpx", "w")
    assert isinstance(codec, av.VideoCodecContext)
    codec.width, codec.height, codec.pix_fmt, codec.time_base = 160, 120, "yuv420p", Fraction(1, 30)
    codec.options = {"deadline": "realtime", "lag-in-frames": "0"}
    made = []
    for number in range(count):
        pixels = np.full((180, 160), 40 + number * 5 % 200, dtype=np.uint8)
        frame = av.VideoFrame.from_ndarray(pixels, format="yuv420p")
        frame.pts = number
        for packet in codec.encode(frame):
            made.append(EncodedFrame(bytes(packet), "VP8", packet.is_keyframe))
    return made


async def drain(track: MediaStreamTrack, into: list[object]) -> None:
    """Keeps what aiortc decodes."""
    while True:
        into.append(await track.recv())


async def test_aiortc_receives_what_we_publish() -> None:
    """It answers our offer; pictures, sound and data arrive and its requests for keyframes are heard."""
    publisher = PublisherPeer()
    video = publisher.add_track("video", cid="v", stream_id="s", codec="VP8")
    audio = publisher.add_track("audio", cid="a", stream_id="s", codec="opus")
    channel = publisher.open_channel("_lossy", ordered=False, max_retransmits=0)
    pictures: list[object] = []
    sounds: list[object] = []
    messages: list[object] = []
    tasks: list[asyncio.Task[None]] = []
    async with stock() as remote:

        @remote.on("track")
        def track(found: MediaStreamTrack) -> None:
            tasks.append(asyncio.ensure_future(drain(found, pictures if found.kind == "video" else sounds)))

        @remote.on("datachannel")
        def opened(found: object) -> None:
            found.on("message", messages.append)  # type: ignore[attr-defined]

        try:
            await remote.setRemoteDescription(RTCSessionDescription(await publisher.create_offer(), "offer"))
            await remote.setLocalDescription(await remote.createAnswer())
            await publisher.set_answer(remote.localDescription.sdp)
            assert video.ready
            assert audio.ready
            await until(lambda: publisher.state == "connected" and channel.state == "open")
            channel.send(b"data")
            encoder, samples = OpusEncoder(), np.zeros((1, 1920), dtype=np.int16)
            for number, frame in enumerate(vp8_frames(40)):
                video.send(frame)
                block = av.AudioFrame.from_ndarray(samples, layout="stereo")
                block.sample_rate, block.pts, block.time_base = 48000, number * 960, Fraction(1, 48000)
                for packet in encoder.encode(block)[0]:
                    audio.send(EncodedFrame(packet, "opus", True), level_dbov=127)
                await asyncio.sleep(0.02)
            await until(lambda: len(pictures) >= 35 and len(sounds) >= 30 and messages == [b"data"])
            await until(lambda: video.stats()["rtt_ms"] is not None)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await publisher.close()


async def test_we_receive_what_aiortc_offers() -> None:
    """Its offer has more codecs than we know; what it sends arrives and decodes, by the msid it names."""
    subscriber = SubscriberPeer()
    frames: dict[str, list[EncodedFrame]] = {"audio": [], "video": []}
    messages: list[bytes] = []
    tracks: list[RtpReceiver] = []

    def track(receiver: RtpReceiver) -> None:
        tracks.append(receiver)
        receiver.on_frame = frames[receiver.kind].append

    def opened(channel: DataChannel) -> None:
        channel.on_message = messages.append
        channel.send(b"to aiortc")

    subscriber.on_track, subscriber.on_channel = track, opened
    heard: list[object] = []
    async with stock() as remote:
        picture = VideoStreamTrack()
        remote.addTrack(picture)
        remote.addTrack(AudioStreamTrack())
        channel = remote.createDataChannel("chat")
        channel.on("message", heard.append)
        channel.on("open", lambda: channel.send("text"))
        try:
            await remote.setLocalDescription(await remote.createOffer())
            answer = await subscriber.answer(remote.localDescription.sdp)
            await remote.setRemoteDescription(RTCSessionDescription(answer, "answer"))
            await until(lambda: len(frames["video"]) >= 10 and len(frames["audio"]) >= 10)
            await until(lambda: messages == [b"text"] and heard == [b"to aiortc"])
            assert picture.id in {receiver.track_sid for receiver in tracks}
            decoder = av.CodecContext.create("vp8", "r")
            decoded = [shown for frame in frames["video"] for shown in decoder.decode(av.Packet(frame.data))]
            assert len(decoded) >= 10
        finally:
            await subscriber.close()


async def test_aiortc_gives_a_keyframe_when_we_ask() -> None:
    """Our PLI and NACK reach its sender."""
    subscriber = SubscriberPeer()
    frames: list[EncodedFrame] = []
    tracks: list[RtpReceiver] = []

    def track(receiver: RtpReceiver) -> None:
        tracks.append(receiver)
        receiver.on_frame = frames.append

    subscriber.on_track = track
    async with stock() as remote:
        remote.addTrack(VideoStreamTrack())
        try:
            await remote.setLocalDescription(await remote.createOffer())
            answer = await subscriber.answer(remote.localDescription.sdp)
            await remote.setRemoteDescription(RTCSessionDescription(answer, "answer"))
            await until(lambda: len(frames) >= 10)
            before = sum(frame.keyframe for frame in frames)
            tracks[0].request_keyframe()
            await until(lambda: sum(frame.keyframe for frame in frames) > before, seconds=5)
        finally:
            await subscriber.close()


async def test_aiortc_repairs_what_we_lose() -> None:
    """One packet in twenty is lost before we see it: its sender's retransmissions fill the gaps."""
    subscriber = SubscriberPeer()
    frames: list[EncodedFrame] = []
    subscriber.on_track = lambda receiver: setattr(receiver, "on_frame", frames.append)
    async with stock() as remote:
        remote.addTrack(VideoStreamTrack())
        try:
            await remote.setLocalDescription(await remote.createOffer())
            answer = await subscriber.answer(remote.localDescription.sdp)
            await remote.setRemoteDescription(RTCSessionDescription(answer, "answer"))
            await until(lambda: len(frames) >= 5)
            transport, chance = subscriber._connection.transport, random.Random(2)
            assert transport is not None
            receive = transport.link.on_datagram

            def lossy(data: bytes) -> None:
                media = 128 <= data[0] <= 191 and not 192 <= data[1] <= 223
                if not (media and chance.random() < 0.05):
                    receive(data)

            transport.link.on_datagram = lossy
            before = len(frames)

            def recovered() -> int:
                return int(next(iter(subscriber.stats()["tracks"].values()))["packets_recovered"])

            await until(lambda: recovered() >= 3 and len(frames) - before > 40, seconds=20)
        finally:
            await subscriber.close()
