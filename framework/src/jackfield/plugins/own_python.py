"""Modules of ours as child processes: the same Python, the same modules on its path, the same configuration."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def command(module: str, *arguments: str) -> list[str]:
    """What runs ``module`` with these arguments."""
    return [sys.executable, "-m", module, *arguments]


def environment(config: Path | None) -> dict[str, str]:
    """What it is run with, ``config`` being the file that this process was configured by."""
    path = os.pathsep.join(part for part in sys.path if part)
    named = {} if config is None else {"JACKFIELD_CONFIG": str(config.absolute())}
    return {**os.environ, "PYTHONPATH": path, **named}
