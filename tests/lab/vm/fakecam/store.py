"""Pictures and sound that were encoded before the VM was booted: frames in files, one after the other."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from tests.lab.machine import ROOT, VM

SIZES = ((640, 480), (1280, 720), (1920, 1080))
FORMATS = ("mjpeg", "yuyv", "h264")
#: Each picture is stored twice as H.264; below this many bits a second the smaller one is sent.
SMALLER_BELOW_BPS = {(640, 480): 600_000, (1280, 720): 1_200_000, (1920, 1080): 2_500_000}
_SYNTHETIC = ROOT / "adapters" / "synthetic" / "src" / "jackfield_synthetic"
_MADE_BY = [_SYNTHETIC / f"{name}.py" for name in ("card", "barcode", "tones")]
_MADE_BY += [Path(__file__), Path(__file__).parents[1] / "media.py"]


@cache
def folder() -> Path:
    """Where they are; another place whenever what makes them has changed."""
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in _MADE_BY)).hexdigest()
    return VM / f"media-{digest[:12]}"


def name(card: int, format: str, size: tuple[int, int], *, small: bool = False) -> str:
    """The file with one card's pictures in a format and size."""
    return f"{card}-{size[0]}x{size[1]}.{format}{'-small' if small and format == 'h264' else ''}"


def save(path: Path, frames: Iterable[bytes]) -> None:
    """Each frame behind its length."""
    path.write_bytes(b"".join(struct.pack("<I", len(frame)) + frame for frame in frames))


def load(path: Path) -> list[bytes]:
    """The frames of a file."""
    content, frames, at = path.read_bytes(), [], 0
    while at < len(content):
        (length,) = struct.unpack_from("<I", content, at)
        frames.append(content[at + 4 : at + 4 + length])
        at += 4 + length
    return frames


class Pictures:
    """What the camera looks at, in every format; a file is read when it is first wanted, and one is kept."""

    def __init__(self, card: int) -> None:
        self._card = card
        self._kept: tuple[str, list[bytes]] = ("", [])

    def of(self, format: str, size: tuple[int, int], bitrate_bps: int) -> list[bytes]:
        """One turn of frames; in H.264 the first alone is an IDR, with its parameter sets before it."""
        wanted = name(self._card, format, size, small=bitrate_bps < SMALLER_BELOW_BPS[size])
        if self._kept[0] != wanted:
            self._kept = (wanted, load(folder() / wanted))
        return self._kept[1]


def tone(number: int) -> bytes:
    """One turn of a made-up microphone's notes: 16 bit, mono, 48 kHz."""
    return (folder() / f"tone-{number}").read_bytes()
