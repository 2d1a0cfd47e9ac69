"""Open devices as the framework sees them: a capture, and a player, each over a process."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from jackfield.roles import CaptureSink
from jackfield.values.errors import CallError
from jackfield.values.formats import AudioFormat, MediaFormat
from jackfield.values.media import AudioBlock
from jackfield_sounddevice import wire
from jackfield_sounddevice.process import StreamProcess

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

logger = logging.getLogger("jackfield.sounddevice")

_SECOND_NS = 1_000_000_000
#: An instant this far from where the samples' own clock puts it is believed at once.
_JUMP_NS = 100_000_000


class Instants:
    """The instant of each block: the device's clock counts, and what the machine's clock says bends it slowly."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._next_ns: int | None = None
        self._last_ns = 0

    def of(self, measured_ns: int, samples: int) -> int:
        """When the first of these samples was taken; later than the block before."""
        if self._next_ns is None or abs(measured_ns - self._next_ns) > _JUMP_NS:
            self._next_ns = measured_ns
        else:
            self._next_ns += (measured_ns - self._next_ns) // 32
        instant = self._last_ns = max(self._next_ns, self._last_ns + 1)
        self._next_ns = instant + samples * _SECOND_NS // self._rate
        return instant


class Blocks:
    """Blocks of the format that was asked for, from blocks of the device's own."""

    def __init__(self, rate: int, channels: int, wanted: AudioFormat) -> None:
        from jackfield.media.reblock import Reblocker

        self._rate, self._channels = rate, channels
        self._reblocker = Reblocker(wanted.rate, wanted.channels, wanted.ptime_ms)
        self._instants = Instants(rate)

    def of(self, message: wire.Message) -> list[AudioBlock]:
        """What is whole now that this has come."""
        import numpy as np

        samples = np.frombuffer(message.payload, np.int16).reshape(-1, self._channels)
        instant = self._instants.of(message.time_ns, len(samples))
        return self._reblocker.push(AudioBlock(samples, self._rate, instant))


class SoundCapture:
    """A microphone. ``overruns`` counts blocks that were lost, in the device or on the way."""

    def __init__(self, process: StreamProcess, wanted: AudioFormat) -> None:
        made = process.made
        taken = AudioFormat(wanted.rate, min(wanted.channels, 2), wanted.ptime_ms)
        self.format: MediaFormat = taken
        self.overruns = 0
        self._process = process
        self._ending = threading.Event()
        self._blocks = Blocks(made.rate, made.channels, taken)

    def start(self, sink: CaptureSink) -> None:
        """Sound flows to the sink, on a thread of this capture."""

        def heard(message: wire.Message) -> None:
            if message.troubles > self.overruns:
                logger.info("sound was lost before it could be taken: %d times so far", message.troubles)
            self.overruns = message.troubles
            for block in self._blocks.of(message):
                if not self._ending.is_set():
                    sink.deliver(block)

        self._process.run(heard, sink.fail)

    def stop(self) -> None:
        """The device is free."""
        self._ending.set()
        self._process.end()


class SoundPlayer:
    """A loudspeaker, in its own rate and with its own channels. ``underruns`` counts blocks that came too late."""

    def __init__(self, process: StreamProcess, wanted: AudioFormat) -> None:
        self.format = AudioFormat(process.made.rate, process.made.channels, wanted.ptime_ms)
        self.underruns = 0
        self._process = process
        self._ending = threading.Event()

    def start(self, fill: Callable[[int], NDArray[np.int16]], failed: Callable[[CallError], None]) -> None:
        """Asks for a block whenever the device has played one, on a thread of this player."""
        block = self._process.made.block

        def heard(message: wire.Message) -> None:
            self.underruns = message.troubles
            for _ in range(message.count):
                if self._ending.is_set():
                    return
                self._process.send(wire.Message(wire.SOUND, fill(block).tobytes()))

        self._process.run(heard, failed)

    def latency_ms(self) -> float:
        """What the device itself says; the blocks that wait in its process come on top."""
        return self._process.made.latency_s * 1000

    def stop(self) -> None:
        """Silent, and the device free."""
        self._ending.set()
        self._process.end()
