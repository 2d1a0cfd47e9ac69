"""What this plugin answers. Importing it imports no native library."""

from __future__ import annotations

from collections.abc import Sequence

from jackfield.hookspecs import hookimpl
from jackfield.roles import ProcessorFactory
from jackfield.values.findings import Finding
from jackfield.values.settings import SessionSettings
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

    @hookimpl
    def check_settings(self, settings: SessionSettings, options: Options) -> Sequence[Finding]:
        """A camera that is passed through as it has encoded is neither rotated nor cropped."""
        if not options.framing or not settings.passthrough:
            return ()
        found = (
            f"is on, and a camera that is passed through encoded is not decoded to {' or '.join(options.framing)} it"
        )
        fix = "set passthrough to false if a camera that [processing] names can encode by itself"
        return (Finding("warning", "passthrough", found, fix),)


plugin = ProcessingPlugin()
