"""What a device delivers and what an encoder is asked for."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

from attrs import field, frozen

from jackfield.values.media import CodecName


@frozen
class VideoFormat:
    """Size, rate and pixel layout of a picture source; ``codec`` is set where the source is already encoded.

    A size or rate of 0 is not known before it comes. ``pixel_format`` is FFmpeg's name (``yuv420p``, ``yuyv422``); ""
    leaves the choice to the device.
    """

    width: int = 1280
    height: int = 720
    fps: float = 30.0
    pixel_format: str = ""
    codec: CodecName | None = None

    def __str__(self) -> str:
        size = f"{self.width}x{self.height}" if self.width and self.height else "its own size"
        rate = f"@{float(self.fps):g}" if self.fps else ""
        return f"{size}{rate} {self.codec or self.pixel_format}".rstrip()


@frozen
class AudioFormat:
    """Rate in Hz, channels, and how much sound a block holds."""

    rate: int = 48_000
    channels: int = 1
    ptime_ms: int = 10

    def __str__(self) -> str:
        return f"{self.rate} Hz {self.channels} ch {self.ptime_ms} ms"


MediaFormat = VideoFormat | AudioFormat

#: The largest picture that is read from anybody: 8K. One of it takes some 50 MB, not encoded.
PIXELS_MAX = 8192 * 4320
#: Rates of sound, and sizes, that there are.
RATES, _SIDE_MAX, _FPS_MAX, _CHANNELS_MAX, _PTIME_MAX = range(4000, 768_001), 16_384, 1000, 64, 2000


def impossible(format: MediaFormat) -> bool:
    """Whether no device has this format: a plugin may put anything into it. What is 0 in a picture's is not known."""
    if isinstance(format, VideoFormat):
        sides: tuple[Any, ...] = (format.width, format.height)
        is_sized = all(isinstance(side, Integral) and is_whole(side, 0, _SIDE_MAX) for side in sides)
        return not (is_sized and is_number(format.fps) and 0 <= format.fps <= _FPS_MAX)
    return not (
        is_whole(format.rate, RATES.start, RATES.stop - 1)
        and is_whole(format.channels, 1, _CHANNELS_MAX)
        and is_whole(format.ptime_ms, 1, _PTIME_MAX)
    )


def is_number(value: Any) -> bool:
    """Also numpy's, and fractions."""
    return isinstance(value, Real) and not isinstance(value, bool)


def is_whole(value: Any, least: int, most: int) -> bool:
    """Whether it is a whole number in these bounds, of whatever type."""
    return is_number(value) and least <= value <= most and (isinstance(value, Integral) or value == int(value))


@frozen
class VideoEncoding:
    """What a video encoder is opened with. ``parameters`` are the negotiated fmtp (e.g. ``profile-level-id``)."""

    codec: CodecName
    width: int
    height: int
    fps: float = 30.0
    bitrate_bps: int = 1_700_000
    parameters: dict[str, str] = field(factory=dict)
    #: Seconds between keyframes nobody asked for; 0: only on request.
    keyframe_interval_s: float = 0.0


@frozen
class AudioEncoding:
    """What an audio encoder is opened with. Input blocks are int16 at ``rate`` and ``channels``, ``ptime_ms`` long."""

    codec: CodecName = "opus"
    rate: int = 48_000
    channels: int = 1
    ptime_ms: int = 20
    bitrate_bps: int = 32_000
    fec: bool = True
    dtx: bool = False
    parameters: dict[str, str] = field(factory=dict)


Encoding = VideoEncoding | AudioEncoding
