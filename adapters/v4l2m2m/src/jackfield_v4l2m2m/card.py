"""Codecs of a board as FFmpeg reaches them: memory-to-memory devices among /dev/video*, which it looks through."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from jackfield.media.libav.hardware import Card, CardOptions
from jackfield.media.libav.tuning import Decoding, Tuning
from jackfield.roles import DecoderFactory, EncoderFactory
from jackfield.values.formats import VideoEncoding

#: What sysfs says of each /dev/video*.
NODES = Path("/sys/class/video4linux")
#: Kernel drivers whose devices only capture: no need to open a camera to know that it encodes nothing.
_CAMERAS = frozenset({"uvcvideo", "vivid", "gspca", "em28xx", "v4l2loopback", "bm2835_mmal", "unicam", "rp1-cfe"})
#: AV_PROFILE_H264_CONSTRAINED_BASELINE, AV_PROFILE_H264_MAIN and AV_PROFILE_H264_HIGH, by profile_idc in hexadecimal:
#: FFmpeg takes numbers here, and no names.
_PROFILES = {"42": "578", "4d": "77", "64": "100"}
_WORDS = {
    "Could not find a valid device": "no device among /dev/video* does that (a Raspberry Pi 5 has no encoder)",
    "Permission denied": "/dev/video* may not be opened by this user: sudo usermod -aG video $USER",
}


def missing(nodes: Path = NODES) -> str | None:
    """A video device that is no camera."""
    found = {node.name: _driver(node) for node in sorted(nodes.glob("video*"))}
    if not found:
        return "no codec device: there is no /dev/video*"
    if set(found.values()) <= _CAMERAS:
        return "no codec device: " + ", ".join(f"/dev/{name} is {driver}'s" for name, driver in found.items())
    return None


def driver() -> str:
    """Which devices there are, and what drives them."""
    return ", ".join(f"{node.name} {_driver(node)}" for node in sorted(NODES.glob("video*")))


def _driver(node: Path) -> str:
    for link in ("device/driver", "device/driver/module"):
        try:
            return (node / link).resolve(strict=True).name
        except OSError:
            continue
    return ""


CARD = Card(
    "v4l2m2m",
    "V4L2",
    ("linux",),
    "its wheels for Linux have it",
    missing,
    driver,
    _WORDS,
    rank=45,
)


def h264(encoding: VideoEncoding) -> dict[str, str]:
    """The negotiated profile."""
    asked = encoding.parameters.get("profile-level-id", "")[:2].lower()
    return {"profile": _PROFILES.get(asked, _PROFILES["42"])}


def codecs(options: CardOptions) -> Sequence[EncoderFactory | DecoderFactory]:
    """What boards encode and decode."""
    # Drivers differ in the pixel format that they take, read the bitrate when they are opened, and send parameter
    # sets once, ahead of the first frame.
    decodings = {"H264": "h264_v4l2m2m", "VP8": "vp8_v4l2m2m", "VP9": "vp9_v4l2m2m", "H265": "hevc_v4l2m2m"}
    kinds = ("yuv420p", "nv12")
    return (
        *CARD.encoders(
            {
                "H264": Tuning("h264_v4l2m2m", h264, formats=kinds, longest_gop=65_535, repeats_headers=False),
                "VP8": Tuning("vp8_v4l2m2m", lambda encoding: {}, formats=kinds, longest_gop=65_535),
            }
        ),
        *CARD.decoders(Decoding.each(decodings), options.decoding),
    )
