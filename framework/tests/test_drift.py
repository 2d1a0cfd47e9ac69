"""Clocks that differ: what waits stays little, and no step is heard."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from jackfield.media.drift import NORMAL_PPM, DriftControl
from jackfield.media.mix import Mixer, MixInput
from jackfield.media.variable_speed import VariableSpeed
from jackfield.values.media import AudioBlock

LEVEL = 8000


def wave(hertz: float, count: int, rate: int, start: float = 0) -> NDArray[np.float64]:
    """A tone, not rounded."""
    return np.asarray(LEVEL * np.sin(2 * np.pi * hertz / rate * (np.arange(count) + start)))


def sound(hertz: float, count: int, rate: int) -> NDArray[np.int16]:
    """A tone, in one channel."""
    return np.rint(wave(hertz, count, rate)).astype(np.int16)[:, None]


def worst_bend(samples: NDArray[np.int16], hertz: float, rate: int) -> float:
    """The sharpest bend, as a multiple of the tone's own: a click of a few hundredths of the tone shows."""
    bends = np.abs(np.diff(samples[:, 0].astype(np.int32), 2))
    own = LEVEL * (2 * np.pi * hertz / rate) ** 2
    return float((bends.max() - 3) / own)  # rounding bends by less than 3


class Call:
    """A source and a loudspeaker on clocks of their own, and time that passes as fast as it can be computed."""

    def __init__(
        self, ppm: float, *, rate: int = 8000, fill_ms: int = 40, push_ms: int = 20, hertz: float = 200
    ) -> None:
        self.rate, self.hertz = rate, hertz
        self.mixer = Mixer(rate=rate, channels=1, ready_ms=fill_ms + 20, most_ms=400)
        self.source: MixInput = self.mixer.add()
        self.ppm, self.least_ms, self.most_ms = ppm, 1e9, 0.0
        self._fill, self._push = rate * fill_ms // 1000, rate * push_ms // 1000
        self._owed = 0.0
        self._tone = sound(hertz, rate, rate)  # a whole number of turns
        self._at = 0

    def run(self, seconds: float) -> NDArray[np.int16]:
        """What is heard meanwhile."""
        heard = []
        for _ in range(round(seconds * self.rate / self._fill)):
            self._owed += self._fill * (1 + self.ppm / 1e6)
            while self._owed >= self._push:
                self._owed -= self._push
                self.source.push(AudioBlock(self._tone[self._at : self._at + self._push], self.rate))
                self._at = (self._at + self._push) % self.rate
            heard.append(self.mixer.fill(self._fill))
            self.least_ms = min(self.least_ms, self.source.delay_ms)
            self.most_ms = max(self.most_ms, self.source.delay_ms)
        return np.concatenate(heard)


@pytest.mark.parametrize("ppm", [-2000, -200, -20, 20, 200, 2000])
def test_ten_minutes_on_clocks_that_differ(ppm: float) -> None:
    """Nothing runs out or is dropped, the delay stays within bounds, and no click is heard."""
    call = Call(ppm, fill_ms=100, push_ms=50)
    begins = call.run(10)
    call.least_ms, call.most_ms = 1e9, 0.0
    heard = np.concatenate((begins, call.run(590)))
    assert (call.source.underruns, call.source.dropped_samples) == (0, 0)
    assert call.least_ms >= 50  # when a fill of 100 ms is gone, the rest of the next is one push away
    assert call.most_ms <= 180
    started = int(np.flatnonzero(heard[:, 0])[0]) + 2
    assert worst_bend(heard[started:], call.hertz, call.rate) < 1.02
    assert abs(call.source.drift_ppm) <= NORMAL_PPM


def test_where_clocks_agree_samples_leave_as_they_came() -> None:
    """A minute, bit by bit."""
    call = Call(0, fill_ms=10)
    heard = call.run(60)[:, 0]
    started = int(np.flatnonzero(heard)[0])  # the tone's second sample: its first is 0
    assert started < 1000
    assert np.array_equal(heard[started:], np.tile(call._tone[:, 0], 61)[1 : len(heard) - started + 1])


def test_once_clocks_agree_again_samples_leave_as_they_came() -> None:
    """A drift that has ended is forgotten, and nothing is computed any more."""
    call = Call(1000)
    call.run(60)
    assert not call.source._sound.is_exact or call.source.drift_ppm == 0
    call.ppm = 0
    call.run(120)
    assert call.source.drift_ppm == 0
    assert call.source._sound.is_exact


