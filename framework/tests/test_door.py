"""What aiohttp says of connections: nothing of those that break off, and all of what is our own fault."""

from __future__ import annotations

import pytest

from jackfield.door import http_logger


@pytest.mark.parametrize(
    ("error", "is_told"),
    [(ConnectionResetError(), False), (BrokenPipeError(), False), (ConnectionRefusedError(), True), (KeyError(), True)],
)
def test_a_peer_that_breaks_off_is_nobodys_fault_and_another_error_is(
    error: Exception, is_told: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """A database that refuses us while we answer is a 500, and has to be found in the log."""
    http_logger("jackfield.server").error("Error handling request", exc_info=error)
    assert ("Error handling request" in caplog.text) == is_told
