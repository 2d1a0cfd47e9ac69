"""What this plugin answers. Importing it imports no native library."""

from __future__ import annotations

from collections.abc import Sequence

from jackfield.hookspecs import hookimpl
from jackfield.roles import DecoderFactory, EncoderFactory
from jackfield_codecs.factories import DECODERS, SoftwareEncoder, SystemOpusEncoder
from jackfield_codecs.options import Options


class CodecsPlugin:
    """Software encoders and decoders, present wherever PyAV is."""

    name = "codecs"
    api_version = (1, 0)
    options = Options

    @hookimpl
    def register_codecs(self, options: Options) -> Sequence[EncoderFactory | DecoderFactory]:
        """H.264, VP8, VP9, AV1 and Opus, both ways."""
        return (
            SoftwareEncoder("h264-x264", "H264", options),
            SoftwareEncoder("vp8-libvpx", "VP8", options),
            SoftwareEncoder("vp9-libvpx", "VP9", options),
            SoftwareEncoder("av1-svt", "AV1", options),
            SoftwareEncoder("h265-x265", "H265", options),
            SoftwareEncoder("opus-libopus", "opus", options),
            SystemOpusEncoder(options),
            *DECODERS,
        )


plugin = CodecsPlugin()
