"""A pytest plugin: tests marked `own_network` run in a network of their own, one second process for each module.

That process is pytest itself, on one of two joined hosts (`tests.lab.netns`). Its reports come back through a pipe and
count here as if the tests had run here. In there, the fixture `network` names both hosts.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.lab import netns
from tests.lab.machine import ROOT
from tests.lab.needs import require

INSIDE = "JACKFIELD_TEST_NETWORK"
REPORTS = "JACKFIELD_TEST_REPORTS"
PATIENCE_S = 300  # without a word from the second process; each test in it has a time limit of its own
_rooms: pytest.StashKey[Rooms] = pytest.StashKey()


def inside() -> netns.Network | None:
    """The network that this process is in, where it is one of the second processes."""
    if INSIDE not in os.environ:
        return None
    here, elsewhere = (int(pid) for pid in os.environ[INSIDE].split(","))
    return netns.Network(netns.Namespace(here, netns.LEFT_ADDRESS), netns.Namespace(elsewhere, netns.RIGHT_ADDRESS))


class Room:
    """One second process, running one module's marked tests in order."""

    def __init__(self, nodeids: list[str], options: list[str]) -> None:
        self._stack = ExitStack()
        network = self._stack.enter_context(netns.joined_pair())
        reading, writing = os.pipe()
        self._pipe = self._stack.enter_context(os.fdopen(reading, "rb", buffering=0))
        self._printed = tempfile.TemporaryFile()  # noqa: SIM115  the stack closes it
        self._stack.enter_context(self._printed)
        environment = {
            **os.environ,
            INSIDE: f"{network.here.pid},{network.elsewhere.pid}",
            REPORTS: str(writing),
        }
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "no:cacheprovider",
            "-q",
            "--no-header",
            "--no-summary",
            *options,
            *nodeids,
        ]
        self._process = subprocess.Popen(
            network.here.command(*command), cwd=ROOT, env=environment, pass_fds=[writing],
            stdout=self._printed, stderr=subprocess.STDOUT,
        )  # fmt: skip
        os.close(writing)
        self._text = b""

    def reports(self, nodeid: str) -> Iterator[dict[str, object]]:
        """The reports of this test, each as it comes; ends with the test's teardown."""
        while (line := self._line()) is not None:
            data = json.loads(line)
            if data["nodeid"] == nodeid:
                yield data
                if data["when"] == "teardown":
                    return

    def _line(self) -> bytes | None:
        while b"\n" not in self._text:
            ready, _, _ = select.select([self._pipe], [], [], PATIENCE_S)
            read = self._pipe.read(65536) if ready else b""
            if not read:
                return None
            self._text += read
        line, self._text = self._text.split(b"\n", 1)
        return line

    def close(self) -> str:
        """End the process and its network; what it printed outside of tests is the answer."""
        status = netns.end(self._process)
        self._printed.seek(0)
        text = f"exit status {status}\n{self._printed.read().decode(errors='replace')}"
        self._stack.close()
        return text


class Rooms:
    """The plugin's state: at most one second process at a time."""

    def __init__(self) -> None:
        self.path = None
        self.room: Room | None = None

    def of(self, item: pytest.Item) -> Room:
        if self.room is None or self.path != item.path:
            self.close()
            rest = item.session.items[item.session.items.index(item) :]
            marked = [i.nodeid for i in rest if i.path == item.path and i.get_closest_marker("own_network")]
            show = ["-m", item.config.option.markexpr] if item.config.option.markexpr else []
            self.room, self.path = Room(marked, show), item.path
        return self.room

    def close(self) -> str:
        room, self.room = self.room, None
        return room.close() if room else ""


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "own_network: runs in a network namespace of its own, one for each module")
    config.stash[_rooms] = Rooms()
    if REPORTS in os.environ:
        config.pluginmanager.register(Reporter(int(os.environ[REPORTS]), config))


def pytest_unconfigure(config: pytest.Config) -> None:
    config.stash[_rooms].close()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marked tests come last, so that no fixture of another module waits for them; their time is limited in there."""
    if inside():
        return
    for item in items:
        if item.get_closest_marker("own_network"):
            item.add_marker(pytest.mark.timeout(0), append=False)
    items.sort(key=lambda item: item.get_closest_marker("own_network") is not None)


class Reporter:
    """In the second process: writes every report to the pipe."""

    def __init__(self, descriptor: int, config: pytest.Config) -> None:
        self._config, self._pipe = config, os.fdopen(descriptor, "wb", buffering=0)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        data = self._config.hook.pytest_report_to_serializable(config=self._config, report=report)
        self._pipe.write(json.dumps(data).encode() + b"\n")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> bool | None:
    """Hand a marked test to its module's second process, and give its reports out here."""
    if not item.get_closest_marker("own_network") or inside():
        return None
    refusal = pytest.CallInfo.from_call(lambda: require("netns"), when="setup")
    hook = item.ihook
    hook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    if refusal.excinfo:
        hook.pytest_runtest_logreport(report=pytest.TestReport.from_item_and_call(item, refusal))
    else:
        _replay(item)
    hook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def _replay(item: pytest.Item) -> None:
    rooms, last = item.config.stash[_rooms], None
    for data in rooms.of(item).reports(item.nodeid):
        last = item.config.hook.pytest_report_from_serializable(config=item.config, data=data)
        item.ihook.pytest_runtest_logreport(report=last)
    if last is None or last.when != "teardown":
        said = rooms.close()
        broken = pytest.CallInfo.from_call(
            lambda: pytest.fail(f"the process in the network of its own ended early:\n{said}", pytrace=False),
            when="call",
        )
        item.ihook.pytest_runtest_logreport(report=pytest.TestReport.from_item_and_call(item, broken))


@pytest.fixture
def network() -> netns.Network:
    """The two hosts of this test's network; the test itself is on ``network.here``. For tests marked `own_network`."""
    found = inside()
    if found is None:
        pytest.fail("the fixture `network` is for tests marked own_network", pytrace=False)
    return found
