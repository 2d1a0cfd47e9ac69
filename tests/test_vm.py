"""The hardware tests, in the lab's virtual machine: one boot for all of them."""

from __future__ import annotations

import sys

import pytest

from tests.lab.machine import VM, VM_NEEDS
from tests.lab.needs import ran_elsewhere
from tests.lab.vm import inner, qemu

#: Two minutes where nothing else runs.
_LIMIT_S = 900


@pytest.mark.needs(*VM_NEEDS)
@pytest.mark.timeout(_LIMIT_S + 60)
def test_the_hardware_tests_pass_in_the_lab(request: pytest.FixtureRequest) -> None:
    """Every test marked ``vm`` that is not a long one passes inside: whole calls with a USB camera, H.264 passed on, a
    camera pulled and put back, sound bit by bit, listings. This run's list has what was not run there."""
    outcome = inner.run([], which=inner.SHORT, limit_s=_LIMIT_S)
    ran_elsewhere(request.config, outcome.those("not run") | dict.fromkeys(outcome.those("passed"), ""))
    reporter = request.config.pluginmanager.get_plugin("terminalreporter")
    if reporter:
        reporter.write_line(f"\n    in the lab: {outcome.summary}")
    failed = "\n\n".join(f"{nodeid}\n{why}" for nodeid, why in outcome.those("failed").items())
    assert not failed, failed
    assert outcome.status == 0, f"pytest in the lab ended with {outcome.status}"
    assert outcome.those("passed"), "no test ran in the lab"


@pytest.mark.needs(*VM_NEEDS)
@pytest.mark.timeout(180)
def test_a_command_in_the_lab_ends_with_its_own_status_and_changes_nothing_here() -> None:
    """Its output is passed on, its exit status is the answer, and the file that it wrote is gone with the VM."""
    heard = bytearray()
    left = VM / "left"
    status = qemu.run(f"uname -n; echo x > '{left}'; cat '{left}'; exit 7", limit_s=120, output=heard.extend)
    assert (status, heard.decode().strip()) == (7, "lab\nx")
    assert not left.exists()


@pytest.mark.needs(*VM_NEEDS)
@pytest.mark.timeout(180)
def test_a_command_that_hangs_is_ended_at_its_limit() -> None:
    """Nothing waits for a VM for ever."""
    heard = bytearray()
    assert qemu.run("sleep 1000", limit_s=3, output=heard.extend) == qemu.TIMED_OUT
    assert b"did not end within 3 s" in heard


def test_only_modules_with_hardware_tests_are_read_in_the_lab() -> None:
    """An import costs seconds there, so that the files are chosen here."""
    assert "tests/test_lab_devices.py" in inner.files()
    assert "tests/test_call.py" not in inner.files()
    assert sys.executable in inner.command([], inner.SHORT)
