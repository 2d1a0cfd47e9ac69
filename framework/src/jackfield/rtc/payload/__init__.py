"""RTP payload formats: encoded frames into packets' payloads and back, and keyframes told from payloads alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from jackfield.media.video_buffer import TemporalLayer
from jackfield.rtc.payload import av1, h264, h265, opus, vp8, vp9
from jackfield.values.media import EncodedFrame

#: Leaves room for IP, UDP, SRTP and header extensions within 1200 bytes, a size that every path carries.
MAX_PAYLOAD = 1150


class Packetizer(Protocol):
    """Cuts one stream's frames into payloads."""

    def packetize(self, frame: EncodedFrame) -> list[bytes]:
        """The payloads of a frame, in order; the last one's packet carries the marker bit."""


class Depacketizer(Protocol):
    """Puts payloads together again."""

    def starts_frame(self, payload: bytes) -> bool:
        """Whether a frame can begin with this payload."""

    def assemble(self, payloads: Sequence[bytes]) -> bytes:
        """The frame in these payloads, all of it and in order; `ValueError` when it does not hold."""


_PACKETIZERS: dict[str, Callable[[int], Packetizer]] = {
    "VP8": vp8.Packetizer,
    "H264": h264.Packetizer,
    "VP9": vp9.Packetizer,
    "AV1": av1.Packetizer,
    "H265": h265.Packetizer,
    "opus": opus.Packetizer,
}
_DEPACKETIZERS: dict[str, Callable[[], Depacketizer]] = {
    "VP8": vp8.Depacketizer,
    "H264": h264.Depacketizer,
    "VP9": vp9.Depacketizer,
    "AV1": av1.Depacketizer,
    "H265": h265.Depacketizer,
    "opus": opus.Depacketizer,
}
_KEYFRAMES: dict[str, Callable[[bytes], bool]] = {
    "VP8": vp8.is_keyframe,
    "H264": h264.is_keyframe,
    "VP9": vp9.is_keyframe,
    "AV1": av1.is_keyframe,
    "H265": h265.is_keyframe,
    "opus": opus.is_keyframe,
}
_SIZES: dict[str, Callable[[bytes], tuple[int, int] | None]] = {
    "VP8": vp8.frame_size,
    "H264": h264.frame_size,
    "VP9": vp9.frame_size,
    "AV1": av1.frame_size,
    "H265": h265.frame_size,
}
_LAYERS: dict[str, Callable[[bytes], TemporalLayer | None]] = {"VP8": vp8.temporal_layer, "VP9": vp9.temporal_layer}
#: Codecs that are sent and received.
CODECS = tuple(_PACKETIZERS)


def packetizer(codec: str, *, max_payload: int = MAX_PAYLOAD) -> Packetizer:
    """A packetizer for one stream; `KeyError` for a codec that is not in `CODECS`."""
    return _PACKETIZERS[codec](max_payload)


def depacketizer(codec: str) -> Depacketizer:
    """A depacketizer for one stream; `KeyError` for a codec that is not in `CODECS`."""
    return _DEPACKETIZERS[codec]()


def is_keyframe(codec: str, payload: bytes) -> bool:
    """Whether this payload begins a picture that can be decoded with nothing before it."""
    check = _KEYFRAMES.get(codec)
    return bool(payload) and check is not None and check(payload)


def temporal_layer(codec: str, payload: bytes) -> TemporalLayer | None:
    """Where a frame that begins with this payload stands in temporal layers; None where it has none, or none told."""
    find = _LAYERS.get(codec)
    return find(payload) if find is not None else None


def frame_size(codec: str, data: bytes) -> tuple[int, int] | None:
    """Width and height that a whole keyframe declares, without decoding it; None where it does not."""
    find = _SIZES.get(codec)
    return find(data) if find is not None else None
