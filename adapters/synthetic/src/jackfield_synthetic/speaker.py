"""A loudspeaker that nobody hears. It asks for sound as a real one does, and measures it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from jackfield.roles import Player, Unwatch, Verdict
from jackfield.values.devices import Device, DeviceChange
from jackfield.values.errors import CallError, DeviceGone
from jackfield.values.formats import AudioFormat
from jackfield.values.media import AudioBlock
from jackfield_synthetic.plugs import Plugs
from jackfield_synthetic.ticker import Ticker

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SPEAKER = Device("synthetic:speaker", "speaker", "A loudspeaker that measures", modes=(AudioFormat(),), rank=5)


class SyntheticSpeakers:
    """The driver of the one loudspeaker. ``players`` are those that were opened and are not stopped; ``unplug`` and
    ``plug`` do what a hand does to its cable."""

    name = "synthetic"

    def __init__(self, *, clock_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self._clock_ns = clock_ns
        self._plugs = Plugs()
        self._opened: list[MeasuringPlayer] = []

    @property
    def players(self) -> Sequence[MeasuringPlayer]:
        """What is open, to be asked for its verdict."""
        self._opened = [player for player in self._opened if not player.stopped]
        return tuple(self._opened)

    def devices(self) -> Sequence[Device]:
        """One, while it is plugged in."""
        return (SPEAKER,) if self._plugs.is_in(SPEAKER.id) else ()

    def watch(self, changed: Callable[[DeviceChange], None]) -> Unwatch:
        """Reports what ``unplug`` and ``plug`` do."""
        return self._plugs.watch(changed)

    def open(self, device: Device, format: AudioFormat) -> Player:
        """The loudspeaker, at any rate."""
        if device.id not in {known.id for known in self.devices()}:
            raise DeviceGone(f"{device.id} is not plugged in; there is {SPEAKER.id if self.devices() else 'none'}")
        player = MeasuringPlayer(format, self._clock_ns)
        self._opened = [*self.players, player]
        return player

    def unplug(self) -> None:
        """The loudspeaker is gone: players fail with ``DeviceGone``, and watchers hear of it."""

        def lose() -> None:
            for player in self.players:
                player.lose(DeviceGone(f"{SPEAKER.label} ({SPEAKER.id}) was unplugged"))

        self._plugs.pull(SPEAKER, lose)

    def plug(self) -> None:
        """The loudspeaker is back."""
        self._plugs.push(SPEAKER)


class MeasuringPlayer:
    """Takes a block at each beat, and keeps what it sounded like."""

    def __init__(self, format: AudioFormat, clock_ns: Callable[[], int]) -> None:
        from jackfield_synthetic.verifier import SyntheticVerifier

        self.format = format
        self.played_ms = 0
        self._failed: Callable[[CallError], None] | None = None
        self._verifier = SyntheticVerifier(clock_ns=clock_ns)
        self._ticker = Ticker(SPEAKER.id, format.ptime_ms * 1_000_000, clock_ns=clock_ns)

    @property
    def stopped(self) -> bool:
        """Whether it is closed."""
        return self._ticker.stopped

    def start(self, fill: Callable[[int], NDArray[np.int16]], failed: Callable[[CallError], None]) -> None:
        """Asks for ``ptime_ms`` of sound at each beat."""
        self._failed = failed
        samples = self.format.rate * self.format.ptime_ms // 1000

        def tick(due_ns: int) -> None:
            self._verifier.observe(AudioBlock(fill(samples), self.format.rate, due_ns))
            self.played_ms += self.format.ptime_ms

        self._ticker.start(tick)

    def stop(self) -> None:
        """The thread has ended."""
        self._ticker.stop()

    def lose(self, error: CallError) -> None:
        """Ends by itself, as a loudspeaker does whose plug is pulled."""
        if not self.stopped and self._failed is not None:
            self._ticker.stop()
            self._failed(error)

    def verdict(self) -> Verdict:
        """Whether tones of this plugin were played, and how much of them."""
        return self._verifier.verdict()
