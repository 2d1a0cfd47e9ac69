"""Plugin, encoders and decoders keep their contracts; what needs the card is run where there is one."""

from __future__ import annotations

from jackfield_nvenc.plugin import plugin

from jackfield.testing import DecoderContract, EncoderContract, PluginContract


class TestPlugin(PluginContract):
    """It loads, is named and is configured as plugins are."""

    plugin = plugin


class TestEncoders(EncoderContract):
    """What the card encodes."""

    plugin = plugin


class TestDecoders(DecoderContract):
    """What the card decodes."""

    plugin = plugin
