"""A process that takes part in rooms with LiveKit's official Python SDK (Rust and libwebrtc inside).

One JSON command a line comes in, one JSON answer a line goes out. Each participant sends a picture of one brightness
and a tone of one pitch, so that what arrives tells from whom it came. It runs alone: nothing of Jackfield is imported.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import defaultdict
from typing import Any

import numpy as np
from livekit import rtc

from tests.peers.pattern import BLOCK, RATE, Seen, paint, tone
from tests.peers.sdk_messages import Messages

CODECS = {"VP8": 0, "H264": 1, "AV1": 2, "VP9": 3}


class Peer(Messages):
    """One participant."""

    def __init__(self) -> None:
        super().__init__()
        self.room = rtc.Room()
        self.seen: dict[str, Seen] = defaultdict(Seen)
        self.data: list[dict[str, Any]] = []
        self.events: list[list[str]] = []
        self.joined = 0.0
        self.join_ms = 0.0
        self.tasks: set[asyncio.Task[None]] = set()
        self.tracks: dict[str, Any] = {}
        room = self.room
        room.on("track_subscribed", self._subscribed)
        room.on("data_received", self._data)
        room.on("participant_connected", lambda p: self._event("participant_connected", p.identity))
        room.on("participant_disconnected", lambda p: self._event("participant_disconnected", p.identity))
        room.on("disconnected", lambda reason: self._event("disconnected", str(reason)))
        room.on("track_muted", lambda p, t: self._event("track_muted", p.identity, t.name))
        room.on("track_unmuted", lambda p, t: self._event("track_unmuted", p.identity, t.name))
        room.on("track_unsubscribed", lambda t, pub, p: self._event("track_unsubscribed", p.identity, pub.name))
        room.on("track_unpublished", lambda pub, p: self._event("track_unpublished", p.identity, pub.name))
        room.on("track_published", lambda pub, p: self._event("track_published", p.identity, pub.name))
        room.on("local_track_subscribed", lambda t: self._event("local_track_subscribed", t.name))
        room.on("active_speakers_changed", lambda ps: self._event("speakers", ",".join(p.identity for p in ps)))
        room.on("participant_attributes_changed", lambda c, p: self._event("attributes", p.identity, json.dumps(c)))
        room.on("participant_metadata_changed", lambda p, old, new: self._event("metadata", p.identity, new))
        room.on("participant_name_changed", lambda p, old, new: self._event("name", p.identity, new))
        room.on("room_metadata_changed", lambda old, new: self._event("room_metadata", new))
        room.on("e2ee_state_changed", lambda p, state: self._event("e2ee", p.identity, str(state)))
        room.on("reconnecting", lambda: self._event("reconnecting"))
        room.on("reconnected", lambda: self._event("reconnected"))
        room.on("connection_quality_changed", lambda p, q: self._event("quality", p.identity, str(q)))

    def _event(self, *words: str) -> None:
        self.events.append(list(words))

    def _data(self, packet: rtc.DataPacket) -> None:
        sender = packet.participant.identity if packet.participant else ""
        self.data.append(
            {"text": packet.data.decode(), "from": sender, "topic": packet.topic, "kind": int(packet.kind)}
        )

    def _subscribed(self, track: Any, publication: Any, participant: Any) -> None:
        self._event("track_subscribed", participant.identity, publication.name)
        watch = self._watch if track.kind == rtc.TrackKind.KIND_VIDEO else self._listen
        self._keep(watch(track, self.seen[participant.identity]))

    def _keep(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _watch(self, track: Any, seen: Seen) -> None:
        stream = rtc.VideoStream(track, format=rtc.VideoBufferType.I420, capacity=2)
        async for event in stream:
            frame = event.frame
            luma = np.frombuffer(frame.data, np.uint8, frame.width * frame.height)
            seen.picture(luma.reshape(frame.height, frame.width), self.joined)

    async def _listen(self, track: Any, seen: Seen) -> None:
        async for event in rtc.AudioStream(track, sample_rate=RATE, num_channels=1):
            seen.sound(np.frombuffer(event.frame.data, np.int16), RATE)

    async def join(
        self, url: str, token: str, auto_subscribe: bool = True, key: str | None = None, data: bool = True, **_: Any
    ) -> dict[str, Any]:
        """``key`` encrypts end to end, and ``data`` too. No key is sought by ratcheting: the SDK does that for over a
        second at each frame that it cannot open."""
        self.joined = time.monotonic()
        options = rtc.RoomOptions(auto_subscribe=auto_subscribe, connect_timeout=10)
        if key is not None:
            keys = rtc.KeyProviderOptions(shared_key=key.encode(), ratchet_window_size=0)
            setattr(options, "encryption" if data else "e2ee", rtc.E2EEOptions(key_provider_options=keys))
        await self.room.connect(url, token, options)
        self.join_ms = (time.monotonic() - self.joined) * 1000
        return {"sid": self.room.local_participant.sid, "join_ms": self.join_ms}

    async def publish_video(
        self, *, width: int = 320, height: int = 180, fps: int = 15, codec: str = "VP8", simulcast: bool = False,
        luma: int = 120, name: str = "camera", bitrate: int = 0, mode: str = "", **_: Any,
    ) -> dict[str, Any]:  # fmt: skip
        source = rtc.VideoSource(width, height)
        track = rtc.LocalVideoTrack.create_video_track(name, source)
        options = rtc.TrackPublishOptions(
            source=rtc.TrackSource.SOURCE_CAMERA, video_codec=CODECS[codec], simulcast=simulcast
        )
        if bitrate:
            options.video_encoding.max_bitrate, options.video_encoding.max_framerate = bitrate, fps
        if mode:
            options.scalability_mode = mode
        publication = await self.room.local_participant.publish_track(track, options)
        self.tracks[name] = track
        self._keep(self._paint(source, width, height, fps, luma))
        return {"sid": publication.sid}

    async def _paint(self, source: rtc.VideoSource, width: int, height: int, fps: int, luma: int) -> None:
        count, due = 0, time.monotonic()
        while self.room.isconnected():
            picture = paint(width, height, luma, count).tobytes()
            source.capture_frame(rtc.VideoFrame(width, height, rtc.VideoBufferType.I420, picture))
            count += 1
            due += 1 / fps
            await asyncio.sleep(max(0, due - time.monotonic()))

    async def publish_audio(self, *, hz: int = 440, name: str = "microphone", **_: Any) -> dict[str, Any]:
        source = rtc.AudioSource(RATE, 1)
        track = rtc.LocalAudioTrack.create_audio_track(name, source)
        options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
        publication = await self.room.local_participant.publish_track(track, options)
        self.tracks[name] = track
        self._keep(self._play(source, hz))
        return {"sid": publication.sid}

    async def _play(self, source: rtc.AudioSource, hz: int) -> None:
        position = 0
        while self.room.isconnected():
            block = tone(hz, position).tobytes()
            position = (position + BLOCK) % RATE
            await source.capture_frame(rtc.AudioFrame(block, RATE, 1, BLOCK))

    async def ratchet(self, **_: Any) -> dict[str, Any]:
        """The shared key is the next one from now on."""
        self.room.e2ee_manager.key_provider.ratchet_shared_key(0)
        return {}

    async def mute(self, *, name: str, muted: bool, **_: Any) -> dict[str, Any]:
        track = self.tracks[name]
        track.mute() if muted else track.unmute()
        return {}

    async def unpublish(self, *, sid: str, **_: Any) -> dict[str, Any]:
        await self.room.local_participant.unpublish_track(sid)
        return {}

    async def subscribe(self, *, identity: str, subscribed: bool, **_: Any) -> dict[str, Any]:
        for publication in self.room.remote_participants[identity].track_publications.values():
            publication.set_subscribed(subscribed)
        return {}

    async def publish_data(
        self, *, text: str, reliable: bool = True, to: list[str] | None = None, topic: str = "", **_: Any
    ) -> dict[str, Any]:
        await self.room.local_participant.publish_data(
            text, reliable=reliable, destination_identities=to or [], topic=topic
        )
        return {}

    async def describe(
        self, *, attributes: dict[str, str] | None = None, metadata: str = "", name: str = "", **_: Any
    ) -> dict[str, Any]:
        local = self.room.local_participant
        if attributes:
            await local.set_attributes(attributes)
        if metadata:
            await local.set_metadata(metadata)
        if name:
            await local.set_name(name)
        return {}

    async def report(self, **_: Any) -> dict[str, Any]:
        return {
            "seen": {identity: seen.told() for identity, seen in self.seen.items()},
            "data": self.data,
            "events": self.events,
            "join_ms": self.join_ms,
            "remote": {p.identity: dict(p.attributes) for p in self.room.remote_participants.values()},
        }

    async def forget(self, **_: Any) -> dict[str, Any]:
        for seen in self.seen.values():
            seen.__init__()  # type: ignore[misc]
        return {}

    async def leave(self, **_: Any) -> dict[str, Any]:
        await self.room.disconnect()
        for task in list(self.tasks):
            task.cancel()
        return {}


async def _obey(peers: dict[str, Peer], command: dict[str, Any]) -> dict[str, Any]:
    name, do = command.pop("as"), command.pop("do")
    peer = peers.setdefault(name, Peer())
    try:
        answer = await asyncio.wait_for(getattr(peer, do)(**command), 25)
    except Exception as exc:
        return {"error": f"{type(exc).__name__}: {exc}"}
    if do == "leave":
        del peers[name]
    return answer


async def main() -> None:
    peers: dict[str, Peer] = {}
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=1 << 22)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    running: set[asyncio.Task[None]] = set()

    async def one(command: dict[str, Any]) -> None:
        number = command.pop("id")
        answer = await _obey(peers, command)
        print(json.dumps({"id": number, **answer}), flush=True)

    async for line in reader:
        task = loop.create_task(one(json.loads(line)))
        running.add(task)
        task.add_done_callback(running.discard)


if __name__ == "__main__":
    asyncio.run(main())
