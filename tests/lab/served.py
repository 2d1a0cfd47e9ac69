"""`jackfield serve` as a process of its own, for tests whose participants are not all ours."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen

from tests.lab import netns
from tests.lab.livekit import own_address, wait_for_port

KEY, SECRET = "APIinterop", "a-secret-of-the-interop-tests-and-nothing-else"


@frozen
class Served:
    """The running server: where it is, the key that it knows, its process, and what it wrote to its log."""

    url: str
    udp_port: int
    process: subprocess.Popen[Any]
    log: Path
    key: str = KEY
    secret: str = SECRET

    @property
    def http_url(self) -> str:
        return self.url

    @property
    def descriptors(self) -> int:
        """How many files and sockets it has open."""
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    @property
    def threads(self) -> int:
        """How many threads it has."""
        return len(os.listdir(f"/proc/{self.process.pid}/task"))

    @property
    def resident_kib(self) -> int:
        """How much memory it occupies."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0])

    def udp_sockets(self) -> list[str]:
        """The local address of each UDP socket that it holds, as ``/proc/net/udp`` writes it."""
        held = set()
        for link in Path(f"/proc/{self.process.pid}/fd").iterdir():
            try:
                held.add(os.readlink(link))
            except FileNotFoundError:
                continue
        rows = [line.split() for table in ("udp", "udp6") for line in _table(self.process.pid, table)]
        return [row[1] for row in rows if f"socket:[{row[9]}]" in held]

    def libraries(self) -> set[str]:
        """The file names of the shared libraries that it has mapped."""
        maps = Path(f"/proc/{self.process.pid}/maps").read_text().splitlines()
        return {line.rpartition("/")[2] for line in maps if ".so" in line}


def _table(pid: int, name: str) -> list[str]:
    path = Path(f"/proc/{pid}/net/{name}")
    return path.read_text().splitlines()[1:] if path.exists() else []


@contextmanager
def serve(
    address: str, host: netns.Namespace | None = None, port: int = 0, options: Sequence[str] = ()
) -> Iterator[Served]:
    """`jackfield serve` on this address, on ``port`` or a free one, on this ``host`` where one is given; ended by its
    process id after the block."""
    with tempfile.TemporaryDirectory(prefix="jackfield-") as folder:
        log = Path(folder) / "log"
        kept = {name: value for name, value in os.environ.items() if not name.startswith("JACKFIELD_")}
        environment = kept | {"JACKFIELD_STATE_DIR": folder, "JACKFIELD_KEYS": f"{KEY}: {SECRET}"}
        command = [sys.executable, "-m", "jackfield", "serve", "--json", "--drain-seconds", "0"]
        command += ["--host", address, "--port", str(port), "--udp-port", "0", *options]
        command = host.command(*command) if host else command
        with (
            log.open("wb") as written,
            subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=written) as process,
        ):
            try:
                assert process.stdout
                facts = json.loads(process.stdout.readline() or b"{}")
                if not facts:
                    raise RuntimeError(f"jackfield serve did not start:\n{log.read_text()}")
                wait_for_port(address, facts["port"], process, log)
                yield Served(facts["url"], facts["udp_port"], process, log)
            finally:
                netns.end(process)


@pytest.fixture(scope="module")
def jackfield_server() -> Iterator[Served]:
    """The embedded server for this module, as its own process, on the module's own network or on loopback."""
    with serve(own_address()) as served:
        yield served
