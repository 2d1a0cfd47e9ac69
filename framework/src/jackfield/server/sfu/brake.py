"""Backpressure from those who receive reliable data to the one who sends it: a file of any size fills no memory here.

While somebody whom it is for is behind, nothing more is taken of a publisher's reliable channel, whose SCTP window then
closes (RFC 9260 section 6.2). Whoever does not catch up in time is waited for no longer, so that one slow reader costs
the others a few seconds at most: what does not fit their buffer is dropped, and their streams say so.
"""

from __future__ import annotations

from jackfield.log_limit import limited_logger
from jackfield.media.clock import Alarm, Clock
from jackfield.rtc.transport import DataChannel
from jackfield.server.sfu.data import DataOutlet

logger = limited_logger(__name__)

PATIENCE_NS = 3_000_000_000


class Brake:
    """One publisher's reliable channel, held while an outlet that it feeds is behind."""

    def __init__(self, channel: DataChannel, clock: Clock, name: str) -> None:
        self._channel, self._clock, self._name = channel, clock, name
        self._behind: set[DataOutlet] = set()
        self._alarm = Alarm(clock, self._give_up)

    def fed(self, outlet: DataOutlet) -> None:
        """A packet of this channel was put into ``outlet``."""
        if not outlet.is_behind or outlet in self._behind:
            return
        if not self._behind:
            self._channel.pause()
            self._alarm.set(self._clock.now_ns() + PATIENCE_NS)
        self._behind.add(outlet)
        outlet.waiting.append(lambda: self._caught_up(outlet))

    def _caught_up(self, outlet: DataOutlet) -> None:
        self._behind.discard(outlet)
        if not self._behind:
            self._release()

    def _give_up(self) -> None:
        for outlet in self._behind:
            outlet.is_slow = True
        logger.warning("%s: %d who take its data too slowly are not waited for", self._name, len(self._behind))
        self._behind.clear()
        self._release()

    def _release(self) -> None:
        self._alarm.cancel()
        self._channel.resume()

    def close(self) -> None:
        """Leaves no timer."""
        self._behind.clear()
        self._alarm.cancel()
