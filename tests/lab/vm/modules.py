"""Kernel modules inside the VM, and waiting for what udev makes of them."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")
_LIMIT_S = 60.0


def load(module: str, **parameters: object) -> None:
    """The module is loaded, and udev has seen what it brought."""
    _run("modprobe", module, *(f"{name}={value}" for name, value in parameters.items()))
    settle()


def unload(module: str) -> None:
    """The module and its devices are gone, and udev has seen it."""
    wait_for(lambda: subprocess.run(["modprobe", "-r", module], capture_output=True, check=False).returncode == 0)
    settle()


def settle() -> None:
    """udev has nothing left to do."""
    _run("udevadm", "settle", f"--timeout={_LIMIT_S:.0f}")


def wait_for(look: Callable[[], Found], limit_s: float = _LIMIT_S) -> Found:
    """The first answer that is true; `TimeoutError` when none came."""
    until = time.monotonic() + limit_s
    while not (found := look()):
        if time.monotonic() > until:
            raise TimeoutError(f"not within {limit_s:.0f} s: {look}")
        time.sleep(0.05)
    return found


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed: {done.stderr.strip()}")
