"""`jackfield bench memory`: a client in a call and the server, each beside its peers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from jackfield.bench import runs
from jackfield.bench.report import Figure, machine
from jackfield.bench.sfu import PEERS, Shape, beside

AIORTC, OFFICIAL = "stock aiortc, no server", "livekit (official Python SDK), same server"
CLIENTS: Mapping[str, str] = {"ours": "Jackfield", "aiortc": AIORTC, "official": OFFICIAL}
_ROOM = Shape(1, 20, 2)
_SETUP_S = 120.0
Say = Callable[[str], None]
#: Name, unit, key in a run's figures.
Columns = tuple[tuple[str, str, str], ...]
_OF_CLIENT: Columns = (("client_720p", "MB", "memory"), ("client_720p_growth", "MB/min", "growth"))
_OF_SERVER: Columns = (
    ("server_empty", "MB", "memory_empty"),
    ("server_per_participant", "MB", "memory_per_participant"),
    ("server_growth", "MB/min", "memory_growth"),
)


def memory(seconds: int, say: Say) -> Iterator[Figure]:
    """Resident memory, shared pages shared out (PSS), and how it grows."""
    yield from clients(seconds, say)
    yield from servers(seconds, say)


def clients(seconds: int, say: Say) -> Iterator[Figure]:
    """One camera and microphone sent, another's received and decoded."""
    found, lacking = {}, runs.no_own_address()
    for system, name in CLIENTS.items():
        if system == "official" and lacking:
            continue
        say(f"a client in a call: {name}")
        module = ["memory.run", system]
        found[system] = runs.in_one_network(module, ["--seconds", str(seconds)], seconds + _SETUP_S)
    ours = found["ours"]
    for system in ("aiortc", "official"):
        peer = found.get(system)
        conditions = (
            f"VP8 720p30 and Opus sent, the same received and decoded, {seconds} s; the other end is of the same kind; "
            f"{_busy(ours, peer)}; load {ours['load']:.1f}; {machine()}"
        )
        yield from _figures(_OF_CLIENT, ours, peer, conditions, CLIENTS[system], "" if peer else lacking)


def _figures(
    columns: Columns, ours: dict[str, Any], peer: dict[str, Any] | None, conditions: str, beside: str, note: str
) -> Iterator[Figure]:
    for name, unit, key in columns:
        theirs = peer[key] / 1e6 if peer else None
        yield Figure(f"memory_{name}", unit, ours[key] / 1e6, theirs, conditions, beside, note=note)


def _busy(ours: dict[str, Any], peer: dict[str, Any] | None) -> str:
    return " and ".join(f"{100 * run['cpu_share']:.0f} %" for run in (ours, peer) if run) + " of a core"


def servers(seconds: int, say: Say) -> Iterator[Figure]:
    """A server with nobody on it, and what each of twenty people adds."""
    found, lacking = beside(_ROOM, seconds, say)
    ours = found["jackfield"]
    for name, program in PEERS.items():
        peer = found.get(name)
        conditions = (
            f"a room of {_ROOM.people}, {_ROOM.publishers} sending 2.5 Mbit/s and sound, {seconds} s; "
            f"{_busy(ours, peer)}; load {ours['load']:.1f}; {machine()}"
        )
        yield from _figures(_OF_SERVER, ours, peer, conditions, program, lacking.get(name, ""))
