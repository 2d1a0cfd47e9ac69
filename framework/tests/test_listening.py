"""What a microphone's sound tells of itself, on a clock that the test moves."""

from __future__ import annotations

import numpy as np
import pytest

from jackfield.media.voice import VoiceActivity, level
from jackfield.session.listening import NO_INPUT_S, TALKING_EVERY_S, MicrophoneWatch
from jackfield.testing import samples
from jackfield.testing.timers import ManualTimers
from jackfield.values.media import AudioBlock

RATE, BLOCK = 48_000, 480
VOICE = (samples.babble(20.0) * 12_000).astype(np.int16)[:, None]
SILENCE = np.zeros((BLOCK, 1), np.int16)
NOISE = (np.random.default_rng(2).standard_normal((RATE * 20, 1)) * 300).astype(np.int16)


class Watched:
    """A microphone, and what was told of it."""

    def __init__(self, *, muted: bool = False) -> None:
        self.timers = ManualTimers()
        self.told: list[object] = []
        self.watch = MicrophoneWatch(
            self.timers,
            lambda seconds, ended: self.told.append((round(seconds, 1), ended)),
            lambda: self.told.append("talking"),
            muted=muted,
        )
        self.watch.start()

    def hear(self, sound: np.ndarray, seconds: float, likely: float | None = None) -> None:
        for at in range(0, round(seconds * RATE), BLOCK):
            block = AudioBlock(sound[at % len(sound) : at % len(sound) + BLOCK])
            self.watch.hear(block, block.samples, RATE, likely)
            self.timers.advance(0.01)


def test_digital_silence_is_told_once_and_its_end_too() -> None:
    """Five seconds of nothing: one event; the first sound: another, with how long there was none."""
    watched = Watched()
    watched.hear(VOICE, 2)
    watched.hear(SILENCE, 4.0)
    assert watched.told == []
    watched.hear(SILENCE, 8.0)
    assert len(watched.told) == 1
    assert NO_INPUT_S <= watched.told[0][0] < NO_INPUT_S + 0.7
    watched.hear(VOICE, 1)
    assert len(watched.told) == 2
    assert watched.told[1] == (12.0, True)


def test_a_microphone_that_delivers_nothing_at_all_is_told_of() -> None:
    """No block comes: the clock alone says so."""
    watched = Watched()
    watched.timers.advance(NO_INPUT_S + 1)
    assert [ended for _, ended in watched.told] == [False]


def test_a_muted_microphone_may_be_silent() -> None:
    """Nothing is told while it is muted; the silence counts from the moment that it is on."""
    watched = Watched(muted=True)
    watched.hear(SILENCE, 20)
    watched.watch.mute(False)
    watched.hear(SILENCE, NO_INPUT_S - 1)
    assert watched.told == []
    watched.hear(SILENCE, 2)
    assert [ended for _, ended in watched.told] == [False]


def test_faint_noise_is_sound() -> None:
    """A microphone that hears a quiet room works."""
    watched = Watched()
    watched.hear(np.random.default_rng(1).integers(-3, 4, (RATE, 1)).astype(np.int16), 20)
    assert watched.told == []


@pytest.mark.parametrize("likely", [None, 0.9])
def test_talking_while_muted_is_told_at_most_so_often(likely: float | None) -> None:
    """By the level alone, and where a detector agrees."""
    watched = Watched(muted=True)
    watched.hear(NOISE, 3, None if likely is None else 0.1)
    assert watched.told == []
    watched.hear(VOICE, TALKING_EVERY_S - 5, likely)
    assert watched.told == ["talking"]
    watched.hear(VOICE, 10, likely)
    assert watched.told == ["talking"] * 2


def test_who_is_not_muted_may_talk() -> None:
    """Nothing is told then; nor of what was said before the muting."""
    watched = Watched()
    watched.hear(VOICE, 5)
    watched.watch.mute(True)
    watched.hear(SILENCE, 5)
    assert watched.told == []


def test_noise_that_a_detector_takes_for_no_speech_is_none() -> None:
    """A fan that is switched on is loud for a while and no voice."""
    watched = Watched(muted=True)
    watched.hear(SILENCE, 2, 0.0)
    watched.hear(NOISE, 10, 0.2)
    assert watched.told == []


def test_a_click_is_no_voice() -> None:
    """A tenth of a second is not enough to be talking."""
    voice = VoiceActivity()
    for index in range(200):
        block = VOICE[20_000:20_480] if index % 50 < 8 else NOISE[:BLOCK] // 100
        assert not voice.push(block, RATE)


def test_a_steady_tone_is_noise() -> None:
    """What never pauses is what is always there."""
    voice, tone = VoiceActivity(), samples.block(0, ptime_ms=1000).samples
    heard = [voice.push(tone[at : at + BLOCK], RATE) for _ in range(5) for at in range(0, RATE, BLOCK)]
    assert not any(heard)


def test_levels_are_in_decibels() -> None:
    """Full scale is 0, digital silence -127."""
    assert level(np.full((480, 1), -32768, np.int16)) == pytest.approx(0)
    assert level(np.zeros((480, 1), np.int16)) == -127.0


def test_a_watch_that_was_stopped_leaves_no_timer() -> None:
    """And tells of nothing."""
    watched = Watched()
    watched.watch.stop()
    watched.timers.advance(60)
    assert (watched.told, watched.timers.pending) == ([], 0)
