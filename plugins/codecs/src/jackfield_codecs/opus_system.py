"""Opus, both ways, through the system's libopus: in-band error correction is used, silence is not sent."""

from __future__ import annotations

from collections.abc import Sequence

from jackfield.media import opus
from jackfield.values.errors import EncoderError
from jackfield.values.formats import AudioEncoding
from jackfield.values.media import AUDIO_CLOCK_RATE, AudioBlock, EncodedFrame, VideoFrame
from jackfield_codecs import libopus
from jackfield_codecs.options import Options

_LOWEST_BPS, _HIGHEST_BPS = 6_000, 510_000
#: What is made up comes in blocks of this length.
_PIECE_MS = 20
#: A packet of so few bytes has no sound in it: with DTX it need not be sent (``opus_encode``).
_NOTHING = 2


class SystemOpusEncoder:
    """One running encoder. With ``dtx``, silence becomes frames with no data: time passes, and nothing is sent."""

    def __init__(self, encoding: AudioEncoding, options: Options) -> None:
        if encoding.channels not in (1, 2):
            raise EncoderError(f"Opus in a call has one or two channels, and {encoding.channels} were asked for")
        self._encoding, self._samples = encoding, encoding.rate * encoding.ptime_ms // 1000
        self._wanted_bps = self._bitrate_bps = encoding.bitrate_bps
        self._state = libopus.Encoder(encoding.rate, encoding.channels, options.opus_application)
        knobs = (
            (libopus.BITRATE, encoding.bitrate_bps),
            (libopus.VBR, 1),
            (libopus.VBR_CONSTRAINT, 1),
            (libopus.INBAND_FEC, int(encoding.fec)),
            (libopus.PACKET_LOSS, options.opus_loss_percent if encoding.fec else 0),
            (libopus.DTX, int(encoding.dtx)),
        )
        for request, value in knobs:
            self._state.set(request, value)

    def set_bitrate_bps(self, bitrate_bps: int) -> None:
        """Aims at this bitrate from the next block on."""
        self._wanted_bps = min(_HIGHEST_BPS, max(_LOWEST_BPS, bitrate_bps))

    def encode(self, media: VideoFrame | AudioBlock) -> Sequence[EncodedFrame]:
        """One packet for each block of ``ptime_ms``."""
        if not isinstance(media, AudioBlock) or media.samples.shape != (self._samples, self._encoding.channels):
            raise EncoderError(f"libopus was opened for blocks of {self._samples} by {self._encoding.channels} samples")
        if self._wanted_bps != self._bitrate_bps:
            self._bitrate_bps = self._wanted_bps
            self._state.set(libopus.BITRATE, self._bitrate_bps)
        data = self._state.encode(media.samples)
        if self._encoding.dtx and len(data) <= _NOTHING:
            data = b""
        return [EncodedFrame(data, "opus", True, media.time_ns, duration_ns=self._encoding.ptime_ms * 1_000_000)]

    def close(self) -> None:
        """The library's memory is given back."""
        self._state.close()


class SystemOpusDecoder:
    """One running decoder, always at 48 kHz, which makes up for packets that did not arrive."""

    def __init__(self, channels: int) -> None:
        if channels not in (1, 2):
            raise EncoderError(f"Opus in a call has one or two channels, and {channels} were asked for")
        self._state = libopus.Decoder(channels)
        self._next_ns: int | None = None

    def decode(self, frame: EncodedFrame) -> Sequence[VideoFrame | AudioBlock]:
        """The block of sound in this packet."""
        if not frame.data:
            raise EncoderError("libopus was given an empty packet", details={"library": "libopus"})
        samples = self._state.decode(frame.data)
        block = AudioBlock(samples, AUDIO_CLOCK_RATE, frame.time_ns)
        self._next_ns = frame.time_ns + block.duration_ns
        return [block]

    def conceal(self, duration_ms: int) -> Sequence[AudioBlock]:
        """Sound that goes on from the last packet and fades. There is nothing to go on from before the first."""
        if self._next_ns is None:
            return []
        pieces = range(max(1, -(-duration_ms // _PIECE_MS)))
        return [self._made(None, _PIECE_MS * AUDIO_CLOCK_RATE // 1000) for _ in pieces]

    def recover(self, frame: EncodedFrame) -> Sequence[AudioBlock]:
        """The sound before this packet, as it was sent, where the packet brings it along; else what may have come."""
        if self._next_ns is None:
            return []
        samples = opus.duration_ns(frame.data) * AUDIO_CLOCK_RATE // 1_000_000_000
        return [self._made(frame.data, samples, fec=True)] if samples else []

    def close(self) -> None:
        """The library's memory is given back."""
        self._state.close()

    def _made(self, data: bytes | None, samples: int, *, fec: bool = False) -> AudioBlock:
        block = AudioBlock(self._state.decode(data, samples, fec=fec), AUDIO_CLOCK_RATE, self._next_ns or 0)
        self._next_ns = block.time_ns + block.duration_ns
        return block
