"""One thing we publish: opened, encoded, sent, muted, swapped and ended by itself."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from livekit.protocol.rtc import MuteTrackRequest

from jackfield.media.far_end import FarEnd
from jackfield.plugins import Plugins
from jackfield.roles import ForcesKeyframe, SetsBitrate
from jackfield.rtc import signalling
from jackfield.session.absence import Absence, stalls
from jackfield.session.encode import EncodeCounts, Encoded
from jackfield.session.encode_path import EncodePath
from jackfield.session.encoders import first_of
from jackfield.session.feed import Feed
from jackfield.session.fitting import Fitting, Heed
from jackfield.session.intake import Intake
from jackfield.session.opening import aside, opened
from jackfield.session.passthrough import Passthrough
from jackfield.session.statistics import w3c
from jackfield.values.errors import CallError, EncoderError
from jackfield.values.findings import Finding
from jackfield.values.formats import AudioEncoding, Encoding, VideoEncoding, VideoFormat
from jackfield.values.media import AudioBlock, EncodedFrame, Media, VideoFrame

if TYPE_CHECKING:
    from jackfield.rtc.sender import RtpSender
    from jackfield.session.connection import Connection
    from jackfield.values.devices import Device
    from jackfield.values.settings import SessionSettings

logger = logging.getLogger("jackfield.publish")

#: A device that opens, and gives nothing for this long, has not come back.
FIRST_MEDIA_S = 5.0


class Publication:
    """One of our tracks. Made by `CallSession.publish`; use it on the event loop.

    ``sid`` is the server's name of it, ``source`` one of camera, microphone, screen, screen_audio, unknown.
    ``encoder`` names who encodes it ("" where the source is already encoded). ``is_away`` while its source gives
    nothing and others see a placeholder, or hear silence.
    """

    def __init__(
        self,
        feed: Feed,
        kind: signalling.Kind,
        source: signalling.Source,
        name: str,
        settings: SessionSettings,
        plugins: Plugins,
        *,
        muted: bool = False,
        far_end: FarEnd | None = None,
    ) -> None:
        self.sid, self.cid = "", secrets.token_hex(8)
        self.kind: signalling.Kind = kind
        self.source: signalling.Source = source
        self.name, self.muted, self.ended = name, muted, False
        self.codec = ""
        self.on_lost: Callable[[CallError], None] = lambda error: None
        self.on_failed: Callable[[CallError], None] = lambda error: None
        self.on_unfit: Callable[[Finding], None] = lambda finding: None
        self.on_refused: Callable[[CallError], None] = lambda error: None
        self.on_encoder_changed: Callable[[str, str, str], None] = lambda before, now, reason: None
        self.on_processor_failed: Callable[[CallError, str], None] = lambda error, name: None
        self.on_no_input: Callable[[float, bool], None] = lambda seconds, ended: None
        self.on_talking: Callable[[], None] = lambda: None
        self._feed, self._settings, self._plugins = feed, settings, plugins
        self._loop = asyncio.get_running_loop()
        self._counts = EncodeCounts()
        self._path: EncodePath | None = None
        self._passthrough = Passthrough(
            name or source, self._send, self.force_keyframe, lambda finding: self.on_unfit(finding)
        )
        self._intake = Intake(kind, self._passthrough.take, lambda: self._on_loop(self._turned_raw))
        self._absence = Absence(self._intake, self._put, self._back, self._is_back)
        heed = Heed(
            lambda error, name: self._on_loop(lambda: self.on_processor_failed(error, name)),
            lambda seconds, ended: self.on_no_input(seconds, ended),
            lambda: self.on_talking(),
        )
        self._fitting = Fitting(
            kind, settings, plugins, heed, far_end=far_end, away=lambda: self._absence.broken is not None
        )
        self._fitting.mute(muted)
        self._adapting: set[asyncio.Task[None]] = set()
        self._sender: RtpSender | None = None
        self._connection: Connection | None = None
        self._flowing: asyncio.Task[None] | None = None
        self._bitrate_bps: int | None = None
        self._turn = asyncio.Lock()

    @property
    def device(self) -> Device | None:
        """The device in use; None for a program's source."""
        return self._feed.device

    @property
    def encoder(self) -> str:
        """Who encodes it."""
        return self._path.encoder if self._path else ""

    @property
    def is_away(self) -> bool:
        """Whether its source gives nothing, and a placeholder stands in."""
        return self._absence.is_on

    # --- beginning
    async def prepare(self, codecs: Sequence[str]) -> None:
        """The device is open, and an encoder for the first of ``codecs`` that can be had. Neither blocks the loop."""
        if not (self.muted and self._camera):
            await self._feed.open()
        if self._feed.codec is not None:
            self.codec = self._feed.codec
        else:
            await self._take_encoder(codecs)
            self._feed.narrow(self.codec)
        await self._fitting.to(self._feed)
        self._intake.open = self._fitting.listens or not self.muted
        await self._start(self._feed)

    async def _start(self, feed: Feed) -> None:
        await feed.start(self._intake, lambda error: self._on_loop(lambda: self._lost(feed, error)))

    async def choose_again(self, codecs: Sequence[str]) -> None:
        """Another of ``codecs``, the server does not take the one that was ready: a device that encodes by itself is
        asked for raw pictures instead."""
        async with self._turn:
            if self._feed.codec is not None:
                if self._feed.device is None:
                    raise EncoderError(f"the server does not take {self.codec}, which this source comes in")
                await self._feed.stop()
                self._feed.codecs = ()
                if not (self.muted and self._camera):
                    await self._feed.open()
            path, self._path = self._path, None
            if path is not None:
                await path.stop()
            await self._take_encoder(codecs)
            self._feed.narrow(self.codec)
            await self._fitting.to(self._feed)
            await self._start(self._feed)

    async def _take_encoder(self, codecs: Sequence[str]) -> None:
        """What comes raw is encoded to the first of ``codecs`` for which an encoder opens."""
        encodings, prefer, size = [self._encoding(codec) for codec in codecs], self._settings.encoders, self._size
        hurry = self._feed.codec is not None  # a placeholder, in a stream that its device encodes
        encoders, encoder = await opened(
            lambda: first_of(self._plugins, encodings, prefer, size, viewers_wait=hurry), lambda found: found[1].close()
        )
        self.codec = encoders.encoding.codec
        self._path = EncodePath(
            self.name or self.source,
            encoders,
            encoder,
            self._send,
            lambda error: self._on_loop(lambda: self.on_failed(error)),
            lambda *change: self._on_loop(lambda: self.on_encoder_changed(*change)),
            self._counts,
            self._fitting.treatment,
        )
        self._intake.raw = self._path.raw
        if self._passthrough.is_open:
            self._path.start(self._bitrate_bps)

    def _encoding(self, codec: str) -> Encoding:
        if self.kind == "audio":
            return AudioEncoding()
        wish = self._settings.video
        width, height = self._size
        fps = self._feed.format.fps if isinstance(self._feed.format, VideoFormat) else wish.fps
        return VideoEncoding(codec, width, height, fps or wish.fps, wish.bitrate_bps)

    @property
    def _size(self) -> tuple[int, int]:
        found = self._feed.format
        if not isinstance(found, VideoFormat):
            return 0, 0
        return self._intake.size or (found.width, found.height)

    async def announce(self, connection: Connection) -> None:
        """The server has the track; media flows as soon as it has a way."""
        request = signalling.track_request(
            self.cid, self.name, self.kind, self.source, self.codec, self._size, self._settings.video.bitrate_bps
        )
        request.muted = self.muted
        info, sender = await connection.add_track(request, self.kind, self.codec)
        self.sid, self._sender, self._connection = info.sid, sender, connection
        sender.on_keyframe_request, sender.on_bitrate = self.force_keyframe, self._steer
        sender.on_rejected = self._refused
        if sender.rejected:
            self._loop.call_soon(self._refused)
        sender.muted = self.muted
        if self.kind == "video":
            sender.max_bitrate_bps = self._settings.video.bitrate_bps
        self._flowing = asyncio.create_task(self._flow(connection), name=f"publish {self.name or self.source}")

    async def _flow(self, connection: Connection) -> None:
        await connection.sending.wait()
        async with self._turn:
            self._passthrough.is_open = True
            if self._path is not None:
                self._path.start(self._bitrate_bps)
        self.force_keyframe()
        self._fitting.start()
        if self._feed.device is not None:
            await stalls(self._intake, self._fps, self.stand_in)

    def _fps(self) -> float | None:
        return self._feed.format.fps if isinstance(self._feed.format, VideoFormat) else None

    def _refused(self) -> None:
        """The server's answer: it knows the track and takes no media of it."""
        if not self.ended:
            self.on_refused(
                EncoderError(f"the server refuses {self.name or self.source} as {self.codec}: it is not sent")
            )

    # --- while it runs
    async def mute(self) -> None:
        """Nothing is sent, and a camera is closed, until `unmute`."""
        await self._set_muted(True)

    async def unmute(self) -> None:
        """Sent again; `DeviceError` when the camera cannot be opened any more."""
        await self._set_muted(False)

    async def _set_muted(self, muted: bool) -> None:
        async with self._turn:
            if muted == self.muted or self.ended:
                return
            if muted:
                await self._close_intake()
            else:
                await self._open_intake()
            self.muted = muted
            if self._sender is not None:
                self._sender.muted = muted
            if self._connection is not None and self.sid:
                self._connection.signal.send(mute=MuteTrackRequest(sid=self.sid, muted=muted))
        if not muted:
            self.force_keyframe()

    async def _close_intake(self) -> None:
        self._intake.open = self._fitting.listens
        self._fitting.mute(True)
        if self._path is not None:
            self._path.forget_picture()
        if self._camera:
            self._absence.end()
            await self._feed.stop()

    async def _open_intake(self) -> None:
        if not self.is_away:
            await self._feed.open()
            await self._adapt()
        self._fitting.mute(False)
        self._intake.open = True
        await self._start(self._feed)

    @property
    def _camera(self) -> bool:
        return self._feed.device is not None and self.kind == "video"

    async def swap(self, feed: Feed) -> None:
        """Takes its media from another device or source; the track stays published. While the source is away, the
        placeholder stays until the first media of the new one. Where it fails, the old one goes on."""
        is_closed = self.muted and self._camera
        async with self._turn:
            old, was_open = self._feed, self._feed.capture is not None
            try:
                if feed.device is not None and old.device is not None and feed.device.id == old.device.id:
                    await old.stop()
                if not is_closed:
                    await feed.open()
                if feed.codec not in (None, self.codec):
                    raise EncoderError(f"{self.source} is published as {self.codec} and cannot change while it is")
                self._feed, self._absence.broken = feed, None
                await self._adapt()
                await old.stop()
                self._passthrough.renew()
                if not is_closed:
                    await self._start(feed)
            except BaseException:
                await self._put_back(old, feed, was_open=was_open)
                raise
        self.force_keyframe()

    async def _put_back(self, old: Feed, feed: Feed, *, was_open: bool) -> None:
        """The new source could not be taken: the old one goes on where it was before, or is lost."""
        await feed.stop()
        self._feed = old
        if not was_open:
            return
        try:
            await old.open()
            await self._adapt()
            self._passthrough.renew()
            await self._start(old)
        except CallError as error:
            self._loop.call_soon(self._lost, old, error)

    async def take_up(self, feed: Feed) -> None:
        """As `swap`, and returns when the first media has come; `DeviceGone` when none does in `FIRST_MEDIA_S`."""
        taken = self._intake.taken
        await self.swap(feed)
        try:
            await self._absence.until_media(taken, FIRST_MEDIA_S)
        except CallError:
            async with self._turn:
                await feed.stop()
            raise

    async def take_raw(self) -> None:
        """A device that encodes by itself is asked for raw pictures from now on, and they are encoded here."""
        async with self._turn:
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

    async def _adapt(self) -> None:
        """An encoder where the feed is raw, none where it is encoded and nothing stands in for it."""
        await self._fitting.to(self._feed)
        if self._feed.codec is None and self._path is None:
            await self._take_encoder([self.codec])
        elif self._feed.codec is not None and not self.is_away:
            await self._leave_path()

    def _turned_raw(self) -> None:
        """A source that encoded by itself gives raw pictures: one whose stream has changed to what nobody decodes."""
        if self._feed.codec is not None and not self.ended:
            logger.warning("%s gives raw pictures from now on: they are encoded here", self.name or self.source)
            self._feed.turned_raw()
            self._adapt_soon()

    def _encoding_ended(self, error: CallError) -> None:
        """No encoder can be had any more: another device, or being unmuted, is another try."""
        path, self._path, self._intake.raw = self._path, None, None
        if path is not None:
            path.silence()
        self.on_failed(error)

    async def _leave_path(self) -> None:
        path, self._path, self._intake.raw = self._path, None, None
        if path is not None:
            await path.stop()

    # --- while the source is away
    @property
    def broken(self) -> CallError | None:
        """Why the device in use has ended by itself; None while it has not."""
        return self._absence.broken

    def _lost(self, feed: Feed, error: CallError) -> None:
        if feed is self._feed and not self.ended:
            self._absence.broken = error
            self.on_lost(error)

    async def stand_in(self) -> None:
        """Others see a placeholder, or hear silence, until media comes again."""
        async with self._turn:
            if self.ended or (self.muted and self._camera) or self.is_away:
                return
            if self._path is None:
                try:
                    await self._take_encoder([self.codec])
                except EncoderError as error:
                    logger.warning("nothing stands in for %s: %s", self.name or self.source, error.message)
                    return
            sent = (self._counts.width, self._counts.height) if self._counts.width else self._size
            self._absence.begin(sent if self.kind == "video" else None)
        self.force_keyframe()

    async def give_back(self) -> None:
        """The device that failed is closed; something stands in for it."""
        feed = self._feed
        await self.stand_in()
        async with self._turn:
            if feed is self._feed:
                await feed.stop()

    def _put(self, media: VideoFrame | AudioBlock) -> None:
        if self._path is not None:
            self._path.raw.put(media)

    def _back(self, media: Media) -> bool:
        """Whether the absence ends with this, on the capture's thread: an encoded source is back with a keyframe."""
        if not isinstance(media, EncodedFrame):
            return True
        if not media.keyframe:
            self.force_keyframe()
            return False
        if self._path is not None:
            self._path.silence()
        return True

    def _is_back(self) -> None:
        if self._feed.codec is not None:
            self._adapt_soon()

    def _adapt_soon(self) -> None:
        task = asyncio.create_task(self._adapt_in_turn(), name=f"adapt {self.name or self.source}")
        self._adapting.add(task)
        task.add_done_callback(self._adapting.discard)

    async def _adapt_in_turn(self) -> None:
        async with self._turn:
            if not self.ended:
                try:
                    await self._adapt()
                except CallError as error:
                    self.on_failed(error)

    # --- the loop closed: keyframes and bitrate
    def force_keyframe(self) -> None:
        """The far end needs one: from the encoder, or from the source where it can."""
        path = self._path
        if path is not None:
            path.force_keyframe()
        capture: object = self._feed.capture
        if isinstance(capture, ForcesKeyframe) and (path is None or self._feed.codec is not None):
            capture.force_keyframe()

    def _steer(self, bitrate_bps: int) -> None:
        self._bitrate_bps = bitrate_bps
        if self._path is not None:
            self._path.set_bitrate_bps(bitrate_bps)
        capture: object = self._feed.capture
        if isinstance(capture, SetsBitrate):
            capture.set_bitrate_bps(bitrate_bps)

    def _send(self, encoded: Encoded) -> None:
        frame, level = encoded
        if self._sender is not None and not self.muted:
            self._sender.send(frame, level_dbov=level)

    def _on_loop(self, call: Callable[[], None]) -> None:
        try:
            self._loop.call_soon_threadsafe(call)
        except RuntimeError:
            logger.debug("the loop is closed")

    def stats(self) -> dict[str, Any]:
        """Counters of the sender and the encoder, by W3C name."""
        found: dict[str, Any] = {
            "sid": self.sid,
            "name": self.name,
            "kind": self.kind,
            "source": self.source,
            "codec": self.codec,
            "encoderImplementation": self.encoder,
            "device": self.device.id if self.device else "",
            "muted": self.muted,
        }
        if self._sender is not None:
            found |= w3c(self._sender.stats())
        counts = self._counts
        if self._path is None and not counts.frames:
            found["framesDropped"] = self._passthrough.dropped
        else:
            found |= {
                "framesEncoded": counts.frames,
                "keyFramesEncoded": counts.keyframes,
                "framesDropped": counts.dropped + self._passthrough.dropped,
                "totalEncodeTime": counts.seconds,
                "frameWidth": counts.width,
                "frameHeight": counts.height,
            }
        return found

    async def end(self) -> None:
        """No longer published; device and encoder are given back."""
        self.ended = True
        self._intake.open = False
        for task in (self._flowing, *self._adapting):
            if task is not None:
                task.cancel()
        async with self._turn:
            self._absence.end()
            await self._feed.stop()
            await self._leave_path()
            await aside(self._fitting.close)
            self._passthrough.close()
            if self._connection is not None and self._sender is not None and not self._connection.over:
                self._connection.remove_track(self._sender)
            self._sender = None
