"""How many dB of echo are taken out in a call's own way, beside the same numbers of the module alone."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jackfield.testing import samples

_SPEC = importlib.util.spec_from_file_location("processing_echo", Path(__file__).with_name("echo.py"))
assert _SPEC is not None
assert _SPEC.loader is not None
echo: Any = importlib.util.module_from_spec(_SPEC)
sys.modules["processing_echo"] = echo
_SPEC.loader.exec_module(echo)

RATE = 48_000
SECONDS = 14.0
FAR = samples.babble(SECONDS) * 0.8
NOISE = np.random.default_rng(5).standard_normal(len(FAR)) * 3e-4
#: Somebody at the near end speaks from the seventh second on.
VOICE = np.concatenate([np.zeros(7 * RATE), samples.babble(7.0, pitch_hz=210.0, seed=9) * 0.6])[: len(FAR)]
EVERYTHING = ("echo_cancellation", "noise_suppression", "auto_gain_control")
UNEVEN = {"jitter_ms": 6.0, "burst": 2, "drift_ppm": 100.0}


@pytest.mark.parametrize("delay_ms", [20.0, 100.0, 250.0])
def test_echo_is_taken_out_as_well_as_by_the_module_alone(delay_ms: float) -> None:
    """Single talk: 20 dB and more in a call's own way, within 6 dB of the module with near and far side by side; double
    talk: the near voice is there."""
    even, uneven = echo.Room(delay_ms), echo.Room(delay_ms, **UNEVEN)
    came = even.echo(FAR) + NOISE
    single = {
        "alone": echo.taken_out(came, echo.alone(came, FAR), 3, 7),
        "call": echo.taken_out(came, echo.Machine(even).run(came, FAR), 3, 7),
        "uneven": echo.taken_out(came, echo.Machine(uneven).run(uneven.echo(FAR) + NOISE, FAR), 3, 7),
    }
    talking, part = came + VOICE, slice(8 * RATE, 13 * RATE)
    double = {
        "alone": echo.likeness(VOICE[part], echo.alone(talking, FAR)[part]),
        "call": echo.likeness(VOICE[part], echo.Machine(even).run(talking, FAR)[part]),
        "raw": echo.likeness(VOICE[part], talking[part]),
    }
    print(
        f"\n{delay_ms:.0f} ms: {single['alone']:.1f} dB by the module alone, {single['call']:.1f} dB in a call, "
        f"{single['uneven']:.1f} dB with uneven clocks; likeness of the near voice in double talk: "
        f"{double['raw']:.2f} untreated, {double['alone']:.2f} alone, {double['call']:.2f} in a call"
    )
    assert single["call"] > 20
    assert single["call"] > single["alone"] - 6
    assert single["uneven"] > 15
    assert double["call"] > max(0.7, double["alone"] - 0.1)


def test_everything_together_takes_the_echo_out_too() -> None:
    """With noise suppression and gain on: gain must not bring the echo back."""
    room = echo.Room(100.0)
    came = room.echo(FAR) + NOISE
    sent = echo.Machine(room, EVERYTHING).run(came, FAR)
    out = echo.taken_out(came, sent, 3, 7)
    print(f"\nall on, 100 ms: {out:.1f} dB")
    assert out > 12


def test_the_first_second_is_quiet_already() -> None:
    """Nobody hears themselves while the canceller learns."""
    room = echo.Room(100.0)
    came = room.echo(FAR) + NOISE
    out = echo.taken_out(came, echo.Machine(room).run(came, FAR), 0.5, 2.0)
    print(f"\n0.5 to 2 s: {out:.1f} dB")
    assert out > 10


def test_another_loudspeaker_is_learnt_within_seconds() -> None:
    """The delay changes from 60 to 180 ms as the device is swapped: 15 dB again three seconds later."""
    machine = echo.Machine(echo.Room(60.0))
    half = len(FAR) // 2
    first, second = echo.Room(60.0).echo(FAR[:half]) + NOISE[:half], echo.Room(180.0).echo(FAR[half:]) + NOISE[half:]
    machine.run(first, FAR[:half])
    sent = machine.run(second, FAR[half:])
    out = echo.taken_out(second, sent, 3, 7)
    print(f"\nafter the swap, 3 to 7 s: {out:.1f} dB")
    assert out > 15


def test_off_takes_nothing_out() -> None:
    """Without echo cancellation the echo stays: what is measured above is the canceller's work."""
    room = echo.Room(100.0)
    came = room.echo(FAR) + NOISE
    assert abs(echo.taken_out(came, echo.Machine(room, ("noise_suppression",)).run(came, FAR), 3, 7)) < 6
