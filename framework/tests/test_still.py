"""Pictures out of files that people name, and what is said of those that are none."""

from __future__ import annotations

import struct
import zlib
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from jackfield.media import still
from jackfield.values.errors import SettingsError


def colours(width: int = 64, height: int = 32) -> Any:
    """Red on the left, blue on the right."""
    made = np.zeros((height, width, 3), np.uint8)
    made[:, : width // 2, 0] = made[:, width // 2 :, 2] = 200
    return made


def write(path: Path, codec: str, layout: str, pixels: Any) -> Path:
    """A file of one picture, as FFmpeg writes it."""
    encoder: Any = av.CodecContext.create(codec, "w")
    encoder.height, encoder.width = pixels.shape[:2]
    encoder.pix_fmt, encoder.time_base = layout, Fraction(1, 25)
    frame = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format=layout)
    frame.pts = 0
    path.write_bytes(b"".join(bytes(packet) for part in (frame, None) for packet in encoder.encode(part)))
    return path


def png(path: Path, width: int, height: int) -> Path:
    """A few octets that unfold to so many grey pixels."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    rows = zlib.compress(bytes(1 << 16))
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b""))
    return path


@pytest.mark.parametrize(("codec", "layout"), [("png", "rgb24"), ("mjpeg", "yuvj420p"), ("bmp", "bgr24")])
def test_a_picture_is_read_whatever_its_kind(tmp_path: Path, codec: str, layout: str) -> None:
    """As rgb24, upright."""
    made = still.read(write(tmp_path / "picture", codec, layout, colours()), "x")
    assert made.picture.format.name == "rgb24"
    found = made.to_ndarray().astype(int)
    assert found.shape == (32, 64, 3)
    assert np.abs(found[:, (4, 60)] - colours()[:, (4, 60)]).max() < 12


def test_a_large_picture_is_made_smaller(tmp_path: Path) -> None:
    """To what a camera's picture may be; its shape stays."""
    made = still.read(write(tmp_path / "large.png", "png", "rgb24", colours(4000, 1000)), "x")
    assert (made.width, made.height) == (1920, 480)


def test_what_is_no_picture_is_refused_in_words(tmp_path: Path) -> None:
    """One finding: what was asked for, what was found, what to do."""
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.png").write_text("no picture at all\n" * 50)
    (tmp_path / "list.m3u8").write_text("#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nhttp://127.0.0.1:9/a.ts\n")
    (tmp_path / "cut.jpg").write_bytes(write(tmp_path / "whole", "mjpeg", "yuvj420p", colours()).read_bytes()[:150])
    png(tmp_path / "huge.png", 60_000, 60_000)
    wrong = {
        "not_there.png": "not_there.png cannot be read: No such file or directory",
        ".": "is a folder",
        "empty.png": "empty.png has 0 octets",
        "text.png": "text.png is no picture that can be read",
        "list.m3u8": "list.m3u8 is no picture",
        "cut.jpg": "cut.jpg",
        "huge.png": "huge.png is no picture that can be read, or one of more than 64 million pixels",
    }
    for name, words in wrong.items():
        with pytest.raises(SettingsError) as caught:
            still.read(tmp_path / name, "background image")
        (finding,) = caught.value.findings
        assert finding.key == "background image"
        assert words in finding.found
        assert "name a picture" in finding.fix


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its size alone says so."""
    monkeypatch.setattr(still, "MAX_OCTETS", 2**20)
    (tmp_path / "film.bin").write_bytes(bytes(2**20 + 1))
    with pytest.raises(SettingsError, match=r"film\.bin has 1,048,577 octets; name a picture of at most 1 MiB"):
        still.read(tmp_path / "film.bin", "x")
