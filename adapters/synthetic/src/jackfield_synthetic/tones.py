"""Tones that are told apart: each microphone plays notes of its own, four a second."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import cycle

import numpy as np
from attrs import evolve, frozen
from numpy.typing import NDArray

from jackfield.values.formats import AudioFormat
from jackfield.values.media import AudioBlock
from jackfield_synthetic.driver import TONES

#: For each microphone the notes it repeats, in Hz. No note is in two rows.
NOTES = ((440.0, 523.0, 659.0, 523.0), (880.0, 1047.0, 1319.0, 1047.0))
_NOTE_S = 0.25
_FADE_S = 0.005
_PEAK = 8000
_SILENCE_DB = -50.0
_NEAR = 0.03


@frozen
class Heard:
    """What some sound is: whether there is a signal, its strongest frequency, its level in dB below full scale, and
    the id of the made-up microphone that plays this note."""

    signal: bool
    frequency_hz: float
    level_db: float
    device: str | None


class ToneSource:
    """Plays one microphone's notes: one turn of them is made once, and blocks are cut from it."""

    def __init__(self, number: int, format: AudioFormat) -> None:
        self.format = evolve(format, channels=min(2, max(1, format.channels)))
        self.period_ns = format.ptime_ms * 1_000_000
        self._turn = turn(number, format.rate)
        samples = format.rate * format.ptime_ms // 1000
        self._cuts = cycle([np.arange(start, start + samples) % len(self._turn) for start in self._starts(samples)])

    def take(self, due_ns: int) -> AudioBlock:
        """The next block; its time is its beat's."""
        mono = self._turn[next(self._cuts)]
        return AudioBlock(np.repeat(mono[:, None], self.format.channels, axis=1), self.format.rate, due_ns)

    def close(self) -> None:
        """Nothing is held."""

    def _starts(self, samples: int) -> range:
        return range(0, math.lcm(samples, len(self._turn)), samples)


def turn(number: int, rate: int) -> NDArray[np.int16]:
    """Each note of the row once, faded in and out so that it does not click."""
    at = np.arange(round(_NOTE_S * rate)) / rate
    envelope = np.clip(np.minimum(at, at[::-1]) / _FADE_S, 0, 1) * _PEAK
    return np.concatenate([envelope * np.sin(2 * np.pi * hz * at) for hz in NOTES[number]]).astype(np.int16)


def hear(blocks: Iterable[AudioBlock]) -> Heard:
    """What these blocks, one after the other, sound like. 50 ms are enough, 100 ms good."""
    taken = list(blocks)
    if not taken:
        return Heard(False, 0.0, -math.inf, None)
    sound = np.concatenate([block.samples.mean(axis=1) for block in taken]) / 32768
    power = float(np.mean(sound**2))
    level_db = 10 * math.log10(power) if power else -math.inf
    if level_db < _SILENCE_DB:
        return Heard(False, 0.0, level_db, None)
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound)), 4 * len(sound)))
    frequency_hz = float(np.argmax(spectrum)) * taken[0].rate / (4 * len(sound))
    return Heard(True, frequency_hz, level_db, _whose(frequency_hz))


def _whose(frequency_hz: float) -> str | None:
    for device, notes in zip(TONES, NOTES, strict=True):
        if any(abs(frequency_hz - note) < note * _NEAR for note in notes):
            return device.id
    return None
