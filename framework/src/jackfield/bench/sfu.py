"""`jackfield bench sfu`: the embedded server under load beside livekit-server and Janus under the same load.

Each room is filled with synthetic participants (`load`) that decrypt and do not decode; the server has a core to itself
where there are two. A packet is counted when a subscriber has decrypted it, so that what is lost does not count.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from attrs import frozen

from jackfield.bench import runs
from jackfield.bench.load.servers import own_address
from jackfield.bench.report import Figure, machine

#: The program on the path, by the name that `load.run` has for it.
PEERS: Mapping[str, str] = {"livekit": "livekit-server", "janus": "janus"}
_SETUP_S = 120
#: Rooms of two, as many at a time, so that there is something to measure.
_PAIRS = 10


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

    @classmethod
    def of(cls, people: int) -> Shape:
        """A room of so many: up to six all send, of more people two do."""
        return cls(_PAIRS if people == 2 else 1, people, people if people <= 6 else 2)


#: The third has a person more than twenty, so that each packet goes to twenty.
ROOMS = (2, 6, 21, 50)
#: Name, unit, key in a run's figures, divisor, and which way is better.
_COLUMNS = (
    ("forwarded_per_cpu_second", "packets", "packets_per_cpu_s", 1.0, "higher"),
    ("delay_p50", "ms", "delay_p50_ms", 1.0, "lower"),
    ("delay_p99", "ms", "delay_p99_ms", 1.0, "lower"),
    ("memory_per_participant", "MB", "memory_per_participant", 1e6, "lower"),
)


def sfu(seconds: int, say: Callable[[str], None], *, rooms: Sequence[int] = ()) -> Iterator[Figure]:
    """Forwarded packets per CPU second of the server, the delay from a publisher to a subscriber, and memory."""
    for shape in map(Shape.of, rooms or ROOMS):
        found, lacking = beside(shape, seconds, say)
        for peer in PEERS:
            yield from _figures(shape, seconds, found["jackfield"], peer, found.get(peer), lacking.get(peer, ""))


def beside(
    shape: Shape, seconds: int, say: Callable[[str], None]
) -> tuple[Mapping[str, dict[str, Any]], Mapping[str, str]]:
    """The same load on our server and on each peer, one after the other; and of each that is not here, why."""
    lacking = {peer: lack for peer in PEERS if (lack := lack_of(peer))}
    found = {}
    for server in ("jackfield", *PEERS):
        if server not in lacking:
            say(f"{shape.rooms} × {shape.people} people: {PEERS.get(server, server)}")
            found[server] = load(server, shape, seconds)
    return found, lacking


def lack_of(peer: str) -> str:
    """Why this server cannot be measured here; "" where it can."""
    if shutil.which(PEERS[peer]) is None:
        return f"{PEERS[peer]} is not on the path"
    return "it takes no loopback address, and there is no other" if peer == "janus" and not own_address() else ""


def load(server: str, shape: Shape, seconds: int) -> dict[str, Any]:
    """One run of this load on this server."""
    options = ["--rooms", str(shape.rooms), "--people", str(shape.people), "--publishers", str(shape.publishers)]
    return runs.call("load.run", server, *options, "--seconds", str(seconds), limit_s=seconds + _SETUP_S)


def _figures(
    shape: Shape, seconds: int, ours: dict[str, Any], name: str, peer: dict[str, Any] | None, lack: str
) -> Iterator[Figure]:
    both = [ours] + ([peer] if peer else [])
    rate = " and ".join(f"{run['packets_per_s']:.0f}/s" for run in both)
    share = " and ".join(f"{100 * run['delivered']:.1f} %" for run in both)
    busy = " and ".join(f"{100 * run['cpu_share']:.0f} %" for run in both)
    conditions = (
        f"beside {PEERS[name]}: {shape.rooms} room(s) of {shape.people}, {shape.publishers} sending 2.5 Mbit/s and "
        f"sound, {rate} delivered ({share} of what was sent), {busy} of a core, {seconds} s, load {ours['load']:.1f}; "
        f"one machine; {machine()}"
    )
    for column, unit, key, divisor, better in _COLUMNS:
        yield Figure(
            f"sfu_fan_out_{shape.fan_out}_{column}",
            unit,
            ours[key] / divisor,
            peer[key] / divisor if peer else None,
            conditions,
            PEERS[name],
            better=better,
            note=lack,
        )
