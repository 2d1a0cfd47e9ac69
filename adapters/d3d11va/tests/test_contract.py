"""Plugin, and decoders keep their contracts; what needs the card is run where there is one."""

from __future__ import annotations

from jackfield_d3d11va.plugin import plugin

from jackfield.testing import DecoderContract, PluginContract


class TestPlugin(PluginContract):
    """It loads, is named and is configured as plugins are."""

    plugin = plugin


class TestDecoders(DecoderContract):
    """What the card decodes."""

    plugin = plugin
