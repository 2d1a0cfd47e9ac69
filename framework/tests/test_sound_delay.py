"""From the network to the loudspeaker in virtual time: the delay of sound, and that nobody hears it change."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from jackfield.media.audio_buffer import AudioBuffer
from jackfield.media.mix import Mixer
from jackfield.media.shorten import shortened
from jackfield.values.media import AudioBlock

MS = 1_000_000
RATE, BLOCK = 48_000, 960
LEVEL, HERTZ = 8000.0, 440.0
#: How much a tone's samples bend at most (the second difference), with a little for rounding and gliding speeds.
SMOOTH = LEVEL * (2 * np.pi * HERTZ / RATE) ** 2 * 1.3 + 4

#: When a packet comes, in ms after it was sent, by its number.
Path = Callable[[int, random.Random], float]


def even(number: int, chance: random.Random) -> float:
    return 30


def jittery(number: int, chance: random.Random) -> float:
    return 30 + chance.uniform(0, 40)


def jittery_for_a_while(number: int, chance: random.Random) -> float:
    return 30 + (chance.uniform(0, 80) if 200 <= number < 400 else 0)


def stalls_once(number: int, chance: random.Random) -> float:
    return 30 + max(0, 300 - 20 * (number - 200)) if 200 <= number < 215 else 30


def becomes_longer(number: int, chance: random.Random) -> float:
    return 30 if number < 200 else 130


def becomes_shorter(number: int, chance: random.Random) -> float:
    return 130 if number < 200 else 30


def tone(number: int) -> NDArray[np.int16]:
    at = np.arange(BLOCK) + number * BLOCK
    return np.rint(LEVEL * np.sin(2 * np.pi * HERTZ * at / RATE)).astype(np.int16)[:, None]


class Listener:
    """Packets of a tone over a path, through buffer and mixer; what is heard, and how late, every 10 ms."""

    def __init__(self, path: Path, seconds: int) -> None:
        self.buffer, mixer = AudioBuffer(), Mixer(channels=1)
        self.source = mixer.add()
        chance = random.Random(1)
        coming = sorted((20 * number + path(number, chance), number) for number in range(seconds * 50))
        self.delays_ms: list[float] = []
        heard = []
        pushed_ms = 0
        for now_ms in range(seconds * 1000):
            while coming and coming[0][0] <= now_ms:
                at_ms, number = coming.pop(0)
                payload = b"\xf8" + number.to_bytes(2, "big")
                self.buffer.insert(number, number * BLOCK, payload, round(at_ms * MS))
            for frame in self.buffer.take(now_ms * MS):
                number = int.from_bytes(frame.data[1:], "big")
                for each in range(number - frame.lost_before, number + 1):  # as if concealed perfectly
                    self.source.push(AudioBlock(tone(each), RATE))
                pushed_ms = 20 * number + 20
            if now_ms % 10 == 0:
                heard.append(mixer.fill(RATE // 100)[:, 0].copy())
                self.delays_ms.append(now_ms + 10 - pushed_ms + self.source.delay_ms)
        self.heard = np.concatenate(heard).astype(float)

    def delay_ms(self, second: int) -> float:
        """The mean over one second."""
        return float(np.mean(self.delays_ms[100 * second : 100 * second + 100]))

    def bends(self, since_s: float) -> int:
        """How often what is heard bends more than a tone does."""
        return int((np.abs(np.diff(self.heard[int(since_s * RATE) :], 2)) > SMOOTH).sum())


def test_a_clean_path_adds_little() -> None:
    """Of 70 ms, 30 are the path's, 20 the block's own length; nothing bends."""
    listener = Listener(even, 5)
    assert listener.delay_ms(4) <= 71
    assert listener.buffer.delay_ms == 20
    assert listener.bends(1) == 0


@pytest.mark.parametrize(
    ("path", "seconds", "while_it_lasts_ms", "in_the_end_ms", "breaks"),
    [
        pytest.param(jittery, 12, 105, 105, 0, id="jitter"),
        pytest.param(jittery_for_a_while, 20, 150, 75, 2, id="jitter that ends"),
        pytest.param(stalls_once, 8, 110, 75, 1, id="one stall of 300 ms"),
        pytest.param(becomes_longer, 14, 175, 175, 1, id="a longer path"),
        pytest.param(becomes_shorter, 14, 175, 75, 0, id="a shorter path"),
    ],
)
def test_the_delay_follows_the_path_both_ways(
    path: Path, seconds: int, while_it_lasts_ms: float, in_the_end_ms: float, breaks: int
) -> None:
    """It grows where it must, and shrinks back unheard: only where sound ran out is there anything to hear."""
    listener = Listener(path, seconds)
    assert max(listener.delay_ms(second) for second in range(5, seconds)) <= while_it_lasts_ms
    assert listener.delay_ms(seconds - 1) <= in_the_end_ms
    assert listener.source.underruns <= breaks
    assert listener.bends(1) <= 20 * breaks  # within the few milliseconds in which what ran out fades
    assert listener.bends(6.5 if path is not jittery_for_a_while else 8.5) == 0


def test_a_stall_costs_a_second_not_five() -> None:
    """Packets that waited together for the network are one event: the delay is back within two seconds."""
    listener = Listener(stalls_once, 8)
    assert listener.delay_ms(6) <= 80


# --- sound made shorter --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("hertz", [105.0, 180.0, 440.0, 1234.0])
def test_a_tone_loses_whole_periods(hertz: float) -> None:
    """Its pitch and its shape stay, and both its ends."""
    wave = LEVEL * np.sin(2 * np.pi * hertz * np.arange(BLOCK) / RATE)
    block = np.repeat(np.rint(wave).astype(np.int16)[:, None], 2, axis=1)
    made = shortened(block, RATE)
    lost = BLOCK - len(made)
    period = RATE / hertz
    assert 0.0025 * RATE <= lost <= 0.010 * RATE
    assert abs(lost / period - round(lost / period)) < 0.06
    assert np.abs(np.diff(made[:, 0].astype(float), 2)).max() <= LEVEL * (2 * np.pi * hertz / RATE) ** 2 * 1.5 + 4
    assert (made[-1] == block[-1]).all()
    assert abs(int(made[0, 0]) - int(block[0, 0])) < 200


def test_what_has_no_period_is_left_as_it_is() -> None:
    """Noise, a step, and blocks that are too short; silence is simply cut."""
    noise = np.random.default_rng(1).integers(-8000, 8000, (BLOCK, 1)).astype(np.int16)
    click = np.zeros((BLOCK, 1), np.int16)
    click[200] = 20_000
    for block in (noise, click, noise[:100], noise[:0]):
        assert shortened(block, RATE) is block
    assert len(shortened(np.zeros((BLOCK, 2), np.int16), RATE)) == BLOCK - 480
