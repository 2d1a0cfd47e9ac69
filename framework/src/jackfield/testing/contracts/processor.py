"""The contracts of what changes sound and pictures on their way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import numpy as np
import pytest

from jackfield.testing import samples
from jackfield.testing.contracts.offered import PluginUnderTest
from jackfield.values.devices import Device
from jackfield.values.media import AudioBlock, VideoFrame
from jackfield.values.settings import SessionSettings

RATE, COUNT = 48_000, 480


class ProcessorClauses(PluginUnderTest):
    """What all processors share. Name in ``device`` one for which the offers are suited, with these ``options``."""

    hook: ClassVar[str] = "register_processors"
    device: ClassVar[Device | None] = None
    settings: ClassVar[SessionSettings] = SessionSettings()

    def opened(self, factory: Any, what: Sequence[str] | None = None) -> Any:
        """A running processor for ``device``; skips, saying why, where the factory's own probe finds that it cannot."""
        reason = factory.probe()
        if reason is not None:
            pytest.skip(f"{factory.name}: {reason}. To run it: a machine where it works")
        return factory.open(tuple(what or factory.does), self.device, self.settings)

    @pytest.fixture
    def processor(self, offer: Any) -> Iterator[Any]:
        """One that does all that its factory can do."""
        running = self.opened(offer)
        yield running
        running.close()

    def test_it_says_what_it_does(self, offer: Any) -> None:
        """Name, rank and what is done are there to choose by, before anything is opened."""
        assert offer.name.strip()
        assert isinstance(offer.rank, int)
        assert offer.does
        assert all(what == what.lower().replace(" ", "_") for what in offer.does)

    def test_it_says_in_words_why_it_does_not_suit(self, offer: Any) -> None:
        """``unsuited`` answers None for the device of this test, and None or words for any other."""
        for what in offer.does:
            assert offer.unsuited(what, self.device, self.settings) is None
            for other in (None, Device("other:one", "camera", "Another"), Device("other:two", "microphone", "Another")):
                reason = offer.unsuited(what, other, self.settings)
                assert reason is None or reason.strip()

    def test_probing_tells_the_truth(self, offer: Any) -> None:
        """``probe`` answers None where ``open`` works, and a reason in words where it does not."""
        reason = offer.probe()
        assert reason is None or reason.strip()
        if reason is None:
            self.opened(offer).close()


