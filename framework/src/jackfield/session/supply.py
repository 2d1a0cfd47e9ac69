"""Where one publication's media comes from: a device or a source, opened, covered while it is away, and swapped."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Literal

from jackfield.media.far_end import FarEnd
from jackfield.plugins import Plugins
from jackfield.roles import Backdrop, ForcesKeyframe, MendsItself, SetsBitrate
from jackfield.session.absence import Absence, stalls
from jackfield.session.adaptation import Keeps
from jackfield.session.encode import Encoded
from jackfield.session.feed import Feed
from jackfield.session.fitting import Fitting, Heed
from jackfield.session.opening import aside
from jackfield.session.route import Route
from jackfield.session.soundness import Trouble
from jackfield.values.devices import Device
from jackfield.values.errors import CallError, DeviceGone, EncoderError
from jackfield.values.formats import VideoFormat
from jackfield.values.media import AudioBlock, EncodedFrame, Media, VideoFrame
from jackfield.values.settings import SessionSettings

logger = logging.getLogger("jackfield.publish")

#: A device that opens, and gives nothing for this long, has not come back.
FIRST_MEDIA_S = 5.0


class Supply:
    """The device or program's source of one track, and its ``route`` to ``send``. Used on the event loop.

    One thing is done to it at a time: ``turn`` is held meanwhile. While the source gives nothing (``is_away``), a
    placeholder or silence goes out in its place.
    """

    def __init__(
        self,
        feed: Feed,
        kind: Literal["audio", "video"],
        what: str,
        settings: SessionSettings,
        plugins: Plugins,
        send: Callable[[Encoded, str], None],
        *,
        muted: bool = False,
        far_end: FarEnd | None = None,
        keeps: Keeps = "motion",
    ) -> None:
        self.muted, self.ended = muted, False
        self.turn = asyncio.Lock()
        self.on_lost: Callable[[CallError], None] = lambda error: None
        self.on_processor_failed: Callable[[CallError, str], None] = lambda error, name: None
        self.on_no_input: Callable[[float, bool], None] = lambda seconds, ended: None
        self.on_talking: Callable[[], None] = lambda: None
        self._feed, self._kind, self._what = feed, kind, what
        self._loop = asyncio.get_running_loop()
        self.route = Route(what, kind, settings, plugins, send, self._ask_source, self._turned_raw, keeps=keeps)
        self._intake = self.route.intake
        self._absence = Absence(self._intake, self.route.put, self._back, self._is_back)
        self._fitting = Fitting(
            kind, settings, plugins, self._heed(), far_end=far_end, away=lambda: self._absence.broken is not None
        )
        self._fitting.mute(muted)
        self._adapting: set[asyncio.Task[None]] = set()
        #: What the largest layer aims at; 0: nothing was asked for. A device that is opened anew knows nothing of it.
        self._aim_bps = 0

    def _heed(self) -> Heed:
        return Heed(
            lambda error, name: self.route.on_loop(lambda: self.on_processor_failed(error, name)),
            lambda seconds, ended: self.on_no_input(seconds, ended),
            lambda: self.on_talking(),
        )

    @property
    def device(self) -> Device | None:
        """The device in use; None for a program's source."""
        return self._feed.device

    @property
    def is_away(self) -> bool:
        """Whether its source gives nothing, and a placeholder stands in."""
        return self._absence.is_on

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of what comes; zeros for sound."""
        return self.route.size(self._feed.format)

    @property
    def is_camera(self) -> bool:
        """Whether a device's pictures come: it is closed while it is muted."""
        return self._feed.device is not None and self._kind == "video"

    # --- beginning
    async def prepare(self, codecs: Sequence[str]) -> None:
        """The device is open, and an encoder for the first of ``codecs`` that can be had. Neither blocks the loop."""
        if not (self.muted and self.is_camera):
            await self._feed.open()
        if self._feed.codec is not None:
            self.route.codec = self._feed.codec
        else:
            await self._take_encoder(codecs)
            self._feed.narrow(self.route.codec)
        await self._fitting.to(self._feed)
        self._intake.open = self._fitting.listens or not self.muted
        await self._start(self._feed)

    async def _start(self, feed: Feed) -> None:
        is_device = feed.device is not None
        self.route.comes_from(lambda trouble: self._undecodable(feed, trouble), may_wait=is_device)
        await feed.start(self._intake, lambda error: self.route.on_loop(lambda: self._lost(feed, error)))
        self._aim(feed)

    def _aim(self, feed: Feed) -> None:
        capture: object = feed.capture
        if isinstance(capture, SetsBitrate) and self._aim_bps:
            capture.set_bitrate_bps(self._aim_bps)

    async def choose_again(self, codecs: Sequence[str]) -> None:
        """Another of ``codecs``, the server does not take the one that was ready: a device that encodes by itself is
        asked for raw pictures instead."""
        async with self.turn:
            if self._feed.codec is not None:
                if self._feed.device is None:
                    raise EncoderError(f"the server does not take {self.route.codec}, which this source comes in")
                await self._feed.stop()
                self._feed.codecs = ()
                if not (self.muted and self.is_camera):
                    await self._feed.open()
            await self.route.leave_encoder()
            await self._take_encoder(codecs)
            self._feed.narrow(self.route.codec)
            await self._fitting.to(self._feed)
            await self._start(self._feed)

    async def _take_encoder(self, codecs: Sequence[str]) -> None:
        feed = self._feed
        hurry = feed.codec is not None  # a placeholder, in a stream that its device encodes
        await self.route.take_encoder(codecs, feed.format, self._fitting.treatment, hurry=hurry)

    async def flow(self) -> None:
        """Media goes out from now on; returns for a program's source, else watches for stalls and never returns."""
        async with self.turn:
            self.route.open()
        self.force_keyframe()
        self._fitting.start()
        if self._feed.device is not None:
            await stalls(self._intake, self._fps, self.stand_in, self._silent)

    def _fps(self) -> float | None:
        return self._feed.format.fps if isinstance(self._feed.format, VideoFormat) else None

    # --- while it runs
    async def close_intake(self) -> None:
        """Nothing is taken while it is muted, and a camera is closed."""
        self._intake.open = self._fitting.listens
        self._fitting.mute(True)
        self.route.forget_picture()
        if self.is_camera:
            self._absence.end()
            await self._feed.stop()

    async def open_intake(self) -> None:
        """Taken again; `DeviceError` when the camera cannot be opened any more."""
        try:
            if not self.is_away:
                await self._feed.open()
                await self._adapt()
            self._fitting.mute(False)
            self._intake.open = True
            await self._start(self._feed)
        except CallError:
            await self.close_intake()
            raise

    async def swap(self, feed: Feed) -> None:
        """Takes its media from another device or source; the track stays published. While the source is away, the
        placeholder stays until the first media of the new one. Where it fails, the old one goes on."""
        is_closed = self.muted and self.is_camera
        async with self.turn:
            old, was_open = self._feed, self._feed.capture is not None
            try:
                if feed.device is not None and old.device is not None and feed.device.id == old.device.id:
                    await old.stop()
                if not is_closed:
                    await feed.open()
                if self.ended:
                    raise DeviceGone(f"{self._what} is no longer published: the call was left, or it was unpublished")
                if feed.codec not in (None, self.route.codec):
                    raise EncoderError(f"{self._what} is published as {self.route.codec} and cannot change while it is")
                self._feed, self._absence.broken = feed, None
                await self._adapt()
                await old.stop()
                self.route.renew()
                if not is_closed:
                    await self._start(feed)
            except BaseException:
                await self._put_back(old, feed, was_open=was_open)
                raise
        self.force_keyframe()

    async def _put_back(self, old: Feed, feed: Feed, *, was_open: bool) -> None:
        """The new source could not be taken: the old one goes on where it was before, or is lost."""
        await feed.stop()
        if self.ended:  # the call was left meanwhile, and may have stopped waiting for this
            await old.stop()
            return
        is_untouched = self._feed is old and old.capture is not None
        self._feed = old
        if is_untouched or not was_open:
            return
        try:
            await old.open()
            await self._adapt()
            self.route.renew()
            await self._start(old)
        except CallError as error:
            self._loop.call_soon(self._lost, old, error)

    async def take_up(self, feed: Feed) -> None:
        """As `swap`, and returns when the first media has come; `DeviceGone` when none does in `FIRST_MEDIA_S`."""
        taken = self._intake.taken
        await self.swap(feed)
        try:
            await self._absence.until_media(taken, FIRST_MEDIA_S, lambda: self.route.is_sound)
        except CallError:
            async with self.turn:
                await feed.stop()
            raise

    async def take_raw(self) -> None:
        """A device that encodes by itself is asked for raw pictures from now on, and they are encoded here."""
        async with self.turn:
            feed = self._feed
            await feed.stop()
            feed.codecs = ()
            try:
                await feed.open()
                await self._adapt()
                await self._start(feed)
            except CallError as error:
                self._loop.call_soon(self._lost, feed, error)
        self.force_keyframe()

    def begins_before(self, backdrop: Backdrop | None) -> None:
        """This is behind us from its first picture on; call it before `prepare`."""
        self._fitting.backdrop = backdrop

    async def put_behind(self, backdrop: Backdrop | None) -> None:
        """This is behind us from the next picture on; a device that encodes by itself is asked for raw pictures. A
        `CallError` says why it cannot be, and all stays as it was."""
        async with self.turn:
            feed, codecs, before = self._feed, self._feed.codecs, self._fitting.backdrop
            if self.ended or backdrop is before:
                return
            is_open, is_raw = feed.capture is not None, feed.codec is None
            self._fitting.backdrop = backdrop
            try:
                await self._clothe(feed)
            except BaseException:
                self._fitting.backdrop, feed.codecs = before, codecs
                if not is_raw:
                    await self._put_back(feed, feed, was_open=is_open)
                raise
            self.route.forget_picture()
        self.force_keyframe()

    async def _clothe(self, feed: Feed) -> None:
        """The feed is fitted to another backdrop, and raw where there is one."""
        if self._fitting.backdrop is None or feed.device is None:
            await self._fitting.to(feed)
            return
        feed.codecs = ()
        if feed.codec is None:
            await self._fitting.to(feed)
            return
        is_open = feed.capture is not None
        await feed.stop()
        if is_open:
            await feed.open()
        else:
            feed.turned_raw()
        await self._adapt()
        if is_open:
            await self._start(feed)

    async def _adapt(self) -> None:
        """An encoder where the feed is raw, none where it is encoded and nothing stands in for it."""
        await self._fitting.to(self._feed)
        if self._feed.codec is None and not self.route.encodes:
            await self._take_encoder([self.route.codec])
        elif self._feed.codec is not None and not self.is_away:
            await self.route.leave_encoder()

    def _turned_raw(self) -> None:
        """A source that encoded by itself gives raw pictures: one whose stream has changed to what nobody decodes. Not
        one whose place it has taken, and of which a picture was still on its way."""
        if self._feed.codec is not None and self._feed.gives_raw and not self.ended:
            logger.warning("%s gives raw pictures from now on: they are encoded here", self._what)
            self._feed.turned_raw()
            self._adapt_soon()

    # --- while the source is away
    @property
    def broken(self) -> CallError | None:
        """Why the device in use has ended by itself; None while it has not."""
        return self._absence.broken

    def _lost(self, feed: Feed, error: CallError) -> None:
        if feed is self._feed and not self.ended:
            self._absence.broken = error
            self.on_lost(error)

    def _silent(self) -> None:
        """The device goes on giving nothing, and does not say that it failed: it is taken for lost."""
        device, mends_itself = self._feed.device, isinstance(self._feed.capture, MendsItself)
        if device is not None and self.broken is None and not mends_itself:
            found = f"{device.label} ({device.id}) gives nothing any more"
            fix = "it is opened anew, and unplugging it may help"
            self._lost(self._feed, DeviceGone(f"{found}; {fix}", details={"device": device.id, "frozen": True}))

    def _undecodable(self, feed: Feed, trouble: Trouble) -> None:
        """Nobody can see what this feed encodes: a device that gives damaged pictures is taken for lost. It may have
        been closed, or another taken instead, since its thread found it."""
        if self.ended or feed is not self._feed or not self._intake.open:
            return
        device = feed.device
        who = f"{device.label} ({device.id})" if device is not None else self._what
        found = f"the {self.route.codec} of {who} cannot be sent as it is: {trouble.found}"
        if device is not None and trouble.is_damaged:
            fix = "it is opened anew; unplug it where that does not help, or join with passthrough=False"
            self._lost(feed, DeviceGone(f"{found}; {fix}", details={"device": device.id, "frozen": True}))
            return
        self.route.on_failed(EncoderError(f"{found}; others see a placeholder until it gives a keyframe that holds"))
        self._soon(self.stand_in())

    async def stand_in(self) -> None:
        """Others see a placeholder, or hear silence, until media comes again."""
        async with self.turn:
            if self.ended or (self.muted and self.is_camera) or self.is_away:
                return
            if not self.route.encodes:
                try:
                    await self._take_encoder([self.route.codec])
                except EncoderError as error:
                    logger.warning("nothing stands in for %s: %s", self._what, error.message)
                    return
            self._absence.begin((self.route.sent_size or self.size) if self._kind == "video" else None)
        self.force_keyframe()

    async def give_back(self) -> None:
        """The device that failed is closed; something stands in for it."""
        feed = self._feed
        await self.stand_in()
        async with self.turn:
            if feed is self._feed:
                await feed.stop()

    def _back(self, media: Media) -> bool:
        """Whether the absence ends with this, on the capture's thread: an encoded source is back with a keyframe
        that can be decoded."""
        if not isinstance(media, EncodedFrame):
            return True
        if not self.route.begins(media):
            return False
        self.route.silence_encoder()
        return True

    def _is_back(self) -> None:
        if self._feed.codec is not None:
            self._adapt_soon()

    def _adapt_soon(self) -> None:
        self._soon(self._adapt_in_turn())

    def _soon(self, job: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(job, name=f"adapt {self._what}")
        self._adapting.add(task)
        task.add_done_callback(self._adapting.discard)

    async def _adapt_in_turn(self) -> None:
        async with self.turn:
            if not self.ended:
                try:
                    await self._adapt()
                except CallError as error:
                    self.route.on_failed(error)

    # --- the loop closed: keyframes and bitrate
    def keyframe_wanted(self, rid: str) -> None:
        """Somebody at the far end cannot go on without one, and may be right that what came is no picture."""
        self.route.doubt()
        self.force_keyframe(rid)

    def force_keyframe(self, rid: str = "") -> None:
        """The far end needs one: from this layer's encoder, or from the source where it can."""
        self.route.force_keyframe(rid)
        self._ask_source()

    def _ask_source(self) -> None:
        """A keyframe of what comes encoded, where its source can: what stands in for it goes on as it is. Any
        thread."""
        capture: object = self._feed.capture
        if isinstance(capture, ForcesKeyframe) and (self._feed.codec is not None or not self.route.encodes):
            capture.force_keyframe()

    def steer(self, rid: str, bitrate_bps: int) -> None:
        """This layer's encoder, or the device that encodes, aims at this bitrate; 0: it is not sent."""
        self.route.steer(rid, bitrate_bps)
        if bitrate_bps and rid == self.route.layers[-1].rid:
            self._aim_bps = bitrate_bps
            self._aim(self._feed)

    def show(
        self, pictures: Callable[[VideoFrame], None] | None, passed: Callable[[EncodedFrame], None] | None
    ) -> None:
        """Each picture goes to ``pictures`` too before it is encoded, on the encoding thread; what comes encoded goes
        to ``passed``, on the event loop."""
        self._fitting.treatment.shown, self.route.on_passed = pictures, passed

    def hear(self, heard: Callable[[AudioBlock], None]) -> None:
        """Each block of sound that is to be encoded goes to ``heard`` too, on the encoding thread; nothing while it is
        muted, or where it comes encoded."""
        self._fitting.treatment.heard = heard

    async def end(self) -> None:
        """Device and encoder are given back."""
        self.ended, self._intake.open = True, False
        for task in self._adapting:
            task.cancel()
        async with self.turn:
            self._absence.end()
            await self._feed.stop()
            await self.route.leave_encoder()
            await aside(self._fitting.close)
            self.route.close()
