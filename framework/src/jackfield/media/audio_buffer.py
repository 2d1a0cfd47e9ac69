"""The audio jitter buffer: packets come when the network likes and leave at an even pace, as early as they can.

How long a packet is kept follows the jitter of the last few seconds: the delay jumps up when a packet would have been
late, and shrinks back slowly enough not to be heard. Time is kept by the caller: `AudioBuffer.due_ns` says when
`AudioBuffer.take` is worth calling.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque

from attrs import frozen

from jackfield.media import opus
from jackfield.values.media import AUDIO_CLOCK_RATE, EncodedFrame

_MS = 1_000_000
_HELD_MAX = 256
#: A timestamp that moved this far from the clock is a new beginning, not jitter.
_DISCONTINUITY_NS = 2_000 * _MS
#: How much longer than the one before a packet may be kept for pictures' sake: whoever plays slows down by no more.
_HOLD_STEP_NS = _MS // 10
#: Nothing for so long is an outage, and what comes then so close together waited for its end.
_OUTAGE_NS, _TOGETHER_NS = 100 * _MS, 8 * _MS


class ArrivalSpread:
    """How much later than the fastest one packets came, over the last ``size`` of them."""

    def __init__(self, size: int = 250) -> None:
        self._size = size
        self._recent: deque[int] = deque()
        self._sorted: list[int] = []

    def add(self, transit_ns: int) -> None:
        """A packet was under way for this long, on clocks with any fixed offset."""
        if len(self._recent) == self._size:
            del self._sorted[bisect_left(self._sorted, self._recent.popleft())]
        self._recent.append(transit_ns)
        insort(self._sorted, transit_ns)

    @property
    def fastest_ns(self) -> int:
        """The shortest transit."""
        return self._sorted[0]

    def covering(self, share: float) -> int:
        """The spread in ns within which this share of packets came."""
        return self._sorted[min(int(share * len(self._sorted)), len(self._sorted) - 1)] - self._sorted[0]

    def clear(self) -> None:
        """Forgets everything."""
        self._recent.clear()
        self._sorted.clear()

    def __len__(self) -> int:
        return len(self._sorted)


@frozen(eq=False)
class _Held:
    timestamp: int
    payload: bytes
    arrival_ns: int


class AudioBuffer:
    """One stream's packets. The delay is between ``least_ms`` and ``most_ms``: 20 to 60 ms on a healthy network."""

    def __init__(
        self, codec: str = "opus", *, rate: int = AUDIO_CLOCK_RATE, least_ms: float = 20, most_ms: float = 200
    ) -> None:
        self.frames_released = 0
        self.late = 0
        self.lost = 0
        self.filled = 0
        self._codec = codec
        self._rate = rate
        self._least_ns = round(least_ms * _MS)
        self._most_ns = round(most_ms * _MS)
        self._spread = ArrivalSpread()
        #: Transit and delay together: a frame leaves so long after its media time.
        self._offset_ns: int | None = None
        self._last_ns, self._waiting = 0, False
        self._hold_ns = self._hold_wanted_ns = 0
        self._held: dict[int, _Held] = {}
        self._next: int | None = None

    @property
    def delay_ms(self) -> float:
        """How long a packet that came as fast as any is kept."""
        if self._offset_ns is None or not len(self._spread):
            return self._least_ns / _MS
        return (self._offset_ns - self._spread.fastest_ns) / _MS

    def insert(self, sequence: int, timestamp: int, payload: bytes, arrival_ns: int) -> None:
        """Takes a packet; ``sequence`` and ``timestamp`` grow for ever. Duplicates and late ones are left out."""
        if sequence in self._held:
            return
        self._measure(arrival_ns - self._media_ns(timestamp), arrival_ns)
        if self._next is not None and sequence < self._next:
            self.late += 1
            return
        self._held[sequence] = _Held(timestamp, payload, arrival_ns)
        if len(self._held) > _HELD_MAX:
            del self._held[min(self._held)]

    def fill(self, sequence: int, timestamp: int, payload: bytes, arrival_ns: int) -> None:
        """Takes a frame that came along with a later packet, where its own packet has not come and still may."""
        if self._next is None or sequence < self._next or sequence in self._held:
            return
        self._held[sequence] = _Held(timestamp, payload, arrival_ns)
        self.filled += 1

    def hold(self, wanted_ns: int) -> int:
        """Packets are kept so much longer than they need be, more by a hair with each; how much it is by now."""
        self._hold_wanted_ns = wanted_ns
        return self._hold_ns

    def due_ns(self) -> int | None:
        """When the next packet is to leave; None when there is none."""
        if not self._held:
            return None
        return self._leaves_ns(self._held[min(self._held)])

    def take(self, now_ns: int) -> list[EncodedFrame]:
        """The frames whose time has come, in order; `EncodedFrame.lost_before` counts those that never came."""
        frames: list[EncodedFrame] = []
        while self._held:
            sequence = min(self._held)
            if self._leaves_ns(self._held[sequence]) > now_ns:
                break
            held = self._held.pop(sequence)
            missing = 0 if self._next is None else sequence - self._next
            self._next = sequence + 1
            self.lost += missing
            if held.payload:
                frames.append(self._frame(held, missing))
        self.frames_released += len(frames)
        return frames

    def restart(self) -> None:
        """The numbering begins anew: what is held is dropped, what was learnt of the network stays."""
        self._held.clear()
        self._next = None
        self._spread.clear()
        self._offset_ns = None

    def _frame(self, held: _Held, missing: int) -> EncodedFrame:
        duration_ns = opus.duration_ns(held.payload)
        return EncodedFrame(
            held.payload, self._codec, True, held.arrival_ns, held.timestamp, duration_ns, lost_before=missing
        )

    def _media_ns(self, timestamp: int) -> int:
        return timestamp * 1_000_000_000 // self._rate

    def _leaves_ns(self, held: _Held) -> int:
        return self._media_ns(held.timestamp) + (self._offset_ns or 0)

    def _measure(self, transit_ns: int, arrival_ns: int) -> None:
        spread = self._spread
        if len(spread) and abs(transit_ns - spread.fastest_ns) > _DISCONTINUITY_NS:
            spread.clear()
            self._offset_ns = None
        if not self._belongs_to_outage(transit_ns, arrival_ns):
            spread.add(transit_ns)
        wanted_ns = max(self._least_ns, min(spread.covering(0.98) + 5 * _MS, self._most_ns))
        self._hold_ns += max(-_MS, min(self._hold_wanted_ns - self._hold_ns, _HOLD_STEP_NS))
        offset_ns = spread.fastest_ns + wanted_ns + self._hold_ns
        if self._offset_ns is not None:
            # One twentieth of the time may be taken back: a player makes up for that without being heard.
            offset_ns = max(offset_ns, self._offset_ns - _MS)
        self._offset_ns = offset_ns

    def _belongs_to_outage(self, transit_ns: int, arrival_ns: int) -> bool:
        """Whether it waited with others for the network to come back: all of them say no more than the first."""
        silent_ns, self._last_ns = arrival_ns - self._last_ns, arrival_ns
        was_waiting, self._waiting = self._waiting, silent_ns > _OUTAGE_NS
        if self._waiting or not was_waiting or not len(self._spread):
            return False
        self._waiting = silent_ns < _TOGETHER_NS and transit_ns > self._spread.fastest_ns + self._least_ns
        return self._waiting
