"""This plugin keeps the contracts of its roles."""

from __future__ import annotations

from jackfield_background.plugin import plugin

from jackfield import Device
from jackfield.testing import PluginContract, VideoProcessorContract


class TestPlugin(PluginContract):
    plugin = plugin


class TestPictures(VideoProcessorContract):
    plugin = plugin
    device = Device("synthetic:card-front", "camera", "A camera")
