"""One thing we publish, as the server knows it: announced, sent, muted and ended by itself."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any, cast

from livekit.protocol.models import Encryption, TrackInfo
from livekit.protocol.rtc import MuteTrackRequest, TrackPublishedResponse

from jackfield.media.encryption import frames
from jackfield.media.far_end import FarEnd
from jackfield.plugins import Plugins
from jackfield.rtc import signalling
from jackfield.session.encode import Encoded
from jackfield.session.feed import Feed
from jackfield.session.limitation import Limitation, is_short
from jackfield.session.second_keyframe import SecondKeyframe
from jackfield.session.statistics import w3c
from jackfield.session.supply import Supply
from jackfield.values.errors import CallError, EncoderError
from jackfield.values.media import EncodedFrame

if TYPE_CHECKING:
    from jackfield.rtc.sender import RtpSender
    from jackfield.session.connection import Connection
    from jackfield.values.devices import Device
    from jackfield.values.settings import SessionSettings
    from jackfield.values.statistics import PublicationStats


class Publication:
    """One of our tracks. Made by `CallSession.publish`; use it on the event loop.

    ``sid`` is the server's name of it, ``source`` one of camera, microphone, screen, screen_audio, unknown.
    ``encoder`` names who encodes it ("" where the source is already encoded). ``is_away`` while its source gives
    nothing and others see a placeholder, or hear silence. ``supply`` is where its media comes from.
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
        self.name = name
        self.supply = Supply(
            feed,
            kind,
            name or source,
            settings,
            plugins,
            self._send,
            muted=muted,
            far_end=far_end,
            keeps="detail" if source == "screen" else "motion",
        )
        self.on_refused: Callable[[CallError], None] = lambda error: None
        self._shown: Callable[[EncodedFrame, str], None] | None = None
        self._settings = settings
        #: Encrypts each frame end to end; None where nothing does.
        self.seal: Callable[[EncodedFrame], EncodedFrame] | None = None
        self._sender: RtpSender | None = None
        self._connection: Connection | None = None
        self._flowing: asyncio.Task[None] | None = None
        self._limitation = Limitation()
        self._seen_again: asyncio.Task[None] | None = None
        self._told_muted: bool | None = None
        self._twice = SecondKeyframe(self.supply.keyframe_wanted)

    def __repr__(self) -> str:
        return f"<Publication {self.sid or 'unpublished'}: {self.name or self.source}, {self.codec}>"

    @property
    def device(self) -> Device | None:
        """The device in use; None for a program's source."""
        return self.supply.device

    @property
    def codec(self) -> str:
        """The codec that is sent."""
        return self.supply.route.codec

    @property
    def encoder(self) -> str:
        """Who encodes it."""
        return self.supply.route.encoder

    @property
    def muted(self) -> bool:
        """Whether nothing of it is sent."""
        return self.supply.muted

    @property
    def ended(self) -> bool:
        """Whether it is over."""
        return self.supply.ended

    @property
    def is_away(self) -> bool:
        """Whether its source gives nothing, and a placeholder stands in."""
        return self.supply.is_away

    async def announce(self, connection: Connection) -> None:
        """The server has the track; media flows as soon as it has a way. Once more after we have joined anew."""
        bitrate_bps, layers = self._settings.video_wish.bitrate_bps, self.supply.route.layers
        request = signalling.track_request(
            self.cid, self.name, self.kind, self.source, self.codec, self.supply.size, bitrate_bps, layers
        )
        request.muted = self.muted
        request.disable_red = self.kind == "audio" and self._settings.low_bandwidth
        if self.seal is not None:
            if self.codec not in frames.CODECS:
                raise EncoderError(f"{self.codec} cannot be encrypted end to end: send {', '.join(frames.CODECS)}")
            request.encryption, request.disable_red = Encryption.Type.GCM, True
        info, sender = await connection.add_track(request, self.kind, self.codec, layers)
        self.sid, self._sender, self._connection = info.sid, sender, connection
        self._told_muted = request.muted
        self.tell_muted()  # where that has changed while the server was asked
        is_drawn_sealed = self.seal is not None and self.codec == "H264"
        sender.on_keyframe_request = self._twice.asked if is_drawn_sealed else self.supply.keyframe_wanted
        sender.on_bitrate = self.supply.steer
        sender.on_rejected = self._refused
        if sender.rejected:
            asyncio.get_running_loop().call_soon(self._refused)
        sender.muted = self.muted
        if self.kind == "video":
            sender.max_bitrate_bps = bitrate_bps
        name = f"publish {self.name or self.source}"
        if self._flowing is None:
            self._flowing = asyncio.create_task(self._flow(connection), name=name)
        else:
            self.supply.route.wake()
            self._seen_again = asyncio.create_task(self._show(connection), name=name)

    async def _flow(self, connection: Connection) -> None:
        await connection.sending.wait()
        await self.supply.flow()

    async def _show(self, connection: Connection) -> None:
        await connection.sending.wait()
        self.supply.force_keyframe()

    def confirm(self) -> TrackPublishedResponse | None:
        """What the server must know of it, for us to go on where we were; None while nothing of it was sent."""
        if not self.sid or self._sender is None or not self._sender.stats()["packets_sent"]:
            return None
        kind = signalling.KINDS[self.kind]
        return TrackPublishedResponse(cid=self.cid, track=TrackInfo(sid=self.sid, type=kind, muted=self.muted))

    def tell_muted(self) -> bool:
        """The server knows whether it is muted; answers whether it had to be told."""
        if self._connection is None or not self.sid or self._told_muted == self.muted:
            return False
        self._connection.signal.send(mute=MuteTrackRequest(sid=self.sid, muted=self.muted))
        if self._connection.signal.is_open:
            self._told_muted = self.muted
        return True

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
        async with self.supply.turn:
            if muted == self.muted or self.ended:
                return
            if muted:
                await self.supply.close_intake()
            else:
                await self.supply.open_intake()
            self.supply.muted = muted
            if self._sender is not None:
                self._sender.muted = muted
            self.tell_muted()
        if not muted:
            self.supply.force_keyframe()

    def force_keyframe(self, rid: str = "") -> None:
        """Somebody needs one: from this layer's encoder, or from the source where it can."""
        self.supply.force_keyframe(rid)

    def show_sent(self, shown: Callable[[EncodedFrame, str], None] | None) -> None:
        """Every encoded frame and its layer's rid go to ``shown`` too, before they are encrypted; None: to nobody."""
        self._shown = shown
        self.supply.route.show(shown is not None)

    def taken(self, rids: Collection[str]) -> None:
        """Somebody takes these layers; what nobody takes is neither encoded nor sent."""
        if self._sender is not None:
            self._sender.take(rids)

    @property
    def rids(self) -> Sequence[str]:
        """The names of its layers, the smallest first; one without a name where it is not simulcast."""
        return [layer.rid for layer in self.supply.route.layers]

    def _send(self, encoded: Encoded, rid: str) -> None:
        frame, level = encoded
        if self._shown is not None and not self.muted:
            self._shown(frame, rid)
        if self._sender is not None and not self.muted:
            sealed = self.seal(frame) if self.seal is not None else frame
            self._sender.send(sealed, rid=rid, level_dbov=level)

    @property
    def reported(self) -> tuple[float | None, float | None]:
        """The share of packets that the other end missed lately, and the round trip in seconds; None where unknown."""
        found = self._sender.stats() if self._sender is not None else {}
        rtt_ms = found.get("rtt_ms")
        return (None, None) if rtt_ms is None else (found["remote_fraction_lost"], rtt_ms / 1000)

    def look(self) -> None:
        """Called once a second: what keeps it from its full quality now."""
        sender = self._sender
        limit = sender.max_bitrate_bps if sender is not None else None
        wanted = self._settings.video_wish.bitrate_bps if limit is None else limit
        found = self.supply.route.stats()
        reason = found.get("qualityLimitationReason", "none")
        encoded = found.get("framesEncoded")
        if encoded is not None and self._limitation.is_busy(encoded, found["framesDropped"]):
            reason = "cpu"
        given = sender.bitrate_bps if sender is not None and self.kind == "video" and not self.muted else None
        self._limitation.be("bandwidth" if reason == "none" and is_short(given, wanted) else reason)

    def stats(self) -> PublicationStats:
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
            for layer in found.get("layers", ()):
                layer |= self.supply.route.layer_stats(layer["rid"])
        limited = {
            "qualityLimitationReason": self._limitation.reason,
            "qualityLimitationDurations": dict(self._limitation.durations),
        }
        return cast("PublicationStats", found | self.supply.route.stats() | (limited if self.kind == "video" else {}))

    async def end(self) -> None:
        """No longer published; device and encoder are given back."""
        for task in (self._flowing, self._seen_again):
            if task is not None:
                task.cancel()
        self._twice.end()
        await self.supply.end()
        if self._connection is not None and self._sender is not None and not self._connection.over:
            self._connection.remove_track(self._sender)
        self._sender = None
