"""RTP timestamps from capture instants (RFC 3550 section 5.1), and the wall clock they are tied to."""

from __future__ import annotations

import secrets
import time

from jackfield.media import opus
from jackfield.values.media import EncodedFrame

_SECOND_NS = 1_000_000_000
_NTP_EPOCH_S = 2_208_988_800
#: Sound whose capture lags behind its durations by more than this had a pause in it.
_BEHIND_NS = 100_000_000
#: A microphone's clock may be this much off the machine's; what it falls behind so slowly is no pause.
_DRIFT = 2000


class Timeline:
    """One stream's timestamps, growing for ever from a random beginning: those of pictures follow their capture."""

    def __init__(self, clock_rate: int) -> None:
        self._clock_rate = clock_rate
        self._beginning = self._stamp = secrets.randbits(31)
        self._began_ns: int | None = None
        self._time_ns = 0

    def stamp(self, frame: EncodedFrame) -> int:
        """The frame's timestamp, later than the one before."""
        if self._began_ns is None:
            self._began_ns = self._time_ns = frame.time_ns
            return self._stamp
        captured = self._beginning + self._ticks(frame.time_ns - self._began_ns)
        self._stamp = max(captured, self._stamp + 1)
        self._time_ns = max(frame.time_ns, self._time_ns)
        return self._stamp

    def at(self, now_ns: int) -> int | None:
        """The timestamp of what is captured now; None before the first frame."""
        return None if self._began_ns is None else self._stamp + self._ticks(now_ns - self._time_ns)

    def _ticks(self, duration_ns: int) -> int:
        return duration_ns * self._clock_rate // _SECOND_NS


class SoundTimeline(Timeline):
    """Frames of sound follow each other by their duration, whatever the jitter of their capture instants: the
    microphone's clock is the stream's (RFC 3550 section 5.1), sender reports say how it goes against the wall's, and
    whoever plays makes up for the drift. Only where frames have fallen behind by a tenth of a second, after a pause or
    faster than a clock drifts, the timestamps catch up."""

    def __init__(self, clock_rate: int) -> None:
        super().__init__(clock_rate)
        self._next = self._stamp
        self._expected_ns = 0

    def stamp(self, frame: EncodedFrame) -> int:
        """The frame's timestamp, later than the one before."""
        if self._began_ns is None:
            self._began_ns = self._expected_ns = frame.time_ns
        duration_ns = frame.duration_ns or opus.duration_ns(frame.data)
        behind_ns = frame.time_ns - self._expected_ns
        if behind_ns > _BEHIND_NS:
            self._next += self._ticks(behind_ns)
            self._expected_ns = frame.time_ns
        else:
            self._expected_ns += max(-duration_ns // _DRIFT, min(behind_ns, duration_ns // _DRIFT))
        self._stamp, self._next = self._next, self._next + max(1, self._ticks(duration_ns))
        self._time_ns = frame.time_ns
        self._expected_ns += duration_ns
        return self._stamp


def ntp(wall_ns: int | None = None) -> int:
    """Seconds since 1900 as 32.32 fixed point, as sender reports carry them; of now, or of ``time.time_ns()`` then."""
    seconds, rest = divmod(time.time_ns() if wall_ns is None else wall_ns, _SECOND_NS)
    return (seconds + _NTP_EPOCH_S << 32) | (rest << 32) // _SECOND_NS


def ntp_ns(ntp_time: int) -> int:
    """The same in nanoseconds since 1900."""
    return (ntp_time >> 32) * _SECOND_NS + ((ntp_time & 0xFFFFFFFF) * _SECOND_NS >> 32)


def ntp_middle(ntp_time: int) -> int:
    """The middle 32 bits, in 1/65536 s, as report blocks echo them."""
    return ntp_time >> 16 & 0xFFFFFFFF
