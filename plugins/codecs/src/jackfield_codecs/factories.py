"""Factories: they describe and probe, and import native libraries only when they do."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from attrs import define

from jackfield.values.errors import EncoderError
from jackfield.values.formats import AudioEncoding, Encoding, VideoEncoding

if TYPE_CHECKING:
    from jackfield.roles import Decoder, Encoder
    from jackfield_codecs.options import Options

#: FFmpeg's decoders. Its own of VP9 and AV1 are for hardware, or show the layers of a picture one by one.
_LIBRARIES = {"H264": "h264", "VP8": "vp8", "VP9": "libvpx-vp9", "AV1": "libdav1d", "H265": "hevc"}
#: Software is the fallback that works anywhere; hardware ranks 50 and more.
RANK = 20


@define
class SoftwareEncoder:
    """Opens one library's encoder."""

    name: str
    codec: str
    options: Options
    backend: str = "software"
    rank: int = RANK
    makes: Literal["encoder"] = "encoder"

    def probe(self) -> str | None:
        """Why it does not work here, found by encoding one small picture or block of silence."""
        from jackfield_codecs.probe import encode_one

        try:
            encode_one(self)
        except EncoderError as error:
            return error.message
        return None

    def open(self, encoding: Encoding) -> Encoder:
        """A running encoder; ``EncoderError`` when the library refuses this encoding."""
        if self.codec == "opus" and isinstance(encoding, AudioEncoding):
            from jackfield_codecs.opus import OpusEncoder

            return OpusEncoder(encoding, self.options)
        if self.codec != "opus" and isinstance(encoding, VideoEncoding):
            from jackfield.media.libav.encoder import SteeredEncoder
            from jackfield_codecs.tuning import TUNINGS

            return SteeredEncoder(encoding, TUNINGS[self.codec](self.options))
        raise EncoderError(f"{self.name} cannot encode {encoding.codec}", details={"encoder": self.name})


@define
class SystemOpusEncoder:
    """Opens the system's libopus, where it is there: it outranks PyAV's, since it can be steered."""

    options: Options
    name: str = "opus-system"
    codec: str = "opus"
    backend: str = "software"
    rank: int = RANK + 5
    makes: Literal["encoder"] = "encoder"

    def probe(self) -> str | None:
        """Why it does not work here: what to install."""
        from jackfield_codecs.libopus import library

        return _reason(library)

    def open(self, encoding: Encoding) -> Encoder:
        """A running encoder; ``EncoderError`` when the library refuses this encoding."""
        from jackfield_codecs import opus_system

        if not isinstance(encoding, AudioEncoding):
            raise EncoderError(f"{self.name} cannot encode {encoding.codec}", details={"encoder": self.name})
        return opus_system.SystemOpusEncoder(encoding, self.options)


@define
class SystemOpusDecoder:
    """Opens the system's libopus, where it is there: it uses the error correction that PyAV's leaves."""

    name: str = "opus-system"
    codec: str = "opus"
    backend: str = "software"
    rank: int = RANK + 5
    makes: Literal["decoder"] = "decoder"

    def probe(self) -> str | None:
        """Why it does not work here: what to install."""
        from jackfield_codecs.libopus import library

        return _reason(library)

    def open(self, *, channels: int = 2) -> Decoder:
        """A running decoder."""
        from jackfield_codecs import opus_system

        return opus_system.SystemOpusDecoder(channels)


def _reason(try_out: Callable[[], object]) -> str | None:
    try:
        try_out()
    except EncoderError as error:
        return error.message
    return None


@define
class SoftwareDecoder:
    """Opens one library's decoder."""

    name: str
    codec: str
    backend: str = "software"
    rank: int = RANK
    makes: Literal["decoder"] = "decoder"

    def probe(self) -> str | None:
        """Why it does not work here: the library is missing from this PyAV, or does not open."""
        try:
            self.open().close()
        except EncoderError as error:
            return error.message
        return None

    def open(self, *, channels: int = 2) -> Decoder:
        """A running decoder, which waits for its first keyframe."""
        if self.codec == "opus":
            from jackfield_codecs.opus import OpusDecoder

            return OpusDecoder(channels)
        from jackfield.media.libav.decoder import VideoDecoder
        from jackfield.media.libav.tuning import Decoding

        return VideoDecoder(Decoding(_LIBRARIES[self.codec], passes_over=self.codec == "AV1"))


DECODERS = (
    SoftwareDecoder("h264-ffmpeg", "H264"),
    SoftwareDecoder("vp8-ffmpeg", "VP8"),
    SoftwareDecoder("vp9-libvpx", "VP9"),
    SoftwareDecoder("av1-dav1d", "AV1"),
    SoftwareDecoder("h265-ffmpeg", "H265"),
    SoftwareDecoder("opus-libopus", "opus"),
    SystemOpusDecoder(),
)
