"""Our own media in a `FakeCall`: switches and devices with nothing behind them, that tell what a real call tells."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from jackfield.media import still
from jackfield.roles import Backdrop
from jackfield.session.audio_mode import mode_of, speaker_for
from jackfield.testing.fakes import FakeTrack
from jackfield.values import events
from jackfield.values.devices import Device, DeviceKind
from jackfield.values.errors import DeviceGone
from jackfield.values.events import Event
from jackfield.values.settings import AudioMode

DEVICES = (
    Device("fake:front", "camera", "Front camera", facing="front"),
    Device("fake:rear", "camera", "Rear camera", facing="rear"),
    Device("fake:microphone", "microphone", "Microphone"),
    Device("fake:headset-microphone", "microphone", "Headset microphone"),
    Device("fake:speaker", "speaker", "Speaker"),
    Device("fake:headset", "speaker", "Headset"),
    Device("fake:screen", "screen", "Screen 1"),
)


class FakeOwnMedia:
    """Part of `FakeCall`. ``there`` are the devices that are listed; a device is in use from the beginning."""

    there: tuple[Device, ...] = DEVICES
    is_audio_muted = is_video_paused = False
    is_screen_sharing = False
    can_set_background = True
    background: Backdrop | None = None
    _used: dict[str, Device] | None = None
    _own: tuple[FakeTrack, ...] = ()

    if TYPE_CHECKING:  # what a `FakeCall` has

        @property
        def local(self) -> Any: ...

        def emit(self, event: Event) -> None: ...

    def own_tracks(self) -> Sequence[FakeTrack]:
        """What `show_own` gave us."""
        return self._own

    def show_own(self, source: Literal["camera", "screen"] = "camera") -> FakeTrack:
        """Our own picture is to be seen; the answer is fed with it."""
        track = FakeTrack(f"TR_own_{source}", source, "video", source, self.local, "VP8")
        self._own = (*self._own, track)
        self.emit(events.OwnTrackStarted(track, self.local))
        return track

    def hide_own(self, track: FakeTrack) -> None:
        """It is over."""
        self._own = tuple(each for each in self._own if each is not track)
        self.emit(events.OwnTrackEnded(track, self.local))

    async def mute_audio(self) -> None:
        """Our microphone is off."""
        if not self.is_audio_muted:
            self.is_audio_muted = True
            self.emit(events.AudioMuted())

    async def unmute_audio(self) -> None:
        """It is on."""
        if self.is_audio_muted:
            self.is_audio_muted = False
            self.emit(events.AudioUnmuted())

    async def pause_video(self) -> None:
        """Our camera is off."""
        if not self.is_video_paused:
            self.is_video_paused = True
            self.emit(events.VideoPaused())

    async def resume_video(self) -> None:
        """It is on."""
        if self.is_video_paused:
            self.is_video_paused = False
            self.emit(events.VideoResumed())

    async def start_screen_sharing(self, screen: Any = None) -> None:
        """Our screen is shared."""
        if not self.is_screen_sharing:
            self.is_screen_sharing = True
            self.emit(events.ScreenShareStarted())

    async def stop_screen_sharing(self) -> None:
        """No more."""
        if self.is_screen_sharing:
            self.is_screen_sharing = False
            self.emit(events.ScreenShareStopped())

    # --- devices
    def devices(self, kind: DeviceKind | None = None) -> list[Device]:
        """Those that are there."""
        return [device for device in self.there if kind in (None, device.kind)]

    def device(self, kind: DeviceKind) -> Device | None:
        """The one in use: the first, unless another one was taken."""
        return (self._used or {}).get(kind) or next(iter(self.devices(kind)), None)

    async def set_background_blur(self, level: float) -> None:
        """A blur is to be seen behind us."""
        self.background = Backdrop(blur=level) if level else None

    async def set_background_image(self, path: str | Path) -> None:
        """The picture in this file is."""
        self.background = Backdrop(picture=still.read(path, "background image"))

    async def clear_background(self) -> None:
        """What is there is."""
        self.background = None

    async def set_camera(self, wish: Any) -> Device | None:
        """This camera."""
        return self._take("camera", wish, events.CameraChanged)

    async def set_microphone(self, wish: Any) -> Device | None:
        """This microphone."""
        return self._take("microphone", wish, events.MicrophoneChanged)

    async def set_speaker(self, wish: Any) -> Device | None:
        """This loudspeaker."""
        return self._take("speaker", wish, events.SpeakerChanged)

    async def switch_camera(self) -> Device:
        """The next one."""
        cameras, now = self.devices("camera"), self.device("camera")
        if now is None or len(cameras) < 2:
            raise DeviceGone("there is no other camera; plug one in")
        following = cameras[(cameras.index(now) + 1) % len(cameras)]
        self._take("camera", following.id, events.CameraChanged)
        self.emit(events.CameraFacingChanged(following.facing))
        return following

    @property
    def audio_mode(self) -> AudioMode | None:
        """That of the loudspeaker in use."""
        speaker = self.device("speaker")
        return mode_of(speaker) if speaker is not None else None

    async def set_audio_mode(self, mode: AudioMode | str) -> Device | None:
        """The loudspeaker of this kind."""
        wanted = AudioMode(mode.upper())
        found = self._take("speaker", speaker_for(wanted, self.there).id, events.SpeakerChanged)
        self.emit(events.AudioModeChanged(wanted))
        return found

    def _take(self, kind: DeviceKind, wish: Any, told: Callable[[Device], Event]) -> Device:
        found = next((each for each in self.devices(kind) if wish in (None, each.id, each.label)), None)
        if found is None:
            raise DeviceGone(
                f"no {kind} here is {wish!r}; there is {', '.join(each.id for each in self.devices(kind))}"
            )
        self._used = {**(self._used or {}), kind: found}
        self.emit(told(found))
        return found
