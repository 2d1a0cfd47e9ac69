"""A pytest plugin: a test says what it needs of the machine, and the run ends with what was not run, and why."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

import pytest

from tests.lab.machine import IN_CI, NEEDS

SUITES = {"vm": "make lab", "soak": "make soak", "bench": "make bench"}
#: As many tests are named one by one.
FEW = 8
_not_run: pytest.StashKey[dict[str, list[str]]] = pytest.StashKey()
_elsewhere: pytest.StashKey[dict[str, str]] = pytest.StashKey()


def require(*names: str) -> None:
    """Go on only where the machine has all of these.

    Else the test is listed as not run; in CI it fails where the thing could be had.
    """
    for name in names:
        need = NEEDS.get(name)
        if need is None:
            pytest.fail(
                f"no need is named {name!r}; tests/lab/machine.py has {', '.join(sorted(NEEDS))}", pytrace=False
            )
        lack = need.lack()
        if lack and IN_CI and need.is_obtainable:
            pytest.fail(f"CI must have {name}: {lack}. To mend it: {need.fix}", pytrace=False)
        if lack:
            pytest.skip(f"{lack}. To run it: {need.fix}")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_not_run] = defaultdict(list)
    config.stash[_elsewhere] = {}
    if config.pluginmanager.hasplugin("xdist"):
        config.pluginmanager.register(_SideBySide(config))


def ran_elsewhere(config: pytest.Config, reasons: dict[str, str]) -> None:
    """Tests that this run left out have been run by another, or not for the reason given (empty where they were)."""
    config.stash[_elsewhere].update(reasons)


class _SideBySide:
    """Of several processes with tests, each tells the one that prints what it has left out."""

    @staticmethod
    def pytest_sessionfinish(session: pytest.Session) -> None:
        output = getattr(session.config, "workeroutput", None)
        if output is not None:
            output["not_run"] = dict(session.config.stash[_not_run])
            output["elsewhere"] = session.config.stash[_elsewhere]

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    def pytest_testnodedown(self, node: Any) -> None:
        output = getattr(node, "workeroutput", {})
        for reason, nodeids in output.get("not_run", {}).items():
            known = self._config.stash[_not_run][reason]
            known += [nodeid for nodeid in nodeids if nodeid not in known]
        ran_elsewhere(self._config, output.get("elsewhere", {}))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker in item.iter_markers("needs"):
        require(*marker.args)


def pytest_deselected(items: list[pytest.Item]) -> None:
    """Keep the long suites' tests in the list; what a person's own -k left out is theirs to know."""
    for item in items:
        suite = next((name for name in SUITES if item.get_closest_marker(name)), None)
        if suite:
            item.config.stash[_not_run][f"a {suite} test. To run it: {SUITES[suite]}"].append(item.nodeid)


def reason_of(report: pytest.TestReport) -> str:
    """Why a test was skipped."""
    if isinstance(report.longrepr, tuple | list):  # a list where the report came from another process
        return str(report.longrepr[2]).removeprefix("Skipped: ")
    return str(report.longrepr)


def _skipped(reports: list[pytest.TestReport]) -> Iterator[tuple[str, str]]:
    for report in reports:
        yield reason_of(report), report.nodeid or "a module"


def _known_better(not_run: dict[str, list[str]], elsewhere: dict[str, str]) -> dict[str, list[str]]:
    known = defaultdict(list)
    for reason, nodeids in not_run.items():
        for nodeid in nodeids:
            known[elsewhere.get(nodeid, reason)].append(nodeid)
    known.pop("", None)
    return known


def _named(nodeids: list[str]) -> list[str]:
    """The tests by name, or by file where one reason holds for many."""
    if len(nodeids) <= FEW:
        return nodeids
    files = Counter(nodeid.partition("::")[0] for nodeid in nodeids)
    return [f"{file}: {count} tests" for file, count in files.items()]


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    not_run = _known_better(config.stash[_not_run], config.stash[_elsewhere])
    for reason, nodeid in _skipped(terminalreporter.stats.get("skipped", [])):
        not_run[reason].append(nodeid)
    if not not_run:
        return
    terminalreporter.section("not run, and why", sep="-")
    for reason, nodeids in sorted(not_run.items()):
        terminalreporter.line(f"{len(nodeids)} not run: {reason}")
        for line in _named(nodeids):
            terminalreporter.line(f"    {line}")
