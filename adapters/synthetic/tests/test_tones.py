"""Tones: each microphone is known by its notes, silence is silence."""

from __future__ import annotations

import numpy as np
import pytest
from jackfield_synthetic.driver import TONES
from jackfield_synthetic.tones import NOTES, ToneSource, hear

from jackfield.values.formats import AudioFormat
from jackfield.values.media import AudioBlock


def blocks(number, count, **format):
    """So many blocks of one microphone."""
    source = ToneSource(number, AudioFormat(**format))
    return [source.take(index * source.period_ns) for index in range(count)]


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("format", [{}, {"channels": 2}, {"rate": 16_000}, {"rate": 44_100}, {"ptime_ms": 20}])
def test_every_note_is_recognised(number, format):
    """A tenth of a second is enough to know the microphone, at any rate and length of block."""
    taken = blocks(number, 2000 // format.get("ptime_ms", 10), **format)
    per_window = 100 // format.get("ptime_ms", 10)
    heard = [hear(taken[at : at + per_window]) for at in range(0, len(taken), per_window)]
    assert {part.device for part in heard} == {TONES[number].id}
    assert {note for note in NOTES[number] for part in heard if abs(part.frequency_hz - note) < 12} == set(
        NOTES[number]
    )
    assert all(-18 < part.level_db < -12 for part in heard)


def test_the_sound_has_no_seams():
    """Blocks join without a jump, over more than a whole turn of the notes."""
    sound = np.concatenate([block.samples[:, 0] for block in blocks(1, 250)]).astype(int)
    assert np.abs(np.diff(sound)).max() < 8000 * 2 * np.pi * 1319 / 48_000 * 1.1


def test_silence_noise_and_other_tones_are_not_taken_for_ours():
    """No signal, or a signal that is nobody's."""
    silence = AudioBlock(np.zeros((4800, 1), np.int16))
    assert not hear([silence]).signal
    assert not hear([]).signal
    other = (8000 * np.sin(2 * np.pi * 300 * np.arange(4800) / 48_000)).astype(np.int16)[:, None]
    heard = hear([AudioBlock(other)])
    assert heard.signal
    assert heard.frequency_hz == pytest.approx(300, abs=5)
    assert heard.device is None
