"""RTP timestamps from capture instants (RFC 3550 section 5.1), and the wall clock they are tied to."""

from __future__ import annotations

import secrets
import time

from jackfield.media import opus
from jackfield.values.media import EncodedFrame

_SECOND_NS = 1_000_000_000
_NTP_EPOCH_S = 2_208_988_800
#: A pause between captured sounds longer than this is kept; a shorter one is jitter of the capture.
_AUDIO_PAUSE_NS = 100_000_000


class Timeline:
    """One stream's timestamps, growing for ever from a random beginning.

    ``gapless``: frames of sound follow each other by their duration, whatever the jitter of their capture instants.
    """

    def __init__(self, clock_rate: int, *, gapless: bool) -> None:
        self._clock_rate = clock_rate
        self._gapless = gapless
        self._stamp = self._epoch_stamp = secrets.randbits(31)
        self._epoch_ns: int | None = None
        self._time_ns = 0
        self._duration_ns = 0

    def stamp(self, frame: EncodedFrame) -> int:
        """The frame's timestamp, later than the one before."""
        if self._epoch_ns is None:
            self._epoch_ns = self._time_ns = frame.time_ns
        elif self._gapless:
            self._stamp += self._step(frame.time_ns - self._time_ns)
            self._time_ns = frame.time_ns
        else:
            captured = self._epoch_stamp + (frame.time_ns - self._epoch_ns) * self._clock_rate // _SECOND_NS
            self._stamp = max(captured, self._stamp + 1)
            self._time_ns = max(frame.time_ns, self._time_ns)
        self._duration_ns = (frame.duration_ns or opus.duration_ns(frame.data)) if self._gapless else 0
        return self._stamp

    def at(self, now_ns: int) -> int | None:
        """The timestamp of what is captured now; None before the first frame."""
        if self._epoch_ns is None:
            return None
        return self._stamp + (now_ns - self._time_ns) * self._clock_rate // _SECOND_NS

    def _step(self, passed_ns: int) -> int:
        if self._duration_ns and passed_ns < self._duration_ns + _AUDIO_PAUSE_NS:
            passed_ns = self._duration_ns
        return max(1, passed_ns * self._clock_rate // _SECOND_NS)


def ntp(wall_ns: int | None = None) -> int:
    """Seconds since 1900 as 32.32 fixed point, as sender reports carry them; of now, or of ``time.time_ns()`` then."""
    seconds, rest = divmod(time.time_ns() if wall_ns is None else wall_ns, _SECOND_NS)
    return (seconds + _NTP_EPOCH_S << 32) | (rest << 32) // _SECOND_NS


def ntp_middle(ntp_time: int) -> int:
    """The middle 32 bits, in 1/65536 s, as report blocks echo them."""
    return ntp_time >> 16 & 0xFFFFFFFF
