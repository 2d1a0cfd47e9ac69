"""Trying a codec out: it counts once the known picture went through it and came back."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing

from jackfield.media.libav import known
from jackfield.media.libav.decoder import VideoDecoder
from jackfield.media.libav.tuning import Decoding
from jackfield.media.plausible import implausible
from jackfield.roles import Decoder, DecoderFactory, EncoderFactory, ForcesKeyframe
from jackfield.values.errors import EncoderError
from jackfield.values.formats import VideoEncoding
from jackfield.values.media import EncodedFrame, VideoFrame

#: Pictures that an encoder is given, and the one that a keyframe is asked for at.
_PICTURES, _FORCED = 12, 8
#: FFmpeg's own decoders, which tell whether what was encoded holds.
_SOFTWARE = {"H264": "h264", "VP8": "vp8", "VP9": "vp9", "AV1": "libdav1d", "H265": "hevc"}


def encode(factory: EncoderFactory) -> str | None:
    """Why this encoder does not do, found by encoding, forcing a keyframe and decoding again; None when it does."""
    encoding = VideoEncoding(factory.codec, known.WIDTH, known.HEIGHT, 30.0, 1_000_000)
    frames: list[EncodedFrame] = []
    with closing(factory.open(encoding)) as encoder:
        for number in range(_PICTURES):
            if number == _FORCED and isinstance(encoder, ForcesKeyframe):
                encoder.force_keyframe()
            frames += encoder.encode(VideoFrame(known.picture(), time_ns=number * 33_333_333))
    if not frames:
        return f"it took {_PICTURES} pictures and gave nothing"
    wrong = next((reason for frame in frames if (reason := implausible(frame)) is not None), None)
    if wrong is not None:
        return wrong
    if not frames[0].keyframe:
        return "what it gives does not begin with a keyframe"
    if not any(frame.keyframe for frame in frames[1:]):
        return "it made no keyframe when it was asked for one"
    return _seen(VideoDecoder(Decoding(_SOFTWARE[factory.codec])), frames)


def decode(factory: DecoderFactory) -> str | None:
    """Why this decoder does not do, found by decoding a known stream; None when it does."""
    stream = known.stream(factory.codec)
    if not stream:
        return f"there is no stream of {factory.codec} to try it with"
    # A decoder that holds pictures back gives the first when the stream has gone round a few times.
    return _seen(factory.open(), stream * 4)


def _seen(decoder: Decoder, frames: Sequence[EncodedFrame]) -> str | None:
    pictures: list[VideoFrame] = []
    with closing(decoder):
        try:
            for frame in frames:
                pictures += [media for media in decoder.decode(frame) if isinstance(media, VideoFrame)]
        except EncoderError as error:
            return f"its stream does not hold: {error.message}"
    if not pictures:
        return f"{len(frames)} frames decoded to nothing"
    wrong = known.looks_wrong(pictures[-1].picture)
    return f"it gives {wrong}" if wrong is not None else None
