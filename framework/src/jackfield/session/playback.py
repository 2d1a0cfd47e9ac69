"""The loudspeaker: everyone who can be heard, mixed."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jackfield.roles import PlaybackDriver, Player, Unwatch
from jackfield.session.reblock import Reblocker
from jackfield.session.remote_track import RemoteTrack
from jackfield.values.devices import Device
from jackfield.values.formats import AudioFormat
from jackfield.values.media import AudioBlock, VideoFrame

#: Sound that is kept ready before a voice is played, and the most that is kept: what is older is let go.
READY_MS, MOST_MS = 30, 150


class Voice:
    """One track's sound on its way to the loudspeaker. Put on the event loop, taken on the player's thread."""

    def __init__(self, rate: int, channels: int) -> None:
        self._reblocker = Reblocker(rate, channels)
        self._ready, self._most = rate * READY_MS // 1000, rate * MOST_MS // 1000
        self._samples: NDArray[np.int16] = np.empty((0, channels), np.int16)
        self._playing = False
        self._lock = threading.Lock()

    def put(self, media: VideoFrame | AudioBlock) -> None:
        """Takes a decoded block."""
        if not isinstance(media, AudioBlock):
            return
        blocks = [block.samples for block in self._reblocker.push(media)]
        with self._lock:
            kept = np.concatenate((self._samples, *blocks))
            self._samples = kept[-self._most :]

    def take(self, count: int) -> NDArray[np.int16] | None:
        """So many samples, fewer at the end of what there is; None while there is nothing to hear."""
        with self._lock:
            if not self._playing and len(self._samples) < self._ready:
                return None
            taken, self._samples = self._samples[:count], self._samples[count:]
            self._playing = len(taken) == count
        return taken


class Playback:
    """One open loudspeaker that plays every remote sound track of a call."""

    def __init__(self, call: Any, device: Device, driver: PlaybackDriver) -> None:
        self.device = device
        self._call, self._driver = call, driver
        self._player: Player | None = None
        self._voices: dict[str, Voice] = {}
        self._unwatches: dict[str, list[Unwatch]] = {}
        self._format = AudioFormat(channels=2)

    async def open(self) -> None:
        """Everyone is heard from now on. `DeviceError` says why not."""
        self._player = await asyncio.to_thread(self._driver.open, self.device, self._format)
        self._format = self._player.format
        self._unwatches[""] = [
            self._call.on("track_subscribed", lambda event: self._add(event.track)),
            self._call.on("track_unsubscribed", lambda event: self._remove(event.track.sid)),
        ]
        for track in self._call.tracks():
            self._add(track)
        await asyncio.to_thread(self._player.start, self.fill)

    def _add(self, track: RemoteTrack) -> None:
        if track.kind == "audio" and track.sid not in self._voices:
            voice = self._voices[track.sid] = Voice(self._format.rate, self._format.channels)
            self._unwatches[track.sid] = [track.take_decoded(voice.put)]

    def _remove(self, sid: str) -> None:
        self._voices.pop(sid, None)
        for unwatch in self._unwatches.pop(sid, ()):
            unwatch()

    def fill(self, samples: int) -> NDArray[np.int16]:
        """The next block, on the player's thread: all voices added up, kept within full scale."""
        mixed = np.zeros((samples, self._format.channels), np.int32)
        for voice in list(self._voices.values()):
            taken = voice.take(samples)
            if taken is not None:
                mixed[: len(taken)] += taken
        return np.clip(mixed, -32768, 32767).astype(np.int16)

    async def close(self) -> None:
        """Silent, and the device given back."""
        for sid in list(self._unwatches):
            self._remove(sid)
        if self._player is not None:
            await asyncio.to_thread(self._player.stop)
