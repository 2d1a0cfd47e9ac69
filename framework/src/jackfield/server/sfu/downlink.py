"""One track towards one subscriber: numbers and times rewritten so that they never jump, whatever feeds it."""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Callable
from struct import Struct

from attrs import frozen

from jackfield.media.clock import Clock
from jackfield.rtc import rtcp
from jackfield.server.sfu.history import Kept
from jackfield.server.sfu.limits import Allowance
from jackfield.server.sfu.uplink import Anchor, Layer, UpTrack

_HEADER = Struct("!BBHLL")
_EPOCHS = 8
_RESEND_PAUSE_NS = 15_000_000
_RESENT_MAX = 512
_SECOND_NS = 1_000_000_000
_ALIGNED_WITHIN_S = 1.0


@frozen
class Epoch:
    """A stretch of what was sent: from ``first`` on, the packets of ``layer`` moved by these offsets."""

    first: int
    layer: Layer
    number_offset: int
    time_offset: int


@frozen
class Reception:
    """What the subscriber last reported. ``loss`` is a fraction, ``rtt_ms`` None while not known."""

    loss: float = 0.0
    jitter: int = 0
    rtt_ms: float | None = None


class DownTrack:
    """The subscriber's copy of ``track``. Nothing is sent before `enable`: the answer to the offer that contains it.

    ``send_rtp`` and ``send_rtcp`` reach the subscriber. ``wanted`` is the index of the best layer to send.
    """

    def __init__(
        self,
        track: UpTrack,
        *,
        payload_type: int,
        rtx_payload_type: int,
        send_rtp: Callable[[bytes], object],
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
        self.enabled = False
        self.disabled = False
        self.wanted = len(track.rids) - 1
        self.reception = Reception()
        self.packets = self.octets = self.retransmitted = 0
        self._send_rtp = send_rtp
        self._send_rtcp = send_rtcp
        self._clock = clock
        self._cname = cname
        self._target: Layer | None = None
        self._layer: Layer | None = None
        self._epochs: deque[Epoch] = deque(maxlen=_EPOCHS)
        self._first = self._number_offset = self._time_offset = 0
        self._last = secrets.randbits(15) + 0x10000
        self._last_timestamp = secrets.randbits(32)
        self._last_arrival_ns = 0
        self._rtx_sequence = secrets.randbits(16)
        self._resent: dict[int, int] = {}
        self._allowance = Allowance(retransmissions_per_second)
        self._reported: deque[tuple[int, int]] = deque(maxlen=16)
        track.feeds.append(self)

    # --- which layer ---
    @property
    def feeding(self) -> Layer | None:
        """The layer whose packets are being sent; None while it waits for a keyframe or is paused."""
        layer = self._layer
        return layer if layer is not None and self in layer.current else None

    def enable(self) -> None:
        """The subscriber has answered the offer that contains this track."""
        if not self.enabled:
            self.enabled = True
            self.retarget()

    def want(self, index: int, *, disabled: bool) -> None:
        """The subscriber asks for layers up to ``index``, or for nothing at the moment."""
        self.wanted, self.disabled = index, disabled
        self.retarget()

    def retarget(self) -> None:
        """Chooses a layer anew and waits for its next keyframe, fed from the old layer until then."""
        flows = self.enabled and not self.disabled and not self.track.muted
        target = self.track.choose(self.wanted) if flows else None
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
        """The subscriber needs a keyframe."""
        if self._target is not None and self.track.is_video:
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
        self._epochs.clear()
        if self in self.track.feeds:
            self.track.feeds.remove(self)

    # --- packets ---
    def switch(self, layer: Layer, number: int, timestamp: int, arrival_ns: int) -> None:
        """Fed from ``layer`` from this packet on; numbers go on by one, times by what passed."""
        self._time_offset = self._align(layer, timestamp, arrival_ns)
        if self._layer is not None and self._layer is not layer:
            self._layer.leave(self)
        self._layer = layer
        layer.current.append(self)
        self._number_offset = number - (self._last + 1)
        self._first = self._last + 1
        self._epochs.append(Epoch(self._first, layer, self._number_offset, self._time_offset))
        if layer.anchor is not None:
            self.report(layer)

    def _align(self, layer: Layer, timestamp: int, arrival_ns: int) -> int:
        """The offset with which ``timestamp`` follows what was sent last."""
        if not self._last_arrival_ns:
            return self._last_timestamp - timestamp
        rate = self.track.clock_rate
        passed = max(1, (arrival_ns - self._last_arrival_ns) * rate // _SECOND_NS)
        expected = self._last_timestamp + passed
        offset = self._same_clock_offset(layer)
        if offset is None:
            return expected - timestamp
        step = (timestamp + offset - self._last_timestamp + 0x80000000) % 0x100000000 - 0x80000000
        if abs(step - passed) > _ALIGNED_WITHIN_S * rate:
            return expected - timestamp
        return offset if step > 0 else self._last_timestamp + 1 - timestamp

    def _same_clock_offset(self, layer: Layer) -> int | None:
        """The offset by which the publisher's own clock moves the new layer's times; None while it is not known."""
        old = self._layer
        if old is layer:
            return self._time_offset
        if old is None or old.anchor is None or layer.anchor is None or old.track is not layer.track:
            return None
        apart = layer.anchor.ntp_time - old.anchor.ntp_time
        ticks = (apart * self.track.clock_rate + (1 << 31)) >> 32
        return self._time_offset + old.anchor.rtp_time + ticks - layer.anchor.rtp_time

    def forward(self, number: int, timestamp: int, marker: int, block: bytes, payload: bytes) -> None:
        """Sends a packet of the layer that feeds it, under a number and a time of its own."""
        out = number - self._number_offset
        if out < self._first:
            return
        timestamp = (timestamp + self._time_offset) & 0xFFFFFFFF
        if out > self._last:
            self._last = out
            self._last_timestamp = timestamp
            self._last_arrival_ns = self._clock.now_ns()
        first = 0x90 if block else 0x80
        if not payload:
            first, payload = first | 0x20, b"\x01"
        header = _HEADER.pack(first, self.payload_type | marker, out & 0xFFFF, timestamp, self.ssrc)
        self.packets += 1
        self.octets += len(payload)
        self._send_rtp(header + block + payload)

    def resend(self, sequences: tuple[int, ...]) -> None:
        """Answers a NACK from the layers' histories, as RTX where that was agreed."""
        now_ns = self._clock.now_ns()
        for sequence in sequences:
            out = self._last - ((self._last - sequence) & 0xFFFF)
            epoch = next((epoch for epoch in reversed(self._epochs) if epoch.first <= out), None)
            kept = epoch.layer.history.get(out + epoch.number_offset) if epoch else None
            if epoch is None or kept is None or now_ns - self._resent.get(out, 0) < _RESEND_PAUSE_NS:
                continue
            if not self._allowance.take(now_ns):
                return
            self._resend_one(out, epoch, kept)
            self._resent.pop(out, None)
            self._resent[out] = now_ns
            if len(self._resent) > _RESENT_MAX:
                del self._resent[next(iter(self._resent))]

    def _resend_one(self, out: int, epoch: Epoch, kept: Kept) -> None:
        self.retransmitted += 1
        timestamp = (kept.timestamp + epoch.time_offset) & 0xFFFFFFFF
        first = 0x90 if kept.block else 0x80
        if not self.rtx_payload_type:
            header = _HEADER.pack(first, self.payload_type | kept.marker, out & 0xFFFF, timestamp, self.ssrc)
            self._send_rtp(header + kept.block + kept.payload)
            return
        self._rtx_sequence = (self._rtx_sequence + 1) & 0xFFFF
        second = self.rtx_payload_type | kept.marker
        header = _HEADER.pack(first, second, self._rtx_sequence, timestamp, self.rtx_ssrc)
        self._send_rtp(header + kept.block + (out & 0xFFFF).to_bytes(2, "big") + kept.payload)

    # --- reports ---
    def report(self, layer: Layer) -> None:
        """Tells the subscriber how this track's times stand to the publisher's wall clock."""
        anchor = layer.anchor
        if anchor is None or layer is not self._layer or (not self.packets and not self._epochs):
            return
        now = _at(anchor, self._clock.now_ns(), self.track.clock_rate)
        self._reported.append((now.ntp_time >> 16 & 0xFFFFFFFF, now.arrival_ns))
        rtp_time = (now.rtp_time + self._time_offset) & 0xFFFFFFFF
        report = rtcp.SenderReport(self.ssrc, now.ntp_time, rtp_time, self.packets, self.octets)
        name = rtcp.SourceDescription(((self.ssrc, self._cname),))
        self._send_rtcp(rtcp.serialise(report, name))

    def received(self, block: rtcp.ReportBlock) -> None:
        """The subscriber's receiver report about this track."""
        rtt_ms = self.reception.rtt_ms
        sent_ns = next((ns for lsr, ns in self._reported if lsr == block.lsr), None) if block.lsr else None
        if sent_ns is not None:
            held_ns = block.dlsr * _SECOND_NS >> 16
            rtt_ms = max(0.0, (self._clock.now_ns() - sent_ns - held_ns) / 1e6)
        self.reception = Reception(block.fraction_lost / 256, block.jitter, rtt_ms)


def _at(anchor: Anchor, now_ns: int, clock_rate: int) -> Anchor:
    """The same tie between the clocks, read at another instant."""
    passed_ns = max(0, now_ns - anchor.arrival_ns)
    ntp_time = (anchor.ntp_time + (passed_ns << 32) // _SECOND_NS) & 0xFFFFFFFFFFFFFFFF
    return Anchor(ntp_time, anchor.rtp_time + passed_ns * clock_rate // _SECOND_NS, now_ns)
