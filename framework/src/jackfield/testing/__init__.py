"""What a plugin's author tests with: one contract class per role, fakes and a clock.

A plugin's whole contract test::

    from jackfield.testing import CaptureContract, PluginContract
    from jackfield_mine.plugin import plugin

    class TestPlugin(PluginContract):
        plugin = plugin

    class TestCaptures(CaptureContract):
        plugin = plugin

Each clause of a contract is one test, and its docstring says what is asked of the plugin. Contracts of what runs on an
event loop (renderers, token providers) need pytest-asyncio.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jackfield.testing.clock import ManualClock
    from jackfield.testing.contracts.capture import CaptureContract
    from jackfield.testing.contracts.decoder import DecoderContract
    from jackfield.testing.contracts.encoder import EncoderContract
    from jackfield.testing.contracts.playback import PlaybackContract
    from jackfield.testing.contracts.plugin import PluginContract
    from jackfield.testing.contracts.processor import AudioProcessorContract, VideoProcessorContract
    from jackfield.testing.contracts.renderer import RendererContract
    from jackfield.testing.contracts.settings import SettingsCheckContract
    from jackfield.testing.contracts.tokens import TokenProviderContract
    from jackfield.testing.contracts.transcriber import TranscriberContract
    from jackfield.testing.distributions import install
    from jackfield.testing.fake_call import FakeCall
    from jackfield.testing.fakes import (
        FakeParticipant,
        FakeProcessor,
        FakeProcessorFactory,
        FakeSink,
        FakeTrack,
        FakeTranscriber,
        FakeTranscriberFactory,
    )

_WHERE = {
    "ManualClock": "clock",
    "AudioProcessorContract": "contracts.processor",
    "CaptureContract": "contracts.capture",
    "DecoderContract": "contracts.decoder",
    "EncoderContract": "contracts.encoder",
    "PlaybackContract": "contracts.playback",
    "PluginContract": "contracts.plugin",
    "RendererContract": "contracts.renderer",
    "SettingsCheckContract": "contracts.settings",
    "TokenProviderContract": "contracts.tokens",
    "TranscriberContract": "contracts.transcriber",
    "VideoProcessorContract": "contracts.processor",
    "install": "distributions",
    "FakeCall": "fake_call",
    "FakeParticipant": "fakes",
    "FakeProcessor": "fakes",
    "FakeProcessorFactory": "fakes",
    "FakeSink": "fakes",
    "FakeTrack": "fakes",
    "FakeTranscriber": "fakes",
    "FakeTranscriberFactory": "fakes",
}


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'jackfield.testing' has no attribute {name!r}")
    return getattr(import_module(f"jackfield.testing.{_WHERE[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_WHERE})
