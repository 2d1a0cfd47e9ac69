"""A call in a terminal keeps the contracts of its roles, in a real pseudo-terminal."""

from __future__ import annotations

import os
import pty
import sys
import threading

import pytest
from jackfield_render_terminal.plugin import plugin

from jackfield.testing.contracts.plugin import PluginContract
from jackfield.testing.contracts.renderer import RendererContract

if not hasattr(os, "openpty"):
    pytest.skip("no pseudo-terminals on this system", allow_module_level=True)


def emptied() -> int:
    """The inner end of a pseudo-terminal whose outer end is read as fast as it fills."""
    outer, inner = pty.openpty()

    def read() -> None:
        while True:
            try:
                os.read(outer, 1 << 16)
            except OSError:
                return

    threading.Thread(target=read, daemon=True).start()
    return inner


class TestPlugin(PluginContract):
    """It loads, is named and is configured as plugins are."""

    plugin = plugin


class TestRenderer(RendererContract):
    """It draws into a terminal's file, and refuses any other."""

    plugin = plugin
    container = os.fdopen(emptied(), "w")
    wrong_container = sys.__stdin__ if not os.isatty(0) else 7
