"""VideoToolbox as FFmpeg reaches it."""

from __future__ import annotations

import platform
from collections.abc import Sequence

from jackfield.media.libav.hardware import Card, CardOptions
from jackfield.media.libav.tuning import Accelerator, Decoding, Tuning, h264_profile
from jackfield.roles import DecoderFactory, EncoderFactory
from jackfield.values.formats import VideoEncoding

CARD = Card(
    "videotoolbox",
    "VideoToolbox",
    ("darwin",),
    "its wheels for macOS have it",
    driver=lambda: platform.mac_ver()[0],
    words={"cannot create compression session": "this Mac has no hardware encoder for it"},
    rank=60,
)


def h264(encoding: VideoEncoding) -> dict[str, str]:
    """At once, in hardware or not at all: software is another plugin's."""
    profile = h264_profile(encoding, constrained=True)
    return {"realtime": "1", "prio_speed": "1", "allow_sw": "0", "profile": profile}


def h265(encoding: VideoEncoding) -> dict[str, str]:
    """At once, in hardware or not at all, as H.264."""
    return {"realtime": "1", "prio_speed": "1", "allow_sw": "0", "profile": "main"}


def codecs(options: CardOptions) -> Sequence[EncoderFactory | DecoderFactory]:
    """What Macs encode and decode."""
    mac = Accelerator("videotoolbox")
    decodings = {"H264": "h264", "VP9": "vp9", "AV1": "av1", "H265": "hevc"}
    # FFmpeg reads the bitrate when it opens the encoder, and not again.
    return (
        *CARD.encoders(
            {
                "H264": Tuning("h264_videotoolbox", h264, formats=("nv12", "yuv420p")),
                "H265": Tuning("hevc_videotoolbox", h265, formats=("nv12", "yuv420p")),
            }
        ),
        *CARD.decoders(Decoding.each(decodings, mac), options.decoding),
    )
