"""The loudspeaker: everyone who can be heard, mixed."""

from __future__ import annotations

import asyncio
from typing import Any

from jackfield.media.mix import Mixer, MixInput
from jackfield.roles import PlaybackDriver, Player, Unwatch
from jackfield.session.remote_track import RemoteTrack
from jackfield.values.devices import Device
from jackfield.values.formats import AudioFormat
from jackfield.values.media import AudioBlock, VideoFrame


class Playback:
    """One open loudspeaker that plays every remote sound track of a call."""

    def __init__(self, call: Any, device: Device, driver: PlaybackDriver) -> None:
        self.device = device
        self._call, self._driver = call, driver
        self._player: Player | None = None
        self._mixer = Mixer()
        self._voices: dict[str, MixInput] = {}
        self._unwatches: dict[str, list[Unwatch]] = {}

    async def open(self) -> None:
        """Everyone is heard from now on. `DeviceError` says why not."""
        wanted = AudioFormat(self._mixer.rate, self._mixer.channels)
        self._player = await asyncio.to_thread(self._driver.open, self.device, wanted)
        self._mixer = Mixer(rate=self._player.format.rate, channels=self._player.format.channels)
        self._unwatches[""] = [
            self._call.on("track_subscribed", lambda event: self._add(event.track)),
            self._call.on("track_unsubscribed", lambda event: self._remove(event.track.sid)),
        ]
        for track in self._call.tracks():
            self._add(track)
        await asyncio.to_thread(self._player.start, self._mixer.fill)

    def _add(self, track: RemoteTrack) -> None:
        if track.kind == "audio" and track.sid not in self._voices:
            voice = self._voices[track.sid] = self._mixer.add()
            self._unwatches[track.sid] = [track.take_decoded(lambda media: _play(voice, media))]

    def _remove(self, sid: str) -> None:
        for unwatch in self._unwatches.pop(sid, ()):
            unwatch()
        voice = self._voices.pop(sid, None)
        if voice is not None:
            self._mixer.remove(voice)

    async def close(self) -> None:
        """Silent, and the device given back."""
        for sid in list(self._unwatches):
            self._remove(sid)
        if self._player is not None:
            await asyncio.to_thread(self._player.stop)


def _play(voice: MixInput, media: VideoFrame | AudioBlock) -> None:
    if isinstance(media, AudioBlock):
        voice.push(media)