class AudioProcessorContract(ProcessorClauses):
    """What a call relies on of whatever changes sound."""

    only: ClassVar[tuple[str, Any]] = ("kind", "audio")

    def test_a_block_becomes_a_block_of_its_shape(self, offer: Any) -> None:
        """Rate, channels, length and instant stay, with a far end and without, for each part alone and for all."""
        for what in (*((each,) for each in offer.does), offer.does):
            running = self.opened(offer, what)
            for index in range(30):
                near = _noise(index)
                made = running.process(near, _noise(index + 100) if index % 3 else None, 20)
                assert isinstance(made, AudioBlock)
                assert made.samples.dtype == np.int16
                assert (made.samples.shape, made.rate, made.time_ns) == (near.samples.shape, RATE, near.time_ns)
            running.close()

    def test_what_it_is_given_is_not_changed(self, processor: Any) -> None:
        """Near and far end are shared with others."""
        for index in range(10):
            near, far = _noise(index), _noise(index + 100)
            before = near.samples.copy(), far.samples.copy()
            processor.process(near, far, 20)
            assert np.array_equal(near.samples, before[0])
            assert np.array_equal(far.samples, before[1])

    def test_silence_stays_silence(self, processor: Any) -> None:
        """Nothing is made up where nothing was."""
        made = [processor.process(AudioBlock(np.zeros((COUNT, 1), np.int16)), None, 0) for _ in range(100)]
        assert max(int(np.abs(block.samples).max()) for block in made[10:]) <= 3

    def test_the_loudest_sound_breaks_nothing(self, processor: Any) -> None:
        """Full scale square waves at both ends give a block like any other, and never a step over full scale."""
        loud = np.where(np.arange(COUNT) % 96 < 48, 32767, -32768).astype(np.int16)[:, None]
        for _ in range(100):
            made = processor.process(AudioBlock(loud), AudioBlock(loud), 0)
            assert made.samples.dtype == np.int16
        assert processor.process(_noise(1), None, 0).samples.shape == (COUNT, 1)

    def test_echo_is_taken_out(self, offer: Any) -> None:
        """``echo_cancellation``: of a far end that comes back half as loud after 60 ms, 15 dB at least are gone."""
        _does(offer, "echo_cancellation")
        running = self.opened(offer, ["echo_cancellation"])
        far = samples.babble(10.0)
        near = np.concatenate([np.zeros(RATE * 60 // 1000), far])[: len(far)] / 2
        made = _run(running, near, far)
        assert _db(near[5 * RATE :]) - _db(made[5 * RATE :]) > 15
        running.close()

    def test_noise_is_taken_out_and_voices_stay(self, offer: Any) -> None:
        """``noise_suppression``: steady noise is lower by 3 dB at least, something like speech by less than 3."""
        _does(offer, "noise_suppression")
        running = self.opened(offer, ["noise_suppression"])
        steady = np.random.default_rng(1).standard_normal(4 * RATE) * 0.01
        voice = np.concatenate([steady, steady[: 3 * RATE] * 0.1 + samples.babble(3.0)])
        made = _run(running, voice, None)
        assert _db(steady[2 * RATE :]) - _db(made[2 * RATE : 4 * RATE]) > 3
        assert abs(_db(voice[5 * RATE :]) - _db(made[5 * RATE :])) < 3
        running.close()

    def test_a_quiet_voice_becomes_louder(self, offer: Any) -> None:
        """``auto_gain_control``: something like speech at -40 dB is louder by 3 dB at least after ten seconds."""
        _does(offer, "auto_gain_control")
        running = self.opened(offer, ["auto_gain_control"])
        quiet = samples.babble(12.0) * 0.05
        made = _run(running, quiet, None)
        assert _db(made[10 * RATE :]) - _db(quiet[10 * RATE :]) > 3
        running.close()


class VideoProcessorContract(ProcessorClauses):
    """What a call relies on of whatever changes pictures."""

    only: ClassVar[tuple[str, Any]] = ("kind", "video")

    def test_a_picture_becomes_a_picture(self, offer: Any) -> None:
        """The instant stays and the picture is whole, for each part alone and for all."""
        for what in (*((each,) for each in offer.does), offer.does):
            running = self.opened(offer, what)
            for index in range(3):
                frame = samples.picture(index)
                made = running.process(frame)
                assert isinstance(made, VideoFrame)
                assert made.time_ns == frame.time_ns
                assert made.to_ndarray(format="gray").shape == (made.height, made.width)
            running.close()

    def test_what_it_is_given_is_not_changed(self, processor: Any) -> None:
        """A picture is shared with whoever else takes it."""
        frame = samples.picture(1)
        before = frame.to_ndarray(format="gray")
        processor.process(frame)
        assert np.array_equal(frame.to_ndarray(format="gray"), before)

    def test_pictures_of_any_size_and_layout_are_taken(self, processor: Any) -> None:
        """Cameras change their size and layout as they are swapped."""
        for width, height in ((320, 180), (640, 360), (322, 182), (160, 120)):
            for layout in ("yuv420p", "nv12", "yuyv422", "rgb24"):
                picture = samples.picture(0, width, height).picture.reformat(format=layout)
                made = processor.process(VideoFrame(picture, 5))
                assert made.width >= 16
                assert made.height >= 16
                assert made.time_ns == 5

    def test_what_was_given_out_stays_as_it_is(self, processor: Any) -> None:
        """A picture that was given out is kept by its taker while the next ones are made."""
        made = processor.process(samples.picture(0))
        before = made.to_ndarray(format="gray")
        for index in range(1, 6):
            processor.process(samples.picture(index, busy=True))
        assert np.array_equal(made.to_ndarray(format="gray"), before)


def _does(factory: Any, what: str) -> None:
    if what not in factory.does:
        pytest.skip(f"{factory.name} does no {what.replace('_', ' ')}: another processor may")


def _noise(index: int) -> AudioBlock:
    made = np.random.default_rng(index).integers(-3000, 3000, (COUNT, 1)).astype(np.int16)
    return AudioBlock(made, RATE, samples.START_NS + index * 10_000_000)


def _run(processor: Any, near: Any, far: Any) -> Any:
    """What comes out for sound as floats of -1 to 1, in the same form."""
    starts = range(0, len(near) - COUNT + 1, COUNT)
    made = [processor.process(_cut(near, at), None if far is None else _cut(far, at), 0) for at in starts]
    return np.concatenate([each.samples[:, 0] for each in made]) / 32768


def _cut(sound: Any, at: int) -> AudioBlock:
    part = (np.clip(sound[at : at + COUNT], -1, 1) * 32767).astype(np.int16)
    return AudioBlock(part[:, None], RATE, at * 1_000_000_000 // RATE)


def _db(sound: Any) -> float:
    return float(10 * np.log10(np.mean(np.square(sound)) + 1e-12))
