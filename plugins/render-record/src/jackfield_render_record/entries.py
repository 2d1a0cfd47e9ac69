"""Track entries: what a Matroska file says of a track before its first frame."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping

import av
from av.video.codeccontext import VideoCodecContext

from jackfield.values.media import EncodedFrame
from jackfield_render_record import av1, h264, h265
from jackfield_render_record.ebml import element, real, text, unsigned

_CODEC_IDS: Mapping[str, str] = {
    "VP8": "V_VP8",
    "VP9": "V_VP9",
    "AV1": "V_AV1",
    "H264": "V_MPEG4/ISO/AVC",
    "H265": "V_MPEGH/ISO/HEVC",
    "opus": "A_OPUS",
}
#: What a file says of a codec before its first frame, from that frame; None where it cannot begin with it.
_PRIVATE: Mapping[str, Callable[[bytes], bytes | None]] = {
    "H264": h264.configuration,
    "H265": h265.configuration,
    "AV1": av1.configuration,
}
#: How frames lie in the file, where not as they come.
_CONTENT: Mapping[str, Callable[[bytes], bytes]] = {
    "H264": h264.length_prefixed,
    "H265": h264.length_prefixed,
    "AV1": av1.without_delimiter,
}
#: FFmpeg's decoders that measure: they show all layers of a picture as one.
_MEASURED_BY: Mapping[str, str] = {"VP8": "vp8", "VP9": "libvpx-vp9", "AV1": "libdav1d", "H264": "h264", "H265": "hevc"}
_VIDEO, _AUDIO = 1, 2
#: Two channels, nothing to skip, 48 kHz, no gain, simple mapping (RFC 7845, section 5.1).
_OPUS_HEAD = b"OpusHead" + struct.pack("<BBHIhB", 1, 2, 0, 48_000, 0, 0)
#: An Opus decoder that starts in the middle needs 80 ms to settle.
_OPUS_PRE_ROLL_NS = 80_000_000


def can_hold(codec: str) -> bool:
    """Whether this codec can be recorded."""
    return codec in _CODEC_IDS


def entry(frame: EncodedFrame, name: str) -> tuple[bytes, ...] | None:
    """The entry of a track that begins with this frame; None when a track cannot begin with it."""
    parts = (unsigned(0x9C, 0), text(0x86, _CODEC_IDS[frame.codec]), text(0x536E, name), text(0x22B59C, "und"))
    if frame.codec == "opus":
        sound = element(0xE1, real(0xB5, 48_000.0), unsigned(0x9F, 2))
        return (unsigned(0x83, _AUDIO), *parts, unsigned(0x56BB, _OPUS_PRE_ROLL_NS), element(0x63A2, _OPUS_HEAD), sound)
    private = _PRIVATE[frame.codec](frame.data) if frame.codec in _PRIVATE else b""
    measured = _measured(frame)
    if private is None or measured is None:
        return None
    width, height = measured
    shape = [unsigned(0xB0, width), unsigned(0xBA, height)]
    if frame.rotation:
        shape.append(element(0x7670, unsigned(0x7671, 0), real(0x7675, float(-frame.rotation))))
    held = (element(0x63A2, private),) if private else ()
    return (unsigned(0x83, _VIDEO), *parts, *held, element(0xE0, *shape))


def content(frame: EncodedFrame) -> bytes:
    """The frame as the file holds it."""
    convert = _CONTENT.get(frame.codec)
    return convert(frame.data) if convert is not None else frame.data


def _measured(frame: EncodedFrame) -> tuple[int, int] | None:
    """The picture's size: as the frame says, else by decoding it."""
    if frame.width and frame.height:
        return frame.width, frame.height
    decoder = av.CodecContext.create(_MEASURED_BY[frame.codec], "r")
    assert isinstance(decoder, VideoCodecContext)
    decoder.thread_count = 1
    try:
        pictures = [*decoder.decode(av.Packet(frame.data)), *decoder.decode(None)]
    except av.FFmpegError:
        return None
    return next(((picture.width, picture.height) for picture in pictures), None)
