"""Programs as sources: what may be pushed, and what publications get."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import av
import numpy as np
import pytest

from jackfield.media.reblock import Reblocker
from jackfield.session.sources import AudioSource, SourceCapture, VideoSource
from jackfield.testing.fakes import FakeSink
from jackfield.values.formats import AudioFormat, VideoFormat
from jackfield.values.media import AudioBlock, EncodedFrame, VideoFrame


def test_pictures_come_from_arrays_av_and_frames() -> None:
    """Each becomes a `VideoFrame` with the pixels it had; what is none is a type error."""
    source, sink = VideoSource(64, 48), FakeSink()
    capture = SourceCapture(source)
    source.push(np.zeros((48, 64, 3), np.uint8))  # nobody listens: nothing happens
    capture.start(sink)
    pixels = np.full((48, 64, 3), (10, 20, 30), np.uint8)
    source.push(pixels, time_ns=5)
    source.push(pixels, format="bgr24")
    source.push(av.VideoFrame.from_ndarray(pixels, "rgb24"))
    source.push(VideoFrame.from_ndarray(pixels))
    assert [frame.to_ndarray()[0, 0].tolist() for frame in sink.media] == [
        [10, 20, 30],
        [30, 20, 10],
        [10, 20, 30],
        [10, 20, 30],
    ]
    assert sink.media[0].time_ns == 5
    with pytest.raises(TypeError, match="numpy"):
        source.push("a picture")
    capture.stop()
    source.push(pixels)
    assert len(sink.media) == 4


def test_a_codec_is_one_that_we_send() -> None:
    """However it is spelt; any other is refused where the source is made, by an error that names those."""
    made = {name: VideoSource(codec=name).format.codec for name in ("H264", "h264", "vp8", "av1", "video/VP9", None)}
    assert list(made.values()) == ["H264", "H264", "VP8", "AV1", "VP9", None]
    wrong: tuple[Any, ...] = ("opus", "H266", "foo", "", 5, ["H264"], b"H264")
    for codec in wrong:
        with pytest.raises(ValueError, match="codec is VP8 or H264 or VP9 or AV1"):
            VideoSource(codec=codec)


def test_an_encoded_source_takes_whole_frames_of_its_codec_alone() -> None:
    """Anything else is an error at once, and nothing of it reaches a publication; a raw source takes no encoded one."""
    source, raw, sink = VideoSource(codec="h264"), VideoSource(), FakeSink()
    SourceCapture(source).start(sink)
    SourceCapture(raw).start(sink)
    good, odd = EncodedFrame(b"x", "H264", True), cast("Any", EncodedFrame)
    wrong: list[tuple[VideoSource, Any]] = [
        (source, EncodedFrame(b"x", "VP8", True)),
        (source, odd(b"x", 5, True)),
        (source, EncodedFrame(b"", "H264", True)),
        (source, odd(bytearray(b"x"), "H264", True)),
        (source, odd(None, "H264", True)),
        (source, odd(b"x", "H264", True, time_ns="x")),
        (source, np.zeros((48, 64, 3), np.uint8)),
        (raw, good),
    ]
    for where, what in wrong:
        with pytest.raises((TypeError, ValueError)):
            where.push(what)
    with pytest.raises(TypeError, match="time_ns"):
        raw.push(np.zeros((48, 64, 3), np.uint8), time_ns=cast("Any", "x"))
    source.push(good)
    assert sink.media == [good]


def test_a_callback_that_raises_is_logged_once_by_its_name(caplog: pytest.LogCaptureFixture) -> None:
    """Whoever passes the wish on notices nothing."""
    heard: list[int] = []
    source = VideoSource(codec="H264", on_keyframe_request=lambda: heard.remove(1), on_bitrate=heard.remove)
    capture = SourceCapture(source)
    for _ in range(3):
        capture.force_keyframe()
        capture.set_bitrate_bps(7)
    assert [record.getMessage() for record in caplog.records] == [
        "on_keyframe_request of a VideoSource raised ValueError: list.remove(x): x not in list",
        "on_bitrate of a VideoSource raised ValueError: list.remove(x): x not in list",
    ]
    assert not any(record.exc_info for record in caplog.records)


def test_sound_comes_from_arrays_av_and_blocks() -> None:
    """Int16 or float, mono or interleaved; av frames planar or packed."""
    source, sink = AudioSource(16_000, 2), FakeSink()
    SourceCapture(source).start(sink)
    source.push(np.array([1, 2, 3], np.int16))
    source.push(np.array([[0.5, -2.0]], np.float32))
    planar = av.AudioFrame.from_ndarray(np.array([[1, 2], [3, 4]], np.int16), "s16p", "stereo")
    planar.sample_rate = 8000
    source.push(planar)
    packed = av.AudioFrame.from_ndarray(np.array([[1, 3, 2, 4]], np.int16), "s16", "stereo")
    packed.sample_rate = 8000
    source.push(packed)
    source.push(AudioBlock(np.zeros((4, 1), np.int16), 44_100))
    assert [(block.samples.tolist(), block.rate) for block in sink.media] == [
        ([[1], [2], [3]], 16_000),
        ([[16383, -32767]], 16_000),
        ([[1, 3], [2, 4]], 8000),
        ([[1, 3], [2, 4]], 8000),
        ([[0], [0], [0], [0]], 44_100),
    ]
    for wrong in ("a sound", np.zeros((2, 2, 2), np.int16), np.zeros(3, np.int32)):
        with pytest.raises(TypeError):
            source.push(wrong)


def test_wishes_reach_the_program() -> None:
    """Keyframes and bitrates, where it asked to hear of them."""
    heard: list[object] = []
    source = VideoSource(codec="H264", on_keyframe_request=lambda: heard.append("key"), on_bitrate=heard.append)
    capture = SourceCapture(source)
    capture.force_keyframe()
    capture.set_bitrate_bps(500_000)
    deaf = SourceCapture(AudioSource())
    deaf.force_keyframe()
    deaf.set_bitrate_bps(1)
    assert heard == ["key", 500_000]
    assert capture.format.codec == "H264"


@pytest.mark.parametrize("lengths", [[480] * 8, [100] * 39, [960, 1, 959, 1920]])
def test_blocks_of_any_length_become_blocks_of_one(lengths: list[int]) -> None:
    """Sample for sample, with the instants of the first samples."""
    reblocker = Reblocker(48_000, 1, 20)
    sound = np.arange(sum(lengths), dtype=np.int16).reshape(-1, 1)
    out, at = [], 0
    for length in lengths:
        out += reblocker.push(AudioBlock(sound[at : at + length], 48_000, at * 1_000_000_000 // 48_000))
        at += length
    assert {block.samples.shape for block in out} == {(960, 1)}
    assert np.array_equal(np.concatenate([block.samples for block in out]), sound[: len(out) * 960])
    assert all(abs(block.time_ns - index * 20_000_000) < 100_000 for index, block in enumerate(out))


def test_rates_and_channels_are_made_one() -> None:
    """16 kHz stereo becomes 48 kHz mono of the same length and loudness."""
    reblocker = Reblocker(48_000, 1, 0)
    tone = (8000 * np.sin(2 * np.pi * 440 * np.arange(16_000) / 16_000)).astype(np.int16)
    stereo = np.stack((tone, tone), axis=1)
    blocks = [
        block for at in range(0, 16_000, 160) for block in reblocker.push(AudioBlock(stereo[at : at + 160], 16_000))
    ]
    samples = np.concatenate([block.samples for block in blocks])
    assert abs(len(samples) - 48_000) < 500
    assert abs(samples.astype(float).std() - tone.astype(float).std()) < 200


@pytest.mark.parametrize(
    "make",
    [
        lambda: VideoSource(0, 0),
        lambda: VideoSource(-1, 5),
        lambda: VideoSource("a", 1),
        lambda: VideoSource(100_000, 100_000),
        lambda: VideoSource(fps=float("nan")),
        lambda: AudioSource(0),
        lambda: AudioSource(48_000, 0),
        lambda: AudioSource(48_000.5),  # type: ignore[arg-type]
        lambda: AudioSource(48_000, channels=True),
        lambda: VideoSource(640.5, 480),  # type: ignore[arg-type]
    ],
)
def test_what_no_source_can_be_is_refused_at_once(make: Callable[[], object]) -> None:
    """The error names the value and the range."""
    with pytest.raises(ValueError, match=r"is a (whole )?number from"):
        make()


def test_numbers_of_any_type_make_a_source() -> None:
    """Programs compute with numpy, too; what comes of it is plain."""
    sound, pictures = AudioSource(np.int64(16_000), 2.0), VideoSource(np.int32(640), 480.0, np.float32(15))  # type: ignore[arg-type]
    assert repr(sound.format) == repr(AudioFormat(16_000, 2))
    assert repr(pictures.format) == repr(VideoFormat(640, 480, 15.0))
