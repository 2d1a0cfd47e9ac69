"""This plugin keeps the contracts of its roles."""

from __future__ import annotations

from jackfield_processing.plugin import plugin

from jackfield import Device
from jackfield.testing import AudioProcessorContract, PluginContract, VideoProcessorContract

CAMERA = Device("synthetic:card-front", "camera", "A camera")
OPTIONS = {"rotate": {CAMERA.id: 90}, "crop": {"*": "640x480+16+16"}, "mirror": [CAMERA.id]}


class TestPlugin(PluginContract):
    plugin = plugin
    options = OPTIONS


class TestSound(AudioProcessorContract):
    plugin = plugin


class TestPictures(VideoProcessorContract):
    plugin = plugin
    options = OPTIONS
    device = CAMERA
