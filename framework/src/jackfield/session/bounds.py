"""How much of what a source encodes a call carries: of one picture, and in a second."""

from __future__ import annotations

import logging

from jackfield.log_limit import limited_logger
from jackfield.media.program.allowance import Allowance

logger: logging.Logger = limited_logger("jackfield.publish.bounds")

#: The largest picture, which few cameras of 4K reach: some 450 packets, of which each can be sent again while the next
#: is on its way (`rtc/history.py` keeps 1024), and which a socket takes at once. Of 1 MB hardly one arrives.
LARGEST = 1 << 19
#: 50 Mbit/s, which no camera for calls comes near; beyond it, sending takes this process all of its time.
BYTES_PER_S, _BURST_S = 6.25e6, 2.0


class Bounds:
    """Of one source. ``now_s`` are seconds on any steady clock. Used by one thread at a time."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._is_told = False
        self._allowance = Allowance(BYTES_PER_S, _BURST_S * BYTES_PER_S)

    def too_large(self, size: int) -> str:
        """Why a picture of so many bytes is not sent, as the end of a sentence; "" where it is."""
        if size <= LARGEST:
            return ""
        return f"a picture has {size} bytes, and {LARGEST} are the most that a call carries; lower its bitrate"

    def is_full(self, now_s: float) -> bool:
        """Whether so much was sent lately that pictures are left out, which is told once."""
        if self._allowance.wait_s(round(now_s * 1e9)) <= 0:
            return False
        if not self._is_told:
            self._is_told = True
            most = f"{BYTES_PER_S * 8e-6:g} Mbit/s, the most that a call carries"
            logger.warning("%s gives more than %s: pictures are left out; lower its bitrate", self._what, most)
        return True

    def sent(self, size: int, now_s: float) -> None:
        """So many bytes were handed on."""
        self._allowance.take(size, round(now_s * 1e9))
