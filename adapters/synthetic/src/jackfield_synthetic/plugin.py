"""What this plugin answers. Importing it imports no native library."""

from __future__ import annotations

from collections.abc import Sequence

from jackfield.hookspecs import hookimpl
from jackfield.roles import CaptureDriver, PlaybackDriver
from jackfield_synthetic.driver import SyntheticCaptures
from jackfield_synthetic.options import Options
from jackfield_synthetic.speaker import SyntheticSpeakers


class SyntheticPlugin:
    """Devices that every machine has."""

    name = "synthetic"
    api_version = (1, 0)
    options = Options

    @hookimpl
    def register_captures(self, options: Options) -> Sequence[CaptureDriver]:
        """Test cards, tones, and a media file."""
        return (SyntheticCaptures(options),)

    @hookimpl
    def register_playbacks(self, options: Options) -> Sequence[PlaybackDriver]:
        """A loudspeaker that nobody hears and that measures what it plays."""
        return (SyntheticSpeakers(),)


plugin = SyntheticPlugin()
