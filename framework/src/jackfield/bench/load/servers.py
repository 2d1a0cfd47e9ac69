"""The servers under load, each a process of its own on loopback, and what `/proc` says that it uses."""

from __future__ import annotations

import json
import os
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

from attrs import frozen

ADDRESS = "127.0.0.1"
KEY, SECRET = "load", "secret-of-this-load-and-of-nothing-else"
_START_S, _END_S = 30.0, 10.0
_TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


@frozen
class Served:
    """A server that listens, and its process."""

    url: str
    pid: int

    def cpu_s(self) -> float:
        """CPU seconds of the process and of its children, user and system."""
        return sum(_cpu_s(pid) for pid in _family(self.pid))

    def memory_bytes(self) -> int:
        """Resident memory of the process and of its children."""
        return sum(_memory_bytes(pid) for pid in _family(self.pid))


def _family(pid: int) -> list[int]:
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            found += _family(int(child))
    return found


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _memory_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


@contextmanager
def jackfield() -> Iterator[Served]:
    """`jackfield serve` with keys of its own."""
    with tempfile.TemporaryDirectory(prefix="jackfield-load-") as folder:
        environment = {**os.environ, "JACKFIELD_KEYS": f"{KEY}: {SECRET}", "JACKFIELD_STATE_DIR": folder}
        command = [sys.executable, "-m", "jackfield", "serve", "--port", "0", "--udp-port", "0", "--json"]
        with (
            (Path(folder) / "said").open("wb") as said,
            subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=said, cwd=folder) as process,
        ):
            try:
                assert process.stdout is not None
                readable, _, _ = select.select([process.stdout], [], [], _START_S)
                line = process.stdout.readline() if readable else b""
                if not line:
                    raise SystemExit(f"jackfield serve did not start: {_end_of(Path(folder) / 'said')}")
                yield Served(json.loads(line)["url"], process.pid)
            finally:
                _end(process)


def _end_of(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"


@contextmanager
def livekit() -> Iterator[Served]:
    """`livekit-server` from the path, media on one UDP port."""
    program = shutil.which("livekit-server")
    if program is None:
        raise SystemExit("livekit-server is not on the path")
    port = _free(socket.SOCK_STREAM)
    settings = {
        "port": port,
        "bind_addresses": [ADDRESS],
        "keys": {KEY: SECRET},
        "logging": {"level": "error"},
        "rtc": {
            "tcp_port": 0,
            "udp_port": _free(socket.SOCK_DGRAM),
            "use_external_ip": False,
            "node_ip": ADDRESS,
            "enable_loopback_candidate": True,
            "interfaces": {"includes": ["lo"]},
            "stun_servers": [],
        },
    }
    with tempfile.TemporaryDirectory(prefix="jackfield-load-") as folder:
        config, log = Path(folder) / "config.json", Path(folder) / "said"
        config.write_text(json.dumps(settings))  # JSON is YAML
        command = [program, "--config", str(config)]
        with log.open("wb") as said, subprocess.Popen(command, stdout=said, stderr=said) as process:
            try:
                _await_port(port, process, log)
                yield Served(f"http://{ADDRESS}:{port}", process.pid)
            finally:
                _end(process)


SERVERS: dict[str, Callable[[], AbstractContextManager[Served]]] = {"jackfield": jackfield, "livekit": livekit}


def _free(kind: socket.SocketKind) -> int:
    with socket.socket(type=kind) as probe:
        probe.bind((ADDRESS, 0))
        port: int = probe.getsockname()[1]
        return port


def _await_port(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    ends = time.monotonic() + _START_S
    while time.monotonic() < ends and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex((ADDRESS, port)) == 0:
                return
        time.sleep(0.05)
    raise SystemExit(f"livekit-server did not start: {_end_of(log)}")


def _end(process: subprocess.Popen[bytes]) -> None:
    """Asked twice, for the first time means that calls may go on; then not asked."""
    for patience_s in (1.0, _END_S):
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(patience_s)
            return
    process.kill()
