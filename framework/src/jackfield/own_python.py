"""Modules as child processes: the same Python, and the same modules on its path, however this process came by it."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path


def command(module: str, *arguments: str) -> list[str]:
    """What runs ``module`` with these arguments. Started with `environment`, it has our path and nothing before it.

    ``-P`` keeps out the folder that it is started in, where a ``json.py`` might lie.
    """
    return [sys.executable, "-P", "-m", module, *arguments]


def environment(changes: Mapping[str, str] | None = None, *, config: Path | None = None) -> dict[str, str]:
    """Our environment with ``changes``, and our ``sys.path`` as ``PYTHONPATH``: a host may have extended it itself.

    ``config`` is the file that this process was configured by. The folders are absolute, so that a child may be
    started in another one.
    """
    folders = [os.path.abspath(part) for part in sys.path if isinstance(part, str)]
    named = {} if config is None else {"JACKFIELD_CONFIG": str(config.absolute())}
    return {**os.environ, "PYTHONPATH": os.pathsep.join(dict.fromkeys(folders)), **named, **(changes or {})}
