"""The video jitter buffer: packets in any order become whole frames in order, with no delay of its own.

A frame is released by its marker bit once it is contiguous; where the marker is missing, by the first packet of the
next frame. A gap blocks until it is filled, or until `VideoBuffer.expire` gives it up: then everything up to the next
frame that can be decoded is skipped. That is a keyframe, or, where the stream has temporal layers and only upper ones
were lost, the next frame of the base layer. Time is kept by the caller.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from attrs import frozen

from jackfield.values.media import CodecName, EncodedFrame

#: Packets held while a keyframe is waited for: the rest of a keyframe whose first packet is late.
_WAITING_MAX = 512


class FrameFormat(Protocol):
    """How one codec's frames lie in RTP payloads."""

    def starts_frame(self, payload: bytes) -> bool:
        """Whether a frame can begin with this payload."""

    def assemble(self, payloads: Sequence[bytes]) -> bytes:
        """The frame; `ValueError` when it is damaged."""


class TemporalLayer(NamedTuple):
    """Where a frame stands in its stream's temporal layers (RFC 7741 and RFC 9628, section 4.2).

    ``base`` counts the frames of the lowest layer, by 8 bits: its own number, or that of the one it builds on.
    """

    layer: int
    base: int
    #: Whether it builds on the lowest layer alone.
    syncs: bool


#: How much longer a gap is borne where all that came after it says that the lowest layer is whole.
_BASE_WAIT_NS = 150_000_000
#: Every layer can be decoded.
_ALL = 99


@frozen(eq=False)
class VideoPacket:
    """What the buffer keeps of one packet; ``sequence`` and ``timestamp`` grow for ever."""

    sequence: int
    timestamp: int
    marker: bool
    payload: bytes
    arrival_ns: int


