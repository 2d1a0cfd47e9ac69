"""The whole suite, as `make test` runs it: what may share the machine side by side, then the rest one after another.

``python -m tests.lab.suite [pytest's options]``. With a path among the options it is pytest and nothing more.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.lab.machine import ROOT

#: No test in these waits for media to keep a pace: they are fine where others work beside them. The longest first.
SIDE_BY_SIDE = (
    "tests/test_vm.py",
    "tests/test_bench.py",
    "tests/test_dist.py",
    "tests/test_page_gallery.py",
    "tests/test_wrong_commands.py",
    "adapters",
    "framework/tests",
    "plugins",
    "tests/test_house_rules.py",
    "tests/test_hostile_parsers.py",
    "tests/test_parity.py",
    "tests/test_docs.py",
    "tests/test_doctor.py",
)
#: One more than most machines of CI have: half of all tests wait for something.
WORKERS = max(2, min(4, (os.cpu_count() or 1) + 1))
NOTHING = pytest.ExitCode.NO_TESTS_COLLECTED


def names_paths(options: Sequence[str]) -> bool:
    """Whether these options choose files."""
    return any((ROOT / option.partition("::")[0]).exists() for option in options if not option.startswith("-"))


def parts(options: Sequence[str]) -> list[list[str]]:
    """The arguments of each pytest, one after another."""
    if names_paths(options):
        return [list(options)]
    beside = ["-n", str(WORKERS), "--dist", "loadfile", "--no-loadscope-reorder", *SIDE_BY_SIDE]
    alone = ["tests", *(f"--ignore={path}" for path in SIDE_BY_SIDE if Path(path).suffix)]
    return [[*beside, *options], [*alone, *options]]


def main(options: Sequence[str]) -> int:
    """0 where every part passed, and something was run."""
    statuses = []
    for arguments in parts(options):
        command = [sys.executable, "-m", "pytest", *arguments]
        statuses.append(subprocess.run(command, cwd=ROOT, check=False).returncode)
        if statuses[-1] == pytest.ExitCode.INTERRUPTED:
            break
    ran = [status for status in statuses if status != NOTHING]
    return max(ran, default=NOTHING, key=bool)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
