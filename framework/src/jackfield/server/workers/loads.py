"""What all workers carry together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import attrs
from attrs import frozen

from jackfield.server.sfu import Load
from jackfield.server.sfu.tally import BOUNDS_S, NAMES, Histogram

#: What is shown of each worker, beside the sums.
SHOWN = ("rooms", "participants", "cpu_share", "packets_per_second")
_EMPTY_HISTOGRAM = Histogram(BOUNDS_S, (0,) * len(BOUNDS_S), 0, 0.0)
_GAUGES = tuple(each.name for each in attrs.fields(Load) if each.name not in ("totals", "forwarding"))
NOTHING = Load(**dict.fromkeys(_GAUGES, 0), totals=dict.fromkeys(NAMES, 0), forwarding=_EMPTY_HISTOGRAM)


@frozen
class WorkersLoad(Load):
    """``workers`` has some of each worker's numbers, by its own."""

    workers: Mapping[str, Mapping[str, float]]


def together(loads: Iterable[Load]) -> Load:
    """The sum."""
    total = NOTHING
    for load in loads:
        gauges = {name: getattr(total, name) + getattr(load, name) for name in _GAUGES}
        totals = {name: count + load.totals.get(name, 0) for name, count in total.totals.items()}
        total = Load(**gauges, totals=totals, forwarding=_added(total.forwarding, load.forwarding))
    return total


def remembered(load: Load) -> Load:
    """What of it still counts when its worker is gone: the sums that never fall."""
    return attrs.evolve(NOTHING, totals=load.totals, forwarding=load.forwarding)


def shown(total: Load, each: Mapping[str, Load]) -> WorkersLoad:
    """The sum, with what is shown of each."""
    workers = {number: {name: getattr(load, name) for name in SHOWN} for number, load in each.items()}
    return WorkersLoad(**attrs.asdict(total, recurse=False), workers=workers)


def _added(one: Histogram, other: Histogram) -> Histogram:
    within = tuple(a + b for a, b in zip(one.within, other.within, strict=True))
    return Histogram(one.bounds_s, within, one.count + other.count, one.seconds + other.seconds)
