"""What this plugin answers. Importing it imports no native library."""

from __future__ import annotations

from collections.abc import Sequence

from jackfield.hookspecs import hookimpl
from jackfield.roles import CaptureDriver
from jackfield_rtsp.driver import RtspDriver
from jackfield_rtsp.options import Options


class RtspPlugin:
    """Cameras on the network."""

    name = "rtsp"
    api_version = (1, 0)
    options = Options

    @hookimpl
    def register_captures(self, options: Options) -> Sequence[CaptureDriver]:
        """One camera for each table, and its microphone where that is wanted."""
        return (RtspDriver(options),)


plugin = RtspPlugin()
