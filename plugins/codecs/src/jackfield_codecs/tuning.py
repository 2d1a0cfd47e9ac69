"""How x264, x265, libvpx and SVT-AV1 are set up for a call."""

from __future__ import annotations

import os
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


def _real_time(encoding: VideoEncoding, speed: int) -> dict[str, str]:
    """What libvpx is told for either codec."""
    rate = encoding.bitrate_bps
    return {
        "deadline": "realtime",
        "cpu-used": str(speed),
        "lag-in-frames": "0",
        "error-resilient": "default",
        "auto-alt-ref": "0",
        "static-thresh": "1",
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


def libvpx(options: Options) -> Tuning:
    """VP8 in real time, with the rate control of a call: small buffer, bounded keyframes.

    Pictures that are too hard for the bitrate are made fewer. Otherwise libvpx stops at its coarsest quantizer and
    sends several times what the path carries.
    FFmpeg does not hand a new bitrate to libvpx while it runs, so that each change opens the encoder anew.
    """

    def of(encoding: VideoEncoding) -> dict[str, str]:
        return _real_time(encoding, -options.vp8_speed) | {"noise-sensitivity": "0"}

    return Tuning("libvpx", of, threads=options.threads, drops=True)


def libvpx_vp9(options: Options) -> Tuning:
    """VP9 in real time, profile 0, one layer; rate control as VP8's, and steered as it is: by opening anew.

    No hidden pictures (``auto-alt-ref``), so that each frame is one picture.
    """

    def of(encoding: VideoEncoding) -> dict[str, str]:
        return _real_time(encoding, options.vp9_speed) | {"aq-mode": "3"}

    return Tuning("libvpx-vp9", of, threads=options.threads, drops=True)


#: SVT-AV1's rate control buffer in ms, and how far it may miss its aim in percent: keyframes are kept small.
_AV1_BUFFER = "buf-sz=400:buf-initial-sz=100:buf-optimal-sz=200:overshoot-pct=0:undershoot-pct=100"


def svtav1(options: Options) -> Tuning:
    """AV1 in real time: each picture is built on those before it alone, at a constant rate.

    FFmpeg hands SVT-AV1 no new bitrate either. Its own log, which goes past Python's to the terminal, is switched off
    unless SVT_LOG says otherwise.
    """
    os.environ.setdefault("SVT_LOG", "0")

    def of(encoding: VideoEncoding) -> dict[str, str]:
        threads = options.threads or (1 if encoding.width * encoding.height <= 1280 * 720 else 2)
        return {
            "preset": str(options.av1_preset),
            "svtav1-params": f"pred-struct=1:rtc=1:rc=2:lp={threads}:{_AV1_BUFFER}",
        }

    return Tuning("libsvtav1", of, threads=options.threads)


def x265(options: Options) -> Tuning:
    """H.265's Main profile, one picture in and one out, parameter sets before every IDR.

    FFmpeg hands x265 no new bitrate while it runs. Its own log, which goes past Python's to the terminal, is off.
    """

    def of(encoding: VideoEncoding) -> dict[str, str]:
        threads = options.threads or (1 if encoding.width * encoding.height <= 1280 * 720 else 2)
        rate = encoding.bitrate_bps // 1000
        return {
            "preset": "ultrafast",
            "tune": "zerolatency",
            "forced-idr": "1",
            "x265-params": f"log-level=none:info=0:repeat-headers=1:scenecut=0:pools={threads}"
            f":vbv-maxrate={rate}:vbv-bufsize={max(rate // 2, 1)}",
        }

    return Tuning("libx265", of, threads=options.threads)


TUNINGS: Mapping[str, Callable[[Options], Tuning]] = {
    "H264": x264,
    "VP8": libvpx,
    "VP9": libvpx_vp9,
    "AV1": svtav1,
    "H265": x265,
}
