"""Network namespaces of a test's own: two hosts, one cable between them, and nothing else in reach.

A namespace lives as long as a small process that holds it, so nothing is left behind however a run ends. Without
root they lie in a user namespace (`unshare -U`), which needs no rights.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from attrs import frozen

LEFT_ADDRESS, RIGHT_ADDRESS = "10.77.0.1", "10.77.0.2"
_STARTED = "echo started; exec cat"


@frozen
class Namespace:
    """One host of a test's own network: its address, and the process that keeps it alive.

    ``has_user_namespace`` says that entering it from outside means entering its user namespace as well.
    """

    pid: int
    address: str
    has_user_namespace: bool = False

    def command(self, *command: str) -> list[str]:
        """This command line, run on that host."""
        user = ["-U", "--preserve-credentials"] if self.has_user_namespace else []
        return ["nsenter", "-t", str(self.pid), *user, "-n", *command]

    def run(self, *command: str, timeout_s: float = 30, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run it there to its end; what it printed is in the answer, and a failure raises."""
        arguments = {"check": True, "capture_output": True, "text": True, **options}
        return subprocess.run(self.command(*command), timeout=timeout_s, **arguments)

    @contextmanager
    def running(self, *command: str, **options: Any) -> Iterator[subprocess.Popen[Any]]:
        """Have it run there for the length of a block; it is ended by its process id."""
        with subprocess.Popen(self.command(*command), **options) as process:
            try:
                yield process
            finally:
                end(process)


@frozen
class Network:
    """Two hosts with a cable between them. A test marked `own_network` runs on ``here``."""

    here: Namespace
    elsewhere: Namespace


def end(process: subprocess.Popen[Any], patience_s: float = 5) -> int:
    """End one process that a test started, politely first."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(patience_s)
        except subprocess.TimeoutExpired:
            process.kill()
    return process.wait(patience_s)


@contextmanager
def _held(command: Sequence[str]) -> Iterator[int]:
    """A process in a new namespace; it ends when its standard input closes, so also when this process dies."""
    with subprocess.Popen([*command, "sh", "-c", _STARTED], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdin
        assert holder.stdout
        try:
            if holder.stdout.readline() != b"started\n":
                raise RuntimeError(f"{' '.join(command)} made no namespace")
            yield holder.pid
        finally:
            holder.stdin.close()
            holder.wait(5)


def _resolvers() -> list[str]:
    """The name servers that this machine asks and that a network of a test's own cannot reach."""
    path = Path("/etc/resolv.conf")
    lines = path.read_text().splitlines() if path.exists() else []
    addresses = [line.split()[1] for line in lines if line.startswith("nameserver ") and len(line.split()) > 1]
    return [a for a in dict.fromkeys(addresses) if ":" not in a and not a.startswith("127.")]


@contextmanager
def joined_pair() -> Iterator[Network]:
    """Two new hosts, each with loopback, one address, and a default route to the other; gone after the block."""
    unprivileged = os.geteuid() != 0
    with ExitStack() as stack:
        here_pid = stack.enter_context(_held(["unshare", "-Urn" if unprivileged else "-n"]))
        here = Namespace(here_pid, LEFT_ADDRESS, unprivileged)
        into_user = ["nsenter", "-t", str(here_pid), "-U", "--preserve-credentials"] if unprivileged else []
        elsewhere_pid = stack.enter_context(_held([*into_user, "unshare", "-n"]))
        elsewhere = Namespace(elsewhere_pid, RIGHT_ADDRESS, unprivileged)
        here.run("ip", "link", "add", "cable", "type", "veth", "peer", "name", "cable", "netns", str(elsewhere_pid))
        for host, other in ((here, elsewhere), (elsewhere, here)):
            host.run("ip", "address", "add", f"{host.address}/24", "dev", "cable")
            host.run("ip", "link", "set", "lo", "up")
            host.run("ip", "link", "set", "cable", "up")
            host.run("ip", "route", "add", "default", "via", other.address)
            for resolver in _resolvers():  # a question to it fails at once; else each costs 10 s
                host.run("ip", "route", "add", "unreachable", resolver)
        yield Network(here, elsewhere)
