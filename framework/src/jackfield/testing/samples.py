"""Pictures and sound to test with, and reference codecs (PyAV's own) that no plugin stands between."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

import av
import numpy as np

from jackfield.media.libav.scheduling import priority_kept
from jackfield.values.media import AudioBlock, EncodedFrame, VideoFrame

START_NS = 1_000_000_000
_ENCODERS = {
    "H264": "libx264",
    "VP8": "libvpx",
    "VP9": "libvpx-vp9",
    "AV1": "libsvtav1",
    "H265": "libx265",
    "opus": "libopus",
}
_DECODERS = {"H264": "h264", "VP8": "libvpx", "VP9": "libvpx-vp9", "AV1": "libdav1d", "H265": "hevc", "opus": "libopus"}
_OPTIONS = {
    "H264": {"preset": "ultrafast", "tune": "zerolatency"},
    "VP8": {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0"},
    "VP9": {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0"},
    "AV1": {"preset": "12", "svtav1-params": "pred-struct=1:rc=2"},
    "H265": {"preset": "ultrafast", "tune": "zerolatency", "x265-params": "log-level=none"},
    "opus": {"application": "voip"},
}


def picture(index: int, width: int = 320, height: int = 180, *, fps: float = 30.0, busy: bool = False) -> VideoFrame:
    """Picture ``index`` of a moving gradient; a ``busy`` one is grainy, which is costly to encode."""
    column = np.arange(width, dtype=np.uint16) + 4 * index
    row = np.arange(height, dtype=np.uint16)[:, None]
    luma = ((column[None, :] + row) % 200 + 20).astype(np.uint8)
    if busy:
        luma = luma // 4 * 3 + np.random.default_rng(index).integers(0, 40, (height, width), dtype=np.uint8)
    chroma = np.full((height // 2, width), 128, dtype=np.uint8)
    array = np.concatenate([luma, chroma])
    return VideoFrame.from_ndarray(array, format="yuv420p", time_ns=START_NS + round(index * 1e9 / fps))


def block(index: int, *, ptime_ms: int = 20, rate: int = 48_000, channels: int = 1, hertz: float = 440.0) -> AudioBlock:
    """Block ``index`` of a tone that goes on from block to block."""
    count = rate * ptime_ms // 1000
    instants = (np.arange(count) + index * count) / rate
    wave = (np.sin(2 * math.pi * hertz * instants) * 12_000).astype(np.int16)
    return AudioBlock(np.repeat(wave[:, None], channels, axis=1), rate, START_NS + index * ptime_ms * 1_000_000)


def babble(seconds: float, *, pitch_hz: float = 120.0, seed: int = 0, rate: int = 48_000) -> Any:
    """Something like speech, floats of -1 to 1: a voice with harmonics whose pitch, loudness and vowels wander, in
    syllables and pauses, with a hiss between. No two seconds are alike; the same arguments give the same sound."""
    random = np.random.default_rng(seed)
    count, knots = int(seconds * rate), int(seconds * 6) + 2
    at = np.arange(count)

    def wander(low: float, high: float) -> Any:
        return np.interp(at, np.linspace(0, count, knots), random.uniform(low, high, knots))

    phase = np.cumsum(2 * math.pi * wander(0.8, 1.25) * pitch_hz / rate)
    vowels = [(wander(300, 800), 120.0), (wander(900, 2300), 200.0), (wander(2400, 3400), 300.0)]
    made = np.zeros(count)
    for harmonic in range(1, 28):
        hertz = harmonic * pitch_hz
        weight = sum(np.exp(-(((hertz - centre) / width) ** 2)) for centre, width in vowels) + 0.02
        made += weight * np.sin(harmonic * phase) / math.sqrt(harmonic)
    syllables = np.clip(np.sin(np.cumsum(2 * math.pi * wander(2.0, 5.0) / rate)) + wander(-0.6, 0.6), 0, 1)
    made = made * syllables + random.standard_normal(count) * np.roll(syllables, rate // 12) ** 4 * 0.1
    return made / np.abs(made).max() * 0.7


def loudness(samples: Any) -> float:
    """Root mean square of int16 samples, 0 to 1."""
    return float(np.sqrt(np.mean(np.square(np.asarray(samples, dtype=np.float64) / 32_768)))) if len(samples) else 0.0


def encoded(codec: str, count: int, *, width: int = 320, height: int = 180, channels: int = 1) -> list[EncodedFrame]:
    """``count`` frames by the reference encoder, the first a keyframe."""
    context: Any = av.CodecContext.create(_ENCODERS[codec], "w")
    context.options = _OPTIONS[codec]
    frames: Iterator[Any]
    if codec == "opus":
        context.sample_rate, context.format, context.layout = 48_000, "s16", "mono" if channels == 1 else "stereo"
        context.time_base = Fraction(1, 48_000)
        frames = (_sound(index, channels) for index in range(count))
    else:
        context.width, context.height, context.pix_fmt = width, height, "yuv420p"
        context.time_base, context.framerate, context.bit_rate = Fraction(1, 30), Fraction(30, 1), 800_000
        context.gop_size = 1000
        frames = (_timed(picture(index, width, height).picture, index) for index in range(count))
    with priority_kept():
        packets = [packet for frame in frames for packet in context.encode(frame)] + list(context.encode(None))
    size = (0, 0) if codec == "opus" else (width, height)
    step_ns, step_rtp = (20_000_000, 960) if codec == "opus" else (33_333_333, 3000)
    return [
        EncodedFrame(
            bytes(packet),
            codec,
            bool(packet.is_keyframe),
            START_NS + index * step_ns,
            rtp_timestamp=index * step_rtp,
            duration_ns=step_ns,
            width=size[0],
            height=size[1],
        )
        for index, packet in enumerate(packets[:count])
    ]


def decoded(codec: str, frames: Sequence[EncodedFrame], *, channels: int = 1) -> list[Any]:
    """What the reference decoder makes of ``frames``: ``av`` frames."""
    context: Any = av.CodecContext.create(_DECODERS[codec], "r")
    if codec == "opus":
        context.sample_rate, context.layout = 48_000, "mono" if channels == 1 else "stereo"
    out = [picture for frame in frames for picture in context.decode(av.Packet(frame.data))]
    return [*out, *context.decode(None)]


def _timed(frame: Any, index: int) -> Any:
    frame.pts = index
    return frame


def _sound(index: int, channels: int) -> Any:
    samples = block(index, channels=channels).samples
    layout = "mono" if channels == 1 else "stereo"
    frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout=layout)
    frame.sample_rate, frame.pts, frame.time_base = 48_000, index * 960, Fraction(1, 48_000)
    return frame
