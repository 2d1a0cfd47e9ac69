"""Memory of one end of a call: ``python -m jackfield.bench.memory.run SYSTEM ADDRESS --seconds 30``, as JSON.

Two ends of a kind, each a process, send each other a camera and a microphone and decode both. The SDKs meet on our
server, a process of its own; stock aiortc needs none. One end's memory is looked at.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from jackfield.bench.ends import ANSWER_S, START_S, End, running
from jackfield.bench.memory.process import cpu_s, family, growth_per_minute, pss_bytes
from jackfield.bench.serving import until_open

SYSTEMS = ("ours", "aiortc", "official")
PORT = 7883
_WARM_S, _LOOKS = 10.0, 30


@asynccontextmanager
async def server(system: str, address: str, secret: dict[str, str]) -> AsyncIterator[str]:
    """Our server, for whom it takes one; its URL."""
    if system == "aiortc":
        yield ""
        return
    keys = f"{secret['BENCH_KEY']}: {secret['BENCH_SECRET']}"
    options = ["--host", address, "--port", str(PORT), "--behind-proxy"]
    async with running(sys.executable, "-m", "jackfield", "serve", *options, JACKFIELD_KEYS=keys) as process:
        await until_open(address, PORT, process, START_S)
        yield f"http://{address}:{PORT}"


def command(system: str, uid: str, url: str) -> list[str]:
    """What runs one end."""
    if system == "aiortc":
        return [sys.executable, str(Path(__file__).resolve().parent.parent / "aiortc_memory.py"), uid]
    module = "jackfield.bench.memory." + ("our_end" if system == "ours" else "official_end")
    return [sys.executable, "-m", module, uid, url]


async def looked_at(pid: int, seconds: float) -> list[tuple[float, int]]:
    """When, and how much memory the process and its children had then."""
    loop, found = asyncio.get_running_loop(), []
    ends = loop.time() + seconds
    while (left := ends - loop.time()) > 0:
        found.append((loop.time(), sum(map(pss_bytes, family(pid)))))
        await asyncio.sleep(min(left, seconds / _LOOKS))
    return found


async def measure(system: str, address: str, seconds: float) -> dict[str, Any]:
    """The call is set up and has run in, then the window counts."""
    secret = {"BENCH_KEY": "bench", "BENCH_SECRET": "secret-of-this-run-" + os.urandom(16).hex()}
    async with (
        server(system, address, secret) as url,
        running(*command(system, "ada", url), **secret) as one,
        running(*command(system, "bob", url), **secret) as other,
    ):
        ada, bob = End(one), End(other)
        if system == "aiortc":
            bob.say(offer=await ada.hear("offer", START_S))
            ada.say(answer=await bob.hear("answer", ANSWER_S))
        for end in (ada, bob):
            await end.hear("ready", START_S)
        await asyncio.sleep(_WARM_S)
        cpu = sum(map(cpu_s, family(one.pid)))
        looks = await looked_at(one.pid, seconds)
        cpu = sum(map(cpu_s, family(one.pid))) - cpu
        for end in (ada, bob):
            end.say(stop=True)
        for end in (ada, bob):
            await end.hear("done", ANSWER_S)
    amounts = sorted(amount for _, amount in looks)
    return {
        "memory": amounts[len(amounts) // 2],
        "growth": growth_per_minute(looks),
        "cpu_share": cpu / seconds,
        "load": os.getloadavg()[0],
    }


def main() -> None:
    """Reads the options and prints the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("system", choices=SYSTEMS)
    parser.add_argument("address")
    parser.add_argument("--seconds", type=float, default=30.0)
    run = parser.parse_args()
    print(json.dumps(asyncio.run(measure(run.system, run.address, run.seconds))))


if __name__ == "__main__":
    main()
