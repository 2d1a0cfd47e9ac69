"""NVENC and NVDEC as FFmpeg reaches them: through the driver's libraries, which are loaded when a codec is tried."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from jackfield.media.libav.hardware import Card
from jackfield.media.libav.tuning import NATIVE, Accelerator, Decoding, Tuning, h264_profile
from jackfield.roles import DecoderFactory, EncoderFactory
from jackfield.values.formats import VideoEncoding
from jackfield_nvenc.options import Options

#: What the kernel driver makes, on Linux and under WSL 2.
_NODES = ("/dev/nvidiactl", "/dev/dxg")
_VERSION = Path("/proc/driver/nvidia/version")
_WORDS = {
    "Cannot load libcuda": "no NVIDIA driver: libcuda cannot be loaded; install it (Debian: nvidia-driver)",
    "Cannot load nvcuda": "no NVIDIA driver: nvcuda.dll cannot be loaded; install it",
    "Cannot load libnvidia-encode": "the driver's encoding library is missing; install it (Debian: libnvidia-encode1; "
    "in a container: NVIDIA_DRIVER_CAPABILITIES=video,compute,utility)",
    "Cannot load libnvcuvid": "the driver's decoding library is missing; install it (Debian: libnvcuvid1; "
    "in a container: NVIDIA_DRIVER_CAPABILITIES=video,compute,utility)",
    "Driver does not support the required nvenc API version": "the NVIDIA driver is too old for this PyAV; update it",
    "No capable devices found": "this card has no encoder for it: data-centre cards (A100, H100) have no NVENC at all",
    "OpenEncodeSessionEx failed: unsupported device": "this card has no NVENC",
    "OpenEncodeSessionEx failed: out of memory": "the card has no encoding session left: GeForce cards allow a few at "
    "a time; close another program that encodes",
    "OpenEncodeSessionEx failed: incompatible client key": "the card has no encoding session left: GeForce cards "
    "allow a few at a time; close another program that encodes",
    "Codec not supported": "this card does not encode that codec",
    "no CUDA-capable device": "the NVIDIA driver finds no card",
    "hardware is busy": "the card is in use by somebody who shares it with nobody",
}


def missing() -> str | None:
    """The driver's device node, where it should be."""
    if sys.platform == "linux" and not any(Path(node).exists() for node in _NODES):
        return f"no NVIDIA driver: neither {' nor '.join(_NODES)} is there"
    return None


def driver() -> str:
    """The version of the kernel driver."""
    try:
        return _VERSION.read_text().splitlines()[0]
    except (OSError, IndexError):
        return ""


CARD = Card(
    "nvenc",
    "NVENC",
    ("linux", "win32"),
    "its wheels for x86-64 Linux and Windows have it, those for ARM have not",
    missing,
    driver,
    _WORDS,
    rank=60,
)


def codecs(options: Options) -> Sequence[EncoderFactory | DecoderFactory]:
    """What NVIDIA's cards encode and decode."""
    card = {"gpu": str(options.gpu)} if options.gpu >= 0 else {}

    def common(encoding: VideoEncoding) -> dict[str, str]:
        return {
            "preset": options.preset,
            "tune": "ull",
            "rc": "cbr",
            "zerolatency": "1",
            "delay": "0",
            "rc-lookahead": "0",
            "no-scenecut": "1",
            "forced-idr": "1",
            "bufsize": str(encoding.bitrate_bps // 4),
            **card,
        }

    def h264(encoding: VideoEncoding) -> dict[str, str]:
        return {**common(encoding), "profile": h264_profile(encoding)}

    # FFmpeg hands NVENC a new bitrate while it runs, with an IDR (nvenc.c, reconfig_encoder): so in steps, and only as
    # far as the rate control's buffer, which stays as it was, suits it.
    steps = (0.5, 2.0)
    # One context of the card for all decoders.
    cuda = Accelerator("cuda", card.get("gpu", ""), {"primary_ctx": "1"})
    return (
        *CARD.encoders(
            {
                "H264": Tuning("h264_nvenc", h264, steps, live_keyframe=True),
                "AV1": Tuning("av1_nvenc", common, steps, live_keyframe=True),
                "H265": Tuning("hevc_nvenc", common, steps, live_keyframe=True),
            }
        ),
        *CARD.decoders(Decoding.each(NATIVE, cuda), options.decoding, backend="nvdec"),
    )
