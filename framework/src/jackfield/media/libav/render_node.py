"""GPUs as Linux names them to programs that draw or encode: ``/dev/dri/renderD128`` and on. Nothing is opened."""

from __future__ import annotations

import getpass
import os
from collections.abc import Sequence
from pathlib import Path

from jackfield.values.findings import Finding

DEVICES = Path("/dev/dri")
#: What sysfs says of a device (Documentation/ABI/testing/sysfs-bus-pci).
CLASS = Path("/sys/class/drm")


def nodes(folder: Path = DEVICES) -> list[Path]:
    """The render nodes, in order."""
    return sorted(folder.glob("renderD*"))


def missing(made_by: Sequence[str] = (), wanted: str = "") -> str | None:
    """Why no GPU can be reached, in words; None when one can. ``made_by`` are the kernel drivers that will do, all
    where it is empty, ``wanted`` is the path of the one to use."""
    there = [Path(wanted)] if wanted else nodes()
    there = [node for node in there if node.exists()]
    if not there:
        return f"no GPU: {wanted or f'{DEVICES}/renderD*'} is not there"
    fitting = [node for node in there if not made_by or driver_of(node) in made_by]
    if not fitting:
        found = ", ".join(f"{node.name} is {driver_of(node) or 'unknown'}'s" for node in there)
        return f"no GPU driven by {' or '.join(made_by)}: {found}"
    if not any(os.access(node, os.R_OK | os.W_OK) for node in fitting):
        return f"{fitting[0]} may not be opened by this user, who is not in its group (mostly render)"
    return None


def first(made_by: Sequence[str] = ()) -> str:
    """The path of the first GPU of these drivers; "" where there is none."""
    return next((str(node) for node in nodes() if not made_by or driver_of(node) in made_by), "")


def driver_of(node: Path) -> str:
    """The kernel driver behind a render node (``i915``, ``xe``, ``amdgpu``); "" where it cannot be told."""
    try:
        return (CLASS / node.name / "device" / "driver").resolve(strict=True).name
    except OSError:
        return ""


def drivers() -> str:
    """Which GPUs there are, and what drives them."""
    return ", ".join(f"{node.name} {driver_of(node)}" for node in nodes())


def diagnose() -> list[Finding]:
    """A GPU that is there and may not be opened: an error for each."""
    locked = [node for node in nodes() if not os.access(node, os.R_OK | os.W_OK)]
    fix = f"sudo usermod -aG render {_user()}, then log in again"
    return [Finding("error", str(node), "the GPU may not be opened by this user", fix) for node in locked]


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "$USER"
