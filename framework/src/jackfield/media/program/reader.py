"""What makes media of a program's bytes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from jackfield.values.errors import CallError
from jackfield.values.formats import MediaFormat
from jackfield.values.media import Media


class Unreadable(Exception):
    """What a program printed is not what it was said to be; the message says what was found."""


class Refused(Exception):
    """The program says that trying again is of no use; ``error`` says why, to people."""

    def __init__(self, error: CallError) -> None:
        super().__init__(error.message)
        self.error = error


class Reader(Protocol):
    """Reads one run of a program, from its first byte, on one thread. Holds a bounded number of bytes."""

    #: So much is read in a second, in bytes and in pictures or blocks; what prints more is held back by its own pipe.
    bytes_per_s: float
    items_per_s: float

    @property
    def format(self) -> MediaFormat:
        """What comes; settled once the first media came."""

    @property
    def quiet_s(self) -> float | None:
        """After a pause of so many seconds a picture is whole, and `quiet` is called; None: pauses mean nothing."""

    def feed(self, data: bytes, now_ns: int) -> Sequence[Media]:
        """The media that these bytes complete. `Unreadable` or `Refused` ends the run."""

    def quiet(self, now_ns: int) -> Sequence[Media]:
        """The media that is complete if nothing follows."""


class Instants:
    """Capture instants that grow."""

    def __init__(self) -> None:
        self._last_ns = 0

    def at(self, now_ns: int) -> int:
        """This instant, or the first after the one before."""
        self._last_ns = max(now_ns, self._last_ns + 1000)
        return self._last_ns
