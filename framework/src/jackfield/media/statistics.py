"""What is counted of a stream: rates over the last second, loss and jitter as RTCP reports them."""

from __future__ import annotations

from collections import deque

_BUCKET_NS = 100_000_000


class Rate:
    """How much came in the last second, in steps of 100 ms."""

    def __init__(self) -> None:
        self._buckets: deque[list[int]] = deque(maxlen=10)

    def add(self, now_ns: int, amount: int = 1) -> None:
        """This much came now."""
        step = now_ns // _BUCKET_NS
        if self._buckets and self._buckets[-1][0] == step:
            self._buckets[-1][1] += amount
        else:
            self._buckets.append([step, amount])

    def per_second(self, now_ns: int) -> int:
        """The sum over the second that ends now."""
        oldest = now_ns // _BUCKET_NS - 10
        return sum(amount for step, amount in self._buckets if step > oldest)


class Reception:
    """Loss and jitter of one source (RFC 3550 section 6.4.1 and appendix A)."""

    def __init__(self, clock_rate: int) -> None:
        self.highest = 0
        self.received = 0
        self._clock_rate = clock_rate
        self._first: int | None = None
        self._jitter = 0.0
        self._transit: int | None = None
        self._expected_before = self._received_before = 0

    def add(self, sequence: int, timestamp: int, arrival_ns: int) -> None:
        """A packet came, not as a repair; numbers grow for ever."""
        if self._first is None:
            self._first = self.highest = sequence
        self.highest = max(self.highest, sequence)
        self.received += 1
        transit = arrival_ns * self._clock_rate // 1_000_000_000 - timestamp
        if self._transit is not None:
            change = abs(transit - self._transit)
            if change < self._clock_rate:  # more than a second is a new timeline, not jitter
                self._jitter += (change - self._jitter) / 16
        self._transit = transit

    @property
    def expected(self) -> int:
        """How many packets were sent, by their numbers."""
        return 0 if self._first is None else self.highest - self._first + 1

    @property
    def lost(self) -> int:
        """How many never came; below zero where duplicates did."""
        return self.expected - self.received

    @property
    def jitter(self) -> int:
        """Interarrival jitter in units of the RTP clock."""
        return int(self._jitter)

    @property
    def jitter_ms(self) -> float:
        """The same in milliseconds."""
        return self._jitter * 1000 / self._clock_rate

    def fraction_lost(self) -> int:
        """Loss since the last call, in 1/256."""
        expected = self.expected - self._expected_before
        lost = expected - (self.received - self._received_before)
        self._expected_before, self._received_before = self.expected, self.received
        return 0 if expected <= 0 or lost <= 0 else min(lost * 256 // expected, 255)

    def restart(self) -> None:
        """The numbering begins anew: what was lost before is forgotten."""
        self._first = self._transit = None
        self.received = 0
        self._expected_before = self._received_before = 0
