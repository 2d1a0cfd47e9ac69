"""The loudspeaker: everyone who can be heard, mixed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from jackfield.media.clock import Clock, LoopClock
from jackfield.media.far_end import FarEnd
from jackfield.media.mix import Mixer, MixInput
from jackfield.roles import HasLatency, PlaybackDriver, Player, Unwatch
from jackfield.session.asking import Asking
from jackfield.session.opening import TooSlow, as_call_error, begun, bordered, opened
from jackfield.session.remote_track import RemoteTrack
from jackfield.values.devices import Device
from jackfield.values.errors import CallError, DeviceGone, PluginError
from jackfield.values.formats import AudioFormat, impossible
from jackfield.values.media import AudioBlock, VideoFrame

logger = logging.getLogger("jackfield.output")

OPEN_TIMEOUT_S, STOP_TIMEOUT_S = 10.0, 3.0
#: What is mixed.
_CHANNELS = (1, 2)
BROKEN = "mend the plugin that drives it, or name another loudspeaker"


class Playback:
    """One open loudspeaker that plays every remote sound track of a call.

    ``failed`` is called once, on the event loop, when the loudspeaker has ended by itself; `close` is still due.
    """

    def __init__(
        self,
        call: Any,
        device: Device,
        driver: PlaybackDriver,
        failed: Callable[[CallError], None] = lambda error: None,
        far_end: FarEnd | None = None,
        *,
        clock: Clock | None = None,
    ) -> None:
        self.device, self.driver = device, driver
        self._far_end = far_end or FarEnd()
        self._failed = failed
        self._call = call
        self._clock = clock or LoopClock()
        self._player: Player | None = None
        self._asking: Asking | None = None
        self._latency_ms: Callable[[], float] = lambda: 0.0
        self._mixer = Mixer()
        self._voices: dict[str, MixInput] = {}
        self._unwatches: dict[str, list[Unwatch]] = {}

    @property
    def is_heard(self) -> bool:
        """Whether the device has taken any sound yet."""
        return self._asking is not None and self._asking.count > 0

    async def open(self) -> None:
        """Everyone is heard from now on. `CallError` says why not; the device is then given back."""
        label = self.device.label
        try:
            await bordered(self._opened(), f"{label} ({self.device.id}) failed", BROKEN)
        except TooSlow:
            await self.close()
            raise DeviceGone(f"{label} did not open within {OPEN_TIMEOUT_S:g} s; unplug it and try again") from None
        except BaseException:
            await self.close()
            raise

    async def _opened(self) -> None:
        driver, device = self.driver, self.device
        wanted = AudioFormat(self._mixer.rate, self._mixer.channels)
        player = await opened(
            lambda: driver.open(device, wanted), lambda player: player.stop(), timeout_s=OPEN_TIMEOUT_S
        )
        self._player = player
        format = self._checked(player)
        mixer = self._mixer = Mixer(rate=format.rate, channels=format.channels)
        self._unwatches[""] = [
            self._call.on("track_subscribed", lambda event: self._add(event.track)),
            self._call.on("track_unsubscribed", lambda event: self._remove(event.track.sid)),
        ]
        for track in self._call.tracks():
            self._add(track)
        loop = asyncio.get_running_loop()
        self._latency_ms = player.latency_ms if isinstance(player, HasLatency) else lambda: 0.0
        tapped = self._far_end.tap(mixer.fill, mixer.rate, self._latency_ms)

        def failed(error: CallError) -> None:
            with suppress(RuntimeError):  # the loop has ended, and nobody is left to hear of it
                loop.call_soon_threadsafe(self._lost, player, error)

        who = f"{device.label} ({device.id})"
        gone = DeviceGone(f"{who} takes no sound any more; it is opened anew, and unplugging it may help")
        asking = self._asking = Asking(
            tapped,
            mixer.rate,
            mixer.channels,
            self._clock,
            gone=lambda: self._lost(player, gone),
            absurd=lambda asked: failed(PluginError(f"{who}: its plugin asks for {asked}; {BROKEN}")),
        )
        asking.watch()
        try:
            await begun(lambda: player.start(asking.fill, failed), player.stop, timeout_s=OPEN_TIMEOUT_S)
        except (asyncio.CancelledError, TooSlow):
            self._player = None  # it is stopped once it has started
            raise

    def _checked(self, player: Player) -> AudioFormat:
        """The format of what a plugin has opened, where it is one that can be."""
        format: object = getattr(player, "format", None)
        if isinstance(format, AudioFormat) and not impossible(format) and format.channels in _CHANNELS:
            return format
        found = f"{self.device.label} ({self.device.id}): its plugin opened it as {format!r:.200}"
        raise PluginError(f"{found}, where sound of one or two channels at 4000 to 768000 Hz is played; {BROKEN}")

    def _lost(self, player: Player, error: CallError) -> None:
        if player is self._player:
            self._failed(as_call_error(error, f"{self.device.label} ({self.device.id})"))

    def _add(self, track: RemoteTrack) -> None:
        if track.kind == "audio" and track.sid not in self._voices:
            voice = self._voices[track.sid] = self._mixer.add()
            self._unwatches[track.sid] = [track.take_decoded(lambda media: _play(voice, media))]
            track.presentation.played_after_ms = lambda: voice.delay_ms + self._latency_ms()

    def _remove(self, sid: str) -> None:
        for unwatch in self._unwatches.pop(sid, ()):
            unwatch()
        voice = self._voices.pop(sid, None)
        if voice is not None:
            self._mixer.remove(voice)

    async def close(self) -> None:
        """Silent, and the device given back."""
        if self._asking is not None:
            self._asking.end()
        for sid in list(self._unwatches):
            self._remove(sid)
        player, self._player, label = self._player, None, self.device.label
        if player is not None:
            stopping = opened(player.stop, lambda _: None, timeout_s=STOP_TIMEOUT_S)
            try:
                await bordered(stopping, f"{self.device.label} could not be closed", BROKEN)
            except TooSlow:
                logger.warning("%s did not close within %g s: it is left to its driver", label, STOP_TIMEOUT_S)


def _play(voice: MixInput, media: VideoFrame | AudioBlock) -> None:
    if isinstance(media, AudioBlock):
        voice.push(media)
