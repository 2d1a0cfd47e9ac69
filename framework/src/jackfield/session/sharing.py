"""Our screen, and where sound comes out; the part of a `CallSession` that chooses among what the machine has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jackfield.plugins import Plugins
from jackfield.session.audio_mode import mode_of, speaker_for
from jackfield.session.opening import aside
from jackfield.session.outputs import Outputs
from jackfield.session.own_media import OwnMedia
from jackfield.session.publication import Publication
from jackfield.values.devices import LEAST_RANK, Device, DeviceRequest, wish_of
from jackfield.values.errors import DeviceError, DeviceGone
from jackfield.values.settings import AudioMode


class Sharing:
    """Screen and loudspeaker."""

    _own: OwnMedia
    _outputs: Outputs
    _plugins: Plugins

    if TYPE_CHECKING:  # what a `CallSession` has

        async def _reachable(self) -> None: ...

        def _check_active(self) -> None: ...

        async def set_speaker(self, wish: DeviceRequest) -> Device | None: ...

    @property
    def is_screen_sharing(self) -> bool:
        """Whether others see our screen."""
        return self._own.of("screen") is not None

    async def start_screen_sharing(self, screen: DeviceRequest = None) -> Publication:
        """Others see this screen or window (id, label, address, a device, a list in order, None for the first one)
        beside our camera; made-up screens only where they are named.

        Another one takes the place of one that is shared already, in the same track, and where it cannot be had the
        former is shared on. `DeviceError` says why it cannot be seen; `NotAllowed` when the token does not let us
        publish.
        """
        await self._reachable()
        wish = wish_of(screen) if screen is not None else await aside(lambda: first_screen(self._plugins))
        await self._own.set_device("screen", wish)
        shared = self._own.of("screen")
        if shared is None:
            raise DeviceGone("no screen is wanted: name one, or stop_screen_sharing()")
        return shared

    async def stop_screen_sharing(self) -> None:
        """Our screen is ours alone."""
        while self._own.of("screen") is not None:
            await self._own.set_device("screen", "none")

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
        return await self.set_speaker(speaker_for(wanted, there).id)


def first_screen(plugins: Plugins) -> str:
    """The id of the screen that is shared unasked; `DeviceError` says why none is. Blocks for milliseconds."""
    there = plugins.devices("screen")
    try:
        device, _, _ = plugins.device("screen")
    except DeviceError:
        device = None
    if device is not None and device.rank >= LEAST_RANK:
        return device.id
    for each in there:
        if each.state != "ready":
            plugins.device("screen", each.id)  # says what it is, and why
    made_up = ", ".join(each.id for each in there)
    instead = f"; named, {made_up} would be shared" if made_up else ""
    raise DeviceGone(
        "there is no screen here to share: this machine shows nothing, or no plugin that takes screens is installed; "
        f"`jackfield doctor` and `jackfield plugins` say which{instead}"
    )
