"""The pytest plugin that `pip install jackfield` brings; it imports no native library."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from jackfield.testing.clock import ManualClock

pytest.register_assert_rewrite("jackfield.testing.contracts")


@pytest.fixture
def manual_clock() -> ManualClock:
    """A clock that the test moves."""
    from jackfield.testing.clock import ManualClock

    return ManualClock()


@pytest.fixture
def jackfield_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state directory of the test's own, and no configuration from outside."""
    state = tmp_path / "state"
    monkeypatch.setenv("JACKFIELD_STATE_DIR", str(state))
    monkeypatch.delenv("JACKFIELD_CONFIG", raising=False)
    return state
