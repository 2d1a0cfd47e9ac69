"""The traces: each begins and ends on a clean path, with its own trouble between."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

from jackfield.bench.loss.shaper import Burst, Conditions

CLEAN = Conditions()
#: Seconds on a clean path before and after the trouble, of which either takes no more than twice as long as it.
_WARM_S, _AFTER_S = 8.0, 10.0


@frozen
class Span:
    """When trouble begins and ends, and all is over, in seconds from the beginning."""

    begins: float
    ends: float
    over: float

    @classmethod
    def around(cls, seconds: float) -> Span:
        """With so much trouble in it."""
        begins = min(_WARM_S, 2 * seconds)
        return cls(begins, begins + seconds, begins + seconds + min(_AFTER_S, 2 * seconds))


@frozen
class Trace:
    """What holds while there is trouble, for ``seconds`` where it is not for all of it."""

    name: str
    what: str
    trouble: Conditions
    seconds: float | None = None
    seed: int = 4

    def steps(self, span: Span) -> list[tuple[float, Conditions]]:
        """Instants, and what holds from each on."""
        return [(0.0, CLEAN), (span.begins, self.trouble), (span.begins + self.lasts(span), CLEAN)]

    def lasts(self, span: Span) -> float:
        """For how long there is trouble."""
        whole = span.ends - span.begins
        return whole if self.seconds is None else min(whole, self.seconds)


TRACES: Mapping[str, Trace] = {
    trace.name: trace
    for trace in (
        Trace("clean", "20 ms each way", CLEAN),
        Trace("loss-1", "1 % lost", Conditions(loss=0.01)),
        Trace("loss-2", "2 % lost", Conditions(loss=0.02)),
        Trace("loss-5", "5 % lost", Conditions(loss=0.05)),
        Trace("loss-10", "10 % lost", Conditions(loss=0.10)),
        Trace("bursts", "bursts of 5 packets, 5 % in all", Conditions(burst=Burst(0.0105, 0.2))),
        Trace("jitter", "up to 50 ms of jitter", Conditions(jitter_ms=50)),
        Trace("reordered", "5 % overtaken by 30 ms", Conditions(reordered=0.05)),
        Trace("doubled", "5 % doubled", Conditions(doubled=0.05)),
        Trace("outage", "nothing for 500 ms", Conditions(cut=True), seconds=0.5),
        Trace("bottleneck", "300 kbit/s, a queue of 300 ms", Conditions(rate_bps=300_000)),
    )
}
