"""The contract of what makes text of speech."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import numpy as np
import pytest

from jackfield.roles import Words
from jackfield.testing import samples
from jackfield.testing.contracts.offered import PluginUnderTest
from jackfield.values.errors import PluginError
from jackfield.values.media import AudioBlock

BLOCKS_A_S = 100
#: What closing may take.
CLOSED_S = 1.0


class TranscriberContract(PluginUnderTest):
    """What a call relies on of whatever writes down what is said.

    Override ``speech`` with a recording, where the test has one, and name in ``said`` words that are in it.
    """

    hook: ClassVar[str] = "register_transcribers"
    said: ClassVar[Sequence[str]] = ()

    def speech(self, rate: int) -> Any:
        """Mono int16 samples at this rate of somebody who speaks; by default sound that only resembles speech."""
        made = samples.babble(3.0)[:: 48_000 // rate]
        return (np.clip(made, -1, 1) * 20_000).astype(np.int16)

    def opened(self, factory: Any) -> Any:
        """A running transcriber; skips, saying why, where the factory's own probe finds that it cannot be."""
        reason = factory.probe()
        if reason is not None:
            pytest.skip(f"{factory.name}: {reason}. To run it: a machine where it works")
        return factory.open(factory.languages[0])

    @pytest.fixture
    def transcriber(self, offer: Any) -> Iterator[Any]:
        """One that is open, for the first language."""
        running = self.opened(offer)
        yield running
        running.close()

    def test_it_says_what_it_understands(self, offer: Any) -> None:
        """Name, rank, rate and languages are there to choose by, before anything is opened."""
        assert offer.name.strip()
        assert isinstance(offer.rank, int)
        assert offer.rate in (16_000, 48_000)
        assert offer.languages
        assert all(tag.strip() and " " not in tag for tag in offer.languages)

    def test_probing_tells_the_truth(self, offer: Any) -> None:
        """``probe`` answers None where ``open`` works, and a reason in words where it does not; within a second."""
        offer.probe()
        began = time.monotonic()
        reason = offer.probe()
        assert time.monotonic() - began < 0.5
        assert reason is None or reason.strip()
        if reason is None:
            self.opened(offer).close()

    def test_a_language_that_it_does_not_know_is_refused_in_words(self, offer: Any) -> None:
        """`PluginError` names what it was asked for, and what there is."""
        if offer.probe() is not None:
            self.opened(offer)
        with pytest.raises(PluginError) as told:
            offer.open("tlh")
        assert "tlh" in told.value.message
        assert offer.languages[0] in told.value.message

    def test_silence_says_nothing(self, offer: Any, transcriber: Any) -> None:
        """No words where there was no sound, whenever it is asked to finish."""
        words = heard(transcriber, np.zeros(2 * offer.rate, np.int16), offer.rate)
        assert words == []
        assert list(transcriber.finish()) == []

    def test_finishing_at_once_says_nothing(self, transcriber: Any) -> None:
        """One that has heard nothing has nothing to tell, however often it is asked."""
        assert list(transcriber.finish()) == []
        assert list(transcriber.finish()) == []

    def test_pieces_are_told_until_they_are_final(self, offer: Any, transcriber: Any) -> None:
        """Each piece has one final answer, its last; texts are not blank, numbers grow, instants lie in what was heard:
        after a pause, too."""
        sound = self.speech(offer.rate)
        words = heard(transcriber, sound, offer.rate)
        words += transcriber.finish()
        later_ns = samples.START_NS + 60_000_000_000
        after = [*heard(transcriber, sound, offer.rate, later_ns), *transcriber.finish()]
        _hold_together([*words, *after])
        length_ns = len(sound) * 1_000_000_000 // offer.rate
        for told, from_ns in ((words, samples.START_NS), (after, later_ns)):
            for each in told:
                assert from_ns - 1_000_000_000 <= each.began_ns <= each.ended_ns <= from_ns + length_ns + 1_000_000_000
        assert bool(words) == bool(after) or not self.said

    def test_what_it_is_given_is_not_changed(self, offer: Any, transcriber: Any) -> None:
        """Sound is shared with whoever else hears it."""
        sound = self.speech(offer.rate)
        before = sound.copy()
        heard(transcriber, sound, offer.rate)
        assert np.array_equal(sound, before)

    def test_what_was_said_is_understood(self, offer: Any, transcriber: Any) -> None:
        """The words of ``said`` are in what it makes of ``speech``, in their order."""
        if not self.said:
            pytest.skip(
                "no recording with words is at hand. To run it: override `speech`, and name its words in `said`"
            )
        words = [*heard(transcriber, self.speech(offer.rate), offer.rate), *transcriber.finish()]
        text = " ".join(each.text for each in words if each.final).lower().split()
        at = -1
        for word in self.said:
            assert word in text[at + 1 :], f"{word!r} is not in {text}"
            at = text.index(word, at + 1)

    def test_two_speakers_do_not_hear_each_other(self, offer: Any, transcriber: Any) -> None:
        """One that hears silence tells nothing of what another hears."""
        other = self.opened(offer)
        try:
            sound = self.speech(offer.rate)
            heard(transcriber, sound, offer.rate)
            assert heard(other, np.zeros_like(sound), offer.rate) == []
        finally:
            other.close()

    def test_it_closes_within_a_second_wherever_it_is(self, offer: Any) -> None:
        """In the middle of a word, with nothing left behind: no thread more than before."""
        running, before = self.opened(offer), set(threading.enumerate())
        heard(running, self.speech(offer.rate)[: offer.rate], offer.rate)
        began = time.monotonic()
        running.close()
        assert time.monotonic() - began < CLOSED_S
        left = [each for each in set(threading.enumerate()) - before if each.is_alive()]
        assert left == []


def heard(transcriber: Any, sound: Any, rate: int, start_ns: int = samples.START_NS) -> list[Words]:
    """What a transcriber tells while it hears this, a block of 10 ms at a time."""
    count, told = rate // BLOCKS_A_S, list[Words]()
    for at in range(0, len(sound) - count + 1, count):
        block = AudioBlock(sound[at : at + count, None], rate, start_ns + at * 1_000_000_000 // rate)
        told += transcriber.hear(block)
    return told


def _hold_together(words: Sequence[Words]) -> None:
    finished: set[int] = set()
    latest = -1
    for each in words:
        assert each.text.strip()
        assert each.segment not in finished
        assert each.segment >= latest
        latest = each.segment
        if each.final:
            finished.add(each.segment)
    assert {each.segment for each in words} == finished
