"""Screens and windows keep the contract of whatever takes pictures."""

from __future__ import annotations

import pytest
from jackfield_screen.plugin import plugin

from jackfield.testing.contracts.capture import CaptureContract
from jackfield.testing.contracts.plugin import PluginContract
from tests.lab.xserver import XServer


class TestPlugin(PluginContract):
    """It loads, is named and is configured as plugins are."""

    plugin = plugin


@pytest.mark.needs("xvfb")
class TestCaptures(CaptureContract):
    """A screen, the whole desktop and a window."""

    plugin = plugin

    @pytest.fixture(autouse=True)
    def _desktop(self, x_server: XServer, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("WAYLAND_DISPLAY", "XDG_SESSION_TYPE"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("DISPLAY", x_server.display)
        x_server.window("A window", 0x204060, x=20, y=20)
