"""FFmpeg's codecs as a card's adapter states them, tried with software libraries in the card's place."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from jackfield.media.h264 import nal_types
from jackfield.media.libav import known, render_node, trial
from jackfield.media.libav.decoder import VideoDecoder
from jackfield.media.libav.encoder import SteeredEncoder
from jackfield.media.libav.hardware import Card, CardOptions
from jackfield.media.libav.tuning import NATIVE, Accelerator, Decoding, Tuning
from jackfield.testing import samples
from jackfield.values.errors import EncoderError
from jackfield.values.formats import AudioEncoding, VideoEncoding
from jackfield.values.media import EncodedFrame, VideoFrame

ENCODING = VideoEncoding("H264", 320, 180, 30.0, 500_000)
LIVE = {"preset": "ultrafast", "tune": "zerolatency", "profile": "baseline", "forced-idr": "1"}
HERE = ("linux", "darwin", "win32")
BUILDS = "its wheels for another planet have it"


def x264(**more: str) -> Tuning:
    """x264 in the place of a card's encoder."""
    return Tuning("libx264", lambda encoding: {**LIVE, **more})


def card(**more: Any) -> Card:
    return Card("chip", "The chip", HERE, BUILDS, **more)


def run(encoder: Any, count: int, first: int = 0) -> list[EncodedFrame]:
    return [frame for index in range(first, first + count) for frame in encoder.encode(samples.picture(index))]


# --- the known picture
@pytest.mark.parametrize("codec", ["H264", "VP8", "VP9", "AV1", "H265"])
def test_each_known_stream_is_of_the_known_picture(codec: str) -> None:
    """Software decodes it to the picture that hardware is to find in it."""
    decoder = VideoDecoder(Decoding({**NATIVE, "AV1": "libdav1d"}[codec]))
    pictures = [media for frame in known.stream(codec) for media in decoder.decode(frame)]
    assert len(pictures) == 4
    assert [known.looks_wrong(each.picture) for each in pictures if isinstance(each, VideoFrame)] == [None] * 4


def test_another_picture_is_told_from_it() -> None:
    """Black, green, and another size: what broken drivers give."""
    import av

    black = av.VideoFrame(known.WIDTH, known.HEIGHT, "yuv420p")
    for plane in black.planes:
        plane.update(bytes(plane.buffer_size))
    assert known.looks_wrong(known.picture()) is None
    assert "brightness 0 and 0" in (known.looks_wrong(black) or "")
    assert "320x180" in (known.looks_wrong(samples.picture(0).picture) or "")


# --- trying a codec out
class Encoder:
    """An encoder that gives what it is told to."""

    def __init__(self, frames: Sequence[EncodedFrame]) -> None:
        self.frames = list(frames)

    def encode(self, media: Any) -> list[EncodedFrame]:
        return [self.frames.pop(0)] if self.frames else []

    def force_keyframe(self) -> None:
        pass

    def close(self) -> None:
        pass


class Factory:
    """Whose encoder gives these frames."""

    makes: Any = "encoder"
    name, codec, backend, rank = "h264-chip", "H264", "chip", 50

    def __init__(self, frames: Sequence[EncodedFrame]) -> None:
        self.frames = frames

    def open(self, encoding: Any) -> Any:
        return Encoder(self.frames)

    def probe(self) -> str | None:
        return trial.encode(self)


GOOD = known.stream("H264")


@pytest.mark.parametrize(
    ("frames", "words"),
    [
        ([], "gave nothing"),
        ([EncodedFrame(b"\x07" * 500, "H264", True)], "no H264 keyframe"),
        (GOOD[1:], "does not begin with a keyframe"),
        (GOOD, "no keyframe when it was asked"),
        ([*samples.encoded("H264", 3), samples.encoded("H264", 1)[0]], "a picture of 320x180"),
        ([GOOD[0], EncodedFrame(GOOD[0].data[:-300], "H264", True)], "does not hold"),
    ],
)
def test_an_encoder_that_does_not_do_is_found_out(frames: Sequence[EncodedFrame], words: str) -> None:
    """Nothing, garbage, no keyframe at the start or when asked for, another picture, a broken stream."""
    assert words in (Factory(frames).probe() or "")


def test_an_encoder_that_does_is_taken() -> None:
    """The known stream twice over, as if a keyframe had been forced."""
    assert Factory(GOOD * 2).probe() is None


# --- a card's factories
def test_a_card_that_works_is_found_to_work() -> None:
    """Both ways, by name, backend and rank; decoders behind software unless they are preferred."""
    (encoder,) = card(rank=60).encoders({"H264": x264()})
    (decoder,) = card().decoders(Decoding.each({"VP9": "vp9"}), backend="chipdec")
    (first,) = card().decoders(Decoding.each({"VP9": "vp9"}), "prefer")
    assert (encoder.name, encoder.backend, encoder.rank, encoder.probe()) == ("h264-chip", "chip", 60, None)
    assert (decoder.name, decoder.backend, decoder.probe()) == ("vp9-chipdec", "chipdec", None)
    assert decoder.rank < 20 < first.rank
    assert card().decoders(Decoding.each(NATIVE), "off") == []
    assert CardOptions().decoding == "offer"
    with pytest.raises(ValueError):
        CardOptions("perhaps")  # type: ignore[arg-type]


