"""Resampling and mixing for a loudspeaker."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from jackfield.media.mix import Mixer, MixInput
from jackfield.media.resample import Resampler
from jackfield.values.media import AudioBlock


def tone(hertz: float, samples: int, *, rate: int = 48_000, channels: int = 2, start: int = 0) -> AudioBlock:
    """A tone at a quarter of full scale."""
    at = (np.arange(samples) + start) / rate
    wave = (8000 * np.sin(2 * np.pi * hertz * at)).astype(np.int16)
    return AudioBlock(np.repeat(wave[:, None], channels, axis=1), rate)


def pitch(samples: NDArray[np.int16], rate: int = 48_000) -> float:
    """The strongest frequency."""
    spectrum = np.abs(np.fft.rfft(samples[:, 0] * np.hanning(len(samples))))
    return float(np.argmax(spectrum) * rate / len(samples))


@pytest.mark.parametrize(("rate", "channels"), [(48_000, 1), (48_000, 2), (44_100, 1), (16_000, 2), (8_000, 1)])
def test_sound_of_any_format_becomes_one(rate: int, channels: int) -> None:
    """The pitch stays, the length too but for what the filter holds back."""
    resampler = Resampler()
    parts = [
        resampler.convert(tone(440, rate // 100, rate=rate, channels=channels, start=n * rate // 100))
        for n in range(100)
    ]
    whole = np.concatenate(parts)
    assert whole.dtype == np.int16
    assert whole.shape[1] == 2
    assert 48_000 - 1000 <= len(whole) <= 48_000
    assert pitch(whole[2000:-2000]) == pytest.approx(440, abs=2)


def test_channels_are_averaged_or_copied() -> None:
    """Stereo to mono is the mean; mono to stereo the same on both sides."""
    stereo = AudioBlock(np.array([[100, 300], [-100, -300]], dtype=np.int16))
    assert Resampler(channels=1).convert(stereo).tolist() == [[200], [-200]]
    mono = AudioBlock(np.array([[5], [7]], dtype=np.int16))
    assert Resampler().convert(mono).tolist() == [[5, 5], [7, 7]]


def test_a_source_may_change_its_rate() -> None:
    """From one block to the next."""
    resampler = Resampler(channels=1)
    for rate in (16_000, 48_000, 8_000, 8_000):
        assert len(resampler.convert(tone(440, rate // 10, rate=rate, channels=1))) > 4500


def test_two_sources_are_summed_within_full_scale() -> None:
    """Loud and loud is full scale and not noise."""
    mixer = Mixer(ready_ms=0)
    one, two = mixer.add(), mixer.add()
    loud = AudioBlock(np.full((480, 2), 30_000, dtype=np.int16))
    one.push(loud)
    assert mixer.fill(480).max() == 30_000
    one.push(loud)
    two.push(loud)
    assert mixer.fill(480).min() == 32_767
    mixer.remove(two)
    two.push(loud)
    assert mixer.fill(480)[240:].max() == 0  # the other's last sound fades within 5 ms


def test_silence_without_sources() -> None:
    """A block of zeros of the asked size."""
    assert Mixer(channels=1).fill(100).tolist() == [[0]] * 100


def test_a_source_is_heard_once_enough_is_there() -> None:
    """And after it ran out, again only then."""
    mixer = Mixer(ready_ms=20)
    source = mixer.add()
    source.push(tone(440, 480))
    assert not mixer.fill(480).any()
    source.push(tone(440, 480))
    assert mixer.fill(480).any()
    assert mixer.fill(480).any()
    assert not mixer.fill(480)[240:].any()
    assert source.underruns == 1
    assert not mixer.fill(480).any()
    source.push(tone(440, 480))
    assert not mixer.fill(480).any()


def drifting(ppm: float, *, seconds: int, burst_ms: int = 20) -> tuple[MixInput, float]:
    """A source whose clock differs by this much, played for so long; and how much waited at most in the last half."""
    mixer = Mixer()
    source = mixer.add()
    owed, worst = 0.0, 0.0
    for step in range(seconds * 100):
        owed += 0.01 * 48_000 * (1 + ppm / 1e6)
        while owed >= burst_ms * 48:
            owed -= burst_ms * 48
            source.push(AudioBlock(np.ones((burst_ms * 48, 2), dtype=np.int16)))
        mixer.fill(480)
        if step > seconds * 50:
            worst = max(worst, source.delay_ms)
    return source, worst


@pytest.mark.parametrize("ppm", [-300, -50, 0, 50, 300, 2000])
def test_clocks_may_differ(ppm: float) -> None:
    """The delay stays small, nothing is dropped, and it runs out at most a few times."""
    source, worst = drifting(ppm, seconds=100)
    assert worst <= 60
    assert source.dropped_samples == 0
    assert source.underruns <= 3


def test_a_flood_is_bounded() -> None:
    """Ten seconds at once leave what a source needs to start with."""
    mixer = Mixer()
    source = mixer.add()
    for _ in range(500):
        source.push(tone(440, 960))
        assert source.delay_ms <= 200
    assert source.dropped_samples > 400_000


def test_stretched_sound_keeps_its_pitch() -> None:
    """A flood is played faster: the tone is where it was, with no clicks."""
    mixer = Mixer(ready_ms=0)
    source = mixer.add()
    for n in range(8):
        source.push(tone(1000, 960, start=n * 960))
    heard = []
    for n in range(8, 200):
        source.push(tone(1000, 960, start=n * 960))
        heard.append(mixer.fill(960))
    whole = np.concatenate(heard)
    assert pitch(whole) == pytest.approx(1000, rel=0.035)
    assert int(np.abs(np.diff(whole[:, 0].astype(np.int32))).max()) < 2500
    assert source.delay_ms < 100
