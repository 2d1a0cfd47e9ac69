"""A call for the widget to show."""

from __future__ import annotations

import os

import pytest

from jackfield.testing.fake_call import FakeCall
from jackfield.values.settings import SessionSettings

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")


@pytest.fixture
async def room() -> FakeCall:
    """A call with nobody else in it, of which the widget hides as little as may be."""
    return FakeCall(settings=SessionSettings(hide_chat_button=False, hide_network_indicator=False))
