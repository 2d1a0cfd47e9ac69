"""What tests on the kernel's own drivers share."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
from jackfield_v4l2.driver import V4l2Captures
from jackfield_v4l2.options import Options
from jackfield_v4l2.testing.live import LONG_S, open_nodes

from jackfield.testing.contracts import capture, devices


@pytest.fixture
def nothing_is_left() -> Iterator[None]:
    """No thread and no open device of ours outlives the test."""
    before = set(threading.enumerate())
    yield
    end = time.monotonic() + LONG_S
    while (left := [each for each in threading.enumerate() if each not in before]) and time.monotonic() < end:
        time.sleep(0.05)
    assert not left
    assert not open_nodes()


@pytest.fixture
def cameras() -> V4l2Captures:
    """The driver, more patient than people are."""
    return V4l2Captures(Options(frozen_after_s=LONG_S / 2, first_picture_s=LONG_S))


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """The contract's limits are for machines; this one is emulated."""
    monkeypatch.setattr(capture, "FIRST_MEDIA_S", LONG_S)
    monkeypatch.setattr(capture, "STOP_LIMIT_S", 10.0)
    monkeypatch.setattr(devices, "LISTING_LIMIT_S", 20.0)
