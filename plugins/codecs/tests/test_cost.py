"""What software codecs cost, printed and not asserted."""

from __future__ import annotations

import time

import av
import numpy as np
import pytest
from jackfield_codecs.plugin import plugin

from jackfield.values.formats import VideoEncoding
from jackfield.values.media import VideoFrame

FRAMES = 180


def film():
    """A grainy pattern that moves five pixels a picture, at 1280x720: neither a still nor a storm."""
    grain = np.random.default_rng(1).integers(0, 6, (720, 2560))
    wide = (np.add.outer(np.arange(720), np.arange(2560)) // 8 % 200 + 20 + grain).astype(np.uint8)
    chroma = np.full((360, 1280), 128, np.uint8)
    for number in range(FRAMES):
        shown = wide[:, number * 5 : number * 5 + 1280]
        yield VideoFrame.from_ndarray(np.concatenate([shown, chroma]), format="yuv420p")


@pytest.mark.bench
@pytest.mark.parametrize("codec", ["H264", "VP8", "VP9", "AV1", "H265"])
def test_cpu_time_of_a_picture_at_720p(codec):
    """Encoding at 1.7 Mbit/s and decoding, in milliseconds of CPU time for each picture."""
    encoder, decoder = (
        next(f for f in plugin.register_codecs(plugin.options()) if (f.codec, f.makes) == (codec, makes))
        for makes in ("encoder", "decoder")
    )
    running, far, pictures = encoder.open(VideoEncoding(codec, 1280, 720)), decoder.open(), list(film())
    begun = time.process_time()
    frames = [frame for picture in pictures for frame in running.encode(picture)]
    encoded = time.process_time()
    seen = sum(len(far.decode(frame)) for frame in frames)
    decoded = time.process_time()
    assert seen == FRAMES
    kbps = sum(len(frame.data) for frame in frames) * 8 * 30 / FRAMES / 1000
    there, back = (span / FRAMES * 1e3 for span in (encoded - begun, decoded - encoded))
    print(f"\n{codec} 1280x720, {kbps:.0f} kbit/s, PyAV {av.__version__}, CPU time of a picture:")
    print(f"encoding {there:.2f} ms, decoding {back:.2f} ms")
