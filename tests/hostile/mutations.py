"""Inputs that are nearly right: a sample with a few faults in it, or nothing but noise."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import TypeVar

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

Input = TypeVar("Input", bytes, str)

#: Hypothesis keeps what it has tried: so many inputs, and then the next seed.
PART = 5_000
_FAULTS_MAX = 4
_WEIGHTY = (0, 1, 2, 3, 0x0F, 0x3F, 0x40, 0x7F, 0x80, 0xBE, 0xC0, 0xDE, 0xFE, 0xFF)
_TEXTS = (
    "", " ", ":", "/", ";", "=", "-1", "0", "65536", "4294967296", "9" * 5000, "1e400", "NaN", "null", "²", "٣",
    "\ud800",     "\0", "\x85", "\u2028", "\r", "[" * 3000, '{"a":' * 3000, '"', "%s", "%", "../", "a" * 4000,
)  # fmt: skip


def _spoil_bytes(data: bytes, kind: int, place: int, value: int) -> bytes:
    at = place % (len(data) + 1)
    match kind:
        case 0:  # a bit
            return data[:at] + bytes([data[at] ^ 1 << value % 8]) + data[at + 1 :] if at < len(data) else data
        case 1:  # a byte that means something
            return data[:at] + bytes([_WEIGHTY[value % len(_WEIGHTY)]]) + data[at + 1 :]
        case 2:  # cut short
            return data[:at]
        case 3:  # longer than it says
            return data[:at] + bytes([value & 0xFF]) * (1 << value % 12) + data[at:]
        case 4:  # a length of sixteen bits
            return data[:at] + (value * 257 & 0xFFFF).to_bytes(2, "big") + data[at + 2 :]
        case 5:  # the same again
            return data[:at] + data[at : at + 1 + value % 64] * (1 + value % 32) + data[at:]
        case 6:  # something left out
            return data[:at] + data[at + 1 + value % 16 :]
        case _:  # the end first
            return data[at:] + data[:at]


def _spoil_text(text: str, kind: int, place: int, value: int) -> str:
    at = place % (len(text) + 1)
    match kind:
        case 0 | 1:  # a character
            return text[:at] + chr(value % 0x180) + text[at + 1 :]
        case 2:
            return text[:at]
        case 3 | 4:  # what has a meaning somewhere
            return text[:at] + _TEXTS[value % len(_TEXTS)] + text[at + value % 7 :]
        case 5:
            return text[:at] + text[at : at + 1 + value % 64] * (1 + value % 32) + text[at:]
        case 6:
            return text[:at] + text[at + 1 + value % 16 :]
        case _:  # a line again, elsewhere
            lines = text.split("\n")
            return "\n".join([*lines[: place % len(lines)], lines[value % len(lines)], *lines[place % len(lines) :]])


#: Of a tape of bytes, so many make one fault.
_FAULT_BYTES = 5


def _faults(tape: bytes) -> list[tuple[int, int, int]]:
    pieces = (tape[at : at + _FAULT_BYTES] for at in range(0, len(tape) - _FAULT_BYTES + 1, _FAULT_BYTES))
    return [(each[0] & 7, each[1] << 8 | each[2], each[3] << 8 | each[4]) for each in pieces]


def _made(samples: Sequence[Input], number: int, tape: bytes) -> Input:
    """Sample ``number`` with the faults of the tape; the tape itself where there is no such sample."""
    if number == len(samples):
        return tape if isinstance(samples[0], bytes) else tape.decode("latin-1")  # type: ignore[return-value]
    spoil = _spoil_bytes if isinstance(samples[0], bytes) else _spoil_text
    found = samples[number]
    for fault in _faults(tape):
        found = spoil(found, *fault)  # type: ignore[operator]
    return found


def _spoilt(samples: Sequence[Input]) -> st.SearchStrategy[Input]:
    drawn = st.tuples(st.integers(0, len(samples)), st.binary(max_size=_FAULTS_MAX * _FAULT_BYTES))
    return drawn.map(lambda each: _made(samples, *each))


def feed(samples: Sequence[Input], check: Callable[[Input], object], count: int) -> None:
    """Calls ``check`` with ``count`` inputs, the same ones each time; what it raises names the smallest that fails."""
    for part in range(0, count, PART):
        profile = settings(
            max_examples=min(PART, count - part),
            database=None,
            deadline=None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        )
        seed(part)(profile(given(_spoilt(samples))(check)))()


class Chance:
    """The same faults for a test that sends them itself, one after the other."""

    def __init__(self, number: int) -> None:
        self._random = random.Random(number)

    def spoil(self, samples: Sequence[Input]) -> Input:
        """One of the samples with up to four faults, or noise."""
        tape = self._random.randbytes(_FAULT_BYTES * self._random.randint(1, _FAULTS_MAX))
        return _made(samples, self._random.randint(0, len(samples)), tape)
