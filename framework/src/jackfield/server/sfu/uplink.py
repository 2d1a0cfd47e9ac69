"""Media of one publication as it comes in: its layers, what is asked of the publisher, and who is fed from them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, Protocol

from attrs import evolve, frozen

from jackfield.media.clock import Clock
from jackfield.rtc import rtcp
from jackfield.rtc.codecs import ENTRIES
from jackfield.rtc.keyframes import KeyframeGate
from jackfield.rtc.link import ignore
from jackfield.rtc.payload import is_keyframe, red
from jackfield.rtc.rtp import extension_block, header_length
from jackfield.server.sfu.descriptor import locate
from jackfield.server.sfu.history import History, Kept
from jackfield.server.sfu.packets import extension
from jackfield.server.sfu.window import SequenceWindow

#: A layer that sent nothing for this long is not chosen.
_ALIVE_NS = 1_500_000_000
_OPUS = next(entry.payload_type for entry in ENTRIES if entry.name == "opus")
_FALL = 0.3
#: The id of the dependency descriptor towards subscribers.
DEPENDENCY_DESCRIPTOR_ID = 1


@frozen
class Anchor:
    """A publisher's sender report: this RTP time was this wall-clock time (NTP, 32.32), and when we heard of it."""

    ntp_time: int
    rtp_time: int
    arrival_ns: int


class Feed(Protocol):
    """One subscriber's side of a track."""

    @property
    def takes(self) -> int:
        """The index of the best layer that it takes, -1 for none."""

    @property
    def room_bps(self) -> float | None:
        """What its path has for this where it is short: None where it takes all, 0 where it takes nothing."""

    def forward(self, number: int, kept: Kept) -> None:
        """A packet of the layer that it is fed from."""

    def switch(self, layer: Layer, number: int, kept: Kept) -> None:
        """It is fed from this layer, beginning with this packet."""

    def report(self, layer: Layer) -> None:
        """The publisher's clocks were tied together anew."""

    def retarget(self) -> None:
        """Layers have come or gone: choose anew."""


class UpTrack:
    """What is published under one track id. ``send_rtcp`` reaches the publisher."""

    def __init__(
        self,
        *,
        kind: Literal["audio", "video"],
        codec: str,
        payload_type: int,
        clock_rate: int,
        clock: Clock,
        send_rtcp: Callable[[bytes], object],
        feedback_ssrc: int,
        rids: Sequence[str] = (),
        descriptor_id: int | None = None,
        level_id: int | None = None,
        red_payload_type: int | None = None,
    ) -> None:
        self.kind = kind
        self.codec = codec
        self.payload_type = payload_type
        self.clock_rate = clock_rate
        self.clock = clock
        self.send_rtcp = send_rtcp
        self.feedback_ssrc = feedback_ssrc
        #: Names of the layers, the smallest picture first; one nameless layer without simulcast.
        self.rids: tuple[str, ...] = tuple(rids) or ("",)
        #: Where the publisher puts the AV1 dependency descriptor; it is forwarded, the pictures need it.
        self.descriptor_id = descriptor_id
        #: Where it says how loud it is; ``on_level`` gets each packet's level, 0 (loudest) to 127.
        self.level_id = level_id
        self.on_level: Callable[[int], object] = ignore
        #: What comes under it is redundant audio: it goes on to those who take it, and as plain sound to others.
        self.red_payload_type = red_payload_type
        #: Called when a subscriber takes other layers than before.
        self.on_demand: Callable[[], object] = ignore
        self.layers: dict[str, Layer] = {}
        self.feeds: list[Feed] = []
        self.muted = False
        #: Its publisher was asked to send less than it would.
        self.is_held_back = False

    @property
    def is_video(self) -> bool:
        """Whether it has keyframes, and packets that are worth sending again."""
        return self.kind == "video"

    def layer(self, rid: str, ssrc: int) -> Layer:
        """The layer ``rid``, which from now on is what comes from ``ssrc``."""
        old = self.layers.get(rid)
        if old is not None and old.ssrc == ssrc:
            return old
        new = Layer(self, rid, ssrc)
        self.layers[rid] = new
        if old is not None:
            old.close()
        for feed in list(self.feeds):
            feed.retarget()
        return new

    def choose(self, wanted: int) -> Layer | None:
        """The best layer that flows and is not above index ``wanted``; else the smallest that flows; else any."""
        if not self.layers:
            return None
        now_ns = self.clock.now_ns()
        ordered = [self.layers[rid] for rid in self.rids if rid in self.layers]
        flowing = [layer for layer in ordered if now_ns - layer.heard_ns < _ALIVE_NS] or ordered
        below = [layer for layer in flowing if self.rids.index(layer.rid) <= wanted]
        return below[-1] if below else flowing[0]

    def mute(self, muted: bool) -> None:
        """Nothing is forwarded while muted; pictures go on with a keyframe."""
        self.muted = muted
        for feed in list(self.feeds):
            feed.retarget()

    def close(self) -> None:
        """The publication has ended."""
        for layer in self.layers.values():
            layer.close()
        self.layers.clear()


