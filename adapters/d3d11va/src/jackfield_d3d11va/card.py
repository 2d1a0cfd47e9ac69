"""Direct3D 11's video decoders as FFmpeg reaches them."""

from __future__ import annotations

import platform
from collections.abc import Sequence

from jackfield.media.libav.hardware import Card
from jackfield.media.libav.tuning import Accelerator, Decoding
from jackfield.roles import DecoderFactory
from jackfield_d3d11va.options import Options

CARD = Card(
    "d3d11va",
    "Direct3D",
    ("win32",),
    "its wheels for Windows have it",
    driver=platform.version,
    words={"Failed to create Direct3D device": "no GPU here decodes with Direct3D 11"},
)


def codecs(options: Options) -> Sequence[DecoderFactory]:
    """What the GPU decodes."""
    gpu = Accelerator("d3d11va", str(options.adapter) if options.adapter >= 0 else "")
    decodings = {"H264": "h264", "VP9": "vp9", "AV1": "av1", "H265": "hevc"}
    return CARD.decoders(Decoding.each(decodings, gpu), options.decoding)
