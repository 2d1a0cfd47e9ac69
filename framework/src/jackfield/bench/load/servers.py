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

from jackfield.bench.load.livekit import KEY, SECRET
from jackfield.bench.memory.process import cpu_s, family, pss_bytes
from jackfield.rtc.aioice_shim import local_addresses

ADDRESS = "127.0.0.1"
_START_S, _END_S = 30.0, 10.0
#: What Janus would load beside the video room and the WebSocket.
_JANUS_PLUGINS = (
    "audiobridge duktape echotest lua nosip recordplay sip streaming textroom videocall voicemail"  # as Debian has them
)
_JANUS_TRANSPORTS = "http mqtt nanomsg pfunix rabbitmq"
#: Below what Linux hands out by itself.
_JANUS_PORTS = "20000-29999"


@frozen
class Served:
    """A server that listens, its process, and the address to which its participants' sockets are bound."""

    url: str
    pid: int
    address: str = ADDRESS

    def cpu_s(self) -> float:
        """CPU seconds of the process and of its children, user and system."""
        return sum(cpu_s(pid) for pid in family(self.pid))

    def memory_bytes(self) -> int:
        """Memory of the process and of its children; what several processes share is shared out among them."""
        return sum(pss_bytes(pid) for pid in family(self.pid))


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
                _await_port(port, process, log, program)
                yield Served(f"http://{ADDRESS}:{port}", process.pid)
            finally:
                _end(process)


@contextmanager
def janus() -> Iterator[Served]:
    """`janus` from the path with its video room, signalling over a WebSocket on loopback.

    It takes no loopback address for media, so that is on the machine's own; nothing leaves the machine.
    """
    program, address = shutil.which("janus"), own_address()
    if program is None or not address:
        raise SystemExit("janus is not on the path, or the machine has no address but loopback")
    port = _free(socket.SOCK_STREAM)
    with tempfile.TemporaryDirectory(prefix="jackfield-load-") as folder:
        _configure_janus(Path(folder), address, port)
        log = Path(folder) / "said"
        command = [program, "--config", f"{folder}/janus.jcfg", "--configs-folder", folder]
        with log.open("wb") as said, subprocess.Popen(command, stdout=said, stderr=said, cwd=folder) as process:
            try:
                _await_port(port, process, log, program)
                yield Served(f"ws://{ADDRESS}:{port}", process.pid, address)
            finally:
                _end(process)


def own_address() -> str:
    """The machine's first IPv4 address that is not loopback; empty where it has none."""
    return next((address for address in local_addresses() if ":" not in address), "")


def _configure_janus(folder: Path, address: str, port: int) -> None:
    plugins, transports = (
        ",".join(f"libjanus_{name}.so" for name in names.split()) for names in (_JANUS_PLUGINS, _JANUS_TRANSPORTS)
    )
    (folder / "janus.jcfg").write_text(
        f"""
general: {{ configs_folder = "{folder}", debug_level = 2, debug_colors = false }}
media: {{ ipv6 = false, rtp_port_range = "{_JANUS_PORTS}" }}
nat: {{ ice_lite = true, ice_enforce_list = "{address}" }}
plugins: {{ disable = "{plugins}" }}
transports: {{ disable = "{transports}" }}
events: {{ broadcast = false }}
"""
    )
    (folder / "janus.transport.websockets.jcfg").write_text(
        f"""
general: {{ json = "compact", ws = true, ws_port = {port}, ws_ip = "{ADDRESS}", wss = false, ws_logging = "err" }}
admin: {{ admin_ws = false, admin_wss = false }}
"""
    )


SERVERS: dict[str, Callable[[], AbstractContextManager[Served]]] = {
    "jackfield": jackfield,
    "livekit": livekit,
    "janus": janus,
}


def _free(kind: socket.SocketKind) -> int:
    with socket.socket(type=kind) as probe:
        probe.bind((ADDRESS, 0))
        port: int = probe.getsockname()[1]
        return port


def _await_port(port: int, process: subprocess.Popen[bytes], log: Path, program: str) -> None:
    ends = time.monotonic() + _START_S
    while time.monotonic() < ends and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex((ADDRESS, port)) == 0:
                return
        time.sleep(0.05)
    raise SystemExit(f"{Path(program).name} did not start: {_end_of(log)}")


def _end(process: subprocess.Popen[bytes]) -> None:
    """Asked twice, for the first time means that calls may go on; then not asked."""
    for patience_s in (1.0, _END_S):
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(patience_s)
            return
    process.kill()
