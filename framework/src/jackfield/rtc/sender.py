"""One published track."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

from attrs import evolve

from jackfield.media.clock import Clock
from jackfield.rtc.layers import Layer, allot
from jackfield.rtc.link import ignore
from jackfield.rtc.pacer import Pacer
from jackfield.rtc.send_stream import PacketSink, SendParameters, SendStream
from jackfield.values.media import EncodedFrame, Kind

#: What a layer with no limit of its own goes on with, while nothing is known of the path.
_UNKNOWN_BPS = 2_500_000
_SUMMED = (
    "frames_sent",
    "keyframes_sent",
    "packets_sent",
    "bytes_sent",
    "bitrate_bps",
    "nacks_received",
    "packets_repaired",
    "bytes_repaired",
    "keyframe_requests",
    "full_requests",
)


class RtpSender:
    """One published track, made by `PublisherPeer.add_track`, in one encoding or, as simulcast, several ``layers``.

    Frames given to `send` before the answer are dropped, as are those of a muted track. ``on_keyframe_request`` gets
    the layer's rid ("" where there is one), ``on_bitrate`` the rid and bits per second, 0 for a layer that is not to be
    sent; both are called on the event loop. ``rejected``: the other end refused the track; ``on_rejected`` tells when.
    """

    def __init__(
        self,
        kind: Kind,
        *,
        cid: str,
        stream_id: str,
        codec: str,
        clock: Clock,
        sink: PacketSink,
        pacer: Pacer,
        layers: Sequence[Layer] = (Layer(),),
    ) -> None:
        self.kind = kind
        self.cid = cid
        self.stream_id = stream_id
        self.codec = codec
        self.layers = tuple(layers)
        self.on_keyframe_request: Callable[[str], None] = ignore
        self.on_bitrate: Callable[[str, int], None] = ignore
        self.on_rejected: Callable[[], None] = ignore
        #: Whether the next offer proposes that each packet of sound brings the frame before along (RED).
        self.redundant = True
        self.rejected = False
        self._muted = False
        self._taken = frozenset(layer.rid for layer in layers)
        self._allowed: int | None = None
        self._bitrates: dict[str, int] = {}
        self._streams = tuple(self._stream(layer.rid, codec, clock, sink, pacer) for layer in layers)

    def _stream(self, rid: str, codec: str, clock: Clock, sink: PacketSink, pacer: Pacer) -> SendStream:
        return SendStream(
            self.kind,
            codec,
            rid=rid,
            clock=clock,
            sink=sink,
            pacer=pacer,
            keyframe=lambda: self.on_keyframe_request(rid),
        )

    @property
    def streams(self) -> Sequence[SendStream]:
        """The sources it sends: one for each encoding, the smallest picture first."""
        return self._streams

    @property
    def ssrc(self) -> int:
        """The source number of its first encoding."""
        return self._streams[0].ssrc

    @property
    def ready(self) -> bool:
        """Whether the other end has accepted the track."""
        return any(stream.parameters is not None for stream in self._streams)

    @property
    def max_bitrate_bps(self) -> int | None:
        """What its layers that are taken are worth together; None: no limit."""
        worth = [layer.bitrate_bps for layer in self.layers if layer.rid in self._flowing]
        return None if None in worth else sum(each or 0 for each in worth)

    @max_bitrate_bps.setter
    def max_bitrate_bps(self, bitrate_bps: int | None) -> None:
        self.layers = (*self.layers[:-1], evolve(self.layers[-1], bitrate_bps=bitrate_bps))

    @property
    def bitrate_bps(self) -> int | None:
        """What its encoders aim at together; None before anything is known of the path."""
        return sum(self._bitrates.values()) if self._bitrates else None

    @property
    def _flowing(self) -> frozenset[str]:
        """The layers that somebody takes and the answer has taken."""
        refused = {stream.rid for stream in self._streams if stream.parameters is None} if self.ready else set()
        return frozenset(self._taken - refused)

    @property
    def muted(self) -> bool:
        """Whether frames are dropped. A video that is unmuted begins with a keyframe."""
        return self._muted

    @muted.setter
    def muted(self, muted: bool) -> None:
        came_back = self._muted and not muted
        self._muted = muted
        if came_back and self.kind == "video":
            for stream in self._streams:
                stream.gate.request()

    def send(self, frame: EncodedFrame, *, rid: str = "", level_dbov: int | None = None) -> None:
        """Sends a frame of this track's codec, on this layer, else the largest. ``level_dbov``: the loudness of a frame
        of sound, 0 (loudest) to 127."""
        stream = next((each for each in self._streams if each.rid == rid), self._streams[-1])
        if not self._muted and self._bitrates.get(stream.rid) != 0:
            stream.send(frame, level_dbov)

    def settle(self, parameters: SendParameters | None) -> None:
        """The answer's parameters; None: the track was refused. An answer without layers takes the largest alone."""
        before, self.rejected = self.rejected, parameters is None
        for stream in self._streams:
            stream.settle(_of_layer(parameters, stream.rid, last=stream is self._streams[-1]))
        if self.rejected and not before:
            self.on_rejected()
        if len(self.layers) > 1 and self.ready:
            self._tell()

    def take(self, rids: Collection[str]) -> None:
        """Somebody takes these layers; the others are not sent. One that is taken anew begins with a keyframe."""
        taken = frozenset(rids) & {layer.rid for layer in self.layers}
        if taken != self._taken:
            self._taken = taken
            self._tell()

    def allow(self, bitrate_bps: int) -> None:
        """The path gives this track that much; small changes are kept from the encoders."""
        self._allowed = bitrate_bps
        self._tell()

    def _tell(self) -> None:
        flowing = self._flowing
        if self._allowed is None:  # nothing is known of the path: encoders go on as they were opened
            for layer in self.layers:
                before = self._bitrates.get(layer.rid)
                if (layer.rid in flowing) == (before == 0):
                    self._steer(layer.rid, (layer.bitrate_bps or _UNKNOWN_BPS) if layer.rid in flowing else 0)
            return
        on = {rid for rid, bps in self._bitrates.items() if bps}
        for layer, bps in zip(self.layers, allot(self._allowed, self.layers, flowing, on), strict=True):
            self._steer(layer.rid, bps)

    def _steer(self, rid: str, bitrate_bps: int) -> None:
        before = self._bitrates.get(rid)
        if before is not None and bool(before) == bool(bitrate_bps) and abs(bitrate_bps - before) <= before // 20:
            return
        self._bitrates[rid] = bitrate_bps
        self.on_bitrate(rid, bitrate_bps)
        if before == 0 and bitrate_bps and self.kind == "video":
            self.on_keyframe_request(rid)

    def stats(self) -> dict[str, Any]:
        """Counts since the beginning, rates over the last second, and what the other end reported: of the largest
        layer, with all that was sent summed up, and of each under ``layers``."""
        known = {"kind": self.kind, "cid": self.cid, "muted": self._muted, "target_bitrate_bps": self.bitrate_bps}
        each = [stream.stats() for stream in self._streams]
        found = known | each[-1]
        if len(each) > 1:
            found |= {name: sum(layer[name] for layer in each) for name in _SUMMED}
            found["layers"] = [
                {"rid": stream.rid, "target_bitrate_bps": self._bitrates.get(stream.rid)} | layer
                for stream, layer in zip(self._streams, each, strict=True)
            ]
        return found

    def close(self) -> None:
        """Sends nothing more."""
        for stream in self._streams:
            stream.close()


def _of_layer(parameters: SendParameters | None, rid: str, *, last: bool) -> SendParameters | None:
    """What the answer means for one layer."""
    if parameters is None or not rid or rid in parameters.rids:
        return parameters
    return parameters if last and not parameters.rids else None
