"""The recorder keeps the contracts of plugins and renderers."""

from __future__ import annotations

from jackfield_render_record.plugin import plugin

from jackfield.testing.contracts.plugin import PluginContract
from jackfield.testing.contracts.renderer import RendererContract


class TestPlugin(PluginContract):
    """It loads, is named and is configured as plugins are."""

    plugin = plugin


class TestRenderer(RendererContract):
    """It takes tracks and lets go of them."""

    plugin = plugin
