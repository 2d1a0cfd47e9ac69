"""A loudspeaker that nobody hears. It asks for sound as a real one does, and measures it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from jackfield.roles import Player, Unwatch, Verdict
from jackfield.values.devices import Device, DeviceChange
from jackfield.values.errors import DeviceGone
from jackfield.values.formats import AudioFormat
from jackfield.values.media import AudioBlock
from jackfield_synthetic.ticker import Ticker

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SPEAKER = Device("synthetic:speaker", "speaker", "A loudspeaker that measures", modes=(AudioFormat(),), rank=5)


class SyntheticSpeakers:
    """The driver of the one loudspeaker. ``players`` are those that were opened and are not stopped."""

    name = "synthetic"

    def __init__(self, *, clock_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self._clock_ns = clock_ns
        self._opened: list[MeasuringPlayer] = []

    @property
    def players(self) -> Sequence[MeasuringPlayer]:
        """What is open, to be asked for its verdict."""
        self._opened = [player for player in self._opened if not player.stopped]
        return tuple(self._opened)

    def devices(self) -> Sequence[Device]:
        """One."""
        return (SPEAKER,)

    def watch(self, changed: Callable[[DeviceChange], None]) -> Unwatch:
        """It is never unplugged."""
        return lambda: None

    def open(self, device: Device, format: AudioFormat) -> Player:
        """The loudspeaker, at any rate."""
        if device.id != SPEAKER.id:
            raise DeviceGone(f"{device.id} is not plugged in; there is {SPEAKER.id}")
        player = MeasuringPlayer(format, self._clock_ns)
        self._opened = [*self.players, player]
        return player


class MeasuringPlayer:
    """Takes a block at each beat, and keeps what it sounded like."""

    def __init__(self, format: AudioFormat, clock_ns: Callable[[], int]) -> None:
        from jackfield_synthetic.verifier import SyntheticVerifier

        self.format = format
        self.played_ms = 0
        self._verifier = SyntheticVerifier(clock_ns=clock_ns)
        self._ticker = Ticker(SPEAKER.id, format.ptime_ms * 1_000_000, clock_ns=clock_ns)

    @property
    def stopped(self) -> bool:
        """Whether it is closed."""
        return self._ticker.stopped

    def start(self, fill: Callable[[int], NDArray[np.int16]]) -> None:
        """Asks for ``ptime_ms`` of sound at each beat."""
        samples = self.format.rate * self.format.ptime_ms // 1000

        def tick(due_ns: int) -> None:
            self._verifier.observe(AudioBlock(fill(samples), self.format.rate, due_ns))
            self.played_ms += self.format.ptime_ms

        self._ticker.start(tick)

    def stop(self) -> None:
        """The thread has ended."""
        self._ticker.stop()

    def verdict(self) -> Verdict:
        """Whether tones of this plugin were played, and how much of them."""
        return self._verifier.verdict()
