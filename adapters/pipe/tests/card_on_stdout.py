"""A camera for the tests: prints the synthetic test card, as H.264 or in another form, at its rate.

Run as a program. SIGUSR1 forces a keyframe, and is said on the standard error.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from jackfield_synthetic.card import CardSource
from jackfield_synthetic.tones import ToneSource

from jackfield.media import h264
from jackfield.values.formats import AudioFormat, VideoFormat


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("form", choices=["h264", "mjpeg", "y4m", "yuv420p", "nv12", "rgb24", "s16le"])
    parser.add_argument("--width", type=int, default=320)
    parser.add_argument("--height", type=int, default=180)
    parser.add_argument("--fps", type=float, default=30)
    parser.add_argument("--gop", type=int, default=30)
    parser.add_argument("--frames", type=int, default=0)
    parser.add_argument("--profile", default="baseline")
    parser.add_argument("--pixels", default="yuv420p")
    parser.add_argument("--pieces", type=int, default=1, help="writes each unit in so many pieces, with pauses between")
    parser.add_argument("--pause", type=float, default=0.0)
    parser.add_argument("--damage", type=Path, help="while there is such a file, slices are noise behind their headers")
    return parser.parse_args()


class Encoder:
    """H.264 with no delay; the next picture is a keyframe once `wanted`."""

    def __init__(self, run: argparse.Namespace) -> None:
        self.wanted = False
        self._context = av.CodecContext.create("libx264" if run.form == "h264" else "mjpeg", "w")
        self._context.width, self._context.height = run.width, run.height
        self._context.pix_fmt = run.pixels if run.form == "h264" else "yuvj420p"
        self._context.framerate = round(run.fps)
        self._context.time_base = Fraction(1, round(run.fps))
        if run.form == "h264":
            self._context.gop_size = run.gop
            self._context.bit_rate = 600_000
            self._context.options = {"preset": "ultrafast", "tune": "zerolatency", "profile": run.profile}
        self._number = 0

    def encode(self, picture: av.VideoFrame) -> bytes:
        picture = picture.reformat(format=self._context.pix_fmt)
        picture.pts, self._number = self._number, self._number + 1
        picture.pict_type = av.video.frame.PictureType.I if self.wanted else av.video.frame.PictureType.NONE
        self.wanted = False
        return b"".join(bytes(packet) for packet in self._context.encode(picture))


def main() -> None:
    run = options()
    out = sys.stdout.buffer
    sound = ToneSource(0, AudioFormat()) if run.form == "s16le" else None
    card = CardSource(0, VideoFormat(run.width, run.height, run.fps))
    encoder = Encoder(run) if run.form in ("h264", "mjpeg") else None
    if encoder:
        signal.signal(signal.SIGUSR1, lambda *_: (setattr(encoder, "wanted", True), print("asked", file=sys.stderr)))
    if run.form == "y4m":
        out.write(f"YUV4MPEG2 W{run.width} H{run.height} F{round(run.fps)}:1 Ip A1:1 C420jpeg\n".encode())
    period, start, number = 0.01 if sound else 1 / run.fps, time.monotonic(), 0
    while not run.frames or number < run.frames:
        time.sleep(max(0.0, start + number * period - time.monotonic()))
        data = sound.take(0).samples.tobytes() if sound else form_of(card.take(0).picture, run.form, encoder)
        if run.damage and run.damage.exists():
            data = damaged(data)
        size = -(-len(data) // run.pieces)
        for at in range(0, len(data), size):
            if at:
                time.sleep(run.pause)
            out.write(data[at : at + size])
            out.flush()
        number += 1


def damaged(data: bytes) -> bytes:
    """The access unit, with noise in each slice from its eighth byte on."""
    units = list(h264.nal_units(data))
    noise = np.random.default_rng(1).integers(1, 256, len(data), np.uint8).tobytes()
    kept = (unit[:8] + noise[: len(unit) - 8] if unit[0] & 0x1F in (h264.SLICE, h264.IDR) else unit for unit in units)
    return b"".join(h264.START_CODE + unit for unit in kept)


def form_of(picture: av.VideoFrame, form: str, encoder: Encoder | None) -> bytes:
    if encoder:
        return encoder.encode(picture)
    layout = "yuv420p" if form == "y4m" else form
    pixels = np.ascontiguousarray(picture.reformat(format=layout).to_ndarray()).tobytes()
    return b"FRAME\n" + pixels if form == "y4m" else pixels


if __name__ == "__main__":
    main()
