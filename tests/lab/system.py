"""Brings the system packages and foreign servers that tests run against. `make test` runs it first.

`APT=1` or `CI=true` installs the packages with apt-get; otherwise what is missing is named with the command.
livekit-server is built once, where Go is on the machine, into the ignored folder `.peers`; there the kernel of the
hardware lab is unpacked too, once, where QEMU is on the machine.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

from tests.lab.machine import IN_CI, LIVEKIT, LIVEKIT_VERSION, NEEDS, PEERS, find_tool
from tests.lab.vm import kernel

FONTS = "fonts-dejavu-core"


def missing_packages() -> list[str]:
    """The Debian packages that tests here would need and that are not installed."""
    wanted = [need for need in NEEDS.values() if need.package and not (IN_CI and need.soak) and need.lack()]
    packages = [name for need in wanted for name in need.package.split()]
    return [*packages, FONTS] if "chromium" in packages else packages


def install(packages: list[str]) -> bool:
    """Install them with apt-get, as root or through sudo; say what failed."""
    sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
    options = ["-y", "-qq", "--no-install-recommends"]
    # RUNLEVEL=1 keeps Debian from starting the redis service: each test that needs one starts its own.
    environment = ["env", "DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1"]
    for command in (["apt-get", "update", "-qq"], ["apt-get", "install", *options, *packages]):
        done = subprocess.run([*sudo, *environment, *command], capture_output=True, text=True, check=False)
        if done.returncode:
            print(f"system: {' '.join(command)} failed:\n{done.stdout}{done.stderr}", file=sys.stderr)
            return False
    return True


def bring_packages() -> bool:
    packages = missing_packages()
    if not packages:
        return True
    if not (IN_CI or os.environ.get("APT")):
        print(f"system: not installed: {' '.join(packages)}; tests that need them are listed as not run.")
        print(f"system: to install them: APT=1 make test, or apt-get install {' '.join(packages)}")
        return True
    if not find_tool("apt-get"):
        print(f"system: this machine has no apt-get; bring these its own way: {' '.join(packages)}", file=sys.stderr)
        return not IN_CI
    print(f"system: installing {' '.join(packages)}", flush=True)
    return install(packages)


def bring_livekit_server() -> bool:
    """Build the real LiveKit server where Go is at hand; without Go, its tests are listed as not run."""
    if not find_tool("go") or LIVEKIT.exists():
        return True
    print(f"system: building livekit-server {LIVEKIT_VERSION}, once", flush=True)
    PEERS.mkdir(parents=True, exist_ok=True)
    command = ["nice", "go", "install", f"github.com/livekit/livekit-server/cmd/server@{LIVEKIT_VERSION}"]
    environment = {**os.environ, "GOBIN": str(PEERS), "GOFLAGS": "-buildvcs=false"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"system: livekit-server did not build:\n{done.stdout}{done.stderr}", file=sys.stderr)
        return not IN_CI
    shutil.move(PEERS / "server", LIVEKIT)
    return True


def bring_lab_kernel() -> bool:
    """Unpack the hardware lab's kernel where QEMU is at hand; without it, its tests are listed as not run."""
    if not find_tool("qemu-system-x86_64") or not NEEDS["lab-kernel"].lack() or not find_tool("apt-get"):
        return True
    print("system: unpacking the hardware lab's kernel, once", flush=True)
    try:
        kernel.bring()
    except kernel.NoKernel as error:
        print(f"system: the hardware lab has no kernel: {error}", file=sys.stderr)
        return not IN_CI
    return True


def main() -> int:
    return 0 if bring_packages() and bring_livekit_server() and bring_lab_kernel() else 1


if __name__ == "__main__":
    sys.exit(main())
