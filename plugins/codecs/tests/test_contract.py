"""The software codecs keep the contracts of plugins, encoders and decoders."""

from __future__ import annotations

from jackfield_codecs.plugin import plugin

from jackfield.testing.contracts.decoder import DecoderContract
from jackfield.testing.contracts.encoder import EncoderContract
from jackfield.testing.contracts.plugin import PluginContract


class TestPlugin(PluginContract):
    """It loads, is named and is configured as plugins are."""

    plugin = plugin


class TestEncoders(EncoderContract):
    """H.264, VP8 and Opus."""

    plugin = plugin


class TestDecoders(DecoderContract):
    """H.264, VP8 and Opus."""

    plugin = plugin
