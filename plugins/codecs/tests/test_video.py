"""Software video: every picture comes back at once, and keyframes, bitrate and size follow."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import av
import numpy as np
import pytest
from jackfield_codecs.plugin import plugin

from jackfield.roles import ForcesKeyframe, SetsBitrate
from jackfield.values.errors import EncoderError
from jackfield.values.formats import VideoEncoding
from jackfield.values.media import AudioBlock, EncodedFrame, VideoFrame

CODECS = ("H264", "VP8", "VP9", "AV1", "H265")
FRAME_NS = 33_333_333


def encoder(codec, **encoding):
    """A running encoder for this codec."""
    (factory,) = (f for f in factories() if f.codec == codec and f.makes == "encoder")
    return factory.open(VideoEncoding(codec, **{"width": 320, "height": 180, "bitrate_bps": 300_000, **encoding}))


def decoder(codec):
    """A running decoder for this codec."""
    (factory,) = (f for f in factories() if f.codec == codec and f.makes == "decoder")
    return factory.open()


def factories():
    """What the plugin answers with its default options."""
    return plugin.register_codecs(plugin.options())


def picture(number, width=320, height=180, format="yuv420p"):
    """A gradient that moves and is hard enough to encode for rates to show."""
    rng = np.random.default_rng(number % 7)
    luma = (np.add.outer(np.arange(height), np.arange(width)) + number * 4) % 200 + rng.integers(0, 30, (height, width))
    array = np.repeat(luma.astype(np.uint8)[:, :, None], 3, axis=2)
    shaped = av.VideoFrame.from_ndarray(array, format="rgb24").reformat(format=format)
    return VideoFrame(shaped, time_ns=number * FRAME_NS)


def encoded(codec, count, **encoding):
    """So many encoded frames."""
    running = encoder(codec, **encoding)
    return [frame for number in range(count) for frame in running.encode(picture(number))]


@pytest.mark.parametrize("codec", CODECS)
def test_a_picture_comes_back_at_once_with_its_time(codec):
    """One frame in is one frame out, at both ends, and looks like what went in."""
    running, far = encoder(codec, bitrate_bps=2_000_000), decoder(codec)
    for number in range(10):
        sent = picture(number)
        (frame,) = running.encode(sent)
        (seen,) = far.decode(frame)
        assert frame.keyframe == (number == 0)
        assert seen.time_ns == frame.time_ns == sent.time_ns
        assert (frame.width, frame.height) == (seen.width, seen.height) == (320, 180)
        difference = sent.to_ndarray(format="gray").astype(int) - seen.to_ndarray(format="gray")
        assert np.abs(difference).mean() < 12


@pytest.mark.parametrize("codec", CODECS)
def test_encoders_are_steerable(codec):
    """Both software video encoders take keyframe and bitrate requests."""
    running = encoder(codec)
    assert isinstance(running, ForcesKeyframe)
    assert isinstance(running, SetsBitrate)


@pytest.mark.parametrize("codec", CODECS)
def test_a_keyframe_comes_when_it_is_asked_for_and_not_otherwise(codec):
    """Ninety frames hold the first keyframe and the one that was asked for."""
    running = encoder(codec)
    keyframes = []
    for number in range(90):
        if number == 40:
            running.force_keyframe()
        (frame,) = running.encode(picture(number))
        if frame.keyframe:
            keyframes.append(number)
    assert keyframes == [0, 40]


def test_every_h264_keyframe_brings_its_parameter_sets():
    """SPS and PPS come before each IDR, in Constrained Baseline at a level that fits the size."""
    running = encoder("H264", width=1280, height=720)
    for _ in range(2):
        running.force_keyframe()
        (frame,) = running.encode(picture(0, 1280, 720))
        units = [unit for unit in frame.data.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1") if unit]
        kinds = [unit[0] & 31 for unit in units]
        assert kinds[:2] == [7, 8]
        assert kinds[-1] == 5
        profile, constraints, level = units[0][1:4]
        assert profile == 66
        assert constraints & 0x40
        assert level <= 31


def rate(frames):
    """Bits per second of frames that are 1/30 s apart."""
    return sum(len(frame.data) for frame in frames) * 8 * 30 / len(frames)


def test_x264_follows_a_bitrate_without_a_keyframe():
    """Half and double the rate are reached live."""
    running = encoder("H264", bitrate_bps=600_000)
    spans = []
    for bitrate_bps, start in ((600_000, 0), (300_000, 60), (600_000, 150)):
        running.set_bitrate_bps(bitrate_bps)
        spans.append([running.encode(picture(number))[0] for number in range(start, start + 90)])
    assert [frame.keyframe for span in spans for frame in span].count(True) == 1
    assert rate(spans[1][30:]) < 0.7 * rate(spans[0][30:])
    assert rate(spans[2][30:]) > 1.4 * rate(spans[1][30:])


@pytest.mark.parametrize("codec", CODECS)
def test_noise_stays_within_the_bitrate(codec):
    """What cannot be encoded in so few bits is encoded coarsely, or not at all; keyframes are not left out."""
    running = encoder(codec, bitrate_bps=500_000)
    rng = np.random.default_rng(1)
    frames = []
    for number in range(90):
        if number == 60:
            running.force_keyframe()
        noise = av.VideoFrame.from_ndarray(rng.integers(16, 235, (270, 320), np.uint8), format="yuv420p")
        frames.append(running.encode(VideoFrame(noise, time_ns=number * FRAME_NS)))
    assert 8 * sum(len(frame.data) for made in frames for frame in made) / 3 < 900_000
    assert [frame.keyframe for frame in frames[60]] == [True]


@pytest.mark.parametrize("codec", CODECS)
def test_a_bitrate_out_of_reach_opens_the_encoder_anew_and_rarely(codec):
    """A fall to a fifth costs one keyframe, a second after the encoder was opened, and the rate follows."""
    running = encoder(codec, bitrate_bps=1_000_000)
    frames = []
    for number in range(150):
        if number >= 15:
            running.set_bitrate_bps(200_000 + number * 100)
        frames += running.encode(picture(number))
    assert [number for number, frame in enumerate(frames) if frame.keyframe] == [0, 31]
    assert rate(frames[60:]) < 0.6 * rate(frames[:30])


@pytest.mark.parametrize("codec", CODECS)
def test_a_keyframe_that_is_asked_for_takes_the_new_bitrate_along(codec):
    """Where the encoder must be opened anew, a wanted keyframe is the moment."""
    running = encoder(codec, bitrate_bps=1_000_000)
    (first,) = running.encode(picture(0))
    running.set_bitrate_bps(100_000)
    running.force_keyframe()
    (second,) = running.encode(picture(0))
    assert second.keyframe
    assert len(second.data) < len(first.data)


@pytest.mark.parametrize("codec", CODECS)
def test_another_size_comes_with_a_keyframe(codec):
    """Both ends follow a change of size in mid-stream; odd sizes are made even."""
    running, far = encoder(codec), decoder(codec)
    for number, size in enumerate(((320, 180), (160, 90), (640, 361), (320, 180))):
        (frame,) = running.encode(picture(number, *size))
        (seen,) = far.decode(frame)
        assert frame.keyframe
        assert (seen.width, seen.height) == (size[0], size[1] & ~1)


@pytest.mark.parametrize("format", ["nv12", "yuyv422", "rgb24", "bgra", "gray", "yuvj420p", "yuv444p", "yuv420p10le"])
def test_any_pixel_format_goes_in(format):
    """Whatever a camera or a program gives is encoded."""
    running, far = encoder("H264", bitrate_bps=2_000_000), decoder("H264")
    sent = picture(1, format=format)
    (frame,) = running.encode(sent)
    (seen,) = far.decode(frame)
    difference = picture(1).to_ndarray(format="gray").astype(int) - seen.to_ndarray(format="gray")
    assert np.abs(difference).mean() < 20


def test_a_shared_picture_is_not_written_to():
    """Two encoders take one picture, and neither changes its time or type."""
    shared = picture(0)
    shared.picture.pts = 1234
    for codec in CODECS:
        running = encoder(codec)
        running.force_keyframe()
        running.encode(shared)
    assert shared.picture.pts == 1234
    assert shared.picture.pict_type == 0


def damaged(frame, data):
    """The frame with other bytes."""
    return EncodedFrame(data, frame.codec, frame.keyframe, frame.time_ns)


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("damage", ["cut", "noise", "empty"])
def test_a_damaged_frame_is_an_error_until_the_next_keyframe(codec, damage):
    """No damaged picture is shown, nor one that builds on it; a keyframe mends."""
    running, far = encoder(codec), decoder(codec)
    frames = [running.encode(picture(number))[0] for number in range(4)]
    running.force_keyframe()
    frames += [running.encode(picture(number))[0] for number in range(4, 6)]
    noise = np.random.default_rng(1).bytes(400)
    data = {"cut": frames[2].data[: len(frames[2].data) // 3], "noise": noise, "empty": b""}[damage]
    assert far.decode(frames[0])
    assert far.decode(frames[1])
    for frame in (damaged(frames[2], data), frames[3]):
        with pytest.raises(EncoderError):
            far.decode(frame)
    assert far.decode(frames[4])
    assert far.decode(frames[5])


@pytest.mark.parametrize("codec", CODECS)
def test_a_missing_frame_is_an_error_until_the_next_keyframe(codec):
    """``lost_before`` says that what this frame builds on is not there."""
    frames, far = encoded(codec, 3), decoder(codec)
    with pytest.raises(EncoderError):
        far.decode(frames[1])
    far.decode(frames[0])
    with pytest.raises(EncoderError, match="keyframe"):
        far.decode(EncodedFrame(frames[2].data, codec, False, lost_before=1))
    assert far.decode(frames[0])


def test_what_cannot_be_encoded_is_refused_in_our_own_words():
    """Sound into a video encoder and an unknown codec are ``EncoderError``."""
    with pytest.raises(EncoderError):
        encoder("H264").encode(AudioBlock(np.zeros((960, 1), np.int16)))
    with pytest.raises(EncoderError, match="99998"):
        encoder("H264", width=99_999)


def test_every_factory_works_here():
    """Probing opens, encodes a frame, and finds nothing wrong."""
    assert [factory.probe() for factory in factories()] == [None] * 14


@pytest.mark.parametrize("codec", CODECS)
def test_no_thread_is_given_another_priority(codec):
    """SVT-AV1 makes itself and its caller real-time threads where it runs as root: that is taken back."""
    if sys.platform != "linux":
        return  # there SVT-AV1 does nothing of the kind
    encoding = encoder(codec)
    encoding.encode(picture(0))
    threads = [int(task.name) for task in Path("/proc/self/task").iterdir()]
    assert {os.sched_getscheduler(thread) for thread in threads} == {os.SCHED_OTHER}
    encoding.close()
