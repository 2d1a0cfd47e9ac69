"""Opus, both ways, through libopus."""

from __future__ import annotations

from collections.abc import Sequence

import av
import numpy as np
from attrs import evolve
from av.audio.codeccontext import AudioCodecContext

from jackfield.media.libav.border import packet, translated
from jackfield.values.errors import EncoderError
from jackfield.values.formats import AudioEncoding
from jackfield.values.media import AUDIO_CLOCK_RATE, AudioBlock, EncodedFrame, VideoFrame
from jackfield_codecs.options import Options

_LAYOUTS = {1: "mono", 2: "stereo"}
#: Sound below this peak (-60 dB) for this long counts as silence.
_SILENT_PEAK = 32
_SILENT_AFTER_MS = 200
#: A new bitrate within this factor of the present one is not worth a fresh encoder.
_WORTH_IT = 1.2
#: Frame lengths by the configuration number in a packet's first byte (RFC 6716, section 3.1), in samples at 48 kHz.
_FRAME_SAMPLES = ((480, 960, 1920, 2880) * 3) + ((480, 960) * 2) + ((120, 240, 480, 960) * 4)


def _layout(channels: int) -> str:
    if channels not in _LAYOUTS:
        raise EncoderError(f"Opus in a call has one or two channels, and {channels} were asked for")
    return _LAYOUTS[channels]


class OpusEncoder:
    """One running encoder. With ``dtx``, silence is sent as packets of one byte, which decoders fill."""

    def __init__(self, encoding: AudioEncoding, options: Options) -> None:
        self._encoding = encoding
        self._options = options
        self._layout = _layout(encoding.channels)
        self._samples = encoding.rate * encoding.ptime_ms // 1000
        self._bitrate_bps = encoding.bitrate_bps
        self._silent_ms = 0
        self._first_byte = b""
        self._open()

    def set_bitrate_bps(self, bitrate_bps: int) -> None:
        """Aims at this bitrate from the next block on, when it is a fifth away from the present one."""
        self._bitrate_bps = min(510_000, max(6_000, bitrate_bps))

    def encode(self, media: VideoFrame | AudioBlock) -> Sequence[EncodedFrame]:
        """One packet for each block of ``ptime_ms``."""
        if not isinstance(media, AudioBlock) or media.samples.shape != (self._samples, self._encoding.channels):
            raise EncoderError(f"libopus was opened for blocks of {self._samples} samples by {self._layout}")
        self._follow()
        if self._encoding.dtx and self._silent(media) and self._first_byte:
            return [self._packet(self._first_byte, media)]
        with translated("libopus", "encode"):
            block = np.ascontiguousarray(media.samples).reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(block, format="s16", layout=self._layout)
            frame.sample_rate = media.rate
            packets = [bytes(encoded) for encoded in self._context.encode(frame)]
        if packets:
            self._first_byte = _without_frames(packets[-1])
        return [self._packet(data, media) for data in packets]

    def close(self) -> None:
        """The library's memory goes back with the last reference to it."""
        del self._context

    def _open(self) -> None:
        with translated("libopus", f"open {self._encoding.rate} Hz {self._layout}"):
            context = av.CodecContext.create("libopus", "w")
            assert isinstance(context, AudioCodecContext)
            context.sample_rate, context.layout, context.format = self._encoding.rate, self._layout, "s16"
            context.bit_rate = self._bitrate_bps
            context.options = {
                "application": self._options.opus_application,
                "frame_duration": str(self._encoding.ptime_ms),
                "fec": "1" if self._encoding.fec else "0",
                "packet_loss": str(self._options.opus_loss_percent if self._encoding.fec else 0),
                "vbr": "constrained",
            }
            context.open()
        self._context = context
        self._encoding = evolve(self._encoding, bitrate_bps=self._bitrate_bps)

    def _follow(self) -> None:
        factor = self._bitrate_bps / self._encoding.bitrate_bps
        if not 1 / _WORTH_IT < factor < _WORTH_IT:
            self._open()

    def _silent(self, block: AudioBlock) -> bool:
        quiet = int(np.abs(block.samples.astype(np.int32)).max()) <= _SILENT_PEAK
        self._silent_ms = self._silent_ms + self._encoding.ptime_ms if quiet else 0
        return self._silent_ms > _SILENT_AFTER_MS

    def _packet(self, data: bytes, block: AudioBlock) -> EncodedFrame:
        return EncodedFrame(data, "opus", True, block.time_ns, duration_ns=self._encoding.ptime_ms * 1_000_000)


class OpusDecoder:
    """One running decoder, always at 48 kHz, which makes up for packets that did not arrive."""

    def __init__(self, channels: int) -> None:
        self._channels = channels
        self._first_byte = b""
        self._next_ns = 0
        with translated("libopus", "open"):
            context = av.CodecContext.create("libopus", "r")
            assert isinstance(context, AudioCodecContext)
            context.sample_rate, context.layout = AUDIO_CLOCK_RATE, _layout(channels)
            context.open()
        self._context = context

    def decode(self, frame: EncodedFrame) -> Sequence[VideoFrame | AudioBlock]:
        """The block of sound in this packet."""
        blocks = self._decode(frame.data, frame.time_ns)
        self._first_byte = _without_frames(frame.data)
        return blocks

    def conceal(self, duration_ms: int) -> Sequence[AudioBlock]:
        """Sound that goes on from the last packet and fades, in blocks of that packet's frame length.

        A packet that has a first byte and no frame is how Opus spells a packet that was not sent (RFC 6716, section
        3.1); libopus conceals it. There is nothing to go on from before the first packet.
        """
        if not self._first_byte:
            return []
        frame_samples = _FRAME_SAMPLES[self._first_byte[0] >> 3]
        count = max(1, round(duration_ms * 48 / frame_samples))
        return [block for _ in range(count) for block in self._decode(self._first_byte, self._next_ns)]

    def close(self) -> None:
        """The library's memory goes back with the last reference to it."""
        del self._context

    def _decode(self, data: bytes, time_ns: int) -> list[AudioBlock]:
        with translated("libopus", f"decode {len(data)} bytes"):
            frames = self._context.decode(packet(data, "libopus"))
        blocks = []
        for frame in frames:
            samples = np.asarray(frame.to_ndarray(), np.int16).reshape(-1, self._channels)
            blocks.append(AudioBlock(samples, AUDIO_CLOCK_RATE, time_ns))
            time_ns += blocks[-1].duration_ns
        self._next_ns = time_ns
        return blocks


def _without_frames(packet: bytes) -> bytes:
    """The packet's first byte, saying one frame, and no frame after it."""
    return bytes([packet[0] & 0xFC]) if packet else b""
