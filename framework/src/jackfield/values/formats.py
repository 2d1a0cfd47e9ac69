"""What a device delivers and what an encoder is asked for."""

from __future__ import annotations

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
        rate = f"@{self.fps:g}" if self.fps else ""
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
