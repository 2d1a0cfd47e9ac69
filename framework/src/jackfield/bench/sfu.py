"""`jackfield bench sfu`: the embedded server under load beside livekit-server under the same load.

Each room is filled with synthetic participants (`load`) that decrypt and do not decode; the server has a core to itself
where there are two. A packet is counted when a subscriber has decrypted it, so that what is lost does not count.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from typing import Any

from attrs import frozen

from jackfield.bench import runs
from jackfield.bench.report import Figure, machine

LIVEKIT = "livekit-server"
_ABSENT = "livekit-server is not on the path"
_SETUP_S = 120


@frozen
class Shape:
    """So many rooms of ``people``, of whom ``publishers`` send; ``fan_out`` subscribers get each packet."""

    rooms: int
    people: int
    publishers: int

    @property
    def fan_out(self) -> int:
        """How many get each packet."""
        return self.people - 1


#: The third has a person more than twenty, so that each packet goes to twenty.
SHAPES = (Shape(10, 2, 2), Shape(1, 6, 6), Shape(1, 21, 2), Shape(1, 50, 2))
#: Name, unit, key in a run's figures, divisor, and which way is better.
_COLUMNS = (
    ("forwarded_per_cpu_second", "packets", "packets_per_cpu_s", 1.0, "higher"),
    ("delay_p50", "ms", "delay_p50_ms", 1.0, "lower"),
    ("delay_p99", "ms", "delay_p99_ms", 1.0, "lower"),
    ("memory_per_participant", "MB", "memory_per_participant", 1e6, "lower"),
)


def sfu(seconds: int, say: Callable[[str], None]) -> Iterator[Figure]:
    """Forwarded packets per CPU second of the server, the delay from a publisher to a subscriber, and memory."""
    has_peer = shutil.which(LIVEKIT) is not None
    for shape in SHAPES:
        say(f"{shape.rooms} × {shape.people} people: jackfield")
        ours = load("jackfield", shape, seconds)
        if has_peer:
            say(f"{shape.rooms} × {shape.people} people: {LIVEKIT}")
        yield from _figures(shape, seconds, ours, load("livekit", shape, seconds) if has_peer else None)


def load(server: str, shape: Shape, seconds: int) -> dict[str, Any]:
    """One run of this load on this server."""
    options = ["--rooms", str(shape.rooms), "--people", str(shape.people), "--publishers", str(shape.publishers)]
    return runs.call("load.run", server, *options, "--seconds", str(seconds), limit_s=seconds + _SETUP_S)


def _figures(shape: Shape, seconds: int, ours: dict[str, Any], peer: dict[str, Any] | None) -> Iterator[Figure]:
    both = [ours] + ([peer] if peer else [])
    rate = " and ".join(f"{run['packets_per_s']:.0f}/s" for run in both)
    share = " and ".join(f"{100 * run['delivered']:.1f} %" for run in both)
    busy = " and ".join(f"{100 * run['cpu_share']:.0f} %" for run in both)
    conditions = (
        f"{shape.rooms} room(s) of {shape.people}, {shape.publishers} sending 2.5 Mbit/s and sound, {rate} delivered "
        f"({share} of what was sent), {busy} of a core, {seconds} s, load {ours['load']:.1f}; loopback; {machine()}"
    )
    for name, unit, key, divisor, better in _COLUMNS:
        yield Figure(
            f"sfu_fan_out_{shape.fan_out}_{name}",
            unit,
            ours[key] / divisor,
            peer[key] / divisor if peer else None,
            conditions,
            LIVEKIT,
            better=better,
            note="" if peer else _ABSENT,
        )
