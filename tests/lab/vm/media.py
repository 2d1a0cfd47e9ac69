"""Makes what the fake camera sends: the synthetic adapter's test cards and tones, so that its verifier recognises them
at the far end of a call. Runs outside the VM, once."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from jackfield_synthetic.barcode import luma
from jackfield_synthetic.card import CardSource
from jackfield_synthetic.tones import turn

from jackfield.values.formats import VideoFormat
from tests.lab.machine import VM
from tests.lab.vm.fakecam import store

#: So many pictures in one turn of a size, by format: raw ones are large.
_TURNS = {
    "mjpeg": {(640, 480): 60, (1280, 720): 30, (1920, 1080): 15},
    "yuyv": {(640, 480): 30, (1280, 720): 10, (1920, 1080): 4},
    "h264": {(640, 480): 120, (1280, 720): 60, (1920, 1080): 30},
}
_CARDS = (0, 1)
#: What makes a frame of the larger kind large: grain in a strip along the top, so high a share of the picture.
_GRAIN, _GRAIN_SHARE = 12, 16


def bring() -> None:
    """The files are there; made in a minute or so when they were not, or when the card or the tones have changed."""
    if store.folder().exists():
        return
    VM.mkdir(parents=True, exist_ok=True)
    for old in VM.glob("media-*"):
        shutil.rmtree(old, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=VM, prefix="making-") as scratch:
        made = Path(scratch) / "media"
        made.mkdir()
        _make(made)
        if not store.folder().exists():  # another run may have been quicker
            os.rename(made, store.folder())


def _make(folder: Path) -> None:
    for card in _CARDS:
        (folder / f"tone-{card}").write_bytes(turn(card, 48_000).tobytes())
        for format, turns in _TURNS.items():
            for size, count in turns.items():
                for small in (False, True) if format == "h264" else (False,):
                    frames = _ENCODE[format](card, size, count, small)
                    store.save(folder / store.name(card, format, size, small=small), frames)


def _pictures(card: int, size: tuple[int, int], count: int) -> Iterator[av.VideoFrame]:
    source = CardSource(card, VideoFormat(*size, 30.0, "yuv420p"), clock_ns=lambda: 0)
    for number in range(count):
        picture = source.take(0).picture
        picture.pts, picture.time_base = number, Fraction(1, 30)
        yield picture


def _grainy(picture: av.VideoFrame) -> av.VideoFrame:
    """The picture with another noise in its topmost lines each time."""
    bright = luma(picture)[: picture.height // _GRAIN_SHARE]
    noise = np.random.default_rng(picture.pts).integers(0, _GRAIN, bright.shape, np.uint8)
    bright += noise
    return picture


def _mjpeg(card: int, size: tuple[int, int], count: int, small: bool) -> list[bytes]:
    encoder = _encoder("mjpeg", size, "yuvj422p")
    encoder.options = {"flags": "+qscale", "global_quality": str(6 * 118)}
    pictures = (picture.reformat(format="yuvj422p") for picture in _pictures(card, size, count))
    return [bytes(packet) for picture in pictures for packet in encoder.encode(picture)]


def _h264(card: int, size: tuple[int, int], count: int, small: bool) -> list[bytes]:
    """One IDR at the start, and what browsers decode: constrained baseline, parameter sets in the stream."""
    encoder = _encoder("libx264", size, "yuv420p")
    encoder.profile = "Baseline"
    encoder.options = {
        "preset": "veryfast",
        "tune": "zerolatency",
        "crf": "24",
        "x264-params": "keyint=infinite:scenecut=0:repeat-headers=1:annexb=1:sliced-threads=0:threads=1",
    }
    pictures = _pictures(card, size, count)
    pictures = pictures if small else map(_grainy, pictures)
    frames = [bytes(packet) for picture in pictures for packet in encoder.encode(picture)]
    return frames + [bytes(packet) for packet in encoder.encode(None)]


def _yuyv(card: int, size: tuple[int, int], count: int, small: bool) -> list[bytes]:
    return [_packed(picture.reformat(format="yuyv422")) for picture in _pictures(card, size, count)]


def _packed(picture: av.VideoFrame) -> bytes:
    """The picture's lines without what FFmpeg puts between them."""
    plane = picture.planes[0]
    lines = np.frombuffer(plane, np.uint8).reshape(picture.height, plane.line_size)  # type: ignore[call-overload]
    return bytes(lines[:, : picture.width * 2].tobytes())


def _encoder(codec: str, size: tuple[int, int], pixel_format: str) -> av.VideoCodecContext:
    encoder = av.CodecContext.create(codec, "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height = size
    encoder.pix_fmt, encoder.time_base = pixel_format, Fraction(1, 30)
    return encoder


_ENCODE = {"mjpeg": _mjpeg, "yuyv": _yuyv, "h264": _h264}
