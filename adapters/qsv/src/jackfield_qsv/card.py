"""Quick Sync as FFmpeg reaches it: through Intel's VPL dispatcher, which finds the GPU's runtime when it is opened."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from jackfield.media.libav import render_node
from jackfield.media.libav.hardware import Card
from jackfield.media.libav.tuning import Decoding, Tuning, h264_profile
from jackfield.roles import DecoderFactory, EncoderFactory
from jackfield.values.formats import VideoEncoding
from jackfield_qsv.options import Options

#: Linux's kernel drivers of Intel GPUs.
_DRIVERS = ("i915", "xe")
_WORDS = {
    "Error creating a MFX session": "Intel's runtime does not answer; install it (Debian: libmfx-gen1.2 or libvpl2 "
    "for GPUs since 2020, libmfx1 for older ones, and intel-media-va-driver)",
    "Error initializing an internal MFX session": "Intel's runtime does not answer; install it (Debian: libmfx-gen1.2 "
    "or libvpl2 for GPUs since 2020, libmfx1 for older ones, and intel-media-va-driver)",
    "not supported by this runtime": "this GPU does not do that",
    "Selected ratecontrol mode is unsupported": "this GPU has no constant bitrate for it",
}


def missing() -> str | None:
    """A GPU of Intel's; on Windows only its runtime can tell."""
    return None if sys.platform == "win32" else render_node.missing(_DRIVERS)


CARD = Card(
    "qsv",
    "Quick Sync",
    ("linux", "win32"),
    "its wheels for x86-64 Linux and Windows have it, those for ARM and macOS have not",
    missing,
    render_node.drivers,
    _WORDS,
    render_node.diagnose,
    rank=55,
)


def codecs(options: Options) -> Sequence[EncoderFactory | DecoderFactory]:
    """What Intel's GPUs encode and decode."""

    def common(encoding: VideoEncoding) -> dict[str, str]:
        # A highest rate equal to the bitrate is how FFmpeg is told to keep it constant.
        return {
            "preset": options.preset,
            "async_depth": "1",
            "forced_idr": "1",
            "maxrate": str(encoding.bitrate_bps),
            "bufsize": str(encoding.bitrate_bps // 2),
        }

    def h264(encoding: VideoEncoding) -> dict[str, str]:
        own = {"profile": h264_profile(encoding), "scenario": "videoconference", "look_ahead": "0"}
        return {**common(encoding), **own}

    # FFmpeg would hand Quick Sync a new bitrate while it runs, but not the highest rate that has to go with it, which
    # PyAV does not show: so it is opened anew. Its count of pictures between keyframes has 16 bits.
    longest = 65_535
    decodings = {"H264": "h264_qsv", "VP8": "vp8_qsv", "VP9": "vp9_qsv", "AV1": "av1_qsv", "H265": "hevc_qsv"}
    return (
        *CARD.encoders(
            {
                "H264": Tuning("h264_qsv", h264, formats=("nv12",), longest_gop=longest),
                "AV1": Tuning("av1_qsv", common, formats=("nv12",), longest_gop=longest),
                "H265": Tuning("hevc_qsv", common, formats=("nv12",), longest_gop=longest),
            }
        ),
        *CARD.decoders(Decoding.each(decodings, async_depth="1"), options.decoding),
    )
