"""What this plugin answers. Importing it imports no native library."""

from __future__ import annotations

from collections.abc import Sequence

from jackfield.hookspecs import hookimpl
from jackfield.roles import ProcessorFactory
from jackfield_processing.factories import FramingFactory, WebrtcFactory
from jackfield_processing.options import Options


class ProcessingPlugin:
    """Sound without echo, noise and shouting; pictures the right way up."""

    name = "processing"
    api_version = (1, 0)
    options = Options

    @hookimpl
    def register_processors(self, options: Options) -> Sequence[ProcessorFactory]:
        """The WebRTC audio processing module; and framing, where the options ask for some."""
        return (WebrtcFactory(options), *([FramingFactory(options)] if options.framing else []))


plugin = ProcessingPlugin()