class Layer:
    """One encoding of a track, from one SSRC: deduplicated, closed up, remembered, and handed to those it feeds."""

    def __init__(self, track: UpTrack, rid: str, ssrc: int) -> None:
        self.track = track
        self.rid = rid
        self.ssrc = ssrc
        self.window = SequenceWindow()
        self._jumps = 0
        self.history = History()
        self.keyframes = KeyframeGate(track.clock, self._request_keyframe)
        self.keyframe_requests = 0
        self.current: list[Feed] = []
        self.waiting: list[Feed] = []
        self.anchor: Anchor | None = None
        self.heard_ns = track.clock.now_ns()
        self.octets = 0
        #: Of these, what is forwarded: no padding, which may be ten times as much in a lowest layer.
        self.forwarded = 0
        #: What it takes, measured by whoever calls `measure`; falls slowly, so that a still picture changes little.
        self.bitrate_bps = 0.0
        #: And what it took when its publisher was last held back by nobody.
        self.whole_bps = 0.0
        self._measured = (self.heard_ns, 0)
        self.nacked = 0
        self._jitter = 0
        self._transit: int | None = None

    @property
    def newest(self) -> int:
        """The number of the newest packet handed on."""
        return self.window.newest

    # --- packets ---
    def receive(self, packet: bytes, arrival_ns: int) -> None:
        """An RTP packet of this SSRC. `ValueError` when it is malformed."""
        if packet[1] & 0x7F not in (self.track.payload_type, self.track.red_payload_type):
            return
        start = header_length(packet)
        self._measure_jitter(packet, arrival_ns)
        self._take(packet, packet[2] << 8 | packet[3], start, arrival_ns, repaired=False)

    def receive_repair(self, packet: bytes, arrival_ns: int) -> None:
        """A retransmission of this layer's on an SSRC of its own (RFC 4588). `ValueError` when it is malformed."""
        start = header_length(packet) + 2
        padding = packet[-1] if packet[0] & 0x20 else 0
        if len(packet) - padding <= start:
            return
        self._take(packet, packet[start - 2] << 8 | packet[start - 1], start, arrival_ns, repaired=True)

    def _take(self, packet: bytes, sequence: int, start: int, arrival_ns: int, *, repaired: bool) -> None:
        end = len(packet) - (packet[-1] if packet[0] & 0x20 else 0)
        window = self.window
        if arrival_ns - self.heard_ns > _ALIVE_NS:
            self._is_back(arrival_ns)
        self.heard_ns = arrival_ns
        self.octets += len(packet)
        number = window.accept(sequence, end <= start, arrival_ns, repaired=repaired)
        if window.gap and self.track.is_video:
            window.gap = False
            self.ask_again(arrival_ns)
        if window.discontinuities != self._jumps:
            self._jumps = window.discontinuities
            self._begin_anew()
        if self.track.level_id is not None:
            self._hear(packet)
        if number is None:
            return
        self.forwarded += end
        if not (self.current or self.waiting):
            return
        kept = self._kept(packet, start, end, arrival_ns)
        if self.track.is_video:
            self.history.put(number, kept)
        for feed in self.current:
            feed.forward(number, kept)
        if self.waiting and (not self.track.is_video or is_keyframe(self.track.codec, kept.payload)):
            self._start_waiting(number, kept)

    def _is_back(self, arrival_ns: int) -> None:
        """It rested, and who takes it has been fed from another layer: its first packet begins with a keyframe."""
        self.heard_ns = arrival_ns
        for feed in list(self.track.feeds):
            feed.retarget()

    def _begin_anew(self) -> None:
        """More is gone than anybody could send again, and its place is closed up: pictures go on with a keyframe, for
        to those who receive them nothing is missing."""
        if self.track.is_video and self.current:
            self.waiting += [feed for feed in self.current if feed not in self.waiting]
            self.current.clear()
            self.keyframes.request()

    def _start_waiting(self, number: int, kept: Kept) -> None:
        """A keyframe begins: those who wait for one are fed from it on, also from what overtook it."""
        starting, self.waiting = self.waiting, []
        overtaken = range(number + 1, self.newest + 1) if self.track.is_video else ()
        for feed in starting:
            feed.switch(self, number, kept)
            feed.forward(number, kept)
            for later in overtaken:
                packet = self.history.get(later)
                if packet is not None:
                    feed.forward(later, packet)

    def _kept(self, packet: bytes, start: int, end: int, arrival_ns: int) -> Kept:
        track, payload = self.track, packet[start:end]
        block = self._forwarded_block(packet) if track.descriptor_id is not None else b""
        found = locate(track.codec, payload) if track.is_video else None
        if packet[1] & 0x7F == track.red_payload_type:
            return self._kept_redundant(packet, payload, arrival_ns)
        timestamp, body = int.from_bytes(packet[4:8], "big"), block + payload if block else payload
        return Kept(arrival_ns, timestamp, packet[1] & 0x80, block, payload, found, body)

    def _kept_redundant(self, packet: bytes, payload: bytes, arrival_ns: int) -> Kept:
        """Its blocks get the payload type that Opus has towards subscribers."""
        blocks = [evolve(block, payload_type=_OPUS) for block in red.unpack(payload)]
        timestamp, marker = int.from_bytes(packet[4:8], "big"), packet[1] & 0x80
        body = red.pack(blocks)
        return Kept(arrival_ns, timestamp, marker, b"", body, None, body, blocks[-1].data)

    def _forwarded_block(self, packet: bytes) -> bytes:
        value = extension(packet, self.track.descriptor_id or 0)
        return extension_block({DEPENDENCY_DESCRIPTOR_ID: value}) if value else b""

    def _hear(self, packet: bytes) -> None:
        value = extension(packet, self.track.level_id or 0)
        if value:
            self.track.on_level(value[0] & 0x7F)

    def _measure_jitter(self, packet: bytes, arrival_ns: int) -> None:
        """RFC 3550 appendix A.8, in sixteenths."""
        arrival = arrival_ns * self.track.clock_rate // 1_000_000_000
        transit = (arrival - int.from_bytes(packet[4:8], "big")) & 0xFFFFFFFF
        if self._transit is not None:
            step = (transit - self._transit) & 0xFFFFFFFF
            step = min(step, 0x100000000 - step)
            if step < self.track.clock_rate:
                self._jitter += step - ((self._jitter + 8) >> 4)
        self._transit = transit

    def measure(self, now_ns: int) -> None:
        """Its bitrate, from what came since the last call."""
        since_ns, octets = self._measured
        if now_ns <= since_ns:
            return
        self._measured = (now_ns, self.forwarded)
        rate = (self.forwarded - octets) * 8e9 / (now_ns - since_ns)
        self.bitrate_bps = max(rate, self.bitrate_bps + (rate - self.bitrate_bps) * _FALL)
        self.whole_bps = max(self.bitrate_bps, self.whole_bps if self.track.is_held_back else 0.0)

    @property
    def flows(self) -> bool:
        """Whether it sent anything lately."""
        return self.track.clock.now_ns() - self.heard_ns < _ALIVE_NS

    # --- towards the publisher ---
    def ask_again(self, now_ns: int) -> None:
        """NACKs what is missing and due."""
        lost = self.window.lost(now_ns)
        if lost:
            self.nacked += len(lost)
            self.track.send_rtcp(rtcp.serialise(rtcp.Nack(self.track.feedback_ssrc, self.ssrc, tuple(lost))))

    def _request_keyframe(self) -> None:
        self.keyframe_requests += 1
        self.track.send_rtcp(rtcp.serialise(rtcp.Pli(self.track.feedback_ssrc, self.ssrc)))

    def report_block(self, now_ns: int) -> rtcp.ReportBlock:
        """What a receiver report says of this layer."""
        fraction, lost, highest = self.window.report()
        lsr = dlsr = 0
        if self.anchor is not None:
            lsr = self.anchor.ntp_time >> 16 & 0xFFFFFFFF
            dlsr = ((now_ns - self.anchor.arrival_ns) << 16) // 1_000_000_000 & 0xFFFFFFFF
        return rtcp.ReportBlock(self.ssrc, fraction, lost, highest, self._jitter >> 4, lsr, dlsr)

    def sender_report(self, report: rtcp.SenderReport, arrival_ns: int) -> None:
        """The publisher tied this layer's RTP clock to its wall clock; those who are fed hear of it."""
        self.anchor = Anchor(report.ntp_time, report.rtp_time, arrival_ns)
        for feed in self.current:
            feed.report(self)

    def leave(self, feed: Feed) -> None:
        """``feed`` takes nothing more from this layer."""
        for feeds in (self.current, self.waiting):
            if feed in feeds:
                feeds.remove(feed)
        if not self.current and not self.waiting:
            self.history.clear()

    def close(self) -> None:
        """Its source is gone."""
        self.keyframes.close()
        self.history.clear()
