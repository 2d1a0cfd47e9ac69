"""One thing we publish: opened, encoded, sent, muted, swapped and ended by itself."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from attrs import evolve
from livekit.protocol.models import VideoLayer, VideoQuality
from livekit.protocol.rtc import AddTrackRequest, MuteTrackRequest, SimulcastCodec

from jackfield.plugins import Choice, Plugins
from jackfield.roles import Encoder, ForcesKeyframe, SetsBitrate
from jackfield.rtc import signalling
from jackfield.session.encode import Encoded, EncodeThread
from jackfield.session.feed import Feed, Intake
from jackfield.session.handover import Outlet
from jackfield.session.opening import opened
from jackfield.session.statistics import w3c
from jackfield.values.errors import CallError, EncoderError
from jackfield.values.formats import AudioEncoding, Encoding, VideoEncoding, VideoFormat
from jackfield.values.media import EncodedFrame

if TYPE_CHECKING:
    from jackfield.rtc.sender import RtpSender
    from jackfield.session.connection import Connection
    from jackfield.values.devices import Device
    from jackfield.values.settings import SessionSettings

logger = logging.getLogger("jackfield.publish")

#: Encoded frames on their way to the event loop; an encoder that is ahead of it waits, and drops raw pictures.
FRAMES_AHEAD = 4


class EncoderSource:
    """Opens encoders of one codec, best first; one that failed twice in a row is passed over from then on."""

    def __init__(self, plugins: Plugins, encoding: Encoding, prefer: Sequence[str]) -> None:
        self.encoding, self._plugins, self._prefer = encoding, plugins, tuple(prefer)
        self.choice: Choice | None = None
        self._failed: dict[str, str] = {}

    def open(self, width: int, height: int) -> Encoder:
        """A running encoder for this size; blocks."""
        encoding = self.encoding
        if isinstance(encoding, VideoEncoding):
            encoding = evolve(encoding, width=width, height=height)
        encoder, self.choice = self._plugins.encoder(encoding.codec, encoding, self._prefer, failed=self._failed)
        return encoder

    def blame(self, error: EncoderError) -> None:
        """The one in use is not taken again."""
        if self.choice is not None:
            self._failed[self.choice.chosen] = f"it failed in the call: {error.message}"


class Publication:
    """One of our tracks. Made by `CallSession.publish`; use it on the event loop.

    ``sid`` is the server's name of it, ``source`` one of camera, microphone, screen, screen_audio, unknown.
    ``encoder`` names who encodes it ("" where the source is already encoded).
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
    ) -> None:
        self.sid, self.cid = "", secrets.token_hex(8)
        self.kind: signalling.Kind = kind
        self.source: signalling.Source = source
        self.name, self.muted, self.ended = name, muted, False
        self.codec = ""
        self.on_failed: Callable[[CallError], None] = lambda error: None
        self.on_refused: Callable[[CallError], None] = lambda error: None
        self.on_encoder_changed: Callable[[str, str], None] = lambda encoder, reason: None
        self._feed, self._settings, self._plugins = feed, settings, plugins
        self._loop = asyncio.get_running_loop()
        self._intake = Intake(kind, self._passed_through, lambda error: self._on_loop(lambda: self.on_failed(error)))
        self._outlet: Outlet[Encoded] = Outlet(self._loop, self._send, FRAMES_AHEAD, newest_wins=False)
        self._encoders: EncoderSource | None = None
        self._encoder: Encoder | None = None
        self._thread: EncodeThread | None = None
        self._sender: RtpSender | None = None
        self._connection: Connection | None = None
        self._flowing: asyncio.Task[None] | None = None
        self._bitrate_bps: int | None = None
        self._may_send, self._waits_for_keyframe = False, True
        self._turn = asyncio.Lock()

    @property
    def device(self) -> Device | None:
        """The device in use; None for a program's source."""
        return self._feed.device

    @property
    def encoder(self) -> str:
        """Who encodes it."""
        choice = self._encoders.choice if self._encoders else None
        return choice.chosen if choice else ""

    # --- beginning
    async def prepare(self, codecs: Sequence[str]) -> None:
        """The device is open, and an encoder for the first of ``codecs`` that can be had. Neither blocks the loop."""
        if not (self.muted and self._camera):
            await self._feed.open()
        if self._feed.codec is not None:
            self.codec = self._feed.codec
        else:
            await self._choose(codecs)
        self._intake.open = not self.muted
        await self._feed.start(self._intake)

    async def choose_again(self, codecs: Sequence[str]) -> None:
        """An encoder for the first of other ``codecs``: the server does not take the one that was ready."""
        if self._feed.codec is not None:
            raise EncoderError(f"the server does not take {self.codec}, which this source comes in")
        if self._encoder is not None:
            self._encoder.close()
            self._encoder = None
        await self._choose(codecs)

    async def _choose(self, codecs: Sequence[str]) -> None:
        found = await opened(lambda: self._first_of(codecs), lambda found: found[1].close())
        self._encoders, self._encoder, self.codec = found

    def _first_of(self, codecs: Sequence[str]) -> tuple[EncoderSource, Encoder, str]:
        errors = []
        width, height = self._size
        for codec in codecs:
            encoders = EncoderSource(self._plugins, self._encoding(codec), self._settings.encoders)
            try:
                return encoders, encoders.open(width, height), codec
            except EncoderError as error:
                errors.append(error)
        raise errors[0] if errors else EncoderError("the server takes none of the codecs that the settings name")

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
        return (found.width, found.height) if isinstance(found, VideoFormat) else (0, 0)

    async def announce(self, connection: Connection) -> None:
        """The server has the track; media flows as soon as it has a way."""
        info, sender = await connection.add_track(self._request(), self.kind, self.codec)
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
        if self.kind == "audio":
            self._intake.raw.clear()
        self._may_send = True
        if self._encoders is None:
            self.force_keyframe()
            return
        self._thread = EncodeThread(
            self.name or self.source,
            self._intake.raw,
            self._outlet,
            self._encoders.open,
            self._encoding_ended,
            encoder=self._encoder,
            sound=self._encoders.encoding if isinstance(self._encoders.encoding, AudioEncoding) else None,
            replace=self._replace,
        )
        self._encoder = None
        if self._bitrate_bps is not None:
            self._thread.set_bitrate_bps(self._bitrate_bps)
        self._thread.start()

    def _refused(self) -> None:
        """The server's answer: it knows the track and takes no media of it."""
        if not self.ended:
            self.on_refused(
                EncoderError(f"the server refuses {self.name or self.source} as {self.codec}: it is not sent")
            )

    def _request(self) -> AddTrackRequest:
        width, height = self._size
        request = AddTrackRequest(
            cid=self.cid,
            name=self.name,
            type=signalling.KINDS[self.kind],
            source=signalling.SOURCES[self.source],
            muted=self.muted,
            width=width,
            height=height,
            stream=self.source if self.source != "unknown" else self.cid,
        )
        if self.kind == "video":
            bitrate = self._settings.video.bitrate_bps
            layer = VideoLayer(quality=VideoQuality.HIGH, width=width, height=height, bitrate=bitrate)
            request.layers.append(layer)
            request.simulcast_codecs.append(SimulcastCodec(codec=self.codec.lower(), cid=self.cid, layers=[layer]))
        return request

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
                self._intake.open = False
                self._intake.raw.clear()
                if self._thread:
                    self._thread.forget_picture()
                if self._camera:
                    await self._feed.stop()
            else:
                await self._feed.open()
                self._intake.open = True
                await self._feed.start(self._intake)
            self.muted = muted
            if self._sender is not None:
                self._sender.muted = muted
            if self._connection is not None and self.sid:
                self._connection.signal.send(mute=MuteTrackRequest(sid=self.sid, muted=muted))
        if not muted:
            self.force_keyframe()

    @property
    def _camera(self) -> bool:
        return self._feed.device is not None and self.kind == "video"

    async def swap(self, feed: Feed) -> None:
        """Takes its media from another device or source; the track stays published."""
        async with self._turn:
            if not self.muted or not self._camera:
                await feed.open()
            if (feed.codec or self._feed.codec) and feed.codec != self.codec:
                await feed.stop()
                raise EncoderError(f"{self.source} is published as {self.codec} and cannot change while it is")
            old, self._feed = self._feed, feed
            await old.stop()
            if not self.muted or not self._camera:
                await feed.start(self._intake)
        self.force_keyframe()

    def force_keyframe(self) -> None:
        """The far end needs one: from the encoder, or from the source where it can."""
        if self._thread is not None:
            self._thread.force_keyframe()
            return
        capture: object = self._feed.capture
        if isinstance(capture, ForcesKeyframe):
            capture.force_keyframe()

    def _steer(self, bitrate_bps: int) -> None:
        self._bitrate_bps = bitrate_bps
        if self._thread is not None:
            self._thread.set_bitrate_bps(bitrate_bps)
            return
        capture: object = self._feed.capture
        if isinstance(capture, SetsBitrate):
            capture.set_bitrate_bps(bitrate_bps)

    def _passed_through(self, frame: EncodedFrame) -> None:
        """An encoded frame, on the capture's thread; all up to the next keyframe go when the loop is behind."""
        self._waits_for_keyframe = (self._waits_for_keyframe and not frame.keyframe) or self._outlet.full
        if self._waits_for_keyframe or not self._may_send:
            self._waits_for_keyframe = True
            self._intake.raw.dropped += 1
            self.force_keyframe()
        else:
            self._outlet.put((frame, None))

    def _send(self, encoded: Encoded) -> None:
        frame, level = encoded
        if self._sender is not None and not self.muted:
            self._sender.send(frame, level_dbov=level)

    def _replace(self, error: EncoderError) -> None:
        """The encoder failed again, on the encoding thread: the next backend takes over."""
        assert self._encoders is not None
        before = self.encoder
        self._encoders.blame(error)
        self._on_loop(lambda: self.on_encoder_changed(before, error.message))

    def _encoding_ended(self, error: CallError) -> None:
        self._on_loop(lambda: self.on_failed(error))

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
        if self._thread is not None:
            counts = self._thread.counts
            found |= {
                "framesEncoded": counts.frames,
                "keyFramesEncoded": counts.keyframes,
                "framesDropped": counts.dropped,
                "totalEncodeTime": counts.seconds,
                "frameWidth": counts.width,
                "frameHeight": counts.height,
            }
        return found

    async def end(self) -> None:
        """No longer published; device and encoder are given back."""
        self.ended = True
        self._intake.open = False
        if self._flowing is not None:
            self._flowing.cancel()
        async with self._turn:
            await self._feed.stop()
            if self._thread is not None:
                await asyncio.to_thread(self._thread.stop)
            elif self._encoder is not None:
                self._encoder.close()
                self._encoder = None
            self._outlet.close()
            if self._connection is not None and self._sender is not None and not self._connection.over:
                self._connection.remove_track(self._sender)
            self._sender = None
