"""Every run lists what was not run; any test may ask for a network of its own, a browser or a real LiveKit server."""

import pytest

from jackfield import log_limit

pytest_plugins = [
    "tests.lab.needs",
    "tests.lab.own_network",
    "tests.lab.livekit",
    "tests.lab.served",
    "tests.lab.embedded",
    "tests.lab.meeting",
    "tests.lab.browser",
    "tests.lab.sound_server",
    "tests.lab.xserver",
    "tests.lab.vm.plugin",
    "tests.lab.vm.fixtures",
]


@pytest.fixture(autouse=True)
def log_lines_anew() -> None:
    """What earlier tests logged leaves out no line of this one."""
    log_limit.forget()
