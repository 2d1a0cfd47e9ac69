"""What this plugin answers. Importing it imports no native library."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from jackfield.hookspecs import hookimpl
from jackfield.roles import CaptureDriver
from jackfield.values.errors import PluginError
from jackfield_v4l2.options import Options


class V4l2Plugin:
    """Cameras that Linux drives."""

    name = "v4l2"
    api_version = (1, 0)
    options = Options

    @hookimpl
    def register_captures(self, options: Options) -> Sequence[CaptureDriver]:
        """The cameras. Elsewhere than on Linux the plugin is a row that says so."""
        if not sys.platform.startswith("linux"):
            raise PluginError(f"V4L2 is of Linux, and this is {sys.platform}: nothing is lost by uninstalling it here")
        from jackfield_v4l2.driver import V4l2Captures

        return (V4l2Captures(options),)


plugin = V4l2Plugin()
