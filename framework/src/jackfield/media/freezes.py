"""Freezes and pauses of a picture, as the W3C counts them (webrtc-stats, RTCInboundRtpStreamStats.freezeCount)."""

from __future__ import annotations

from collections import deque

_MS = 1_000_000
#: Pictures whose time on the screen makes the average.
_RECENT = 30
#: Before so many have been shown, there is no average to speak of.
_LEAST = 5
PAUSE_NS = 5_000 * _MS


class Freezes:
    """Told of each picture as it is shown. A freeze is a picture that stays for ``max(3 * average, average + 150 ms)``,
    the average being that of the last thirty; one that stays for over five seconds is a pause as well."""

    def __init__(self) -> None:
        self.count = self.pauses = 0
        self.total_ns = self.paused_ns = 0
        #: The time between pictures, and the sum of its squares in s²: their variance says how evenly they come.
        self.between_ns = 0
        self.squared_s2 = 0.0
        self.longest_ns = 0
        self._recent: deque[int] = deque(maxlen=_RECENT)
        self._last_ns: int | None = None

    def shown(self, now_ns: int) -> int:
        """A picture is shown now. Answers with how long the one before was frozen, 0 where it was not."""
        last_ns, self._last_ns = self._last_ns, now_ns
        if last_ns is None:
            return 0
        stayed_ns = now_ns - last_ns
        frozen = self._is_freeze(stayed_ns)
        self._recent.append(stayed_ns)
        self.between_ns += stayed_ns
        self.squared_s2 += (stayed_ns / 1e9) ** 2
        if stayed_ns > PAUSE_NS:
            self.pauses += 1
            self.paused_ns += stayed_ns
        if not frozen:
            return 0
        self.count += 1
        self.total_ns += stayed_ns
        self.longest_ns = max(self.longest_ns, stayed_ns)
        return stayed_ns

    def forget(self) -> None:
        """The picture was turned off: what comes next is a beginning, and not the end of a freeze."""
        self._last_ns = None

    def _is_freeze(self, stayed_ns: int) -> bool:
        recent = self._recent
        if len(recent) < _LEAST:
            return False
        average_ns = sum(recent) / len(recent)
        return stayed_ns >= max(3 * average_ns, average_ns + 150 * _MS)
