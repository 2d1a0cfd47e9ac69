"""What a receiver keeps to make transport-wide feedback: which packets came, and when."""

from __future__ import annotations

from jackfield.rtc.rtp import SequenceUnwrapper
from jackfield.rtc.twcc_format import TransportFeedback

#: One packet of feedback reports at most this many, so that it fits a datagram.
_REPORT_MAX = 400
_KEPT_MAX = 4000


class ArrivalLog:
    """Arrivals since the last feedback. Nothing is kept beyond `_KEPT_MAX` packets."""

    def __init__(self) -> None:
        self._unwrapper = SequenceUnwrapper()
        self._arrivals: dict[int, int] = {}
        self._next: int | None = None
        self._count = 0

    def record(self, sequence: int, arrival_us: int) -> None:
        """A packet with this transport-wide sequence number came at ``arrival_us``."""
        number = self._unwrapper.unwrap(sequence)
        if len(self._arrivals) < _KEPT_MAX:
            self._arrivals.setdefault(number, arrival_us)

    def feedback(self, sender_ssrc: int, media_ssrc: int) -> list[TransportFeedback]:
        """Reports on everything since the last call; empty when nothing came. Call it every 50–100 ms.

        A packet that comes after it was reported lost is reported again, as libwebrtc's receivers do.
        """
        if not self._arrivals:
            return []
        numbers = sorted(self._arrivals)
        start = numbers[0] if self._next is None else min(self._next, numbers[0])
        if numbers[-1] - start > _KEPT_MAX:
            start = max(numbers[0], numbers[-1] - _KEPT_MAX)
        reports = []
        for first in range(start, numbers[-1] + 1, _REPORT_MAX):
            last = min(first + _REPORT_MAX, numbers[-1] + 1)
            arrivals = tuple((number & 0xFFFF, self._arrivals.get(number)) for number in range(first, last))
            if any(arrival is not None for _, arrival in arrivals):
                reports.append(TransportFeedback(sender_ssrc, media_ssrc, self._count & 0xFF, arrivals))
                self._count += 1
        self._next = numbers[-1] + 1
        self._arrivals.clear()
        return reports
