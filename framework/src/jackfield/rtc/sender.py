"""One published track."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from jackfield.media.clock import Clock
from jackfield.rtc.link import ignore
from jackfield.rtc.pacer import Pacer
from jackfield.rtc.send_stream import PacketSink, SendParameters, SendStream
from jackfield.values.media import EncodedFrame, Kind


class RtpSender:
    """One published track, made by `PublisherPeer.add_track`.

    Frames given to `send` before the answer are dropped, as are those of a muted track. ``on_keyframe_request`` and
    ``on_bitrate`` (bits per second) are called on the event loop. ``rejected``: the other end refused the track;
    ``on_rejected`` tells when it does.
    """

    def __init__(
        self, kind: Kind, *, cid: str, stream_id: str, codec: str, clock: Clock, sink: PacketSink, pacer: Pacer
    ) -> None:
        self.kind = kind
        self.cid = cid
        self.stream_id = stream_id
        self.codec = codec
        self.on_keyframe_request: Callable[[], None] = ignore
        self.on_bitrate: Callable[[int], None] = ignore
        self.on_rejected: Callable[[], None] = ignore
        #: Never asked to use more than this; None: no limit of its own.
        self.max_bitrate_bps: int | None = None
        self.bitrate_bps: int | None = None
        #: Whether the next offer proposes that each packet of sound brings the frame before along (RED).
        self.redundant = True
        self.rejected = False
        self._muted = False
        self._stream = SendStream(
            kind, codec, clock=clock, sink=sink, pacer=pacer, keyframe=lambda: self.on_keyframe_request()
        )

    @property
    def streams(self) -> Sequence[SendStream]:
        """The sources it sends: one for each encoding."""
        return (self._stream,)

    @property
    def ssrc(self) -> int:
        """The source number of its first encoding."""
        return self._stream.ssrc

    @property
    def ready(self) -> bool:
        """Whether the other end has accepted the track."""
        return self._stream.parameters is not None

    @property
    def muted(self) -> bool:
        """Whether frames are dropped. A video that is unmuted begins with a keyframe."""
        return self._muted

    @muted.setter
    def muted(self, muted: bool) -> None:
        came_back = self._muted and not muted
        self._muted = muted
        if came_back and self.kind == "video":
            self._stream.gate.request()

    def send(self, frame: EncodedFrame, *, level_dbov: int | None = None) -> None:
        """Sends a frame of this track's codec. ``level_dbov``: the loudness of a frame of sound, 0 (loudest) to 127."""
        if not self._muted:
            self._stream.send(frame, level_dbov)

    def settle(self, parameters: SendParameters | None) -> None:
        """The answer's parameters; None: the track was refused."""
        before, self.rejected = self.rejected, parameters is None
        self._stream.settle(parameters)
        if self.rejected and not before:
            self.on_rejected()

    def allow(self, bitrate_bps: int) -> None:
        """The path gives this track that much; small changes are kept from the encoder."""
        if self.max_bitrate_bps is not None:
            bitrate_bps = min(bitrate_bps, self.max_bitrate_bps)
        before = self.bitrate_bps
        if before is None or abs(bitrate_bps - before) > before // 20:
            self.bitrate_bps = bitrate_bps
            self.on_bitrate(bitrate_bps)

    def stats(self) -> dict[str, Any]:
        """Counts since the beginning, rates over the last second, and what the other end reported."""
        known = {"kind": self.kind, "cid": self.cid, "muted": self._muted, "target_bitrate_bps": self.bitrate_bps}
        return known | self._stream.stats()

    def close(self) -> None:
        """Sends nothing more."""
        self._stream.close()
