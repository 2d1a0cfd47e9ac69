"""The keys of ``[pipe.<name>]`` in ``jackfield.toml``."""

from __future__ import annotations

import shlex
import signal
from typing import Literal

from attrs import field, frozen, validators

from jackfield.plugins.tables import named_tables
from jackfield.values.formats import PIXELS_MAX

ENCODED = frozenset({"h264", "mjpeg", "y4m"})
SOUND = frozenset({"s16le", "s32le", "f32le"})
#: What a shell would act on, and what is handed to the command as it is.
_SHELL = frozenset({"|", "||", "&&", "&", ";", ">", ">>", "<", "2>", "2>&1", "2>/dev/null"})
_SIZE = validators.and_(validators.ge(0), validators.le(16_384))


@frozen(kw_only=True)
class PipeDevice:
    """A command whose standard output is a camera, a microphone or a screen. It is started without a shell."""

    #: The command, as one line or as a list of words; `{width}`, `{height}`, `{fps}`, `{bitrate}`, `{rate}` and
    #: `{channels}` stand for what the call wishes, or what is set here.
    command: str | tuple[str, ...] = field(repr=False)
    #: What it prints: an H.264 byte stream, JPEG pictures, YUV4MPEG2, raw pictures or samples, by FFmpeg's names.
    format: Literal[
        "h264",
        "mjpeg",
        "y4m",
        "yuv420p",
        "yuvj420p",
        "nv12",
        "nv21",
        "yuv422p",
        "yuvj422p",
        "yuv444p",
        "yuyv422",
        "uyvy422",
        "rgb24",
        "bgr24",
        "rgba",
        "bgra",
        "gray",
        "s16le",
        "s32le",
        "f32le",
    ]
    #: Width of its pictures; 0: as the call wishes, where the command has `{width}`.
    width: int = field(default=0, validator=_SIZE)
    #: Height of its pictures; 0: as the call wishes, where the command has `{height}`.
    height: int = field(default=0, validator=_SIZE)
    #: Pictures in a second; 0: as the call wishes.
    fps: float = field(default=0.0, validator=validators.and_(validators.ge(0), validators.le(1000)))
    #: What `{bitrate}` stands for, in bits per second.
    bitrate_bps: int = field(default=2_000_000, validator=validators.gt(0))
    #: Samples in a second, of sound.
    rate: int = field(default=48_000, validator=validators.and_(validators.ge(8000), validators.le(192_000)))
    #: Channels, of sound.
    channels: int = field(default=1, validator=validators.in_((1, 2)))
    #: What people see; its name and command where nothing is set.
    label: str = ""
    #: A camera or a screen; sound is a microphone in any case.
    kind: Literal["camera", "screen", "microphone"] = "camera"
    #: Where the camera looks.
    facing: Literal["front", "rear", ""] = ""
    #: Higher is taken first when nobody named a device.
    rank: int = 55
    #: What is done when the far end needs a keyframe: a signal is sent to the command (`SIGUSR1`), or it is started
    #: anew (`restart`); nothing: the next keyframe comes when the command makes one.
    on_keyframe: str = ""
    #: `restart`: the command is started anew with another `{bitrate}` when the path carries much less or more.
    on_bitrate: Literal["restart", ""] = ""
    #: So many seconds with no picture or sound are taken for a hang: the command is ended and started anew.
    timeout_s: float = field(default=5.0, validator=validators.and_(validators.gt(0), validators.le(3600)))
    #: A command that fails again and again for so many seconds is given up, and tried anew later.
    give_up_s: float = field(default=3.0, validator=validators.ge(0))

    def __attrs_post_init__(self) -> None:
        words = self.words
        if not words or not words[0]:
            raise ValueError("command names no program: write what you would type in a terminal")
        shell = [word for word in words if word in _SHELL] if isinstance(self.command, str) else []
        if shell:
            raise ValueError(f'no shell reads {shell[0]!r}: write command = ["sh", "-c", "…"] to have one')
        if self.is_raw and not (self._sized("width") and self._sized("height")):
            raise ValueError(f"{self.format} does not say how large it is: set width and height, or use {{width}} ...")
        if self.width * self.height > PIXELS_MAX:
            raise ValueError(f"{self.width}x{self.height} are more pixels than anybody shows: 8192x4320 are the most")
        if self.on_keyframe not in ("", "restart") and self.keyframe_signal is None:
            raise ValueError(f"on_keyframe is a signal such as SIGUSR1, or restart; not {self.on_keyframe!r}")

    @property
    def words(self) -> tuple[str, ...]:
        """The command as the operating system takes it, placeholders left in; `ValueError` for a quote left open."""
        if not isinstance(self.command, str):
            return self.command
        try:
            return tuple(shlex.split(self.command))
        except ValueError as exc:
            what = "a quote in command is not closed" if "quot" in str(exc) else "command ends with a backslash"
            raise ValueError(f"{what}: close or escape it, or write command as a list of words") from exc

    @property
    def is_sound(self) -> bool:
        """Whether it is a microphone."""
        return self.format in SOUND

    @property
    def is_raw(self) -> bool:
        """Whether its pictures have to be counted out."""
        return self.format not in ENCODED | SOUND

    @property
    def keyframe_signal(self) -> int | None:
        """The number of the signal that ``on_keyframe`` names."""
        found = getattr(signal, self.on_keyframe, None) if self.on_keyframe.startswith("SIG") else None
        return int(found) if isinstance(found, signal.Signals) else None

    def _sized(self, side: str) -> bool:
        return getattr(self, side) > 0 or any(f"{{{side}}}" in word for word in self.words)


@frozen(kw_only=True)
class Options:
    """Commands as devices: each table makes one, `pipe:<name>`."""

    #: The tables, by name.
    devices: dict[str, PipeDevice] = named_tables()