def test_what_is_plainly_lacking_is_said_before_anything_is_tried() -> None:
    """No card, no such codec or device in this PyAV, another system: each in words, all that apply."""
    (encoder,) = card(missing=lambda: "no chip").encoders({"H264": Tuning("h264_chip", lambda encoding: {})})
    assert encoder.probe() == encoder.lacks()  # type: ignore[attr-defined]
    assert (encoder.probe() or "").startswith("no chip; this PyAV (")
    assert f"has no h264_chip; {BUILDS}" in (encoder.probe() or "")
    (decoder,) = card().decoders(Decoding.each({"H264": "h264"}, Accelerator("opencl")))
    assert "was built without opencl" in (decoder.probe() or "")
    (elsewhere,) = Card("chip", "The chip", ("beos",), BUILDS).encoders({"H264": x264()})
    assert (elsewhere.probe() or "").startswith("The chip is of beos, and this is ")


def test_what_ffmpeg_says_is_the_reason_in_words() -> None:
    """FFmpeg's log, not its error number; and what it means, where that is known."""
    means = {"Undefined constant": "the chip does not take that"}
    (encoder,) = card(words=means).encoders({"H264": x264(preset="sideways", crf="high")})
    reason = encoder.probe() or ""
    assert reason.startswith("the chip does not take that (libx264 failed to open 640x384")
    assert "Unable to parse" in reason
    with pytest.raises(EncoderError, match="the chip does not take that"):
        encoder.open(ENCODING)
    with pytest.raises(EncoderError, match="encodes pictures"):
        encoder.open(AudioEncoding())


# --- what hardware encoders are like
def test_parameter_sets_that_come_once_are_put_before_each_keyframe() -> None:
    """As some drivers give them: apart from the stream, and never again."""
    tuning = Tuning("libx264", lambda encoding: {**LIVE, "flags": "+global_header"}, repeats_headers=False)
    encoder = SteeredEncoder(ENCODING, tuning)
    frames = run(encoder, 2)
    encoder.force_keyframe()
    frames += run(encoder, 2, 2)
    assert [frame.keyframe for frame in frames] == [True, False, True, False]
    for frame in frames[::2]:
        types = nal_types(frame.data)
        assert types.index(7) < types.index(8) < types.index(5)
    assert len(samples.decoded("H264", frames)) == 4


def test_a_frame_keeps_the_time_of_its_own_picture() -> None:
    """An encoder may work on several pictures at once: the first frame comes late, with the first picture's time."""
    encoder = SteeredEncoder(ENCODING, Tuning("libx264", lambda encoding: {"preset": "fast", "rc-lookahead": "5"}))
    given = [samples.picture(index).time_ns for index in range(60)]
    frames = run(encoder, 60)
    assert 10 < len(frames) < 60
    assert [frame.time_ns for frame in frames] == given[: len(frames)]


class Steered:
    """What an encoder's library was told, in place of the library."""

    def __init__(self, **tuning: Any) -> None:
        self.opened: list[int] = []
        self.aimed: list[int] = []
        wanted = Tuning("libx264", lambda encoding: LIVE, **tuning)
        steered = self

        class Library(Tuning):
            def open(self, encoding: VideoEncoding) -> Any:
                steered.opened.append(encoding.bitrate_bps)
                return wanted.open(encoding)

        self.encoder = SteeredEncoder(ENCODING, Library("libx264", wanted.options, **tuning))

    def run(self, count: int, first: int, bitrate_bps: int) -> None:
        self.encoder.set_bitrate_bps(bitrate_bps)
        run(self.encoder, count, first)
        self.aimed.append(self.encoder._context.bit_rate)


def test_a_bitrate_that_costs_a_keyframe_is_followed_in_steps() -> None:
    """Down after a second, up after four, far away by opening anew, and at once with a keyframe that is due anyway."""
    steered = Steered(live=(0.5, 2.0), live_keyframe=True)
    steered.run(30, 0, 500_000)
    steered.run(15, 30, 450_000)  # a tenth is not worth a keyframe
    steered.run(15, 45, 300_000)
    steered.run(45, 60, 600_000)  # too early
    steered.run(90, 105, 600_000)
    steered.encoder.force_keyframe()
    steered.run(1, 195, 550_000)
    assert steered.aimed == [500_000, 500_000, 300_000, 300_000, 600_000, 550_000]
    assert steered.opened == [500_000]
    steered.run(45, 196, 100_000)
    assert steered.opened == [500_000, 100_000]


# --- GPUs that Linux shows
def test_a_gpu_is_looked_for_and_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """None, another maker's, a fitting one, and one that may not be opened."""
    monkeypatch.setattr(render_node, "DEVICES", tmp_path)
    monkeypatch.setattr(render_node, "CLASS", tmp_path / "class")
    monkeypatch.setattr(render_node, "nodes", lambda: sorted(tmp_path.glob("renderD*")))
    assert "renderD* is not there" in (render_node.missing() or "")
    assert "/dev/dri/renderD9 is not there" in (render_node.missing(wanted="/dev/dri/renderD9") or "")
    node = tmp_path / "renderD128"
    node.touch()
    behind = tmp_path / "drivers" / "amdgpu"
    behind.mkdir(parents=True)
    (tmp_path / "class" / "renderD128" / "device").mkdir(parents=True)
    (tmp_path / "class" / "renderD128" / "device" / "driver").symlink_to(behind)
    assert render_node.missing() is None
    assert render_node.missing(("i915", "xe")) == "no GPU driven by i915 or xe: renderD128 is amdgpu's"
    assert (render_node.first(("amdgpu",)), render_node.drivers()) == (str(node), "renderD128 amdgpu")
    assert render_node.diagnose() == []
    monkeypatch.setattr(render_node.os, "access", lambda *_: False)
    assert "may not be opened by this user" in (render_node.missing() or "")
    assert "usermod -aG render" in render_node.diagnose()[0].fix
