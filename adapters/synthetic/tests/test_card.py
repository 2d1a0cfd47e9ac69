"""The test card: its counter and clock are read again after encoding, scaling and conversion."""

from __future__ import annotations

import time

import av
import numpy as np
import pytest
from jackfield_synthetic.barcode import read_counter
from jackfield_synthetic.card import CardSource

from jackfield.values.formats import VideoFormat
from jackfield.values.media import VideoFrame

SIZES = [(1280, 720), (640, 360), (320, 180), (854, 480), (160, 90), (641, 363)]


def encoded_and_decoded(frames, library, bitrate_bps):
    """The pictures as the far end of a call would see them."""
    first = frames[0]
    encoder = av.CodecContext.create(library, "w")
    encoder.width, encoder.height, encoder.pix_fmt = first.width, first.height, "yuv420p"
    encoder.framerate, encoder.bit_rate, encoder.gop_size, encoder.max_b_frames = 30, bitrate_bps, 1000, 0
    live = {"libx264": {"preset": "superfast", "tune": "zerolatency"}, "libvpx": {"deadline": "realtime"}}
    encoder.options = live[library]
    decoder = av.CodecContext.create({"libx264": "h264", "libvpx": "vp8"}[library], "r")
    packets = [packet for frame in frames for packet in encoder.encode(frame.picture)] + encoder.encode(None)
    return [VideoFrame(seen) for packet in [*packets, None] for seen in decoder.decode(packet)]


@pytest.mark.parametrize("size", SIZES)
def test_what_is_stamped_is_read(size):
    """Card, counter and capture time, to a microsecond."""
    source = CardSource(2, VideoFormat(*size))
    for counter in range(5):
        frame = source.take(0)
        reading = read_counter(frame)
        assert (reading.card, reading.counter) == (2, counter)
        assert reading.time_ns == frame.time_ns // 1000 * 1000
        assert (frame.width, frame.height) == (size[0] & ~1, size[1] & ~1)
        assert frame.picture.format.name == "yuv420p"


@pytest.mark.parametrize("library", ["libx264", "libvpx"])
@pytest.mark.parametrize(
    ("size", "bitrate_bps"), [((1280, 720), 1_000_000), ((640, 360), 150_000), ((320, 180), 80_000)]
)
def test_the_counter_survives_encoding_and_scaling(library, size, bitrate_bps):
    """At a call's bitrates, and seen at another size than it was sent."""
    source = CardSource(0, VideoFormat(*size))
    seen = encoded_and_decoded([source.take(0) for _ in range(20)], library, bitrate_bps)
    assert [read_counter(frame).counter for frame in seen] == list(range(20))
    scaled = [VideoFrame(frame.picture.reformat(320, 180)) for frame in seen]
    assert [read_counter(frame).counter for frame in scaled] == list(range(20))


@pytest.mark.parametrize("format", ["rgb24", "bgra", "nv12", "gray", "yuv444p"])
def test_the_counter_is_read_in_any_pixel_format(format):
    """Whatever a renderer was given."""
    frame = CardSource(1, VideoFormat(640, 360)).take(0)
    assert read_counter(VideoFrame(frame.picture.reformat(format=format))).counter == 0


def test_nothing_is_read_where_there_is_no_card():
    """Black, noise and a gradient give None."""
    noise = np.random.default_rng(1).integers(0, 255, (540, 640), np.uint8)
    gradient = np.repeat(np.arange(540, dtype=np.uint8)[:, None], 640, axis=1)
    for array in (np.zeros((540, 640), np.uint8), noise, gradient):
        assert read_counter(VideoFrame.from_ndarray(array, format="yuv420p")) is None


def test_cards_differ_and_move():
    """Front and rear are told apart by eye, and two pictures of one card are not the same."""
    front, rear = CardSource(0, VideoFormat(320, 180)), CardSource(1, VideoFormat(320, 180))
    first, later = front.take(0).to_ndarray(), [front.take(0) for _ in range(10)][-1].to_ndarray()
    assert np.abs(first[:40].astype(int) - rear.take(0).to_ndarray()[:40]).mean() > 30
    assert (first[45:63] != later[45:63]).any()


@pytest.mark.bench
def test_a_picture_is_made_and_read_in_no_time():
    """720p: prints the CPU time of one picture, made and read."""
    source = CardSource(0, VideoFormat(1280, 720))
    begun = time.process_time()
    for _ in range(300):
        frame = source.take(0)
    made = time.process_time()
    for _ in range(300):
        read_counter(frame)
    print(f"made {(made - begun) / 0.3:.3f} ms, read {(time.process_time() - made) / 0.3:.3f} ms")
