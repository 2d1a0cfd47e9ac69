"""The factory: it describes and probes, and imports no native library."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from attrs import define

from jackfield.roles import Transcriber
from jackfield.values.errors import PluginError
from jackfield.values.findings import Finding

LIBRARY = "pocketsphinx"
#: What the wheel brings, below the package: its acoustic model stands for all of it.
MODEL = Path("model", "en-us", "en-us", "mdef")
LANGUAGES = ("en-US",)
#: Below engines with a neural network.
RANK = 10


@define(eq=False)
class PocketSphinxFactory:
    """Opens PocketSphinx for one speaker, in a process of its own."""

    name: str = "pocketsphinx"
    rank: int = RANK
    rate: int = 16_000
    languages: tuple[str, ...] = LANGUAGES

    def probe(self) -> str | None:
        """Whether the library and its model are there."""
        found = find_spec(LIBRARY)
        if found is None:
            return f"{LIBRARY} is not installed: pip install {LIBRARY}"
        if not any((Path(folder) / MODEL).exists() for folder in found.submodule_search_locations or ()):
            return f"{LIBRARY} is installed without its US English model: pip install {LIBRARY} 5.0 or newer"
        return None

    def diagnose(self) -> Sequence[Finding]:
        """What calls go without while the library is missing."""
        reason = self.probe()
        fix = f"pip install {LIBRARY}, where it has a wheel for this machine and this Python"
        return () if reason is None else (Finding("warning", LIBRARY, f"no captions are made: {reason}", fix),)

    def open(self, language: str) -> Transcriber:
        """A process that waits for a speaker's sound."""
        if language not in self.languages:
            raise PluginError(
                f"{self.name} knows no {language}: its wheel brings a model of {', '.join(LANGUAGES)} alone"
            )
        if (reason := self.probe()) is not None:
            raise PluginError(reason)
        from jackfield_transcribe_pocketsphinx.process import PocketSphinx

        return PocketSphinx()
