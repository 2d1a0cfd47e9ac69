"""One track towards one subscriber: numbers and times rewritten so that they never jump, whatever feeds it."""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Callable
from struct import Struct

from attrs import frozen

from jackfield.media.clock import Clock
from jackfield.rtc import rtcp
from jackfield.rtc.rtp import extension_block
from jackfield.server.sfu.continuity import Continuity, Epoch
from jackfield.server.sfu.delivery import Delivery
from jackfield.server.sfu.descriptor import shift
from jackfield.server.sfu.history import Kept
from jackfield.server.sfu.limits import Allowance
from jackfield.server.sfu.uplink import DEPENDENCY_DESCRIPTOR_ID, Anchor, Layer, UpTrack

_HEADER = Struct("!BBHLL")
_RESEND_PAUSE_NS = 15_000_000
_RESENT_MAX = 512
#: What a packet of a picture takes, nearly always.
_PACKET_BITS = 1200 * 8
#: Asking for a packet costs too, be it there or not; clients ask again until they have it.
_ASKED_PER_RESENT = 4
_SECOND_NS = 1_000_000_000
#: One subscriber that wants keyframes again and again gets them ever more seldom: each costs all the others bitrate.
_KEYFRAME_NS, _KEYFRAME_MAX_NS, _QUIET_NS = 300_000_000, 3_000_000_000, 5_000_000_000


@frozen
class Reception:
    """What the subscriber last reported. ``loss`` is a fraction, ``lost`` packets in all, ``rtt_ms`` None while not
    known."""

    loss: float = 0.0
    jitter: int = 0
    rtt_ms: float | None = None
    lost: int = 0


