"""A cable between two network namespaces that is a program: every IPv4 packet passes through a `Shaper`.

Each end is a TUN device (Linux, Documentation/networking/tuntap.rst). What is not UDP, such as signalling, gets the
path's delay and nothing else. Needs the right to make network devices, as root or within a user namespace.
"""

from __future__ import annotations

import ctypes
import fcntl
import heapq
import os
import select
import struct
import subprocess
import threading
import time
from collections.abc import Sequence

from jackfield.bench.loss.shaper import Conditions, Shaper

ADDRESSES = ("10.78.0.1", "10.78.0.2")
DEVICE = "eth0"
_TUNSETIFF, _IFF_TUN, _IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
_CLONE_NEWNET = 0x40000000
_UDP = 17
#: Bytes that got through are added up over this long.
BIN_NS = 100_000_000
_QUEUE_MAX = 20_000


def opened(pid: int | None = None) -> int:
    """A TUN device in the network namespace of this process, or of another: the descriptor of its other side."""
    found: list[int | OSError] = []

    def open_there() -> None:  # on a thread of its own, which alone is in the other namespace
        try:
            if pid is not None:
                _enter(pid)
            tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
            fcntl.ioctl(tun, _TUNSETIFF, struct.pack("16sH22x", DEVICE.encode(), _IFF_TUN | _IFF_NO_PI))
            found.append(tun)
        except OSError as exc:
            found.append(exc)

    thread = threading.Thread(target=open_there)
    thread.start()
    thread.join()
    if isinstance(found[0], OSError):
        raise found[0]
    return found[0]


def _enter(pid: int) -> None:
    namespace = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY)
    try:
        if ctypes.CDLL(None, use_errno=True).setns(namespace, _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")
    finally:
        os.close(namespace)


def configure(own: str, other: str, *, enter: Sequence[str] = ()) -> None:
    """Gives the device its address, the other end as its peer; ``enter`` runs a command in its namespace."""
    for line in (
        "link set lo up",
        f"address add {own} peer {other} dev {DEVICE}",
        f"link set {DEVICE} mtu 1500 txqueuelen 1000 up",
        f"route replace default via {other} dev {DEVICE} onlink",
    ):
        subprocess.run([*enter, "ip", *line.split()], check=True, capture_output=True, timeout=10)


class Tunnel:
    """Carries packets between two descriptors on a thread, from `start` to `stop`, under the conditions of the moment.

    ``carried`` has, for each direction, the bytes of UDP that got through in each `BIN_NS` since `start`.
    """

    def __init__(self, ends: tuple[int, int], seed: int, steps: Sequence[tuple[float, Conditions]] = ()) -> None:
        self.shapers = (Shaper(seed), Shaper(seed + 1))
        self.carried: tuple[dict[int, int], dict[int, int]] = ({}, {})
        self._ends, self._steps = ends, list(steps)
        self._waiting: list[tuple[int, int, int, bytes]] = []
        self._count = 0
        self._began_ns: int | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="tunnel", daemon=True)

    def start(self) -> None:
        """Carries from now on, on a clean path; `begin` starts the trace."""
        self._thread.start()

    def begin(self) -> int:
        """The trace begins now; this instant."""
        self._began_ns = time.monotonic_ns()
        return self._began_ns

    def stop(self) -> None:
        """Carries nothing more."""
        self._stopping.set()
        self._thread.join(5)
        for end in self._ends:
            os.close(end)

    def _run(self) -> None:
        while not self._stopping.is_set():
            now_ns = time.monotonic_ns()
            self._follow(now_ns)
            self._deliver(now_ns)
            wait_s = 0.05 if not self._waiting else max(0.0, min(0.05, (self._waiting[0][0] - now_ns) / 1e9))
            ready, _, _ = select.select(self._ends, [], [], wait_s)
            for end in ready:
                self._read(self._ends.index(end))

    def _follow(self, now_ns: int) -> None:
        if self._began_ns is None:
            return
        while self._steps and now_ns >= self._began_ns + self._steps[0][0] * 1e9:
            _, conditions = self._steps.pop(0)
            for shaper in self.shapers:
                shaper.conditions = conditions

    def _read(self, direction: int) -> None:
        shaper = self.shapers[direction]
        for _ in range(64):
            try:
                packet = os.read(self._ends[direction], 65536)
            except (BlockingIOError, OSError):
                return
            if len(packet) < 20 or packet[0] >> 4 != 4 or len(self._waiting) > _QUEUE_MAX:
                continue
            now_ns = time.monotonic_ns()
            if packet[9] == _UDP:
                due = shaper.offer(len(packet), now_ns)
            else:
                due = [now_ns + round(shaper.conditions.delay_ms * 1e6)]
            for due_ns in due:
                self._count += 1
                heapq.heappush(self._waiting, (due_ns, self._count, direction, packet))

    def _deliver(self, now_ns: int) -> None:
        while self._waiting and self._waiting[0][0] <= now_ns:
            _, _, direction, packet = heapq.heappop(self._waiting)
            try:
                os.write(self._ends[1 - direction], packet)
            except OSError:
                continue
            if self._began_ns is not None and packet[9] == _UDP:
                bin = (now_ns - self._began_ns) // BIN_NS
                self.carried[direction][bin] = self.carried[direction].get(bin, 0) + len(packet)
