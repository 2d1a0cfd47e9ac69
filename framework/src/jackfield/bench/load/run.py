"""One load on one server, and its figures as JSON: ``python -m jackfield.bench.load.run jackfield --people 6``."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
from collections.abc import Callable
from typing import Any

import aiohttp

from jackfield.bench.load import media
from jackfield.bench.load.janus import JanusParticipant
from jackfield.bench.load.livekit import LiveKitParticipant
from jackfield.bench.load.participant import Participant, Seat
from jackfield.bench.load.servers import SERVERS, Served
from jackfield.bench.memory.process import growth_per_minute
from jackfield.bench.report import quantile

_CONNECT_S, _WARM_S = 60.0, 1.0
#: Of so many subscribers one has its delays measured: reading the kernel's time costs.
_ONE_TIMED_OF = 4
_KINDS: dict[str, Callable[[aiohttp.ClientSession, Seat], Participant]] = {
    "jackfield": LiveKitParticipant,
    "livekit": LiveKitParticipant,
    "janus": JanusParticipant,
}


class Load:
    """``rooms`` rooms of ``people``, of whom ``publishers`` send; everybody receives all that the others send."""

    def __init__(self, served: Served, options: argparse.Namespace) -> None:
        self._served = served
        self._kind = _KINDS[options.server]
        self._rooms: int = options.rooms
        self._people: int = options.people
        self._publishers: int = options.publishers
        self._seconds: float = options.seconds
        self._participants: list[Participant] = []

    async def measure(self) -> dict[str, Any]:
        """Everybody joins and is connected, then the window counts."""
        empty = self._served.memory_bytes()
        async with aiohttp.ClientSession() as session:
            try:
                for room in range(self._rooms):
                    await self._fill(session, room)
                await self._until_flowing()
                await asyncio.sleep(_WARM_S)
                figures = await self._window()
            finally:
                for participant in self._participants:
                    await participant.leave()
        figures["memory_empty"] = empty
        figures["memory_per_participant"] = (figures["memory"] - empty) / len(self._participants)
        return figures

    async def _fill(self, session: aiohttp.ClientSession, room: int) -> None:
        count = len(self._participants)
        for index in range(self._people):
            timed = (index - self._publishers) % _ONE_TIMED_OF == 0 or self._people < _ONE_TIMED_OF
            seat = Seat(self._served.url, self._served.address, room, f"person-{index}", timed)
            participant = self._kind(session, seat)
            self._participants.append(participant)
            await participant.join()
            if index < self._publishers:
                number = count + index
                await participant.publish(1000 + 10 * number, number * 0.37 % 1)

    def _expected(self, index: int) -> int:
        others = self._publishers - (1 if index % self._people < self._publishers else 0)
        return 2 * others

    async def _until_flowing(self) -> None:
        async with asyncio.timeout(_CONNECT_S):
            while any(one.received.sources < self._expected(index) for index, one in enumerate(self._participants)):
                await asyncio.sleep(0.1)
                if gone := [one.left for one in self._participants if one.left]:
                    raise SystemExit(f"a participant was sent away: {gone[0]}")

    async def _window(self) -> dict[str, Any]:
        loop = asyncio.get_running_loop()
        packets, cpu_s, began = self._packets(), self._served.cpu_s(), loop.time()
        for participant in self._participants:
            participant.received.measuring = True
        memory = await self._watched()
        packets, cpu_s, passed = self._packets() - packets, self._served.cpu_s() - cpu_s, loop.time() - began
        delays = [delay for participant in self._participants for delay in participant.received.delays_ns]
        expected = sum(self._expected(index) // 2 for index in range(len(self._participants))) * media.PACKETS_PER_S
        return {
            "packets_per_s": packets / passed,
            "packets_per_cpu_s": packets / max(cpu_s, 0.01),
            "cpu_share": cpu_s / passed,
            "delivered": packets / passed / expected,
            "delay_p50_ms": quantile(delays, 0.5) / 1e6,
            "delay_p99_ms": quantile(delays, 0.99) / 1e6,
            "load": os.getloadavg()[0],
            "memory": memory[-1][1],
            "memory_growth": growth_per_minute(memory),
        }

    async def _watched(self) -> list[tuple[float, int]]:
        """The window passes; when, and the server's memory then. Looking disturbs it next to nothing."""
        loop = asyncio.get_running_loop()
        ends, found = loop.time() + self._seconds, []
        while (left := ends - loop.time()) > 0:
            await asyncio.sleep(min(left, max(0.5, self._seconds / 20)))
            found.append((loop.time(), self._served.memory_bytes()))
        return found

    def _packets(self) -> int:
        return sum(participant.received.packets for participant in self._participants)


def main() -> None:
    """The server is pinned to the first core and the load to the others, where there are any."""
    parser = argparse.ArgumentParser()
    parser.add_argument("server", choices=list(SERVERS))
    for name, default in (("rooms", 1), ("people", 6), ("publishers", 2)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--seconds", type=float, default=5.0)
    options = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_setaffinity") else []
    if len(cores) > 1:
        os.sched_setaffinity(0, cores[:1])
    with SERVERS[options.server]() as served:
        if len(cores) > 1:
            os.sched_setaffinity(0, cores[1:])
        print(json.dumps(asyncio.run(Load(served, options).measure())))


if __name__ == "__main__":
    main()
