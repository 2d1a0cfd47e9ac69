"""Sequence numbers of one incoming stream: what is new, what is missing, and numbers with the padding taken out.

Padding-only packets (bandwidth probing) are not forwarded. Whatever comes after one moves down by one, the same for
every subscriber, so that none of them sees a gap and asks for what never held media.
"""

from __future__ import annotations

from attrs import define

#: A step of more than this is a new beginning, not loss.
_JUMP = 1000
_MISSING_MAX = 1000
_MISSING_NS = 1_500_000_000
_RETRY_NS = 80_000_000
_TRIES = 8
#: So many late packets in sequence that nobody waits for are a new beginning (RFC 3550 appendix A.1): two where they
#: are far behind, more where they may as well be repetitions.
_PROOF, _PROOF_NEAR = 2, 50


@define(slots=True)
class Missing:
    """A packet that has not come: how far it moves down when it does, and when it was asked for."""

    dropped: int
    since_ns: int
    asked_ns: int = 0
    tries: int = 0


class SequenceWindow:
    """Unwraps, deduplicates and closes gaps. Reception is counted as RFC 3550 appendix A.3 says."""

    __slots__ = (
        "_astray",
        "_astray_count",
        "_dropped",
        "_first",
        "_reported",
        "discontinuities",
        "gap",
        "highest",
        "missing",
        "received",
    )

    def __init__(self) -> None:
        self.highest = -1
        self.received = 0
        self.discontinuities = 0
        #: A gap has opened since somebody last reset this.
        self.gap = False
        self.missing: dict[int, Missing] = {}
        self._first = 0
        self._dropped = 0
        self._reported = (0, 0)
        self._astray, self._astray_count = -1, 0

    def accept(self, sequence: int, padding_only: bool, now_ns: int, *, repaired: bool = False) -> int | None:
        """The number under which the packet goes on; None for a duplicate, one too late, and for padding.

        Padding that comes late keeps its place: subscribers have seen the gap already.
        """
        if self.highest < 0:
            self.highest = self._first = sequence + 0x10000
            self._dropped = 1 if padding_only else 0
            self.received = 1
            return None if padding_only else self.highest
        step = (sequence - self.highest) & 0xFFFF
        if step == 0 or step >= 0x8000:
            number = self.highest - (0x10000 - step) if step else self.highest
            if repaired or number in self.missing or not self._begins_anew(number):
                return self._late(number, repaired)
        self._astray_count = 0
        if not repaired:
            self.received += 1
        if step > 1:
            self._skip(step, now_ns)
        self.highest += step
        if padding_only:
            self._dropped += 1
            return None
        return self.highest - self._dropped

    def _begins_anew(self, number: int) -> bool:
        """Whether this late and unknown packet proves, with those before it, that the source counts from elsewhere."""
        self._astray_count = self._astray_count + 1 if number == self._astray + 1 else 1
        self._astray = number
        return self._astray_count >= (_PROOF if self.highest - number > _JUMP else _PROOF_NEAR)

    def _late(self, number: int, repaired: bool) -> int | None:
        found = self.missing.pop(number, None)
        if found is None:
            return None
        if not repaired:
            self.received += 1
        return number - found.dropped

    def _skip(self, step: int, now_ns: int) -> None:
        if step > _JUMP:
            self.discontinuities += 1
            self.missing.clear()
            self._first += step - 1
            self._dropped += step - 1
            return
        self.gap = True
        for number in range(self.highest + 1, self.highest + step):
            self.missing[number] = Missing(self._dropped, now_ns)
        while len(self.missing) > _MISSING_MAX:
            del self.missing[next(iter(self.missing))]

    @property
    def newest(self) -> int:
        """The highest number that `accept` gave out."""
        return self.highest - self._dropped

    def lost(self, now_ns: int) -> list[int]:
        """Sequence numbers (16 bits) to ask for now: new gaps at once, old ones every 80 ms, eight times at most."""
        asked: list[int] = []
        given_up: list[int] = []
        for number, missing in self.missing.items():
            if missing.tries >= _TRIES or now_ns - missing.since_ns > _MISSING_NS:
                if now_ns - missing.since_ns > _MISSING_NS:
                    given_up.append(number)
            elif missing.tries == 0 or now_ns - missing.asked_ns >= _RETRY_NS:
                missing.tries += 1
                missing.asked_ns = now_ns
                asked.append(number & 0xFFFF)
        for number in given_up:
            del self.missing[number]
        return asked

    @property
    def lost_in_all(self) -> int:
        """Packets that never came by themselves (RFC 3550 appendix A.3); never below zero."""
        return max(0, self.highest - self._first + 1 - self.received) if self.highest >= 0 else 0

    def report(self) -> tuple[int, int, int]:
        """Fraction lost since the last report (1/256), packets lost in all, highest sequence number with its cycles."""
        expected = self.highest - self._first + 1 if self.highest >= 0 else 0
        expected_before, received_before = self._reported
        self._reported = (expected, self.received)
        interval = expected - expected_before
        gone = interval - (self.received - received_before)
        fraction = min(255, (gone << 8) // interval) if interval > 0 and gone > 0 else 0
        lost = max(-0x800000, min(0x7FFFFF, expected - self.received))
        return fraction, lost, max(0, self.highest - 0x10000) & 0xFFFFFFFF
