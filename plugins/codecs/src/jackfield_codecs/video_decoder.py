"""Video decoding with no delay, which never shows a picture that it knows to be damaged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import av
from av.codec.context import Flags
from av.video.codeccontext import VideoCodecContext

from jackfield.values.errors import EncoderError
from jackfield.values.media import AudioBlock, EncodedFrame, VideoFrame
from jackfield_codecs.border import packet, translated

_LIBRARIES: Mapping[str, str] = {"H264": "h264", "VP8": "vp8"}


class VideoDecoder:
    """One running decoder. After a damaged or missing frame every frame is refused until a keyframe comes."""

    def __init__(self, codec: str) -> None:
        self._library = _LIBRARIES[codec]
        self._whole = False
        with translated(self._library, "open"):
            context = av.CodecContext.create(self._library, "r")
            assert isinstance(context, VideoCodecContext)
            context.thread_count = 1
            context.flags |= Flags.low_delay
            context.options = {"err_detect": "explode+crccheck+bitstream+buffer"}
            context.open()
        self._context = context

    def decode(self, frame: EncodedFrame) -> Sequence[VideoFrame | AudioBlock]:
        """The picture of this frame."""
        if not frame.keyframe and (frame.lost_before or not self._whole):
            self._whole = False
            raise EncoderError(f"{self._library} waits for a keyframe")
        self._whole = False
        try:
            with translated(self._library, f"decode {len(frame.data)} bytes"):
                pictures = self._context.decode(packet(frame.data, self._library))
            if any(picture.is_corrupt for picture in pictures):
                raise EncoderError(f"{self._library} found a damaged frame")
        except EncoderError:
            self._context.flush_buffers()
            raise
        self._whole = True
        return [VideoFrame(picture, frame.time_ns, frame.rotation) for picture in pictures]

    def close(self) -> None:
        """The library's memory goes back with the last reference to it."""
        del self._context
