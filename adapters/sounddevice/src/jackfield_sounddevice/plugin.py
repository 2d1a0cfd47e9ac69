"""What this plugin answers. Importing it imports no native library."""

from __future__ import annotations

from collections.abc import Sequence

from jackfield.hookspecs import hookimpl
from jackfield.roles import CaptureDriver, PlaybackDriver
from jackfield_sounddevice.driver import Microphones, Speakers
from jackfield_sounddevice.listing import this_machine
from jackfield_sounddevice.options import Options


class SounddevicePlugin:
    """Microphones and loudspeakers through PortAudio."""

    name = "sounddevice"
    api_version = (1, 0)
    options = Options

    @hookimpl
    def register_captures(self, options: Options) -> Sequence[CaptureDriver]:
        """Microphones, line inputs and what a sound server records."""
        return (Microphones(options, this_machine(options)),)

    @hookimpl
    def register_playbacks(self, options: Options) -> Sequence[PlaybackDriver]:
        """Loudspeakers, headphones and line outputs."""
        return (Speakers(options, this_machine(options)),)


plugin = SounddevicePlugin()
