"""A picture out of a file that a person named: read by FFmpeg, and refused in words where it is none."""

from __future__ import annotations

import math
import os
from pathlib import Path

import av
from av.video.reformatter import Interpolation

from jackfield.values.errors import SettingsError
from jackfield.values.findings import Finding
from jackfield.values.media import VideoFrame

#: Photographs have 12 to 50 million pixels; what a file of a few bytes may unfold to is bounded too.
MAX_OCTETS, MAX_PIXELS = 64 * 2**20, 64_000_000
_MILLIONS = f"{MAX_PIXELS // 1_000_000} million pixels"
#: No camera's picture has a longer side, as a rule.
LONGEST = 1920
#: How the files begin that are taken, and what reads them: no guess of FFmpeg's leads to a playlist, and elsewhere.
_KINDS = {
    b"\x89PNG": "png_pipe",
    b"\xff\xd8\xff": "jpeg_pipe",
    b"RIFF": "webp_pipe",
    b"GIF8": "gif",
    b"BM": "bmp_pipe",
    b"P6": "ppm_pipe",
    b"II*\0": "tiff_pipe",
    b"MM\0*": "tiff_pipe",
}
_NO_PICTURE = "name a picture: JPEG, PNG, WebP, GIF, BMP, TIFF or PPM"


def read(path: str | Path, key: str) -> VideoFrame:
    """The picture in this file, or the first of several, as rgb24, upright and no longer than `LONGEST`. Blocks.

    `SettingsError`, with a finding at ``key``, where there is no file, or no picture in it, or it is too large.
    """
    file = Path(path).expanduser()
    try:
        if file.is_dir():
            raise _refused(key, f"{path} is a folder", _NO_PICTURE)
        octets = os.stat(file).st_size
        if not file.is_file():
            raise _refused(key, f"{path} is a device or a pipe, and no file", _NO_PICTURE)
        if not 0 < octets <= MAX_OCTETS:
            limit = f"name a picture of at most {MAX_OCTETS // 2**20} MiB"
            raise _refused(key, f"{path} has {octets:,} octets", limit if octets else _NO_PICTURE)
        return _decoded(file, path, key)
    except av.FFmpegError as exc:
        found = f"{path} is no picture that can be read, or one of more than {_MILLIONS}: {exc.strerror}"
        raise _refused(key, found, _NO_PICTURE) from exc
    except (OSError, ValueError) as exc:
        raise _refused(key, f"{path} cannot be read: {getattr(exc, 'strerror', exc)}", _NO_PICTURE) from exc


def _refused(key: str, found: str, fix: str) -> SettingsError:
    return SettingsError([Finding("error", key, found, fix)])


def _decoded(file: Path, path: str | Path, key: str) -> VideoFrame:
    with file.open("rb") as octets:
        start = octets.read(4)
    kind = next((kind for magic, kind in _KINDS.items() if start.startswith(magic)), None)
    if kind is None:
        raise _refused(key, f"{path} is no picture that can be read", _NO_PICTURE)
    # The decoder refuses what is larger before it takes memory for it.
    limits = {"max_pixels": str(MAX_PIXELS)}
    with file.open("rb") as octets, av.open(octets, mode="r", format=kind, options=limits) as container:
        if not container.streams.video:
            raise _refused(key, f"there is no picture in {path}", _NO_PICTURE)
        stream = container.streams.video[0]
        stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
        if stream.width * stream.height > MAX_PIXELS:
            fix = f"name a picture of at most {_MILLIONS}"
            raise _refused(key, f"{path} has {stream.width}x{stream.height} pixels", fix)
        picture = next(container.decode(stream), None)
    if picture is None:
        raise _refused(key, f"no picture could be made out in {path}", _NO_PICTURE)
    return _small(picture)


def _small(picture: av.VideoFrame) -> VideoFrame:
    scale = min(1.0, LONGEST / max(picture.width, picture.height))
    width, height = (max(1, math.floor(side * scale)) for side in (picture.width, picture.height))
    made = picture.reformat(width, height, "rgb24", interpolation=Interpolation.AREA)
    turns = round(picture.rotation / 90) % 4
    if turns:
        import numpy as np

        return VideoFrame.from_ndarray(np.ascontiguousarray(np.rot90(VideoFrame(made).to_ndarray(), turns)))
    return VideoFrame(made)
