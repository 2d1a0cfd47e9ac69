"""Which sequence numbers belong to a stream (RFC 3550 appendix A.1)."""

from __future__ import annotations

_DROPOUT_MAX = 3000
_MISORDER_MAX = 1000


class SequenceGuard:
    """Unwraps 16-bit sequence numbers, and leaves out those that cannot be of the same run.

    A sender that begins anew is followed from its second packet on; ``restarts`` counts that.
    """

    def __init__(self) -> None:
        self.restarts = 0
        self._highest: int | None = None
        self._stranger: int | None = None

    def unwrap(self, sequence: int) -> int | None:
        """The number, growing for ever; None when it is out of any window."""
        if self._highest is None:
            self._highest = sequence
            return sequence
        step = ((sequence - self._highest + 0x8000) & 0xFFFF) - 0x8000
        if -_MISORDER_MAX < step < _DROPOUT_MAX:
            unwrapped = self._highest + step
            if step > 0:
                self._highest = unwrapped
                self._stranger = None
            return unwrapped
        if sequence == self._stranger:
            self.restarts += 1
            self._stranger = None
            self._highest = ((self._highest >> 16) + 2 << 16) + sequence
            return self._highest
        self._stranger = (sequence + 1) & 0xFFFF
        return None

    def nearest(self, sequence: int) -> int | None:
        """The same for a repaired packet, which never moves the window."""
        if self._highest is None:
            return None
        step = ((sequence - self._highest + 0x8000) & 0xFFFF) - 0x8000
        return self._highest + step if -_MISORDER_MAX < step <= 0 else None
