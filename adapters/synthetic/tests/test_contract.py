"""The made-up devices keep the contracts of real ones."""

from __future__ import annotations

from jackfield_synthetic.plugin import plugin

from jackfield.testing.contracts.capture import CaptureContract
from jackfield.testing.contracts.playback import PlaybackContract
from jackfield.testing.contracts.plugin import PluginContract


class TestPlugin(PluginContract):
    """It loads, is named and is configured as plugins are."""

    plugin = plugin


class TestCaptures(CaptureContract):
    """Cards, tones and the screen."""

    plugin = plugin


class TestPlaybacks(PlaybackContract):
    """The loudspeaker that measures."""

    plugin = plugin
