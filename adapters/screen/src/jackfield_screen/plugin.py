"""What this plugin answers. Importing it imports no native library."""

from __future__ import annotations

from collections.abc import Sequence

from jackfield.hookspecs import hookimpl
from jackfield.roles import CaptureDriver
from jackfield_screen.driver import ScreenCaptures
from jackfield_screen.options import Options


class ScreenPlugin:
    """What is shown on this machine."""

    name = "screen"
    api_version = (1, 0)
    options = Options

    @hookimpl
    def register_captures(self, options: Options) -> Sequence[CaptureDriver]:
        """The screens and windows of the desktop that this process belongs to."""
        return (ScreenCaptures(options),)


plugin = ScreenPlugin()
