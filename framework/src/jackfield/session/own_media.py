"""Everything we publish: the camera and microphone of the settings, and what programs add."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any

from jackfield.plugins import Plugins
from jackfield.rtc import codecs, signalling
from jackfield.session.connection import Connection
from jackfield.session.feed import Feed, wanted_format
from jackfield.session.publication import Publication
from jackfield.session.sources import AudioSource, VideoSource
from jackfield.values import events
from jackfield.values.devices import Device
from jackfield.values.errors import CallError, DeviceError, DeviceGone, NotAllowed
from jackfield.values.events import Event
from jackfield.values.settings import SessionSettings, SessionType

logger = logging.getLogger("jackfield.media")

#: What may be published: a program's source, a device, or a wish for one (its id, label or address).
Publishable = VideoSource | AudioSource | Device | str


class OwnMedia:
    """Our publications. ``prepare`` may run before there is a connection; `connect` then announces what is ready."""

    def __init__(self, settings: SessionSettings, plugins: Plugins, emit: Callable[[Event], None]) -> None:
        self.settings, self._plugins, self._emit = settings, plugins, emit
        self.publications: list[Publication] = []
        self._connection: Connection | None = None
        self._enabled: list[str] | None = None
        self._may_publish = True
        self._ending: set[asyncio.Task[None]] = set()

    # --- at the join
    async def prepare(self) -> None:
        """The devices of the settings are open and their encoders ready. `DeviceError` where a wish cannot be met."""
        wanted = [("microphone", self.settings.microphone, self.settings.start_audio_muted)]
        if self.settings.type == SessionType.VIDEO:
            wanted.append(("camera", self.settings.camera, self.settings.start_video_paused))
        made = [self._of_settings(kind, wish, muted) for kind, wish, muted in wanted]
        self.publications = [publication for publication in made if publication is not None]
        results = await asyncio.gather(
            *(each.prepare(self._codecs(each)) for each in self.publications), return_exceptions=True
        )
        failed = [result for result in results if isinstance(result, BaseException)]
        if failed:
            await self.close()
            raise failed[0]

    def _of_settings(self, kind: Any, wish: Any, muted: bool) -> Publication | None:
        facing = self.settings.camera_facing.value.lower() if kind == "camera" else ""
        try:
            device, driver, _ = self._plugins.device(kind, wish, facing=facing)
        except DeviceError as error:
            if wish is not None:
                raise
            logger.warning("the call begins without a %s: %s", kind, error.message)
            return None
        return self._make(self._feed(device, driver), kind, "", muted=muted) if device is not None else None

    async def connect(self, connection: Connection) -> None:
        """What is ready is published."""
        join = connection.signal.joined
        self._connection = connection
        self._enabled = [codecs.canonical(each.mime) or each.mime for each in join.enabled_publish_codecs] or None
        permission = join.participant.permission
        self._may_publish = permission.can_publish or not join.participant.HasField("permission")
        if not self._may_publish:
            if self.publications:
                logger.warning("this token lets us watch and listen only: nothing is published")
            await self.close()
            return
        await asyncio.gather(*(self._announce(each) for each in list(self.publications)))

    async def _announce(self, publication: Publication) -> None:
        assert self._connection is not None
        if self._enabled is not None and publication.codec not in self._enabled:
            await publication.choose_again(self._codecs(publication))
        await publication.announce(self._connection)

    def _codecs(self, publication: Publication) -> list[str]:
        wanted: Sequence[str] = self.settings.video_codecs if publication.kind == "video" else ["opus"]
        return [codec for codec in wanted if self._enabled is None or codec in self._enabled]

    # --- while it runs
    async def publish(
        self, what: Publishable, *, name: str = "", source: signalling.Source | None = None, muted: bool = False
    ) -> Publication:
        """One more publication beside those there are."""
        if not self._may_publish:
            raise NotAllowed("this token does not let us publish")
        feed, default = self._feed_of(what)
        taken = {each.source for each in self.publications}
        publication = self._make(feed, source or (default if default not in taken else "unknown"), name, muted=muted)
        try:
            await publication.prepare(self._codecs(publication))
            self.publications.append(publication)
            await self._announce(publication)
        except BaseException:
            await self.unpublish(publication)
            raise
        return publication

    async def unpublish(self, publication: Publication) -> None:
        """It is over; the others go on."""
        if publication in self.publications:
            self.publications.remove(publication)
        await publication.end()

    def _make(self, feed: Feed, source: signalling.Source, name: str, *, muted: bool) -> Publication:
        kind: signalling.Kind = "video" if feed.is_video else "audio"
        publication = Publication(feed, kind, source, name, self.settings, self._plugins, muted=muted)
        publication.on_failed = lambda error: self._failed(publication, error)
        publication.on_refused = lambda error: self._refused(publication, error)
        publication.on_encoder_changed = lambda encoder, reason: self._emit(
            events.EncoderChanged(publication, encoder, reason)
        )
        return publication

    def _feed_of(self, what: Publishable) -> tuple[Feed, signalling.Source]:
        if isinstance(what, VideoSource):
            return Feed(what.format, source=what), "camera"
        if isinstance(what, AudioSource):
            return Feed(what.format, source=what), "microphone"
        if isinstance(what, Device):
            kind, wish = what.kind, what.id
        else:
            found = {
                each.id: each.kind for each in self._plugins.devices() if what in (each.id, each.label, each.address)
            }
            kind, wish = next(iter(found.values()), "camera"), what
        if kind == "speaker":
            raise DeviceGone("a loudspeaker cannot be published")
        device, driver, _ = self._plugins.device(kind, wish)
        if device is None:
            raise DeviceGone(f"no device is called {wish!r}; see `jackfield devices`")
        return self._feed(device, driver), kind

    def _feed(self, device: Device, driver: Any) -> Feed:
        wish = self.settings.video
        kind = "audio" if device.kind == "microphone" else "video"
        return Feed(wanted_format(kind, wish.width, wish.height, wish.fps), device=device, driver=driver)

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
        await (publication.mute() if muted else publication.unmute())
        if source == "microphone":
            self._emit(events.AudioMuted(by_moderator) if muted else events.AudioUnmuted())
        elif source == "camera":
            self._emit(events.VideoPaused(by_moderator) if muted else events.VideoResumed())

    async def set_device(self, kind: Any, wish: str | Sequence[str] | None) -> Device | None:
        """The camera or microphone is another one from now on; the track stays published."""
        device, driver, _ = self._plugins.device(kind, wish)
        publication = self.of(kind)
        if device is None:
            if publication is not None:
                await self.unpublish(publication)
        elif publication is None:
            await self.publish(device, source=kind)
        elif publication.device != device:
            await publication.swap(self._feed(device, driver))
        changed = {"camera": events.CameraChanged, "microphone": events.MicrophoneChanged}[kind]
        self._emit(changed(device))
        return device

    def _failed(self, publication: Publication, error: CallError) -> None:
        if isinstance(error, DeviceError) and publication.device is not None:
            self._emit(events.DeviceLost(publication.device, error))
        self._emit(events.Error(error, publication.name or publication.source))

    def _refused(self, publication: Publication, error: CallError) -> None:
        self._failed(publication, error)
        task = asyncio.create_task(self.unpublish(publication), name=f"end {publication.source}")
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def close(self) -> None:
        """Nothing is published; devices and encoders are given back."""
        ending, self.publications = self.publications, []
        await asyncio.gather(*(each.end() for each in ending), *self._ending, return_exceptions=True)
