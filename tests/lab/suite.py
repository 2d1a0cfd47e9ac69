"""The whole suite, as `make test` runs it: what may share the machine side by side, then the rest one after another.

A machine with more to do than it can makes a test fail that is right: of what failed beside others, a few are run once
more by themselves, and that run counts. Which they were is said at the end, so that nobody takes them for sound.

``python -m tests.lab.suite [pytest's options]``. With a path among the options it is pytest and nothing more.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
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
    "tests/test_serve.py",
    "tests/test_tutorial.py",
    "tests/test_cli_calls.py",
    "tests/test_wrong_midway.py",
    "tests/test_wrong_things.py",
    "tests/test_page.py",
    "tests/test_page_call.py",
    "tests/test_page_background.py",
    "tests/test_page_module.py",
    "tests/test_screen_page.py",
    "tests/test_qt_soak.py",
    "tests/test_qt_call.py",
    "tests/test_recording.py",
    "tests/test_streams_browser.py",
    "tests/test_reconnect_calls.py",
    "tests/test_livekit_api.py",
    "tests/test_serve_livekit.py",
    "tests/test_ringing.py",
    "tests/test_sync.py",
    "tests/test_seeds.py",
    "tests/test_hostile_found.py",
    "tests/test_log_ins.py",
    "adapters",
    "framework/tests",
    "plugins",
    "tests/test_house_rules.py",
    "tests/test_hostile_parsers.py",
    "tests/test_parity.py",
    "tests/test_docs.py",
    "tests/test_doctor.py",
    "tests/test_suite.py",
)
#: One more than most machines of CI have: half of all tests wait for something.
WORKERS = max(2, min(4, (os.cpu_count() or 1) + 1))
NOTHING = pytest.ExitCode.NO_TESTS_COLLECTED
#: More than so many that fail beside others are no accident of the machine's load.
FEW = 8


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


def run(arguments: Sequence[str]) -> int:
    """pytest's exit status."""
    return subprocess.run([sys.executable, "-m", "pytest", *arguments], cwd=ROOT, check=False).returncode


def failed(cache: Path) -> list[str]:
    """What pytest, run with this folder for its cache, has noted as failed."""
    noted = cache / "v" / "cache" / "lastfailed"
    return sorted(json.loads(noted.read_text())) if noted.exists() else []


def run_beside(arguments: Sequence[str], options: Sequence[str]) -> tuple[int, list[str]]:
    """The status of tests beside each other, a few of which get a second run by themselves; which of them needed it."""
    with tempfile.TemporaryDirectory() as folder:
        kept = ["-o", f"cache_dir={folder}"]
        status = run([*arguments, *kept])
        again = failed(Path(folder))
        if status != pytest.ExitCode.TESTS_FAILED or not 0 < len(again) <= FEW:
            return status, []
        print(f"\n{len(again)} failed beside others. By themselves, once more; this run counts:", flush=True)
        status = run([*again, *options, *kept])
        still = failed(Path(folder))
        return status, [name for name in again if name not in still]


def main(options: Sequence[str]) -> int:
    """0 where every part passed, and something was run."""
    first, *rest = parts(options)
    status, needed = run_beside(first, options) if rest else (run(first), [])
    statuses = [status]
    if status != pytest.ExitCode.INTERRUPTED:
        statuses += [run(arguments) for arguments in rest]
    for name in needed:
        print(f"failed beside others, passed by itself: {name}", flush=True)
    ran = [status for status in statuses if status != NOTHING]
    return max(ran, default=NOTHING, key=bool)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
