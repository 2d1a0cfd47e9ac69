"""Who the device is, how it misbehaves, and what it has done: kept while it is plugged in and pulled out."""

from __future__ import annotations

import random

from attrs import define, field, frozen

from tests.lab.vm.fakecam.store import FORMATS, SIZES


@frozen
class Identity:
    """What udev sees. ``card`` and ``tone`` say which test card and which made-up microphone it looks at."""

    serial: str
    port: int
    pictures: bool = True
    sound: bool = True
    card: int = 0
    product: str = "FakeCam HD"
    formats: tuple[str, ...] = field(default=FORMATS, converter=tuple)


@define
class Behaviour:
    """What it was told to do wrong, and its counters."""

    frozen: bool = False
    silent: bool = False
    corrupt: int = 0
    truncate: int = 0
    wrong_size: int = 0
    fps: float = 0.0
    #: Pull the plug when the host next asks for this: ``probe`` or ``commit``.
    pull_at: str = ""
    pulls_now: bool = False
    frames_sent: int = 0
    bytes_sent: int = 0
    streams_opened: int = 0

    def asked(self, what: str) -> None:
        """The host asks; it may be the moment to go."""
        if what and what == self.pull_at:
            self.pull_at, self.pulls_now = "", True

    def size_to_send(self, size: tuple[int, int]) -> tuple[int, int]:
        """The size that was agreed, or another where it was told so."""
        if self.wrong_size <= 0:
            return size
        self.wrong_size -= 1
        return SIZES[1] if size == SIZES[0] else SIZES[0]

    def damaged(self, frame: bytes) -> bytes:
        """The frame, or what is left of it."""
        third = len(frame) // 3
        if self.corrupt > 0:
            self.corrupt -= 1
            return frame[:third] + random.Random(third).randbytes(third) + frame[2 * third :]
        if self.truncate > 0:
            self.truncate -= 1
            return frame[: len(frame) // 2]
        return frame
