"""A video encoder whose keyframes, bitrate and size are steered while it runs."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve
from av.video.frame import PictureType

from jackfield.values.errors import EncoderError
from jackfield.values.formats import VideoEncoding
from jackfield.values.media import AudioBlock, EncodedFrame, VideoFrame
from jackfield_codecs.border import translated
from jackfield_codecs.pictures import Pictures, even
from jackfield_codecs.tuning import Tuning

LOWEST_BPS = 30_000
#: An encoder is opened anew at most this often, when nobody asked for a keyframe: soon when the network got
#: narrower, late when it got wider.
_NARROWER_NS = 1_000_000_000
_WIDER_NS = 4_000_000_000


class SteeredEncoder:
    """One running encoder. Time is that of the pictures, so that it holds no clock."""

    def __init__(self, encoding: VideoEncoding, tuning: Tuning) -> None:
        self._tuning = tuning
        self._encoding = evolve(encoding, width=even(encoding.width), height=even(encoding.height))
        self._pictures = Pictures()
        self._bitrate_bps = max(LOWEST_BPS, encoding.bitrate_bps)
        self._keyframe_wanted = False
        self._count = 0
        self._opened_ns: int | None = None
        self._open(self._encoding)

    def force_keyframe(self) -> None:
        """The next frame is a keyframe."""
        self._keyframe_wanted = True

    def set_bitrate_bps(self, bitrate_bps: int) -> None:
        """Aims at this bitrate: from the next frame where the library can, with the next keyframe where it cannot."""
        self._bitrate_bps = max(LOWEST_BPS, bitrate_bps)

    def encode(self, media: VideoFrame | AudioBlock) -> Sequence[EncodedFrame]:
        """One encoded frame for each picture; none for one that the bitrate has no room for."""
        if not isinstance(media, VideoFrame):
            raise EncoderError(f"{self._tuning.library} encodes pictures, and was given sound")
        with translated(self._tuning.library, "encode"):
            keyframe, self._keyframe_wanted = self._keyframe_wanted, False
            self._follow(media, keyframe)
            picture = self._pictures.take(media.picture)
            picture.pts, picture.time_base = self._count, self._context.time_base
            picture.pict_type = PictureType.I if keyframe else PictureType.NONE
            self._count += 1
            packets = self._context.encode(picture)
            if keyframe and not packets:
                self._keyframe_wanted = True
            return [
                EncodedFrame(
                    bytes(packet),
                    self._encoding.codec,
                    packet.is_keyframe,
                    media.time_ns,
                    duration_ns=round(1_000_000_000 / self._encoding.fps),
                    width=picture.width,
                    height=picture.height,
                    rotation=media.rotation,
                )
                for packet in packets
            ]

    def close(self) -> None:
        """The library's memory goes back with the last reference to it."""
        del self._context

    def _open(self, encoding: VideoEncoding) -> None:
        with translated(self._tuning.library, f"open {encoding.width}x{encoding.height} at {encoding.bitrate_bps} bps"):
            self._context = self._tuning.open(encoding)
        self._encoding = encoding
        self._opened_ns = None

    def _follow(self, media: VideoFrame, keyframe: bool) -> None:
        """Takes over the size of this picture, and the bitrate that was asked for."""
        size, wanted = (even(media.width), even(media.height)), self._bitrate_bps
        if size != (self._encoding.width, self._encoding.height):
            self._open(evolve(self._encoding, width=size[0], height=size[1], bitrate_bps=wanted))
        elif self._must_reopen(wanted / self._encoding.bitrate_bps, media.time_ns, keyframe):
            self._open(evolve(self._encoding, bitrate_bps=wanted))
        least, most = (round(self._encoding.bitrate_bps * factor) for factor in self._tuning.live)
        self._context.bit_rate = min(most, max(least, wanted))
        if self._opened_ns is None:
            self._opened_ns = media.time_ns

    def _must_reopen(self, factor: float, now_ns: int, keyframe: bool) -> bool:
        least, most = self._tuning.live
        if least <= factor <= most:
            return False
        least, most = self._tuning.bearable
        if keyframe or self._opened_ns is None:
            return True
        age_ns = now_ns - self._opened_ns
        return (factor < least and age_ns >= _NARROWER_NS) or (factor > most and age_ns >= _WIDER_NS)