class DownTrack:
    """The subscriber's copy of ``track``. Nothing is sent before `enable`: the answer to the offer that contains it.

    ``send_rtp`` takes a packet's header and what follows it; it and ``send_rtcp`` reach the subscriber. ``wanted`` is
    the index of the best layer to send.
    """

    def __init__(
        self,
        track: UpTrack,
        *,
        payload_type: int,
        rtx_payload_type: int,
        send_rtp: Callable[[bytes, bytes], object],
        send_rtcp: Callable[[bytes], object],
        clock: Clock,
        cname: str,
        retransmissions_per_second: int = 3000,
    ) -> None:
        self.track = track
        self.ssrc = secrets.randbits(32) or 1
        self.rtx_ssrc = secrets.randbits(32) or 2
        self.payload_type = payload_type
        self.rtx_payload_type = rtx_payload_type
        #: Under which id this subscriber takes AV1's dependency descriptor.
        self.descriptor_id = DEPENDENCY_DESCRIPTOR_ID
        #: Set where the subscriber takes redundant audio.
        self.red_payload_type: int | None = None
        self.enabled = False
        self.disabled = False
        self.wanted = len(track.rids) - 1
        #: The best layer that there is room for on the way; below 0: none.
        self.allowed = self.wanted
        self._room_bps: float | None = None
        self.reception = Reception()
        self.delivery = Delivery()
        self.packets = self.octets = self.retransmitted = self.nacked = self.keyframes_asked = 0
        self._send_rtp = send_rtp
        self._send_rtcp = send_rtcp
        self._clock = clock
        self._cname = cname
        self._target: Layer | None = None
        self._layer: Layer | None = None
        self._continuity = Continuity(track.clock_rate)
        self._rtx_sequence = secrets.randbits(16)
        self._resent: dict[int, int] = {}
        self._repairs_per_second = retransmissions_per_second
        self._allowance = Allowance(retransmissions_per_second)
        self._asked = Allowance(_ASKED_PER_RESENT * retransmissions_per_second)
        self._keyframe_pause_ns, self._no_keyframe_before_ns = _KEYFRAME_NS, 0
        self._reported: deque[tuple[int, int]] = deque(maxlen=16)
        track.feeds.append(self)

    # --- which layer ---
    @property
    def feeding(self) -> Layer | None:
        """The layer whose packets are being sent; None while it waits for a keyframe or is paused."""
        layer = self._layer
        return layer if layer is not None and self in layer.current else None

    @property
    def takes(self) -> int:
        """The index of the best layer that the subscriber takes, -1 while it wants nothing or its path carries none."""
        return -1 if self.disabled else min(self.wanted, self.allowed)

    def enable(self) -> None:
        """The subscriber has answered the offer that contains this track."""
        if not self.enabled:
            self.enabled = True
            self.retarget()

    def want(self, index: int, *, disabled: bool) -> None:
        """The subscriber asks for layers up to ``index``, or for nothing at the moment."""
        self.wanted, self.disabled = index, disabled
        self.track.on_demand()
        self.retarget()

    def allow(self, index: int) -> None:
        """There is room for layers up to ``index`` on the way; below 0: for none."""
        if index != self.allowed:
            self.allowed = index
            self.track.on_demand()
            self.retarget()

    def make_room(self, bitrate_bps: float | None) -> None:
        """So much of the way is left for this; None: as much as it takes."""
        self._room_bps = bitrate_bps

    @property
    def room_bps(self) -> float | None:
        """What there is room for on the way; None: for all of it. 0 while the subscriber wants nothing of it."""
        return self._room_bps if self.is_wanted else 0.0

    def allow_repairs(self, bitrate_bps: float | None) -> None:
        """There is room for so much of retransmissions on the way; None: nothing says how much."""
        most = self._repairs_per_second
        self._allowance.limit(most if bitrate_bps is None else min(most, max(1, round(bitrate_bps / _PACKET_BITS))))

    @property
    def is_wanted(self) -> bool:
        """The subscriber would have it now, and there is something to send."""
        return self.enabled and not self.disabled and not self.track.muted

    def retarget(self) -> None:
        """Chooses a layer anew and waits for its next keyframe, fed from the old layer until then."""
        flows = self.is_wanted and self.allowed >= 0
        target = self.track.choose(min(self.wanted, self.allowed)) if flows else None
        if target is self._target:
            return
        if self._target is not None and self._target is not self.feeding:
            self._target.leave(self)
        self._target = target
        if target is None:
            if self._layer is not None:
                self._layer.leave(self)
        elif target is not self.feeding:
            target.waiting.append(self)
            if target.track.is_video:
                target.keyframes.request()

    def request_keyframe(self) -> None:
        """The subscriber needs a keyframe. Who asks all the time is heard ever more seldom, down to every 3 s."""
        self.keyframes_asked += 1
        now_ns = self._clock.now_ns()
        if now_ns < self._no_keyframe_before_ns or self._target is None or not self.track.is_video:
            return
        is_quiet = now_ns - self._no_keyframe_before_ns > _QUIET_NS
        pause_ns = _KEYFRAME_NS if is_quiet else min(2 * self._keyframe_pause_ns, _KEYFRAME_MAX_NS)
        self._keyframe_pause_ns, self._no_keyframe_before_ns = pause_ns, now_ns + pause_ns
        self._target.keyframes.request()

    def ask_again(self) -> None:
        """For the keyframe that it waits for, and that has not come."""
        if self._target is not None and self.starving and self.track.is_video:
            self._target.keyframes.request()

    @property
    def starving(self) -> bool:
        """It waits for a keyframe that has not come."""
        return self._target is not None and self._target is not self.feeding

    def close(self) -> None:
        """The subscription has ended."""
        for layer in (self._layer, self._target):
            if layer is not None:
                layer.leave(self)
        self._layer = self._target = None
        self._continuity.forget()
        if self in self.track.feeds:
            self.track.feeds.remove(self)

    # --- packets ---
    def switch(self, layer: Layer, number: int, kept: Kept) -> None:
        """Fed from ``layer`` from this packet on, as if it had been so for ever."""
        if self._layer is not None and self._layer is not layer:
            self._layer.leave(self)
        self._continuity.begin(layer, number, kept)
        self._layer = layer
        layer.current.append(self)
        if layer.anchor is not None:
            self.report(layer)

    def forward(self, number: int, kept: Kept) -> None:
        """Sends a packet of the layer that feeds it, under a number and a time of its own."""
        epoch = self._continuity.epoch
        if epoch is None or (out := number - epoch.number_offset) < epoch.first:
            return
        if kept.block and self.descriptor_id != DEPENDENCY_DESCRIPTOR_ID:
            kept = _renumbered(kept, self.descriptor_id)
        timestamp = (kept.timestamp + epoch.time_offset) & 0xFFFFFFFF
        self._continuity.sent(out, timestamp, kept, epoch)
        first, body, payload_type = 0x90 if kept.block else 0x80, kept.body, self.payload_type
        if kept.primary is not None:
            if self.red_payload_type is None:
                body = kept.primary
            else:
                payload_type = self.red_payload_type
        elif kept.descriptor is not None and (epoch.picture_offset or epoch.base_offset):
            body = kept.block + _shifted(kept, epoch)
        if not kept.payload:
            first, body = first | 0x20, kept.block + b"\x01"
        header = _HEADER.pack(first, payload_type | kept.marker, out & 0xFFFF, timestamp, self.ssrc)
        self.packets += 1
        self.octets += len(kept.payload)
        self._send_rtp(header, body)

    def resend(self, sequences: tuple[int, ...]) -> None:
        """Answers a NACK from the layers' histories, as RTX where that was agreed."""
        now_ns = self._clock.now_ns()
        self.nacked += len(sequences)
        for sequence in sequences:
            if not self._asked.take(now_ns):
                return
            found = self._continuity.find(sequence)
            kept = found[1].layer.history.get(found[0] + found[1].number_offset) if found else None
            if found is None or kept is None or now_ns - self._resent.get(found[0], 0) < _RESEND_PAUSE_NS:
                continue
            if not self._allowance.take(now_ns):
                return
            self._resend_one(found[0], found[1], kept)
            self._resent.pop(found[0], None)
            self._resent[found[0]] = now_ns
            if len(self._resent) > _RESENT_MAX:
                del self._resent[next(iter(self._resent))]

    def _resend_one(self, out: int, epoch: Epoch, kept: Kept) -> None:
        self.retransmitted += 1
        if kept.block and self.descriptor_id != DEPENDENCY_DESCRIPTOR_ID:
            kept = _renumbered(kept, self.descriptor_id)
        timestamp = (kept.timestamp + epoch.time_offset) & 0xFFFFFFFF
        first = 0x90 if kept.block else 0x80
        payload = _shifted(kept, epoch)
        if not self.rtx_payload_type:
            header = _HEADER.pack(first, self.payload_type | kept.marker, out & 0xFFFF, timestamp, self.ssrc)
            self._send_rtp(header, kept.block + payload)
            return
        self._rtx_sequence = (self._rtx_sequence + 1) & 0xFFFF
        second = self.rtx_payload_type | kept.marker
        header = _HEADER.pack(first, second, self._rtx_sequence, timestamp, self.rtx_ssrc)
        self._send_rtp(header, kept.block + (out & 0xFFFF).to_bytes(2, "big") + payload)

    # --- reports ---
    def report(self, layer: Layer) -> None:
        """Tells the subscriber how this track's times stand to the publisher's wall clock."""
        anchor, epoch = layer.anchor, self._continuity.epoch
        if anchor is None or epoch is None or epoch.layer is not layer:
            return
        now = _at(anchor, self._clock.now_ns(), self.track.clock_rate)
        self._reported.append((now.ntp_time >> 16 & 0xFFFFFFFF, now.arrival_ns))
        rtp_time = (now.rtp_time + epoch.time_offset) & 0xFFFFFFFF
        report = rtcp.SenderReport(self.ssrc, now.ntp_time, rtp_time, self.packets, self.octets)
        name = rtcp.SourceDescription(((self.ssrc, self._cname),))
        self._send_rtcp(rtcp.serialise(report, name))

    def received(self, block: rtcp.ReportBlock) -> float | None:
        """The subscriber's receiver report about this track; the round trip in milliseconds, where it tells one."""
        rtt_ms = None
        self.delivery.told(block, self.packets, self.octets, self._clock.now_ns())
        sent_ns = next((ns for lsr, ns in self._reported if lsr == block.lsr), None) if block.lsr else None
        if sent_ns is not None:
            held_ns = block.dlsr * _SECOND_NS >> 16
            rtt_ms = max(0.0, (self._clock.now_ns() - sent_ns - held_ns) / 1e6)
        known_ms = self.reception.rtt_ms if rtt_ms is None else rtt_ms
        self.reception = Reception(block.fraction_lost / 256, block.jitter, known_ms, max(0, block.packets_lost))
        return rtt_ms


def _renumbered(kept: Kept, key: int) -> Kept:
    """The packet with its one header extension under another id (RFC 8285 sections 4.2 and 4.3)."""
    is_short = kept.block[0] == 0xBE
    start, size = (5, (kept.block[4] & 0x0F) + 1) if is_short else (6, kept.block[5])
    block = extension_block({key: kept.block[start : start + size]})
    return kept._replace(block=block, body=block + kept.payload)


def _shifted(kept: Kept, epoch: Epoch) -> bytes:
    """The payload, its descriptor's numbers moved on where the epoch moves them."""
    if kept.descriptor is None or not (epoch.picture_offset or epoch.base_offset):
        return kept.payload
    return shift(kept.payload, kept.descriptor, epoch.picture_offset, epoch.base_offset)


def _at(anchor: Anchor, now_ns: int, clock_rate: int) -> Anchor:
    """The same tie between the clocks, read at another instant."""
    passed_ns = max(0, now_ns - anchor.arrival_ns)
    ntp_time = (anchor.ntp_time + (passed_ns << 32) // _SECOND_NS) & 0xFFFFFFFFFFFFFFFF
    return Anchor(ntp_time, anchor.rtp_time + passed_ns * clock_rate // _SECOND_NS, now_ns)