class VideoBuffer:
    """One stream's packets, at most ``capacity`` of them.

    Begins by waiting for a keyframe, as after every gap that was given up: ``waiting_for_keyframe`` says so.
    """

    def __init__(
        self,
        codec: CodecName,
        format: FrameFormat,
        is_keyframe: Callable[[bytes], bool],
        *,
        capacity: int = 2048,
        layer: Callable[[bytes], TemporalLayer | None] = lambda payload: None,
    ) -> None:
        self.waiting_for_keyframe = True
        self.frames_released = 0
        self.keyframes_released = 0
        self.frames_dropped = 0
        self._codec = codec
        self._format = format
        self._is_keyframe = is_keyframe
        self._capacity = capacity
        self._layer = layer
        self._base: int | None = None  # that of the last frame that was released
        self._highest = _ALL  # the highest layer that can be decoded since the last gap
        self._ahead: dict[int, VideoPacket] = {}  # beyond a gap, in order of arrival
        self._current: list[VideoPacket] = []  # the frame being gathered: contiguous
        self._position: int | None = None  # the next sequence number to take
        self._rewindable = False
        self._lost = 0
        self._last_dropped_timestamp = -1

    @property
    def position(self) -> int | None:
        """The sequence number that is needed next; None while any keyframe would do."""
        return None if self.waiting_for_keyframe else self._position

    @property
    def blocked_since_ns(self) -> int | None:
        """Since when a gap has held frames back; None when nothing does."""
        if self.waiting_for_keyframe or not self._ahead:
            return None
        return next(iter(self._ahead.values())).arrival_ns

    def insert(self, packet: VideoPacket) -> list[EncodedFrame]:
        """Takes a packet; answers with the frames it completed. Duplicates and late ones are left out."""
        if self.waiting_for_keyframe:
            return self._insert_waiting(packet)
        assert self._position is not None
        if packet.sequence == self._position:
            return self._take(packet)
        if packet.sequence < self._position:
            return self._insert_late(packet)
        self._ahead.setdefault(packet.sequence, packet)
        if len(self._ahead) > self._capacity:
            return self._skip()
        return []

    def expire(self, now_ns: int, patience_ns: int) -> list[EncodedFrame]:
        """Gives up a gap older than ``patience_ns``; answers with what lies after it, from a keyframe on."""
        due_ns = self.gives_up_ns(patience_ns)
        return [] if due_ns is None or now_ns < due_ns else self._skip()

    def gives_up_ns(self, patience_ns: int) -> int | None:
        """When `expire` will give up the gap; None while there is none. A little later where that saves a keyframe."""
        since = self.blocked_since_ns
        if since is None:
            return None
        return since + patience_ns + (_BASE_WAIT_NS if patience_ns and self._hopes_for_base() else 0)

    def restart(self) -> None:
        """The numbering begins anew: what is held is dropped and a keyframe is waited for."""
        self._give_up(self._ahead)
        self._position = None

    # --- waiting for a keyframe ----------------------------------------------------------------------------------
    def _insert_waiting(self, packet: VideoPacket) -> list[EncodedFrame]:
        if self._position is not None and packet.sequence < self._position:
            return []
        self._ahead.setdefault(packet.sequence, packet)
        if self._begins_keyframe(packet):
            return self._begin(packet.sequence)
        if len(self._ahead) > _WAITING_MAX:
            self._drop(self._ahead.pop(next(iter(self._ahead))))
        return []

    def _begins_keyframe(self, packet: VideoPacket) -> bool:
        payload = packet.payload
        return bool(payload) and self._is_keyframe(payload) and self._format.starts_frame(payload)

    def _begin(self, sequence: int) -> list[EncodedFrame]:
        for number in [number for number in self._ahead if number < sequence]:
            self._drop(self._ahead.pop(number))
        self.waiting_for_keyframe = False
        self._rewindable = True
        return self._take(self._ahead.pop(sequence))

    def _insert_late(self, packet: VideoPacket) -> list[EncodedFrame]:
        """A parameter set that comes after the picture it belongs to is put before it; anything else is too late."""
        current = self._current
        if not (self._rewindable and current and packet.timestamp == current[0].timestamp):
            return []
        if packet.sequence >= current[0].sequence or not self._begins_keyframe(packet):
            return []
        self._ahead = {held.sequence: held for held in current} | self._ahead
        self._ahead[packet.sequence] = packet
        current.clear()
        return self._begin(packet.sequence)

    # --- in order -------------------------------------------------------------------------------------------------
    def _take(self, packet: VideoPacket) -> list[EncodedFrame]:
        """This packet is next; so are those after it that are already here."""
        released: list[EncodedFrame] = []
        following: VideoPacket | None = packet
        while following is not None:
            self._position = following.sequence + 1
            if not self._gather(following, released):
                self._give_up(self._ahead)
                break
            following = self._ahead.pop(self._position, None) if self._ahead else None
        return released

    def _gather(self, packet: VideoPacket, released: list[EncodedFrame]) -> bool:
        """Adds a packet to the frame; whether the frames so far are sound. Padding only takes a number."""
        if not packet.payload:
            return True
        current = self._current
        if current and packet.timestamp != current[0].timestamp and not self._release(released):
            return False
        if not current and not self._format.starts_frame(packet.payload):
            return False
        current.append(packet)
        if packet.marker:
            return self._release(released)
        return len(current) < self._capacity

    def _release(self, released: list[EncodedFrame]) -> bool:
        payloads = [packet.payload for packet in self._current]
        first = self._current[0]
        lost = self._lost if self.frames_released else 0
        try:
            data = self._format.assemble(payloads)
        except ValueError:
            return False
        keyframe = any(map(self._is_keyframe, payloads))
        if not self._fits(payloads[0], keyframe):
            self.frames_dropped += 1
            self._current.clear()
            return True
        frame = EncodedFrame(data, self._codec, keyframe, first.arrival_ns, first.timestamp, lost_before=lost)
        self._current.clear()
        self._rewindable = False
        self._lost = 0
        self.frames_released += 1
        self.keyframes_released += keyframe
        released.append(frame)
        return True

    def _fits(self, payload: bytes, keyframe: bool) -> bool:
        """Whether what this frame builds on was released."""
        found = self._layer(payload)
        if keyframe or found is None:
            self._highest, self._base = _ALL, found.base if found is not None else None
            return True
        if found.layer > self._highest and not found.syncs:
            return False
        if found.layer == self._highest + 1:
            self._highest = found.layer
        self._base = found.base
        return True

    # --- what is given up ------------------------------------------------------------------------------------------
    def _skip(self) -> list[EncodedFrame]:
        """Gives up the frame at hand and the gap; goes on at the first keyframe after it, or waits for one."""
        keyframe = min((number for number, held in self._ahead.items() if self._begins_keyframe(held)), default=None)
        beyond = self._ahead[min(self._ahead)].payload
        if not self._current and (not beyond or self._format.starts_frame(beyond)):
            self._lost += 1  # nothing of the frame in the gap was seen
        onwards = self._next_of_base()
        if onwards is not None and (keyframe is None or onwards < keyframe):
            return self._go_on(onwards)
        if keyframe is None:
            self._give_up(self._ahead)
            return []
        self._give_up({})
        return self._begin(keyframe)

    def _next_of_base(self) -> int | None:
        """Where a frame begins that builds on released frames alone; None where there is none, or no layers."""
        if self._base is None:
            return None
        following = (self._base + 1) & 0xFF
        for number in sorted(self._ahead):
            payload = self._ahead[number].payload
            found = self._layer(payload) if payload and self._format.starts_frame(payload) else None
            if found is not None and (found.layer, found.base) == (0, following):
                return number
            if found is not None and found.layer and found.syncs and found.base == self._base:
                return number
        return None

    def _hopes_for_base(self) -> bool:
        """Whether nothing that can be decoded lies beyond the gap, but a frame that says that no base frame is lost."""
        if self._base is None or self._next_of_base() is not None:
            return False
        ahead = [held for held in self._ahead.values() if held.payload and self._format.starts_frame(held.payload)]
        if any(self._begins_keyframe(held) for held in ahead):
            return False
        found = [self._layer(held.payload) for held in ahead]
        return any(each is not None and each.layer > 0 and each.base == self._base for each in found)

    def _go_on(self, sequence: int) -> list[EncodedFrame]:
        """With a frame of the base layer: what was skipped is missed by nobody."""
        for packet in self._current:
            self._drop(packet)
        self._current.clear()
        for number in [number for number in self._ahead if number < sequence]:
            self._drop(self._ahead.pop(number))
        self._lost, self._highest, self._rewindable = 0, 0, False
        return self._take(self._ahead.pop(sequence))

    def _give_up(self, ahead: dict[int, VideoPacket]) -> None:
        for packet in [*self._current, *ahead.values()]:
            self._drop(packet)
        self._lost = max(self._lost, 1)
        self._current.clear()
        ahead.clear()
        self.waiting_for_keyframe = True

    def _drop(self, packet: VideoPacket) -> None:
        if packet.payload and packet.timestamp != self._last_dropped_timestamp:
            self._last_dropped_timestamp = packet.timestamp
            self.frames_dropped += 1
            self._lost += 1
