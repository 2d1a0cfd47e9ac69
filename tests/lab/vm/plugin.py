"""A pytest plugin for both sides of the VM: outside, tests marked ``vm`` are left to it; inside, results are kept.

Inside is where ``JACKFIELD_VM`` names the folder that is shared with the machine outside.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.lab.needs import reason_of

INSIDE = os.environ.get("JACKFIELD_VM", "")
RESULTS = "results.json"


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """A hardware test never meets this machine's own devices."""
    if item.get_closest_marker("vm") and not INSIDE:
        pytest.skip("it runs in the lab's VM. To run it: make lab")


class _Kept:
    """Writes down how each test ended, for whoever booted the VM."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / RESULTS
        self._outcomes: dict[str, tuple[str, str]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        before = self._outcomes.get(report.nodeid, ("", ""))[0]
        if report.failed:
            self._outcomes[report.nodeid] = ("failed", report.longreprtext[-4000:])
        elif report.skipped:
            self._outcomes[report.nodeid] = ("not run", reason_of(report))
        elif not before:
            self._outcomes[report.nodeid] = ("passed", "")

    def pytest_sessionfinish(self) -> None:
        self._file.parent.mkdir(exist_ok=True)
        self._file.write_text(json.dumps(self._outcomes))


@pytest.hookimpl(trylast=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    if INSIDE:
        session.config.pluginmanager.register(_Kept(Path(INSIDE) / "results"))
