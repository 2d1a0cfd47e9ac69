"""How x264 and libvpx are set up for a call."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from jackfield.media.libav.tuning import Tuning, h264_profile
from jackfield.values.formats import VideoEncoding
from jackfield_codecs.options import Options


def x264(options: Options) -> Tuning:
    """Constrained Baseline, one picture in and one out, parameter sets before every IDR.

    Half a second of bits at most fits into the rate control's buffer (VBV), so that a keyframe is no burst. x264
    follows a new bitrate from the next picture on, but only if it was opened at a constant rate, and never above that
    rate. So it is opened at the highest rate that it may be steered to.
    """
    live = (0.4, 3.0)

    def of(encoding: VideoEncoding) -> dict[str, str]:
        return {
            "preset": options.h264_preset,
            "tune": "zerolatency",
            "profile": h264_profile(encoding),
            "forced-idr": "1",
            "sc_threshold": "0",
            "maxrate": str(round(encoding.bitrate_bps * live[1])),
            "bufsize": str(encoding.bitrate_bps // 2),
        }

    return Tuning("libx264", of, live, opened_at=live[1], bearable=live, threads=options.threads)


def libvpx(options: Options) -> Tuning:
    """VP8 in real time, with the rate control of a call: small buffer, bounded keyframes.

    Pictures that are too hard for the bitrate are made fewer. Otherwise libvpx stops at its coarsest quantizer and
    sends several times what the path carries.
    FFmpeg does not hand a new bitrate to libvpx while it runs, so that each change opens the encoder anew.
    """

    def of(encoding: VideoEncoding) -> dict[str, str]:
        rate = encoding.bitrate_bps
        return {
            "deadline": "realtime",
            "cpu-used": str(-options.vp8_speed),
            "lag-in-frames": "0",
            "error-resilient": "default",
            "auto-alt-ref": "0",
            "static-thresh": "1",
            "noise-sensitivity": "0",
            "max-intra-rate": "450",
            "undershoot-pct": "100",
            "overshoot-pct": "15",
            "minrate": str(rate),
            "maxrate": str(rate),
            "bufsize": str(rate),
            "rc_init_occupancy": str(rate // 2),
            "qmin": "4",
            "qmax": "56",
            "drop-threshold": "30",
        }

    return Tuning("libvpx", of, threads=options.threads, drops=True)


TUNINGS: Mapping[str, Callable[[Options], Tuning]] = {"H264": x264, "VP8": libvpx}
