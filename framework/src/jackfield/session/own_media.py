"""Everything we publish: the camera and microphone of the settings, and what programs add."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Coroutine, Sequence
from contextlib import suppress
from typing import Any

from livekit.protocol.rtc import TrackPublishedResponse

from jackfield.media.encryption import frames
from jackfield.media.far_end import FarEnd
from jackfield.plugins import Plugins
from jackfield.roles import BACKGROUND, Backdrop, Control, HasControls
from jackfield.rtc import codecs, signalling
from jackfield.session.connection import Connection, JoinedAnew
from jackfield.session.encryption import CallEncryption
from jackfield.session.explaining import Wish, none_opened, passed_through, unless_refused
from jackfield.session.feed import Feed
from jackfield.session.fitting import try_backdrop
from jackfield.session.hotplug import HotPlug
from jackfield.session.opening import aside
from jackfield.session.own_track import OwnTracks
from jackfield.session.publication import Publication
from jackfield.session.recovery import NO_OTHER, Recovery, following
from jackfield.session.sources import AudioSource, VideoSource
from jackfield.values import events
from jackfield.values.devices import LEAST_RANK, Device
from jackfield.values.errors import (
    CallError,
    DeviceError,
    DeviceGone,
    EncoderError,
    NetworkError,
    NotAllowed,
    PluginError,
    SettingsError,
)
from jackfield.values.events import Event
from jackfield.values.findings import Finding
from jackfield.values.formats import AudioFormat, VideoFormat
from jackfield.values.media import AudioBlock
from jackfield.values.settings import SessionSettings, SessionType

logger = logging.getLogger("jackfield.media")

#: What may be published: a program's source, a device, or a wish for one (its id, label or address).
Publishable = VideoSource | AudioSource | Device | str

_CHANGED: dict[str, Callable[[Device | None], Event]] = {
    "camera": events.CameraChanged,
    "microphone": events.MicrophoneChanged,
}


class OwnMedia:
    """Our publications. ``prepare`` may run before there is a connection; `connect` then announces what is ready."""

    def __init__(
        self, settings: SessionSettings, plugins: Plugins, emit: Callable[[Event], None], hotplug: HotPlug
    ) -> None:
        self.settings, self._plugins, self._emit = settings, plugins, emit
        self.publications: list[Publication] = []
        self.encryption: CallEncryption | None = None
        self._connection: Connection | None = None
        self._enabled: list[str] | None = None
        self._may_publish = True
        self._tasks: set[asyncio.Task[None]] = set()
        self._wishes: dict[str, Wish] = {"camera": settings.camera, "microphone": settings.microphone}
        self.hotplug = hotplug
        #: What the loudspeaker plays, for those who cancel its echo.
        self.far_end = FarEnd()
        self._turns = {kind: asyncio.Lock() for kind in ("camera", "microphone", "screen")}
        self._recoveries: dict[Publication, Recovery] = {}
        self.shown = OwnTracks(plugins, emit, lambda error, source: emit(events.Error(error, source)))
        #: Devices whose own encoding nobody could decode: they are asked for raw pictures from then on.
        self._unfit_devices: set[str] = set()
        self._backdrop: Backdrop | None = None
        #: Gets each block of sound that goes out, on the thread that encodes it; None while nobody listens.
        self.heard: Callable[[Publication, AudioBlock], None] | None = None

    # --- at the join
    async def prepare(self) -> None:
        """The devices of the settings are open and their encoders ready. `DeviceError` where a wish cannot be met."""
        wanted = [("microphone", self.settings.microphone, self.settings.start_audio_muted)]
        if self.settings.type == SessionType.VIDEO:
            wanted.append(("camera", self.settings.camera, self.settings.start_video_paused))
        made = await asyncio.gather(*(self._of_settings(*each) for each in wanted), return_exceptions=True)
        self.publications = [each for each in made if isinstance(each, Publication)]
        failed = [each for each in made if isinstance(each, BaseException)]
        if failed:
            await self.close()
            raise failed[0]

    async def _of_settings(self, kind: Any, wish: Wish, muted: bool) -> Publication | None:
        """The first device that the wish allows and that opens; None where none is wanted, or none is there unasked."""
        facing = self.settings.camera_facing.value.lower() if kind == "camera" else ""
        failed: dict[str, str] = {}
        while True:
            try:
                device, driver, _ = await aside(lambda: self._plugins.device(kind, wish, facing=facing, failed=failed))
                if device is None:
                    return None
                if failed and device.rank < LEAST_RANK and wish is None:
                    none_opened(self._plugins, kind, wish, failed)
                    raise DeviceGone("; ".join(failed.values()))
            except DeviceError as error:
                if wish is not None:
                    raise
                logger.warning("the call begins without a %s: %s", kind, error.message)
                return None
            publication = self._make(self._feed(device, driver, self.settings.video_codecs), kind, "", muted=muted)
            try:
                await publication.supply.prepare(self._codecs(publication))
            except (DeviceError, PluginError) as error:
                await publication.end()
                failed[device.id] = error.message
                if isinstance(wish, str) or (wish is not None and len(wish) == 1):
                    none_opened(self._plugins, kind, wish, failed)
                    raise
            except BaseException:
                await publication.end()
                raise
            else:
                return publication

    async def connect(self, connection: Connection) -> None:
        """What is ready is published."""
        self._take(connection)
        if not self._may_publish:
            if self.publications:
                logger.warning("this token lets us watch and listen only: nothing is published")
            await self.close()
            return
        await asyncio.gather(*(self._announce(each) for each in list(self.publications)))

    def _take(self, connection: Connection) -> None:
        join = connection.signal.joined
        self._connection = connection
        self._enabled = [codecs.canonical(each.mime) or each.mime for each in join.enabled_publish_codecs] or None
        permission = join.participant.permission
        self._may_publish = permission.can_publish or not join.participant.HasField("permission")

    async def joined_anew(self) -> None:
        """What was published is published again, with the devices and encoders that are open. `NetworkError` where the
        server is lost meanwhile; what it does not take any more is told, and ends."""
        assert self._connection is not None
        connection = self._connection
        self._take(connection)
        if not self._may_publish:
            await self.close()
            return
        were = list(self.publications)
        ends = await asyncio.gather(*(self._announce(each) for each in were), return_exceptions=True)
        for publication, end in zip(were, ends, strict=True):
            if isinstance(end, CallError) and not isinstance(end, NetworkError):
                self._refused(publication, end)
            elif isinstance(end, BaseException):
                raise end

    def confirmations(self) -> list[TrackPublishedResponse]:
        """What the server must know of, for us to go on where we were."""
        found = (publication.confirm() for publication in self.publications)
        return [each for each in found if each is not None]

    async def _announce(self, publication: Publication) -> None:
        assert self._connection is not None
        if self._enabled is not None and publication.codec not in self._enabled:
            await publication.supply.choose_again(self._codecs(publication))
        publication.seal = self.encryption.sealer() if self.encryption is not None else None
        try:
            await publication.announce(self._connection)
        except JoinedAnew:
            return  # as `joined_anew` announces all there is
        self.shown.begin(publication)
        self._explain(publication)

    def _explain(self, publication: Publication) -> None:
        device = publication.device
        if device is not None and publication.kind == "video" and not publication.encoder:
            passed_through(self._plugins, device, publication.codec)

    def _codecs(self, publication: Publication) -> list[str]:
        wanted: Sequence[str] = self.settings.video_codecs if publication.kind == "video" else ["opus"]
        if self.settings.e2ee_key is not None:
            wanted = [codec for codec in wanted if codec in frames.CODECS]
            if not wanted:
                found = f"none of {', '.join(self.settings.video_codecs)} can be encrypted end to end"
                raise EncoderError(f"{found}; name H264, VP8 or VP9 in video_codecs")
        return [codec for codec in wanted if self._enabled is None or codec in self._enabled]

    # --- while it runs
    async def publish(
        self, what: Publishable, *, name: str = "", source: signalling.Source | None = None, muted: bool = False
    ) -> Publication:
        """One more publication beside those there are."""
        if not self._may_publish:
            raise NotAllowed("this token does not let us publish")
        feed, default = await self._feed_of(what)
        taken = {each.source for each in self.publications}
        publication = self._make(feed, source or (default if default not in taken else "unknown"), name, muted=muted)
        try:
            await publication.supply.prepare(self._codecs(publication))
            self.publications.append(publication)
            await self._clothe(publication)
            await self._announce(publication)
            if publication.source == "screen":
                self._emit(events.ScreenShareStarted())
        except BaseException:
            await self.unpublish(publication)
            raise
        return publication

    async def unpublish(self, publication: Publication) -> None:
        """It is over; the others go on."""
        was_here = publication in self.publications
        if was_here:
            self.publications.remove(publication)
        await self._give_up(publication)
        await self.shown.end(publication)
        await publication.end()
        if was_here and publication.source == "screen" and publication.sid:
            self._emit(events.ScreenShareStopped())

    def _make(self, feed: Feed, source: signalling.Source, name: str, *, muted: bool) -> Publication:
        kind: signalling.Kind = "video" if feed.is_video else "audio"
        publication = Publication(
            feed, kind, source, name, self.settings, self._plugins, muted=muted, far_end=self.far_end
        )
        supply, route = publication.supply, publication.supply.route
        supply.begins_before(self._backdrop if source == "camera" else None)
        supply.hear(lambda block: self._hear(publication, block))
        publication.on_refused = lambda error: self._refused(publication, error)
        supply.on_lost = lambda error: self._lost(publication, error)
        supply.on_processor_failed = lambda error, name: self._emit(events.Error(error, name))
        supply.on_no_input = lambda seconds, ended: self._emit(
            events.NoAudioInput(publication.device, round(seconds, 1), ended)
        )
        supply.on_talking = lambda: self._emit(events.TalkingWhileMuted(publication.device))
        route.on_failed = lambda error: self._failed(publication, error)
        route.on_unfit = lambda finding: self._unfit(publication, finding)
        route.on_encoder_changed = lambda before, now, reason: self._emit(
            events.EncoderChanged(publication, now, reason, before)
        )
        return publication

    def _hear(self, publication: Publication, block: AudioBlock) -> None:
        if (heard := self.heard) is not None:
            try:
                heard(publication, block)
            except Exception:
                self.heard = None
                logger.exception("who listens to our sound failed, and hears no more")

    async def _feed_of(self, what: Publishable) -> tuple[Feed, signalling.Source]:
        given: object = what
        if not isinstance(given, VideoSource | AudioSource | Device | str):
            found = f"{type(given).__name__} {given!r:.80}"
            raise ValueError(f"a VideoSource, an AudioSource, a device or its name can be published; this is {found}")
        if isinstance(what, VideoSource):
            return Feed(what.format, source=what), "camera"
        if isinstance(what, AudioSource):
            return Feed(what.format, source=what), "microphone"
        if isinstance(what, Device):
            kind, wish = what.kind, what.id
        else:
            kind, wish = await aside(lambda: self._plugins.kind_of(what)), what
        if kind == "speaker":
            raise DeviceGone("a loudspeaker cannot be published")
        device, driver, _ = await aside(lambda: self._plugins.device(kind, wish))
        if device is None:
            raise DeviceGone(f"no device is called {wish!r}; see `jackfield devices`")
        return self._feed(device, driver, self._enabled or self.settings.video_codecs), kind

    def _feed(self, device: Device, driver: Any, codecs: Collection[str]) -> Feed:
        """``codecs`` are those that the device may have encoded itself."""
        wish = self.settings.video_wish
        return Feed(
            AudioFormat() if device.kind == "microphone" else VideoFormat(wish.width, wish.height, wish.fps),
            device=device,
            driver=driver,
            find=lambda: self._plugins.device(device.kind, device.id)[0],
            modes=self._plugins.modes,
            codecs=codecs if self._may_pass(device) else (),
        )

    def _may_pass(self, device: Device) -> bool:
        """Whether what the device encodes itself may be sent as it is."""
        seen_anew = self._backdrop is not None and device.kind == "camera"
        return self.settings.passthrough and not seen_anew and device.id not in self._unfit_devices

    # --- the background
    @property
    def backdrop(self) -> Backdrop | None:
        """What is to be seen behind us; None for what is there."""
        return self._backdrop

    async def set_backdrop(self, backdrop: Backdrop | None) -> None:
        """This is seen behind us, whatever is our camera from now on; None for what is there. A `CallError` says why it
        cannot be, and all stays as it was."""
        async with self._turns["camera"]:
            if backdrop is not None and self.of("camera") is None:
                await aside(lambda: try_backdrop(self._plugins, self.settings, backdrop))
            before, self._backdrop = self._backdrop, backdrop
            try:
                for each in list(self.publications):
                    await self._clothe(each)
            except BaseException:
                self._backdrop = before
                for each in list(self.publications):
                    with suppress(CallError):
                        await self._clothe(each)
                raise
            if backdrop is None:
                self._plugins.choices.pop(f"processor {BACKGROUND}", None)

    async def _clothe(self, publication: Publication) -> None:
        """A camera's pictures are seen before what was asked for last."""
        if publication.source == "camera":
            await publication.supply.put_behind(self._backdrop)

    # --- the camera and the microphone
    def of(self, source: str) -> Publication | None:
        """Our publication of this source."""
        return next((each for each in self.publications if each.source == source), None)

    async def set_muted(self, source: signalling.Source, muted: bool, *, by_moderator: bool = False) -> None:
        """Turns the camera or microphone off or on, and says so. `DeviceError` where there is none to turn on."""
        publication = self.of(source)
        if publication is None:
            if muted:
                return
            raise DeviceGone(f"there is no {source} in this call; name one with set_{source}")
        if publication.muted == muted:
            return
        if muted and source == "camera":
            await self._give_up(publication)
        await (publication.mute() if muted else publication.unmute())
        if source == "microphone":
            self._emit(events.AudioMuted(by_moderator) if muted else events.AudioUnmuted())
        elif source == "camera":
            self._emit(events.VideoPaused(by_moderator) if muted else events.VideoResumed())

    async def set_device(self, kind: Any, wish: Wish) -> Device | None:
        """The camera, microphone or screen is another one from now on; the track stays published. Where it cannot be
        had, all stays as it was: the old device goes on, or is waited for."""
        async with self._turns[kind]:
            with unless_refused(self._plugins, kind):
                return await self._set_device(kind, wish)

    async def _set_device(self, kind: Any, wish: Wish) -> Device | None:
        failed: dict[str, str] = {}
        while True:
            device, driver, _ = await aside(lambda: self._plugins.device(kind, wish, failed=failed))
            try:
                changed = await self._use(kind, device, driver)
                break
            except DeviceError as error:
                if device is None or wish is None or isinstance(wish, str) or len(wish) == 1:
                    raise
                failed[device.id] = error.message
        if kind in self._wishes:  # a screen that goes is waited for: nobody has asked that another be seen instead
            self._wishes[kind] = wish
        if changed and kind in _CHANGED:
            self._emit(_CHANGED[kind](device))
        return device

    async def _use(self, kind: Any, device: Device | None, driver: Any) -> bool:
        """Whether that is another one than before."""
        publication = self.of(kind)
        if device is None:
            if publication is None:
                return False
            await self.unpublish(publication)
        elif publication is None:
            await self.publish(device, source=kind)
        elif publication.device is None or publication.device.id != device.id or publication.is_away:
            await self._swap(publication, device, driver)
        else:
            return False
        return True

    async def _swap(self, publication: Publication, device: Device, driver: Any) -> None:
        recovery = self._recoveries.get(publication)
        lost = recovery.lost if recovery is not None and recovery.is_running else None
        await self._give_up(publication)
        try:
            await publication.supply.swap(self._feed(device, driver, [publication.codec]))
        except BaseException:
            if lost is not None and not publication.ended:
                self._wait_for(publication, lost)
            raise
        self._explain(publication)

    async def switch_camera(self) -> Device:
        """The next camera that opens: one that faces the other way, else the one listed after that in use."""
        async with self._turns["camera"]:
            publication = self.of("camera")
            used = publication.device if publication else None
            cameras = await aside(lambda: self._plugins.devices("camera"))
            taken = await self._switch(cameras, used)
        if taken.facing and taken.facing != (used.facing if used else ""):
            self._emit(events.CameraFacingChanged(taken.facing))
        return taken

    async def _switch(self, cameras: list[Device], used: Device | None) -> Device:
        refused: DeviceError | None = None
        while True:
            try:
                taken = following(cameras, used)
            except DeviceGone:
                raise refused or DeviceGone(NO_OTHER) from None
            try:
                await self._set_device("camera", taken.id)
            except DeviceError as error:
                refused = refused or error
                cameras = [each for each in cameras if each.id != taken.id]
            else:
                return taken

    async def controls(self, kind: Any) -> Sequence[Control]:
        """What can be adjusted on the device in use."""
        device, driver = await self._used(kind)
        return await aside(lambda: driver.controls(device)) if isinstance(driver, HasControls) else ()

    async def set_control(self, kind: Any, name: str, value: int | bool | str) -> None:
        """Adjusts the device in use."""
        device, driver = await self._used(kind)
        if not isinstance(driver, HasControls):
            fix = "leave it to the device, or use one whose plugin can"
            raise SettingsError([Finding("error", name, f"{device.label} ({device.id}) cannot be adjusted", fix)])
        await aside(lambda: driver.set_control(device, name, value))

    async def _used(self, kind: Any) -> tuple[Device, Any]:
        publication = self.of(kind)
        device = publication.device if publication else None
        if device is None:
            raise DeviceGone(f"there is no {kind} in this call; name one with set_{kind}")
        return device, await aside(lambda: self._plugins.driver(device))

    # --- what goes wrong
    def _lost(self, publication: Publication, error: CallError) -> None:
        """The source ended by itself: a device is waited for, or replaced."""
        device = publication.device
        if device is None:
            self._failed(publication, error)
            return
        waiting = self._recoveries.get(publication)
        if waiting is not None and waiting.is_running:
            return  # the attempt under way finds out by itself
        self._emit(events.DeviceLost(device, error))
        self._emit(events.Error(error, publication.name or publication.source))
        self._wait_for(publication, device)

    def _wait_for(self, publication: Publication, lost: Device) -> None:
        recovery = self._recoveries.setdefault(publication, Recovery(self._plugins, self.hotplug))
        recovery.start(lost, lambda: self._recover(publication, lost, recovery))

    async def _recover(self, publication: Publication, lost: Device, recovery: Recovery) -> None:
        async def attempt(device: Device, driver: Any) -> None:
            await publication.supply.take_up(self._feed(device, driver, [publication.codec]))

        wish = self._wishes.get(publication.source, lost.id) if publication is self.of(publication.source) else lost.id
        while True:
            error = publication.supply.broken
            await publication.supply.give_back()
            is_there = error is not None and bool(error.details.get("frozen"))
            found = await recovery.until_back(lost, wish, attempt, is_there=is_there)
            if publication.supply.broken is None:
                break  # else it went again before anybody was told that it was back
        self._explain(publication)
        if found.id == lost.id:
            self._emit(events.DeviceRestored(found))
        elif publication.source in _CHANGED:
            self._emit(_CHANGED[publication.source](found))

    async def _give_up(self, publication: Publication) -> None:
        """Nothing is waited for any more."""
        recovery = self._recoveries.pop(publication, None)
        if recovery is not None:
            await recovery.stop()

    def _unfit(self, publication: Publication, finding: Finding) -> None:
        """What comes encoded cannot be sent as it is: a device is asked for raw pictures, a program's track ends."""
        if publication.device is not None:
            self._unfit_devices.add(publication.device.id)
        error = SettingsError([finding])
        self._emit(events.Error(error, publication.name or publication.source))
        self._task(publication.supply.take_raw() if publication.device else self.unpublish(publication), publication)

    def _failed(self, publication: Publication, error: CallError) -> None:
        self._emit(events.Error(error, publication.name or publication.source))

    def _refused(self, publication: Publication, error: CallError) -> None:
        self._failed(publication, error)
        self._task(self.unpublish(publication), publication)

    def _task(self, job: Coroutine[Any, Any, None], publication: Publication) -> None:
        async def reported() -> None:
            try:
                await job
            except CallError as error:
                self._failed(publication, error)

        task = asyncio.create_task(reported(), name=f"mend {publication.source}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Nothing is published; devices and encoders are given back."""
        ending, self.publications = self.publications, []
        await asyncio.gather(*(self._give_up(each) for each in list(self._recoveries)))
        await asyncio.gather(*(self.shown.end(each) for each in ending))
        await asyncio.gather(*(each.end() for each in ending), *self._tasks, return_exceptions=True)
