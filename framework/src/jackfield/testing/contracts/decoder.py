"""The contract of decoders."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import attrs
import pytest

from jackfield.roles import Conceals
from jackfield.testing.contracts.offered import PluginUnderTest
from jackfield.values.errors import EncoderError
from jackfield.values.media import AudioBlock, EncodedFrame, VideoFrame

SIZE = (320, 180)


class DecoderContract(PluginUnderTest):
    """What a call relies on of a decoder. Streams are made with PyAV's own encoders."""

    hook: ClassVar[str] = "register_codecs"
    only: ClassVar[tuple[str, Any]] = ("makes", "decoder")

    @pytest.fixture
    def decoder(self, offer: Any) -> Iterator[Any]:
        """A running decoder; skips, saying why, where the factory's own probe finds that it cannot be used."""
        reason = offer.probe()
        if reason is not None:
            what = offer.name if offer.backend == "software" else offer.backend
            pytest.skip(f"{what}: {reason}. To run it: a machine where it works")
        running = offer.open(channels=1)
        yield running
        running.close()

    def test_it_says_what_it_is(self, offer: Any) -> None:
        """Name, codec, backend and rank are there to choose by, before anything is opened."""
        assert offer.makes == "decoder"
        assert offer.name.strip()
        assert offer.backend.strip()
        assert isinstance(offer.rank, int)

    def test_each_frame_becomes_one_picture_or_block(self, offer: Any, decoder: Any) -> None:
        """A live decoder holds nothing back, and each picture keeps the instant of its frame."""
        for frame in _stream(offer, 10):
            made = decoder.decode(frame)
            assert len(made) == 1
            assert made[0].time_ns == frame.time_ns

    def test_pictures_look_and_sounds_sound_as_they_went_in(self, offer: Any, decoder: Any) -> None:
        """Sizes, layout and content are those of what was encoded."""
        from jackfield.testing import samples

        made = [item for frame in _stream(offer, 15) for item in decoder.decode(frame)]
        if offer.codec == "opus":
            assert all(isinstance(item, AudioBlock) and item.rate == 48_000 and item.channels == 1 for item in made)
            loud = [samples.loudness(item.samples) for item in made[5:]]
            assert min(loud) == pytest.approx(samples.loudness(samples.block(0).samples), rel=0.3)
            return
        assert all(isinstance(item, VideoFrame) for item in made)
        assert {(item.width, item.height) for item in made} == {SIZE}
        last, wanted = (item.to_ndarray(format="gray").astype(int) for item in (made[-1], samples.picture(14, *SIZE)))
        assert abs(last - wanted).mean() < 12

    def test_a_damaged_frame_harms_nothing_after_the_next_keyframe(self, offer: Any, decoder: Any) -> None:
        """Garbage raises `EncoderError` or is passed over; a keyframe mends it."""
        frames = _stream(offer, 6)
        for frame in frames[:3]:
            decoder.decode(frame)
        for data in (b"\xff" * 40, frames[3].data[: len(frames[3].data) // 2], b"\0"):
            _tolerated(decoder, attrs.evolve(frames[3], data=data, keyframe=False))
        made = [item for frame in _stream(offer, 6) for item in decoder.decode(frame)]
        assert len(made) >= 5

    def test_a_stream_joined_in_the_middle_starts_at_its_keyframe(self, offer: Any, decoder: Any) -> None:
        """Frames before the first keyframe raise `EncoderError` or give nothing worth showing, and break nothing."""
        if offer.codec == "opus":
            return
        for frame in _stream(offer, 6)[2:]:
            _tolerated(decoder, frame)
        assert [item for frame in _stream(offer, 6) for item in decoder.decode(frame)]

    def test_a_picture_may_change_its_size(self, offer: Any, decoder: Any) -> None:
        """A keyframe of another size gives pictures of that size."""
        from jackfield.testing import samples

        if offer.codec == "opus":
            return
        for frame in _stream(offer, 3):
            decoder.decode(frame)
        smaller = samples.encoded(offer.codec, 3, width=160, height=96)
        made = [item for frame in smaller for item in decoder.decode(frame)]
        assert (made[-1].width, made[-1].height) == (160, 96)

    def test_lost_sound_is_concealed(self, offer: Any, decoder: Any) -> None:
        """`Conceals`: it answers with as much sound as was lost."""
        if offer.codec != "opus":
            return
        if not isinstance(decoder, Conceals):
            pytest.skip(f"{offer.name} does not conceal: lost sound is silence")
        running: Any = decoder
        for frame in _stream(offer, 5):
            running.decode(frame)
        blocks = decoder.conceal(20)
        assert sum(block.duration_ns for block in blocks) == 20_000_000


def _stream(factory: Any, count: int) -> Sequence[EncodedFrame]:
    from jackfield.testing import samples

    return samples.encoded(factory.codec, count, width=SIZE[0], height=SIZE[1])


def _tolerated(decoder: Any, frame: EncodedFrame) -> None:
    try:
        decoder.decode(frame)
    except EncoderError:
        pass
