"""pytest inside the VM: which files it reads, how it is started, and what it found."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from attrs import field, frozen

from tests.lab.machine import IN_CI, ROOT
from tests.lab.vm import bytecode, media, qemu
from tests.lab.vm.plugin import RESULTS

EVERY, SHORT = "vm", "vm and not soak"
_MARK = "mark.vm"
#: Emulation is some twenty times slower than the machine: a test's limit is for what hangs, not for what is slow.
_TEST_LIMIT_S = 600


@frozen
class Outcome:
    """How the run inside ended: its exit status, and for each test ``passed``, ``failed`` or ``not run``, and why."""

    status: int
    tests: dict[str, tuple[str, str]] = field(factory=dict)

    def those(self, outcome: str) -> dict[str, str]:
        """The tests that ended so, each with what it said."""
        return {nodeid: why for nodeid, (how, why) in self.tests.items() if how == outcome}

    @property
    def summary(self) -> str:
        """The counts, in words."""
        return ", ".join(f"{len(self.those(each))} {each}" for each in ("passed", "failed", "not run"))


def run(
    arguments: Sequence[str], *, which: str, limit_s: float, output: Callable[[bytes], None] = qemu.show
) -> Outcome:
    """Boot one VM and run in it every test that ``which`` selects."""
    media.bring()
    bytecode.bring()
    with tempfile.TemporaryDirectory(prefix="jackfield-lab-") as folder:
        status = qemu.run(command(arguments, which), limit_s=limit_s, output=output, results=Path(folder))
        kept = Path(folder) / RESULTS
        return Outcome(status, json.loads(kept.read_text()) if kept.exists() else {})


def command(arguments: Sequence[str], which: str) -> str:
    """The shell command: only files with marked tests are named, since every import is slow there."""
    named = [word for word in arguments if (ROOT / word.partition("::")[0]).exists()]
    pytest = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-m", which, f"--timeout={_TEST_LIMIT_S}"]
    words = [*pytest, *arguments, *([] if named else files())]
    python = {"PYTHONPYCACHEPREFIX": str(bytecode.FOLDER), "PYTHONDONTWRITEBYTECODE": "1"}
    settings = python | {"CI": "true" if IN_CI else "", "COLUMNS": os.environ.get("COLUMNS", "120")}
    exports = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in settings.items())
    return f"cd {shlex.quote(str(ROOT))}\n{exports}exec {shlex.join(words)}\n"


def files() -> list[str]:
    """The test modules in which some test is marked for the VM."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", "*test_*.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return [name for name in listed.split("\0") if name and _MARK in _text(ROOT / name)]


def _text(path: Path) -> str:
    return path.read_text() if path.is_file() else ""
