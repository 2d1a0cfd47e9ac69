"""What FFmpeg's encoders and decoders differ in. Stating it loads no native library; opening one does."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Self

from attrs import field, frozen

from jackfield.media.libav.scheduling import priority_kept
from jackfield.values.errors import EncoderError
from jackfield.values.formats import VideoEncoding

if TYPE_CHECKING:
    from av.video.codeccontext import VideoCodecContext

#: profile_idc of a ``profile-level-id`` (RFC 6184) → FFmpeg's names, of encoders that have a constrained baseline
#: and of those that mean it when they say baseline.
_PROFILES = {"42": ("constrained_baseline", "baseline"), "4d": ("main", "main"), "64": ("high", "high")}


#: FFmpeg's own decoders, which a device may help.
NATIVE: Mapping[str, str] = {"H264": "h264", "VP8": "vp8", "VP9": "vp9", "AV1": "av1", "H265": "hevc"}


def h264_profile(encoding: VideoEncoding, *, constrained: bool = False) -> str:
    """FFmpeg's name of the profile that was negotiated: constrained baseline where nothing was, which all decode."""
    asked = encoding.parameters.get("profile-level-id", "")[:2].lower()
    return _PROFILES.get(asked, _PROFILES["42"])[0 if constrained else 1]


@frozen
class Accelerator:
    """A device that codecs run on, by FFmpeg's name of its kind; ``path`` says which one, "" the first."""

    kind: str
    path: str = ""
    options: Mapping[str, str] = field(factory=dict)


@frozen
class Tuning:
    """One of FFmpeg's encoders, set up for a call.

    ``live`` is how far the bitrate may move, as a factor of what the encoder was opened for, without opening it anew;
    ``opened_at`` is the factor that it is opened with. ``bearable`` is how far the bitrate may be off before a
    keyframe that nobody asked for is worth it: one comes with opening anew, and where ``live_keyframe`` says so with
    every change.
    """

    library: str
    options: Callable[[VideoEncoding], dict[str, str]]
    live: tuple[float, float] = (1.0, 1.0)
    opened_at: float = 1.0
    live_keyframe: bool = False
    bearable: tuple[float, float] = (0.8, 1.25)
    threads: int = 0
    #: Pixel formats that it may take, best first: a driver may know only one of them.
    formats: Sequence[str] = ("yuv420p",)
    #: The device that pictures are uploaded to; None for an encoder that takes them from memory.
    device: Accelerator | None = None
    #: Whether each keyframe comes with its parameter sets; they are put before it where not.
    repeats_headers: bool = True
    #: The longest that it can go without a keyframe, in pictures: keyframes come when they are asked for.
    longest_gop: int = 1_000_000
    #: Whether it leaves pictures out for which the bitrate has no room.
    drops: bool = False

    def open(self, encoding: VideoEncoding) -> VideoCodecContext:
        """A running encoder that answers every picture at once; ``EncoderError`` with FFmpeg's reason."""
        from jackfield.media.libav.border import opened

        doing = f"open {encoding.width}x{encoding.height} at {encoding.bitrate_bps} bps"
        return opened(self.library, doing, lambda: self._first(encoding))

    def _first(self, encoding: VideoEncoding) -> VideoCodecContext:
        from jackfield.media.libav.border import FOREIGN

        *others, last = self.formats
        for format in others:
            try:
                return self._open(encoding, format)
            except FOREIGN:
                continue
        return self._open(encoding, last)

    def _open(self, encoding: VideoEncoding, format: str) -> VideoCodecContext:
        context = _context(self.library, "w", self.device)
        fps = Fraction(encoding.fps).limit_denominator(1001)
        context.width, context.height, context.pix_fmt = encoding.width, encoding.height, format
        context.framerate, context.time_base = fps, 1 / fps
        context.bit_rate = round(encoding.bitrate_bps * self.opened_at)
        context.gop_size = round(encoding.keyframe_interval_s * encoding.fps) or self.longest_gop
        context.max_b_frames = 0
        context.thread_count = self.threads or (1 if encoding.width * encoding.height <= 1280 * 720 else 2)
        context.options = self.options(encoding)
        with priority_kept():
            context.open()
        return context


@frozen
class Decoding:
    """One of FFmpeg's decoders, and the device that helps it: it is used, or refused, never quietly left out."""

    library: str
    device: Accelerator | None = None
    options: Mapping[str, str] = field(factory=dict)
    #: Whether it passes over what it cannot read, so that a frame without a picture is a damaged one.
    passes_over: bool = False

    @classmethod
    def each(cls, libraries: Mapping[str, str], device: Accelerator | None = None, **options: str) -> dict[str, Self]:
        """One for each codec → FFmpeg's name of its decoder."""
        return {codec: cls(library, device, options) for codec, library in libraries.items()}

    def open(self) -> VideoCodecContext:
        """A running decoder; ``EncoderError`` with FFmpeg's reason."""
        from jackfield.media.libav.border import opened

        where = f" on {self.device.kind} {self.device.path}".rstrip() if self.device else ""
        return opened(self.library, f"open{where}", self._open)

    def _open(self) -> VideoCodecContext:
        from av.codec.context import Flags

        context = _context(self.library, "r", self.device)
        if self.device is not None and not context.is_hwaccel:
            raise EncoderError(f"this PyAV decodes {self.library} without {self.device.kind}")
        context.thread_count = 1
        context.flags |= Flags.low_delay
        context.options = {"err_detect": "explode+crccheck+bitstream+buffer", **self.options}
        context.open()
        return context


def _context(library: str, mode: str, device: Accelerator | None) -> VideoCodecContext:
    import av
    from av.codec.hwaccel import HWAccel
    from av.video.codeccontext import VideoCodecContext

    hwaccel = None
    if device is not None:
        hwaccel = HWAccel(device.kind, device.path or None, False, options=dict(device.options))
    context = av.CodecContext.create(library, mode, hwaccel)  # type: ignore[call-overload]
    if not isinstance(context, VideoCodecContext):
        raise EncoderError(f"{library} is for sound")
    return context
