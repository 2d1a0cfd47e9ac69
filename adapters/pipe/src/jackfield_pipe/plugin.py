"""What this plugin answers. Importing it imports no native library."""

from __future__ import annotations

from collections.abc import Sequence

from jackfield.hookspecs import hookimpl
from jackfield.roles import CaptureDriver
from jackfield_pipe.driver import PipeDriver
from jackfield_pipe.options import Options


class PipePlugin:
    """Cameras and microphones that are a command."""

    name = "pipe"
    api_version = (1, 0)
    options = Options

    @hookimpl
    def register_captures(self, options: Options) -> Sequence[CaptureDriver]:
        """One device for each table."""
        return (PipeDriver(options),)


plugin = PipePlugin()
