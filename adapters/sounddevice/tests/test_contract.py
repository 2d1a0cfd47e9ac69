"""Microphones and loudspeakers keep their contracts: on a fake PortAudio, and on a real one with a sound server."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jackfield_sounddevice.driver import Microphones, Speakers
from jackfield_sounddevice.listing import LinuxMachine
from jackfield_sounddevice.options import Options
from jackfield_sounddevice.plugin import plugin

from jackfield.testing.contracts.capture import CaptureContract
from jackfield.testing.contracts.playback import PlaybackContract
from jackfield.testing.contracts.plugin import PluginContract
from tests.lab.sound_cards import SoundCards

FAKE = "jackfield_sounddevice.fake_portaudio"


@cache
def _cards() -> tuple[tempfile.TemporaryDirectory[str], LinuxMachine]:
    folder = tempfile.TemporaryDirectory(prefix="jackfield-cards-")
    cards = SoundCards(Path(folder.name) / "root")
    cards.usb(0, serial="5F3A", pcms="0c 0p")
    return folder, LinuxMachine(Options(), cards.root, library_is_there=lambda: True)


@pytest.fixture(autouse=True)
def _no_sound_server(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PULSE_SERVER", "PULSE_RUNTIME_PATH", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)


class TestPlugin(PluginContract):
    """It loads, is named and is configured as plugins are."""

    plugin = plugin
    options = {"latency_ms": 30.0, "pcms": ["aux"]}


class TestCapturesOfAFake(CaptureContract):
    """The driver over a fake of PortAudio, on made-up cards."""

    plugin = plugin

    @classmethod
    def offers(cls) -> list[Any]:
        """The driver with its seams exchanged."""
        return [Microphones(Options(), _cards()[1], FAKE)]


class TestPlaybacksOfAFake(PlaybackContract):
    """The driver over a fake of PortAudio, on made-up cards."""

    plugin = plugin

    @classmethod
    def offers(cls) -> list[Any]:
        """The driver with its seams exchanged."""
        return [Speakers(Options(), _cards()[1], FAKE)]


@pytest.mark.needs("pulseaudio", "pactl", "alsa-plugins", "portaudio")
@pytest.mark.usefixtures("sound_server")
class TestCapturesOfASoundServer(CaptureContract):
    """The plugin as it is, and PulseAudio."""

    plugin = plugin


@pytest.mark.needs("pulseaudio", "pactl", "alsa-plugins", "portaudio")
@pytest.mark.usefixtures("sound_server")
class TestPlaybacksOfASoundServer(PlaybackContract):
    """The plugin as it is, and PulseAudio."""

    plugin = plugin
