"""Everything that may be imported inside the VM, compiled outside: emulated, it would take minutes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path

from tests.lab.machine import ROOT, VM

#: Where Python finds it (``PYTHONPYCACHEPREFIX``), inside and outside.
FOLDER = VM / "bytecode"
_LIBRARY = re.compile(r"/(tests?|site-packages|idlelib|lib2to3|ensurepip|turtledemo)/|/playwright/driver/")
_INSTALLED = re.compile(r"/tests?/|/playwright/driver/")
_OWN = ("framework/src", "plugins", "adapters", "tests")


def bring() -> None:
    """Compiled anew where the source is newer; seconds the first time, and hardly any after it."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    stamp, purelib = FOLDER / "stamp", Path(sysconfig.get_path("purelib"))
    if not stamp.exists() or stamp.stat().st_mtime < purelib.stat().st_mtime:
        _compile([Path(sysconfig.get_path("stdlib"))], _LIBRARY)
        _compile([purelib], _INSTALLED)
        stamp.touch()
    _compile([ROOT / name for name in _OWN], re.compile("/node_modules/"))


def _compile(folders: Iterable[Path], without: re.Pattern[str]) -> None:
    command = [sys.executable, "-m", "compileall", "-q", "-j", "2", "-x", without.pattern, *map(str, folders)]
    environment = os.environ | {"PYTHONPYCACHEPREFIX": str(FOLDER), "PYTHONDONTWRITEBYTECODE": ""}
    # A file that does not compile is reported where it is imported, if it is.
    subprocess.run(command, env=environment, capture_output=True, check=False)
