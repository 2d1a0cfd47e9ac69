"""Our screen, and where sound comes out; the part of a `CallSession` that chooses among what the machine has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from jackfield.plugins import Plugins
from jackfield.session.audio_mode import mode_of, speaker_for
from jackfield.session.opening import aside
from jackfield.session.outputs import Outputs
from jackfield.session.own_media import OwnMedia
from jackfield.session.publication import Publication
from jackfield.values import events
from jackfield.values.devices import Device
from jackfield.values.errors import DeviceGone
from jackfield.values.events import Event
from jackfield.values.settings import AudioMode


class Sharing:
    """Screen and loudspeaker."""

    _own: OwnMedia
    _outputs: Outputs
    _plugins: Plugins

    if TYPE_CHECKING:  # what a `CallSession` has

        async def _reachable(self) -> None: ...

        def _check_active(self) -> None: ...

        def _emit(self, event: Event) -> None: ...

        async def set_speaker(self, wish: str | Sequence[str] | None) -> Device | None: ...

    @property
    def is_screen_sharing(self) -> bool:
        """Whether others see our screen."""
        return self._own.of("screen") is not None

    async def start_screen_sharing(self, screen: str | Sequence[str] | None = None) -> Publication:
        """Others see this screen (id, label, address, a list in order, None for the best) beside our camera.

        One that is shared already is shared on; another one takes its place. `DeviceError` where there is none, or it
        may not be seen; `NotAllowed` when the token does not let us publish.
        """
        await self._reachable()
        device, _, _ = await aside(lambda: self._plugins.device("screen", screen))
        if device is None:
            raise DeviceGone("there is no screen here to share; see `jackfield devices screen` and `jackfield doctor`")
        shared = self._own.of("screen")
        if shared is not None:
            if shared.device is not None and shared.device.id == device.id:
                return shared
            await self._own.unpublish(shared)
        return await self._own.publish(device, name="screen", source="screen")

    async def stop_screen_sharing(self) -> None:
        """Our screen is ours alone."""
        while (shared := self._own.of("screen")) is not None:
            await self._own.unpublish(shared)

    @property
    def audio_mode(self) -> AudioMode | None:
        """The kind of loudspeaker in use; None where nothing is heard."""
        speaker = self._outputs.speaker
        return mode_of(speaker) if speaker is not None else None

    async def set_audio_mode(self, mode: AudioMode | str) -> Device | None:
        """Sound comes out of the best loudspeaker of this kind. `DeviceGone` where there is none, with what there is;
        ``ValueError`` for a mode that there is not."""
        self._check_active()
        try:
            wanted = AudioMode(mode.upper())
        except ValueError:
            raise ValueError(f"there is no audio mode {mode!r}; there are {', '.join(AudioMode)}") from None
        if wanted is self.audio_mode:
            return self._outputs.speaker
        there = await aside(lambda: self._plugins.devices("speaker"))
        device = await self.set_speaker(speaker_for(wanted, there).id)
        self._emit(events.AudioModeChanged(wanted))
        return device
