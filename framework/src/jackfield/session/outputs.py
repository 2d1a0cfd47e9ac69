"""Where the call goes on this machine: renderers, and the loudspeaker."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from jackfield.media.far_end import FarEnd
from jackfield.plugins import Plugins
from jackfield.roles import Renderer
from jackfield.session.audio_mode import mode_of, speaker_for
from jackfield.session.explaining import Wish, unless_refused
from jackfield.session.hotplug import HotPlug
from jackfield.session.opening import aside
from jackfield.session.playback import Playback
from jackfield.session.recovery import Recovery
from jackfield.session.supply import FIRST_MEDIA_S
from jackfield.values import events
from jackfield.values.devices import Device
from jackfield.values.errors import CallError, ContainerError, DeviceError, DeviceGone, PluginError
from jackfield.values.events import Event
from jackfield.values.settings import AudioMode, SessionSettings

logger = logging.getLogger("jackfield.output")


class Outputs:
    """The renderers that the settings name, and one loudspeaker that plays everyone."""

    def __init__(
        self,
        call: Any,
        plugins: Plugins,
        failed: Callable[[CallError, str], None],
        emit: Callable[[Event], None],
        hotplug: HotPlug,
        far_end: FarEnd | None = None,
    ) -> None:
        self._call, self._plugins, self._failed, self._emit = call, plugins, failed, emit
        self._far_end = far_end
        self._wish: Wish = call.settings.speaker
        self._recovery = Recovery(plugins, hotplug)
        self._broken = self._is_heard = False
        self._turn = asyncio.Lock()
        self._renderers: list[Renderer] = []
        self._playback: Playback | None = None
        #: Of the loudspeaker that played last.
        self._mode: AudioMode | None = None
        self._opening: asyncio.Task[None] | None = None

    @property
    def view(self) -> Any:
        """What the first renderer that has one draws into."""
        return next((each.view for each in self._renderers if each.view is not None), None)

    @property
    def speaker(self) -> Device | None:
        """The loudspeaker in use."""
        return self._playback.device if self._playback and self._is_heard else None

    async def open(self, container: Any = None) -> None:
        """Renderers are open; the loudspeaker opens meanwhile, and a wish for one that is not there is an error."""
        settings = self._call.settings
        for factory in wanted_renderers(self._plugins, settings, container):
            self._renderers.append(await _opened(factory, self._call, container))
        try:
            wish = settings.speaker if settings.speaker is not None else await self._of_mode(settings.audio_mode)
            device, driver, _ = await aside(lambda: self._plugins.device("speaker", wish))
        except DeviceError as error:
            if settings.speaker is not None:
                raise
            logger.info("the call is not heard here: %s", error.message)
            return
        if device is not None:
            self._opening = asyncio.create_task(self._try_speaker(device, driver), name="open speaker")

    async def _of_mode(self, mode: AudioMode) -> str | None:
        """The loudspeaker of this kind; any where there is none, which is told."""
        if mode is AudioMode.SPEAKER:
            return None
        try:
            return speaker_for(mode, await aside(lambda: self._plugins.devices("speaker"))).id
        except DeviceError as error:
            self._failed(error, "audio_mode")
            return None

    async def _try_speaker(self, device: Device, driver: Any) -> None:
        """A loudspeaker that will not open is waited for, or replaced, as one that is lost."""
        try:
            await self._open_speaker(device, driver)
        except CallError as error:
            self._failed(error, device.label)
            self._recovery.start(device, lambda: self._recover(device, was_heard=False))

    async def _open_speaker(self, device: Device, driver: Any) -> None:
        playback = Playback(self._call, device, driver, lambda error: self._lost(playback, error), self._far_end)
        self._playback, self._broken, self._is_heard = playback, False, False
        try:
            await playback.open()
        except BaseException:
            self._playback = None if self._playback is playback else self._playback
            raise
        self._is_heard = True
        self._mode = self._mode or mode_of(device)

    async def _take_up_speaker(self, device: Device, driver: Any) -> None:
        """It is open and takes sound: one that is there and hangs has not come back, and the next is tried."""
        await self._open_speaker(device, driver)
        playback, waited_s = self._playback, 0.0
        while playback is not None and not playback.is_heard and not self._broken:
            if waited_s >= FIRST_MEDIA_S:
                await self._close_player()
                raise DeviceGone(f"it opened, and took no sound within {FIRST_MEDIA_S:g} s")
            await asyncio.sleep(0.02)
            waited_s += 0.02

    def _lost(self, playback: Playback, error: CallError) -> None:
        """The loudspeaker ended by itself: it is waited for, or replaced."""
        if playback is not self._playback:
            return
        self._broken = True
        if self._recovery.is_running:
            return  # the attempt under way finds out by itself
        device = playback.device
        self._failed(error, device.label)
        self._emit(events.DeviceLost(device, error))
        self._recovery.start(device, lambda: self._recover(device))

    async def _recover(self, lost: Device, *, was_heard: bool = True) -> None:
        while True:
            await self._close_player()
            found = await self._recovery.until_back(lost, self._wish, self._take_up_speaker)
            if not self._broken:
                break
        same = was_heard and found.id == lost.id
        if same:
            self._emit(events.DeviceRestored(found))
        else:
            self._changed(found)

    async def set_speaker(self, wish: Wish) -> Device | None:
        """Another loudspeaker plays from now on. `DeviceError` or `PluginError` when it cannot; then the former one
        plays on."""
        async with self._turn:
            await self._opened_first()
            with unless_refused(self._plugins, "speaker"):
                return await self._set_speaker(wish)

    async def _set_speaker(self, wish: Wish) -> Device | None:
        device, driver, _ = await aside(lambda: self._plugins.device("speaker", wish))
        former = self._playback if self._is_heard and not self._broken else None
        if device is not None and former is not None and device.id == former.device.id:
            self._wish = wish
            return device
        await self._silence()
        try:
            if device is not None:
                await self._open_speaker(device, driver)
        except CallError:
            if former is not None:
                await self._try_speaker(former.device, former.driver)
            raise
        self._wish = wish
        self._changed(device)
        return device

    def _changed(self, speaker: Device | None) -> None:
        self._emit(events.SpeakerChanged(speaker))
        mode, self._mode = self._mode, mode_of(speaker) if speaker is not None else self._mode
        if self._mode is not None and self._mode is not mode:
            self._emit(events.AudioModeChanged(self._mode))

    async def _opened_first(self) -> None:
        opening, self._opening = self._opening, None
        if opening is not None:
            await asyncio.gather(opening, return_exceptions=True)

    async def _silence(self) -> None:
        await self._opened_first()
        await self._recovery.stop()
        await self._close_player()

    async def _close_player(self) -> None:
        playback, self._playback = self._playback, None
        if playback is not None:
            try:
                await playback.close()
            except CallError as error:
                self._failed(error, playback.device.label)

    async def close(self) -> None:
        """Files are whole, windows gone, the loudspeaker silent."""
        ending, self._renderers = self._renderers, []
        await asyncio.gather(*(each.close() for each in ending), self._silence(), return_exceptions=True)


def wanted_renderers(plugins: Plugins, settings: SessionSettings, container: Any) -> list[Any]:
    """The factories of the renderers that the settings name, recording included; `ContainerError` when there is a
    container and nothing that draws."""
    factories: list[Any] = [plugins.renderer(name) for name in settings.renderers]
    if settings.record_to and not any("record_to" in getattr(each, "acts_on", ()) for each in factories):
        factories.append(_recorder(plugins))
    if container is not None and not settings.renderers:
        raise ContainerError("nothing draws into the container: name a renderer in settings.renderers")
    return factories


async def _opened(factory: Any, call: Any, container: Any) -> Renderer:
    try:
        renderer: Renderer = await factory.open(call, container)
    except CallError:
        raise
    except Exception as exc:
        found = f"renderer {factory.name} failed to open: {type(exc).__name__}: {exc}"
        raise PluginError(f"{found}; mend the plugin, or leave it out of settings.renderers") from exc
    return renderer


def _recorder(plugins: Plugins) -> Any:
    offers = [offer.thing for offer in plugins.offers("register_renderers")]
    found = next((each for each in offers if "record_to" in getattr(each, "acts_on", ())), None)
    if found is None:
        raise PluginError("record_to is set, and no renderer that records works here; see `jackfield plugins`")
    return found