def test_a_backlog_goes_away_faster_and_without_a_click() -> None:
    """A third of a second too much is gone within three: a period at a time, at a tone's own pitch."""
    call = Call(0)
    heard = [call.run(5)]
    for _ in range(15):
        call.source.push(AudioBlock(call._tone[call._at : call._at + 160], call.rate))
        call._at = (call._at + 160) % call.rate
    heard.append(call.run(3))
    assert call.source.delay_ms < 100
    assert call.source.shortened_samples > 0
    heard.append(call.run(20))
    assert call.source.delay_ms < 50
    whole = np.concatenate(heard)
    started = int(np.flatnonzero(whole[:, 0])[0]) + 2
    assert worst_bend(whole[started:], call.hertz, call.rate) < 1.08  # 3 % faster bends 6 % more
    assert call.source.dropped_samples == 0


@pytest.mark.parametrize("speed", [0.97, 0.995, 1.0002, 1.005, 1.03])
@pytest.mark.parametrize("hertz", [100, 1000, 8000])
def test_samples_between_samples_are_those_of_the_tone(speed: float, hertz: float) -> None:
    """At a steady speed every sample is the tone's own at its place, to within 3 of 8000."""
    made = VariableSpeed(1, 9600)
    made.push(sound(hertz, 9600, 48_000))
    made.take(1, speed)
    heard = np.concatenate([made.take(480, speed) for _ in range(15)])
    begun = (1 + speed) / 2
    places = begun + speed * np.arange(len(heard))
    wanted = LEVEL * np.sin(2 * np.pi * hertz / 48_000 * places)
    assert np.abs(heard[:, 0] - wanted)[32:].max() < (3 if hertz < 8000 else 12)


def test_a_speed_that_changes_makes_no_step() -> None:
    """Block by block another speed: the tone bends no more than its own frequency does."""
    made = VariableSpeed(2, 48_000)
    made.push(np.repeat(sound(440, 48_000, 48_000), 2, axis=1))
    speeds = [1.0, 1.003, 1.003, 0.997, 1.0, 1.0, 1.005, 1.0001, 1.0, 1.0, 1.0]
    heard = np.concatenate([made.take(480, speed) for speed in speeds])
    assert heard.shape == (480 * len(speeds), 2)
    assert np.array_equal(heard[:, 0], heard[:, 1])
    assert worst_bend(heard, 440, 48_000) < 1.02
    assert made.is_exact


def test_what_runs_out_fades_and_what_comes_after_fades_in() -> None:
    """A step of the tone's whole level is never heard."""
    mixer = Mixer(rate=48_000, channels=1, ready_ms=20)
    source = mixer.add()
    tone = sound(440, 48_000, 48_000)
    heard = []
    for start in (0, 4000, 9000):
        source.push(AudioBlock(tone[start : start + 1000]))  # ends in the middle of a turn
        heard += [mixer.fill(480) for _ in range(5)]
    whole = np.concatenate(heard)
    slope = LEVEL * 2 * np.pi * 440 / 48_000
    assert source.underruns == 3
    assert np.abs(np.diff(whole[:, 0].astype(np.int32))).max() <= slope * 1.3


def test_what_is_skipped_is_faded_over() -> None:
    """A flood beyond the bound is dropped, and no step is heard."""
    mixer = Mixer(rate=48_000, channels=1, ready_ms=20, most_ms=100)
    source = mixer.add()
    tone = sound(440, 48_000, 48_000)
    heard, at = [], 0
    for length in (960, 960, 7003, 960, 960, 960):
        source.push(AudioBlock(tone[at : at + length]))
        at += length
        heard += [mixer.fill(480), mixer.fill(480)]
    assert source.dropped_samples > 0
    slope = LEVEL * 2 * np.pi * 440 / 48_000
    whole = np.concatenate(heard)[:, 0].astype(np.int32)
    assert np.abs(np.diff(whole)).max() <= slope * 1.5


def test_the_drift_is_learnt() -> None:
    """With nothing but the store's level to go by, the speed comes to be that of the source."""
    control, level_ms, ppm = DriftControl(), 40.0, 800.0
    speeds = []
    for _ in range(30_000):
        level_ms += 10 * (1 + ppm / 1e6)
        speed = control.speed(level_ms - 20, 10)
        level_ms -= 10 * speed
        speeds.append(speed)
    assert np.mean(speeds[-5000:]) == pytest.approx(1 + ppm / 1e6, abs=20e-6)
    assert np.abs(np.diff(speeds)).max() <= 21e-6  # 2000 ppm a second
