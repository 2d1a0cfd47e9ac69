"""Video decoding with no delay, which never shows a picture that it knows to be damaged."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import av
from av.packet import Packet
from av.stream import Stream

from jackfield.media.libav.border import packet, translated
from jackfield.media.libav.tuning import Decoding
from jackfield.values.errors import EncoderError
from jackfield.values.media import AudioBlock, EncodedFrame, VideoFrame

#: Frames that a decoder may hold, before those it never answers are forgotten.
_HELD = 64


class VideoDecoder:
    """One running decoder. After a damaged or missing frame every frame is refused until a keyframe comes."""

    def __init__(self, decoding: Decoding) -> None:
        self._library, self._passes_over = decoding.library, decoding.passes_over
        self._whole = False
        self._count = 0
        #: Frames that went in and are not out yet, by their number: hardware may work on several.
        self._inside: OrderedDict[int, EncodedFrame] = OrderedDict()
        self._context = decoding.open()

    def decode(self, frame: EncodedFrame) -> Sequence[VideoFrame | AudioBlock]:
        """The picture of this frame."""
        if not frame.keyframe and (frame.lost_before or not self._whole):
            self._whole = False
            raise EncoderError(f"{self._library} waits for a keyframe")
        self._whole = False
        try:
            with translated(self._library, f"decode {len(frame.data)} bytes"):
                pictures = self._context.decode(self._packet(frame))
            if any(picture.is_corrupt for picture in pictures) or (self._passes_over and not pictures):
                raise EncoderError(f"{self._library} found a damaged frame")
        except EncoderError:
            self._context.flush_buffers()
            self._inside.clear()
            raise
        self._whole = True
        return [self._picture(picture, frame) for picture in pictures]

    def close(self) -> None:
        """The library's memory goes back with the last reference to it."""
        del self._context

    def _packet(self, frame: EncodedFrame) -> Packet[Stream]:
        made = packet(frame.data, self._library)
        made.pts = self._count
        self._inside[self._count] = frame
        self._count += 1
        while len(self._inside) > _HELD:
            self._inside.popitem(last=False)
        return made

    def _picture(self, picture: av.VideoFrame, newest: EncodedFrame) -> VideoFrame:
        source = self._inside.pop(picture.pts, newest) if picture.pts is not None else newest
        return VideoFrame(picture, source.time_ns, source.rotation)
