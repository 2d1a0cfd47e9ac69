"""One stream out of many: the offsets with which a layer's packets follow what a subscriber was sent before."""

from __future__ import annotations

import secrets
from collections import deque

from attrs import frozen

from jackfield.server.sfu.history import Kept
from jackfield.server.sfu.uplink import Layer

_EPOCHS = 8
_SECOND_NS = 1_000_000_000
#: A publisher's clock that disagrees with our arrival times by more than this is not believed.
_ALIGNED_WITHIN_S = 1.0


@frozen
class Epoch:
    """A stretch of what was sent: from ``first`` on, the packets of ``layer`` moved by these offsets.

    ``picture_offset`` and ``base_offset`` are for the numbers in VP8's and VP9's payload descriptors.
    """

    first: int
    layer: Layer
    number_offset: int
    time_offset: int
    picture_offset: int = 0
    base_offset: int = 0


class Continuity:
    """What was sent last, and the epochs that a late packet or a NACK may still belong to."""

    def __init__(self, clock_rate: int) -> None:
        self.epoch: Epoch | None = None
        self._clock_rate = clock_rate
        self._epochs: deque[Epoch] = deque(maxlen=_EPOCHS)
        self._last = secrets.randbits(15) + 0x10000
        self._timestamp = secrets.randbits(32)
        self._arrival_ns = 0
        self._picture: int | None = None
        self._base = 0

    def begin(self, layer: Layer, number: int, kept: Kept) -> Epoch:
        """From this packet on ``layer`` is sent: numbers go on by one, times by what passed."""
        picture = base = 0
        if kept.descriptor is not None and self._picture is not None:
            picture = self._picture + 1 - kept.descriptor.picture
            base = self._base + 1 - kept.descriptor.base
        first = self._last + 1
        self.epoch = Epoch(first, layer, number - first, self._time_offset(layer, kept), picture, base)
        self._epochs.append(self.epoch)
        return self.epoch

    def sent(self, out: int, timestamp: int, kept: Kept, epoch: Epoch) -> None:
        """This went out; only what is newer than all before it counts."""
        if out <= self._last:
            return
        self._last, self._timestamp, self._arrival_ns = out, timestamp, kept.arrival_ns
        if kept.descriptor is not None:
            self._picture = kept.descriptor.picture + epoch.picture_offset
            self._base = kept.descriptor.base + epoch.base_offset

    def find(self, sequence: int) -> tuple[int, Epoch] | None:
        """The number and the epoch of what was sent lately under this 16-bit sequence number."""
        out = self._last - ((self._last - sequence) & 0xFFFF)
        epoch = next((epoch for epoch in reversed(self._epochs) if epoch.first <= out), None)
        return (out, epoch) if epoch is not None else None

    def forget(self) -> None:
        """Nothing is sent any more, nor sent again."""
        self.epoch = None
        self._epochs.clear()

    def _time_offset(self, layer: Layer, kept: Kept) -> int:
        """The offset with which this packet's time follows what was sent last."""
        if not self._arrival_ns:
            return self._timestamp - kept.timestamp
        passed = max(1, (kept.arrival_ns - self._arrival_ns) * self._clock_rate // _SECOND_NS)
        expected = self._timestamp + passed - kept.timestamp
        offset = self._publishers_offset(layer)
        if offset is None:
            return expected
        step = (kept.timestamp + offset - self._timestamp + 0x80000000) % 0x100000000 - 0x80000000
        if abs(step - passed) > _ALIGNED_WITHIN_S * self._clock_rate:
            return expected
        return offset if step > 0 else self._timestamp + 1 - kept.timestamp

    def _publishers_offset(self, layer: Layer) -> int | None:
        """The offset by which the publisher's own clock moves the new layer's times; None while it is not known."""
        if self.epoch is None:
            return None
        old = self.epoch.layer
        if old is layer:
            return self.epoch.time_offset
        if old.anchor is None or layer.anchor is None:
            return None
        apart = layer.anchor.ntp_time - old.anchor.ntp_time
        ticks = (apart * self._clock_rate + (1 << 31)) >> 32
        return self.epoch.time_offset + old.anchor.rtp_time + ticks - layer.anchor.rtp_time
