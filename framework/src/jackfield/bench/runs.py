"""Runs each measurement in a process of its own, so that none sees another's modules, caches or CPU time."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jackfield.values.errors import CallError

ADDRESS = "10.79.0.1"
_NETWORK = (
    "ip link set lo up; ip link add jfb0 type veth peer name jfb1; ip addr add {address}/24 dev jfb0; "
    "ip link set jfb0 up; ip link set jfb1 up; exec {command}"
)


def call(name: str, *arguments: str, limit_s: float) -> dict[str, Any]:
    """The figures that ``jackfield.bench.<name>`` prints; it has this machine's own server to itself."""
    with tempfile.TemporaryDirectory(prefix="jackfield-bench-") as folder:
        environment = {**os.environ, "JACKFIELD_STATE_DIR": folder, "JACKFIELD_LOCAL_IDLE_S": "1"}
        return _figures([sys.executable, "-m", f"jackfield.bench.{name}", *arguments], environment, limit_s)


def peer(*arguments: str, limit_s: float) -> dict[str, Any]:
    """The figures of stock aiortc. The script is run by its path, so that the package is not imported."""
    script = Path(__file__).with_name("aiortc_peer.py")
    return _figures([sys.executable, str(script), *arguments], dict(os.environ), limit_s)


def official_join(count: int) -> dict[str, Any] | str:
    """Joining with the official SDK and with ours in a network of its own; or why that cannot be done here."""
    if missing := no_own_address():
        return missing
    return in_one_network(["official_join"], ["--count", str(count)], 60 + 10.0 * count)


def no_own_address() -> str:
    """Why the official SDK cannot be measured here in a network of one's own; "" where it can."""
    if missing := [tool for tool in ("unshare", "ip") if shutil.which(tool) is None]:
        return f"{', '.join(missing)} not found (apt-get install util-linux iproute2)"
    probe = [sys.executable, "-c", "from livekit import rtc"]
    if subprocess.run(probe, capture_output=True, check=False, timeout=60).returncode:
        return "the official SDK is not installed (pip install livekit)"
    return ""


def in_one_network(module: Sequence[str], options: Sequence[str], limit_s: float) -> dict[str, Any]:
    """The figures of ``jackfield.bench.<module> ADDRESS``, in a network of its own with an address that is no loopback:
    libwebrtc gathers no other. On loopback where no such network can be made."""
    address, isolation = ADDRESS, _isolation()
    if any(shutil.which(tool) is None for tool in ("unshare", "ip")):
        address, isolation = "127.0.0.1", []
    command = [sys.executable, "-m", f"jackfield.bench.{module[0]}", *module[1:], address, *options]
    if isolation:
        command = [*isolation, "sh", "-ec", _NETWORK.format(address=address, command=shlex.join(command))]
    with tempfile.TemporaryDirectory(prefix="jackfield-bench-") as folder:
        return _figures(command, {**os.environ, "JACKFIELD_STATE_DIR": folder}, limit_s)


def no_network() -> str:
    """Why no network of one's own can be made here; "" where it can."""
    if missing := [tool for tool in ("unshare", "nsenter", "ip") if shutil.which(tool) is None]:
        return f"{', '.join(missing)} not found (apt-get install util-linux iproute2)"
    if not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        return "/dev/net/tun cannot be opened (modprobe tun)"
    probe = [sys.executable, "-c", "from livekit import rtc"]
    if subprocess.run(probe, capture_output=True, check=False, timeout=60).returncode:
        return "the official SDK is not installed (pip install livekit)"
    return ""


def in_own_network(command: list[str], limit_s: float) -> dict[str, Any]:
    """The figures that this command prints, run as the only one in a new network namespace."""
    with tempfile.TemporaryDirectory(prefix="jackfield-bench-") as folder:
        return _figures([*_isolation(), *command], {**os.environ, "JACKFIELD_STATE_DIR": folder}, limit_s)


def _isolation() -> list[str]:
    return ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user", "--net"]


def _figures(command: list[str], environment: dict[str, str], limit_s: float) -> dict[str, Any]:
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=limit_s, check=False, cwd=Path.home()
        )
    except subprocess.TimeoutExpired:
        raise CallError(f"a measurement did not end within {limit_s:g} s: {' '.join(command[1:4])}") from None
    if done.returncode:
        words = done.stderr.strip().splitlines()[-1:] or ["it said nothing"]
        raise CallError(f"a measurement failed: {' '.join(command[1:4])}: {words[0]}")
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures
