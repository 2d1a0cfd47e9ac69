"""A real LiveKit server, one node or two, as a peer that we did not write."""

from __future__ import annotations

import json
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen
from livekit import api

from tests.lab import netns, own_network
from tests.lab.machine import LIVEKIT, find_tool
from tests.lab.needs import require

KEY, SECRET = "devkey", "a-secret-of-the-laboratory-and-nothing-else"


@frozen
class LiveKit:
    """One running node: where it is, the key that it knows, its process and what it wrote."""

    url: str
    log: Path
    process: subprocess.Popen[Any]
    key: str = KEY
    secret: str = SECRET

    def token(self, room: str, identity: str, **grants: Any) -> str:
        """A token of this server's key, with which ``identity`` may join ``room``."""
        allowed = api.VideoGrants(room_join=True, room=room, **grants)
        return api.AccessToken(self.key, self.secret).with_identity(identity).with_grants(allowed).to_jwt()

    @property
    def http_url(self) -> str:
        return self.url.replace("ws", "http", 1)


def free_port(address: str, kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """A port that was free a moment ago on this address."""
    with socket.socket(type=kind) as probe:
        probe.bind((address, 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for_port(address: str, port: int, process: subprocess.Popen[Any], log: Path, limit_s: float = 15) -> None:
    """Return once somebody listens there; raise with the log's end where the process died or the time ran out."""
    ends = time.monotonic() + limit_s
    while time.monotonic() < ends and process.poll() is None:
        with socket.socket() as probe:
            probe.settimeout(0.5)
            if probe.connect_ex((address, port)) == 0:
                return
        time.sleep(0.05)
    said = log.read_text(errors="replace")[-2000:]
    raise RuntimeError(f"nobody listens on {address}:{port} (exit status {process.poll()}):\n{said}")


@contextmanager
def _started(command: list[str], address: str, port: int, log: Path) -> Iterator[subprocess.Popen[Any]]:
    with log.open("wb") as written, subprocess.Popen(command, stdout=written, stderr=subprocess.STDOUT) as process:
        try:
            wait_for_port(address, port, process, log)
            yield process
        finally:
            netns.end(process)


def _settings(address: str, port: int, udp_port: int, redis: str) -> dict[str, Any]:
    settings: dict[str, Any] = {
        "port": port,
        "bind_addresses": [address],
        "keys": {KEY: SECRET},
        "logging": {"level": "info", "json": False},
        "rtc": {
            "tcp_port": 0,
            "udp_port": udp_port,
            "use_external_ip": False,
            "node_ip": address,
            "enable_loopback_candidate": address.startswith("127."),
            "stun_servers": [],
        },
    }
    if address.startswith("127."):
        settings["rtc"]["interfaces"] = {"includes": ["lo"]}
    return settings | ({"redis": {"address": redis}} if redis else {})


@contextmanager
def livekit(
    address: str = "127.0.0.1", redis: str = "", host: netns.Namespace | None = None, port: int = 0
) -> Iterator[LiveKit]:
    """One node on this address, on ``host`` and ``port`` where they are given; ended by its process id after the block.
    ``redis`` joins it to a cluster."""
    require("livekit-server")
    udp_port = port + 1 if port else free_port(address, socket.SOCK_DGRAM)
    port = port or free_port(address)
    with tempfile.TemporaryDirectory(prefix="livekit-") as folder:
        config, log = Path(folder) / "config.json", Path(folder) / "log"
        config.write_text(json.dumps(_settings(address, port, udp_port, redis)))  # JSON is YAML
        command = [str(LIVEKIT), "--config", str(config)]
        command = host.command(*command) if host else command
        with _started(command, address, port, log) as process:
            yield LiveKit(f"ws://{address}:{port}", log, process)


@contextmanager
def redis(address: str = "127.0.0.1") -> Iterator[str]:
    """A redis server that keeps nothing, as ``address:port``."""
    require("redis-server")
    port = free_port(address)
    with tempfile.TemporaryDirectory(prefix="redis-") as folder:
        options = ["--bind", address, "--port", str(port), "--save", "", "--appendonly", "no", "--dir", folder]
        command = [find_tool("redis-server"), *options, "--protected-mode", "no"]
        with _started(command, address, port, Path(folder) / "log"):
            yield f"{address}:{port}"


def own_address() -> str:
    """Where a server of this test listens: on its own network's near host, or on loopback."""
    network = own_network.inside()
    return network.here.address if network else "127.0.0.1"


@pytest.fixture(scope="module")
def livekit_server() -> Iterator[LiveKit]:
    """A real LiveKit server for this module, on its own network or on loopback."""
    with livekit(own_address()) as server:
        yield server


@pytest.fixture(scope="module")
def livekit_cluster() -> Iterator[tuple[LiveKit, LiveKit]]:
    """Two LiveKit nodes that share their rooms through redis."""
    require("livekit-server", "redis-server")
    with ExitStack() as stack:
        shared = stack.enter_context(redis(own_address()))
        first, second = (stack.enter_context(livekit(own_address(), shared)) for _ in range(2))
        yield first, second
