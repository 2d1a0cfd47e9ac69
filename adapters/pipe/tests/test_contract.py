"""Commands keep the contract of every camera and microphone."""

from __future__ import annotations

import sys
from pathlib import Path

from jackfield_pipe.plugin import plugin

from jackfield.testing.contracts.capture import CaptureContract
from jackfield.testing.contracts.plugin import PluginContract

CARD = [sys.executable, str(Path(__file__).with_name("card_on_stdout.py"))]
SIZED = ["--width", "{width}", "--height", "{height}", "--fps", "{fps}", "--gop", "10"]
OPTIONS = {
    "h264": {"command": [*CARD, "h264", *SIZED], "format": "h264"},
    "fixed": {"command": [*CARD, "yuv420p"], "format": "yuv420p", "width": 320, "height": 180},
    "mjpeg": {"command": [*CARD, "mjpeg", *SIZED], "format": "mjpeg", "kind": "screen"},
    "sound": {"command": [*CARD, "s16le"], "format": "s16le"},
    "absent": {"command": "no-such-command-anywhere -o -", "format": "h264"},
}


class TestPlugin(PluginContract):
    """It loads, is named and is configured as plugins are."""

    plugin = plugin
    options = OPTIONS


class TestCaptures(CaptureContract):
    """A camera, a screen, a microphone, and a command that is not there."""

    plugin = plugin
    options = OPTIONS
