"""One frame through an encoder, to know that it works."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import av
import numpy as np

from jackfield.values.errors import EncoderError
from jackfield.values.formats import AudioEncoding, VideoEncoding
from jackfield.values.media import AudioBlock, VideoFrame

if TYPE_CHECKING:
    from jackfield_codecs.factories import SoftwareEncoder


def encode_one(factory: SoftwareEncoder) -> None:
    """Nothing when one picture, or one block of silence, came out encoded; ``EncoderError`` otherwise."""
    media: VideoFrame | AudioBlock
    if factory.codec == "opus":
        encoder = factory.open(AudioEncoding())
        media = AudioBlock(np.zeros((960, 1), np.int16))
    else:
        encoder = factory.open(VideoEncoding(factory.codec, 64, 64))
        media = VideoFrame(av.VideoFrame(64, 64, "yuv420p"))
    with closing(encoder):
        if not encoder.encode(media):
            raise EncoderError(f"{factory.name} took a frame and gave nothing back")
