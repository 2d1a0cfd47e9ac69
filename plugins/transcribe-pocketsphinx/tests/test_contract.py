"""This plugin keeps the contracts of its roles, with a recording of somebody who speaks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from jackfield_transcribe_pocketsphinx.plugin import plugin

from jackfield.testing import PluginContract, TranscriberContract

#: "Go forward ten meters", 16 kHz: of Debian's package of PocketSphinx' own test data.
SPEECH = Path("/usr/share/pocketsphinx/test/data/goforward.raw")


class TestPlugin(PluginContract):
    plugin = plugin


class TestSpeech(TranscriberContract):
    plugin = plugin
    said = ("go", "forward", "ten") if SPEECH.exists() else ()

    def speech(self, rate: int) -> Any:
        quiet = np.zeros(rate, np.int16)
        return np.concatenate([quiet, np.fromfile(SPEECH, np.int16), quiet]) if self.said else super().speech(rate)
