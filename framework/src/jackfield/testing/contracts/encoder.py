"""The contract of encoders."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import pytest

from jackfield.roles import ForcesKeyframe, SetsBitrate
from jackfield.testing.contracts.offered import PluginUnderTest
from jackfield.values.errors import EncoderError
from jackfield.values.formats import AudioEncoding, Encoding, VideoEncoding
from jackfield.values.media import EncodedFrame

SIZE = (320, 180)


class EncoderContract(PluginUnderTest):
    """What a call relies on of an encoder. Streams are checked with PyAV's own decoders."""

    hook: ClassVar[str] = "register_codecs"
    only: ClassVar[tuple[str, Any]] = ("makes", "encoder")

    def encoding(self, factory: Any, *, bitrate_bps: int = 800_000) -> Encoding:
        """What an encoder is opened with."""
        if factory.codec == "opus":
            return AudioEncoding()
        return VideoEncoding(factory.codec, *SIZE, 30.0, bitrate_bps)

    @pytest.fixture
    def encoder(self, offer: Any) -> Iterator[Any]:
        """A running encoder; skips, saying why, where the factory's own probe finds that it cannot be used."""
        _require(offer)
        running = offer.open(self.encoding(offer))
        yield running
        running.close()

    def test_it_says_what_it_is(self, offer: Any) -> None:
        """Name, codec, backend and rank are there to choose by, before anything is opened."""
        assert offer.makes == "encoder"
        assert offer.name.strip()
        assert offer.backend.strip()
        assert offer.codec in ("VP8", "H264", "VP9", "AV1", "H265", "opus")
        assert isinstance(offer.rank, int)

    def test_probing_tells_the_truth(self, offer: Any) -> None:
        """``probe`` answers None where ``open`` works, and a reason in words where it does not."""
        reason = offer.probe()
        assert reason is None or reason.strip()
        if reason is None:
            offer.open(self.encoding(offer)).close()

    def test_the_first_frame_can_be_decoded_alone(self, offer: Any, encoder: Any) -> None:
        """A stream begins with a keyframe; H264 carries its parameter sets in Annex B form."""
        first = _run(offer, encoder, 1)[0] if offer.codec == "opus" else _until_first(offer, encoder)
        assert first.keyframe
        assert first.codec == offer.codec
        if offer.codec == "H264":
            assert {7, 8, 5} <= _nal_types(first.data)

    def test_each_picture_or_block_becomes_one_frame_at_once(self, offer: Any, encoder: Any) -> None:
        """A live encoder holds nothing back: as many frames as pictures, each with its picture's instant."""
        make = _maker(offer)
        for index in range(10):
            media = make(index)
            frames = encoder.encode(media)
            assert len(frames) == 1
            assert frames[0].data
            assert frames[0].time_ns == media.time_ns

    def test_a_foreign_decoder_understands_it(self, offer: Any, encoder: Any) -> None:
        """What was encoded is decoded by PyAV with nothing missing, and looks or sounds as it went in."""
        from jackfield.testing import samples

        frames = _run(offer, encoder, 20)
        decoded = samples.decoded(offer.codec, frames)
        if offer.codec == "opus":
            heard = samples.loudness(_flat(decoded[5:]))
            assert heard == pytest.approx(samples.loudness(samples.block(0).samples), rel=0.3)
            return
        assert len(decoded) == 20
        assert {(picture.width, picture.height) for picture in decoded} == {SIZE}
        assert _likeness(decoded[-1], samples.picture(19, *SIZE).picture) < 12

    def test_video_frames_say_their_size(self, offer: Any, encoder: Any) -> None:
        """``width`` and ``height`` of a frame are those of the picture."""
        if offer.codec != "opus":
            assert {(frame.width, frame.height) for frame in _run(offer, encoder, 3)} == {SIZE}

    def test_keyframes_come_when_asked_for_and_not_otherwise(self, offer: Any, encoder: Any) -> None:
        """`ForcesKeyframe`: the next frame is a keyframe; without a request there is only the first."""
        if offer.codec == "opus":
            return
        if not isinstance(encoder, ForcesKeyframe):
            pytest.skip(f"{offer.name} is not a ForcesKeyframe: receivers that join late wait for its own keyframes")
        before = _run(offer, encoder, 10)
        encoder.force_keyframe()
        after = _run(offer, encoder, 5, first=10)
        assert [frame.keyframe for frame in before] == [True] + [False] * 9
        assert [frame.keyframe for frame in after] == [True] + [False] * 4

    def test_the_bitrate_follows(self, offer: Any) -> None:
        """`SetsBitrate`: lowered to a fifth, frames of the same noise are smaller by half at least."""
        _require(offer)
        if offer.codec == "opus":
            return
        encoder: Any = offer.open(self.encoding(offer, bitrate_bps=3_000_000))
        try:
            steered: Any = encoder
            if not isinstance(encoder, SetsBitrate):
                pytest.skip(f"{offer.name} is not a SetsBitrate: it cannot follow the network")
            before = _run(offer, encoder, 30, busy=True)
            steered.set_bitrate_bps(600_000)
            after = _run(offer, encoder, 40, first=30, busy=True)
        finally:
            steered.close()
        assert _bytes(after[-15:]) < 0.5 * _bytes(before[-15:])

    def test_two_run_side_by_side(self, offer: Any, encoder: Any) -> None:
        """Encoders share nothing: two of them give two whole streams."""
        other = offer.open(self.encoding(offer))
        try:
            first, second = _run(offer, encoder, 3), _run(offer, other, 3)
        finally:
            other.close()
        assert [len(first), len(second)] == [3, 3]
        assert first[0].keyframe
        assert second[0].keyframe

    def test_what_cannot_be_opened_says_so_in_our_words(self, offer: Any) -> None:
        """A size that no picture has works, or raises `EncoderError`: never an error of the codec's library."""
        _require(offer)
        if offer.codec == "opus":
            return
        try:
            offer.open(VideoEncoding(offer.codec, 0, 0)).close()
        except EncoderError:
            pass


def _require(factory: Any) -> None:
    reason = factory.probe()
    if reason is not None:
        what = factory.name if factory.backend == "software" else factory.backend
        pytest.skip(f"{what}: {reason}. To run it: a machine where it works")


def _maker(factory: Any, *, busy: bool = False) -> Any:
    from jackfield.testing import samples

    if factory.codec == "opus":
        return samples.block
    return lambda index: samples.picture(index, *SIZE, busy=busy)


def _run(factory: Any, encoder: Any, count: int, *, first: int = 0, busy: bool = False) -> list[EncodedFrame]:
    make = _maker(factory, busy=busy)
    return [frame for index in range(first, first + count) for frame in encoder.encode(make(index))]


def _until_first(factory: Any, encoder: Any) -> EncodedFrame:
    return _run(factory, encoder, 3)[0]


def _bytes(frames: Sequence[EncodedFrame]) -> int:
    return sum(len(frame.data) for frame in frames)


def _nal_types(data: bytes) -> set[int]:
    return {part[0] & 31 for part in data.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1") if part}


def _likeness(one: Any, other: Any) -> float:
    """Mean absolute difference of luma, 0 to 255."""
    import numpy as np

    first, second = (picture.to_ndarray(format="gray").astype(np.int16) for picture in (one, other))
    return float(np.mean(np.abs(first - second)))


def _flat(frames: Sequence[Any]) -> Any:
    import numpy as np

    parts = [frame.to_ndarray().reshape(-1) for frame in frames]
    flat = np.concatenate(parts)
    return (flat * 32_767).astype(np.int16) if flat.dtype.kind == "f" else flat
