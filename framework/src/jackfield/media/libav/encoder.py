"""A video encoder whose keyframes, bitrate and size are steered while it runs."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from attrs import evolve
from av.packet import Packet
from av.stream import Stream
from av.video.frame import PictureType

from jackfield.media.h264 import IDR, SLICE, ParameterSets, nal_types
from jackfield.media.libav.border import translated
from jackfield.media.libav.pictures import Pictures, even
from jackfield.media.libav.tuning import Tuning
from jackfield.values.errors import EncoderError
from jackfield.values.formats import VideoEncoding
from jackfield.values.media import AudioBlock, EncodedFrame, VideoFrame

LOWEST_BPS = 30_000
#: A keyframe that nobody asked for comes at most this often for a bitrate's sake: soon when the network got narrower,
#: late when it got wider.
_NARROWER_NS = 1_000_000_000
_WIDER_NS = 4_000_000_000
#: Pictures that an encoder may hold, before those it never answers are forgotten.
_HELD = 64


class SteeredEncoder:
    """One running encoder. Time is that of the pictures, so that it holds no clock."""

    def __init__(self, encoding: VideoEncoding, tuning: Tuning) -> None:
        self._tuning = tuning
        self._encoding = evolve(encoding, width=even(encoding.width), height=even(encoding.height))
        self._pictures = Pictures()
        self._bitrate_bps = self._aimed_bps = max(LOWEST_BPS, encoding.bitrate_bps)
        self._keyframe_wanted = False
        self._count = 0
        self._changed_ns: int | None = None
        #: A session of the hardware is being made, which may take longer than any picture. Read on any thread.
        self.is_opening = False
        #: A change of bitrate may make another.
        self.opens_anew = not (tuning.live[0] == 0.0 and tuning.live[1] == float("inf"))
        #: Pictures that went in and are not out yet, by their number: an encoder may work on several.
        self._inside: OrderedDict[int, VideoFrame] = OrderedDict()
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
            picture = self._pictures.take(media.picture, self._format)
            picture.pts, picture.time_base = self._count, self._context.time_base
            picture.pict_type = PictureType.I if keyframe else PictureType.NONE
            self._remember(media)
            packets = self._context.encode(picture)
            self.is_opening = self.is_opening and not packets
            if keyframe and not packets and self._tuning.drops:
                self._keyframe_wanted = True
            return [frame for packet in packets if (frame := self._frame(packet)) is not None]

    def close(self) -> None:
        """The library's memory goes back with the last reference to it."""
        del self._context

    def _remember(self, media: VideoFrame) -> None:
        self._inside[self._count] = media
        self._count += 1
        while len(self._inside) > _HELD:
            self._inside.popitem(last=False)

    def _frame(self, packet: Packet[Stream]) -> EncodedFrame | None:
        """The frame in a packet, with its picture's time; None for parameter sets that came alone."""
        data, keyframe = bytes(packet), packet.is_keyframe
        if not self._tuning.repeats_headers:
            data = self._sets.whole(data)
            types = nal_types(data)
            if SLICE not in types and IDR not in types:
                return None
            keyframe = IDR in types
        media = self._source(packet.pts)
        return EncodedFrame(
            data,
            self._encoding.codec,
            keyframe,
            media.time_ns,
            duration_ns=round(1_000_000_000 / self._encoding.fps),
            width=self._encoding.width,
            height=self._encoding.height,
            rotation=media.rotation,
        )

    def _source(self, number: int | None) -> VideoFrame:
        """The picture that a packet was made of; those before it were left out by the encoder."""
        if not self._inside:
            raise EncoderError(f"{self._tuning.library} gave more frames than it was given pictures")
        if number not in self._inside:
            number = next(iter(self._inside))
        while True:
            first, media = self._inside.popitem(last=False)
            if first == number:
                return media

    def _open(self, encoding: VideoEncoding) -> None:
        self._context: Any = None  # given back first: hardware may have but one session to give
        self.is_opening = True
        self._context = self._tuning.open(encoding)
        uploaded = self._context.sw_format if self._tuning.device else None
        self._format = (uploaded.name if uploaded else self._context.pix_fmt) or "yuv420p"
        self._encoding = encoding
        self._aimed_bps = encoding.bitrate_bps
        self._sets = ParameterSets(bytes(self._context.extradata or b""))
        self._changed_ns = None
        self._inside.clear()

    def _follow(self, media: VideoFrame, keyframe: bool) -> None:
        """Takes over the size of this picture, and the bitrate that was asked for."""
        size, wanted = (even(media.width), even(media.height)), self._bitrate_bps
        least, most = (round(self._encoding.bitrate_bps * factor) for factor in self._tuning.live)
        if size != (self._encoding.width, self._encoding.height):
            self._open(evolve(self._encoding, width=size[0], height=size[1], bitrate_bps=wanted))
        elif least <= wanted <= most and (not self._tuning.live_keyframe or self._is_worth_it(media, keyframe)):
            self._aim(wanted)
        elif not least <= wanted <= most and self._is_worth_it(media, keyframe):
            self._open(evolve(self._encoding, bitrate_bps=wanted))
        elif not self._tuning.live_keyframe:
            self._aim(min(most, max(least, wanted)))
        if self._changed_ns is None:
            self._changed_ns = media.time_ns

    def _aim(self, bitrate_bps: int) -> None:
        """The library's own rate control takes a new bitrate."""
        if self._tuning.live_keyframe and bitrate_bps != self._aimed_bps:
            self._changed_ns = None
        self._context.bit_rate = self._aimed_bps = bitrate_bps

    def _is_worth_it(self, media: VideoFrame, keyframe: bool) -> bool:
        """Whether the bitrate is so far off, and so long after the last change, that a keyframe may come of it."""
        factor = self._bitrate_bps / (self._aimed_bps if self._tuning.live_keyframe else self._encoding.bitrate_bps)
        if keyframe or self._changed_ns is None:
            return True
        least, most = self._tuning.bearable
        age_ns = media.time_ns - self._changed_ns
        return (factor < least and age_ns >= _NARROWER_NS) or (factor > most and age_ns >= _WIDER_NS)
