"""One trace with one system, in two namespaces: ``python -m jackfield.bench.loss.run SYSTEM TRACE --seconds 10``.

Run it in a network namespace of its own (`jackfield.bench.runs`). Prints what was sent, what was seen, and what the
path carried, as JSON; instants are monotonic ns, which all processes of a machine share.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from jackfield.bench.ends import ANSWER_S, START_S, End, running
from jackfield.bench.loss import tunnel
from jackfield.bench.loss.traces import TRACES, Span
from jackfield.bench.serving import until_open

SYSTEMS = ("ours", "aiortc", "official")
PORT = 7880
HERE, THERE = tunnel.ADDRESSES


@contextmanager
def namespace() -> Iterator[int]:
    """Another network namespace, and the process that holds it; gone when this process is."""
    with subprocess.Popen(
        ["unshare", "--net", "sh", "-c", "echo started; exec cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        try:
            if holder.stdout.readline() != b"started\n":
                raise SystemExit("unshare --net made no namespace")
            yield holder.pid
        finally:
            holder.stdin.close()
            holder.wait(5)


class Run:
    """One trace with one system. ``side``: whether the receiver ("down") or the sender ("up") is beyond the tunnel."""

    def __init__(self, system: str, side: str, enter: list[str]) -> None:
        self._system = system
        self._enter = {"receive": enter if side == "down" else [], "send": enter if side == "up" else []}
        self._secret = {"BENCH_KEY": "bench", "BENCH_SECRET": "secret-of-this-run-" + os.urandom(16).hex()}

    def _command(self, role: str) -> list[str]:
        if self._system == "aiortc":
            script = Path(__file__).resolve().parent.parent / "aiortc_loss.py"
            return [*self._enter[role], sys.executable, str(script), role]
        module = "jackfield.bench.loss." + ("our_end" if self._system == "ours" else "official_end")
        return [*self._enter[role], sys.executable, "-m", module, role, f"http://{HERE}:{PORT}"]

    @asynccontextmanager
    async def _server(self) -> AsyncIterator[None]:
        if self._system == "aiortc":
            yield
            return
        keys = f"{self._secret['BENCH_KEY']}: {self._secret['BENCH_SECRET']}"
        options = ["--host", HERE, "--port", str(PORT), "--behind-proxy"]
        async with running(sys.executable, "-m", "jackfield", "serve", *options, JACKFIELD_KEYS=keys) as server:
            await until_open(HERE, PORT, server, START_S)
            yield

    async def measure(self, path: tunnel.Tunnel, length_s: float) -> dict[str, Any]:
        """The call is set up, and the trace runs over it."""
        async with (
            self._server(),
            running(*self._command("send"), **self._secret) as one,
            running(*self._command("receive"), **self._secret) as other,
        ):
            sender, receiver = End(one), End(other)
            if self._system == "aiortc":
                receiver.say(offer=await sender.hear("offer", START_S))
                sender.say(answer=await receiver.hear("answer", ANSWER_S))
            await sender.hear("ready", START_S)
            await receiver.hear("ready", START_S)
            began_ns = path.begin()
            await asyncio.sleep(length_s)
            receiver.say(stop=True)
            sender.say(stop=True)
            seen = await receiver.hear("seen", ANSWER_S)
            sent = await sender.hear("sent", ANSWER_S)
        course = {"sender": sender.said.get("course"), "receiver": receiver.said.get("course")}
        return {"began_ns": began_ns, "sent": sent, "seen": seen, "course": course}


def main() -> None:
    """Reads the options and prints what happened."""
    parser = argparse.ArgumentParser()
    parser.add_argument("system", choices=SYSTEMS)
    parser.add_argument("trace", choices=list(TRACES))
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--side", choices=["down", "up"], default="down")
    run = parser.parse_args()
    trace, span = TRACES[run.trace], Span.around(run.seconds)
    with namespace() as pid:
        enter = ["nsenter", "-t", str(pid), "-n"]
        ends = (tunnel.opened(), tunnel.opened(pid))
        tunnel.configure(HERE, THERE)
        tunnel.configure(THERE, HERE, enter=enter)
        path = tunnel.Tunnel(ends, trace.seed, trace.steps(span))
        path.start()
        try:
            figures = asyncio.run(Run(run.system, run.side, enter).measure(path, span.over))
        finally:
            path.stop()
    towards = 0 if run.side == "down" else 1
    bins = [path.carried[towards].get(n, 0) for n in range(int(span.over * 10))]
    shaper = path.shapers[towards]
    print(json.dumps(figures | {"bytes": bins, "lost": shaper.lost, "passed": shaper.passed}))


if __name__ == "__main__":
    main()
