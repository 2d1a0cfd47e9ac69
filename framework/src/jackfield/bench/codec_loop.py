"""The bare codec loop: the same pictures, encoded and decoded with nothing between. The floor for latency and CPU.

Run as ``python -m jackfield.bench.codec_loop``.
"""

from __future__ import annotations

import argparse
import time

from jackfield.bench.frames import Pictures, number_of
from jackfield.bench.window import Window, options
from jackfield.plugins.config import load_config
from jackfield.plugins.registry import load
from jackfield.values.formats import VideoEncoding
from jackfield.values.media import VideoFrame


def measure(run: argparse.Namespace) -> None:
    """One paced loop, and its figures printed."""
    plugins = load(load_config())
    encoder, _ = plugins.encoder(run.codec, VideoEncoding(run.codec, run.width, run.height, run.fps))
    decoder, _ = plugins.decoder(run.codec)
    pictures = Pictures(run.width, run.height)
    window, start = Window(run.warm, run.seconds), time.monotonic()
    number = 0
    while not window.over:
        time.sleep(max(0.0, start + number / run.fps - time.monotonic()))
        picture = VideoFrame(pictures.picture(number))
        for encoded in encoder.encode(picture):
            for decoded in decoder.decode(encoded):
                if isinstance(decoded, VideoFrame) and number_of(decoded.picture) == number:
                    window.saw(picture.time_ns)
        number += 1
    window.print()
    encoder.close()
    decoder.close()


if __name__ == "__main__":
    measure(options())
