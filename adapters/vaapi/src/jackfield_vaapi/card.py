"""VA-API as FFmpeg reaches it: pictures are uploaded to the GPU, whose driver is loaded when a codec is tried."""

from __future__ import annotations

from collections.abc import Sequence

from jackfield.media.libav import render_node
from jackfield.media.libav.hardware import Card
from jackfield.media.libav.tuning import NATIVE, Accelerator, Decoding, Tuning, h264_profile
from jackfield.roles import DecoderFactory, EncoderFactory
from jackfield.values.formats import VideoEncoding
from jackfield_vaapi.options import Options

_BUILDS = (
    "no wheel of PyAV has VA-API: build it against an FFmpeg 8 that has (libva-dev, then "
    "pip install --no-binary av 'av>=18,<19'); PyAV 18 uploads pictures by itself, older ones do not"
)
_WORDS = {
    "No VA display found": "no VA-API driver for this GPU; install it (Debian: intel-media-va-driver, "
    "mesa-va-drivers for AMD)",
    "Failed to initialise VAAPI connection": "no VA-API driver for this GPU; install it (Debian: "
    "intel-media-va-driver, mesa-va-drivers for AMD)",
    "No usable encoding entrypoint": "this GPU does not encode that; some do with [vaapi] low_power = true",
    "No usable encoding profile": "this GPU does not encode that",
    "Driver does not support any RC mode compatible": "this GPU has no constant bitrate for it",
}


def codecs(options: Options) -> Sequence[EncoderFactory | DecoderFactory]:
    """What Intel's and AMD's GPUs encode and decode."""
    card = Card(
        "vaapi",
        "VA-API",
        ("linux",),
        _BUILDS,
        lambda: render_node.missing(wanted=options.device),
        render_node.drivers,
        _WORDS,
        render_node.diagnose,
    )
    gpu = Accelerator("vaapi", options.device or render_node.first())

    def common(encoding: VideoEncoding) -> dict[str, str]:
        return {
            "rc_mode": "CBR",
            "async_depth": "1",
            "bufsize": str(encoding.bitrate_bps // 2),
            **({"low_power": "1"} if options.low_power else {}),
        }

    def h264(encoding: VideoEncoding) -> dict[str, str]:
        return {**common(encoding), "profile": h264_profile(encoding, constrained=True)}

    # FFmpeg reads the bitrate when it opens the encoder, and not again. A forced keyframe is an IDR (idr_interval 0).
    return (
        *card.encoders(
            {
                "H264": Tuning("h264_vaapi", h264, formats=("nv12",), device=gpu),
                "AV1": Tuning("av1_vaapi", common, formats=("nv12",), device=gpu),
                "H265": Tuning("hevc_vaapi", common, formats=("nv12",), device=gpu),
            }
        ),
        *card.decoders(Decoding.each(NATIVE, gpu), options.decoding),
    )
