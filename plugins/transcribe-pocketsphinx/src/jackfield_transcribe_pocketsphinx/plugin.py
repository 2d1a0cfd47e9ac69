"""What this plugin answers. Importing it imports no native library."""

from __future__ import annotations

from collections.abc import Sequence

from jackfield.hookspecs import hookimpl
from jackfield.roles import TranscriberFactory
from jackfield_transcribe_pocketsphinx.factory import PocketSphinxFactory


class PocketSphinxPlugin:
    """What is said in US English, as text."""

    name = "transcribe-pocketsphinx"
    api_version = (1, 0)

    @hookimpl
    def register_transcribers(self) -> Sequence[TranscriberFactory]:
        """PocketSphinx with the model that its wheel brings."""
        return (PocketSphinxFactory(),)


plugin = PocketSphinxPlugin()
