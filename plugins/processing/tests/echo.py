"""A loudspeaker and a microphone in one room, on virtual clocks: what is taken out of an echo, alone and in a call."""

from __future__ import annotations

from typing import Any

import numpy as np
from attrs import define
from jackfield_processing.options import Options
from jackfield_processing.webrtc import WebrtcProcessor
from numpy.typing import NDArray

from jackfield.media.far_end import FarEnd
from jackfield.plugins import OpenProcessor
from jackfield.session.processing import Treatment
from jackfield.values.media import AudioBlock

RATE, BLOCK = 48_000, 480
START_NS = 5_000_000_000
Sound = NDArray[np.float64]


@define
class Room:
    """How late and how loud the loudspeaker is heard in the microphone, and how the machine's clocks behave.

    ``delay_ms`` is all of it: driver, air, driver. ``jitter_ms`` is how unevenly the loudspeaker asks (``burst``
    blocks at once) and the microphone stamps; ``drift_ppm`` by how much the microphone's clock is faster.
    """

    delay_ms: float = 100.0
    gain_db: float = -6.0
    jitter_ms: float = 0.0
    burst: int = 1
    drift_ppm: float = 0.0

    def echo(self, far: Sound) -> Sound:
        """What of the far end reaches the microphone: late, quieter, and with 60 ms of the room's own sound."""
        random = np.random.default_rng(1)
        tail = random.standard_normal(RATE * 60 // 1000) * np.exp(-np.arange(RATE * 60 // 1000) / (RATE / 100))
        tail[0] = 3.0
        late = np.concatenate([np.zeros(int(self.delay_ms * RATE / 1000)), np.convolve(far, tail)])[: len(far)]
        late = late / np.sqrt(np.sum(tail**2)) * 10 ** (self.gain_db / 20)
        if not self.drift_ppm:
            return late
        at = np.arange(len(late)) / (1 + self.drift_ppm / 1e6)
        return np.interp(at, np.arange(len(late)), late)


def alone(near: Sound, far: Sound, what: tuple[str, ...] = ("echo_cancellation",)) -> Sound:
    """The module by itself, with near and far end side by side, sample for sample."""
    module = WebrtcProcessor(what, Options())
    made = [module.process(block(near, at), block(far, at), 0) for at in range(0, len(near) - BLOCK + 1, BLOCK)]
    return np.concatenate([each.samples[:, 0] for each in made]) / 32768


class Machine:
    """A call's own way: a loudspeaker that asks, a microphone that delivers, and what is sent."""

    def __init__(self, room: Room, what: tuple[str, ...] = ("echo_cancellation",)) -> None:
        self.room, self.now_ns = room, START_NS
        self.far_end = FarEnd(clock_ns=lambda: self.now_ns)
        self.dropped: list[Any] = []
        self.treatment = Treatment(lambda error, name: self.dropped.append(error), far_end=self.far_end)
        self.treatment.use([OpenProcessor("webrtc", "processing", what, WebrtcProcessor(what, Options()))])
        self._random = np.random.default_rng(7)

    def _late_ns(self) -> int:
        return round(self._random.uniform(0, self.room.jitter_ms) * 1e6)

    def run(self, near: Sound, far: Sound) -> Sound:
        """What is sent of ``near`` while ``far`` is played; both are of one length."""
        room, sent = self.room, []
        fill = self.far_end.tap(_filler(far), RATE)
        for index in range(len(near) // BLOCK):
            at_ns = START_NS + index * 10_000_000
            for each in range(room.burst if index % room.burst == 0 else 0):
                self.now_ns = at_ns + (self._late_ns() if each == 0 else 0)
                fill(BLOCK)
            mine_ns = START_NS + round(index * 10_000_000 / (1 + room.drift_ppm / 1e6))
            sent += self.treatment.apply(block(near, index * BLOCK, mine_ns + self._late_ns()))
        return np.concatenate([each.samples[:, 0] for each in sent]) / 32768  # type: ignore[union-attr]


def _filler(far: Sound) -> Any:
    at = [0]

    def fill(count: int) -> NDArray[np.int16]:
        at[0] += count
        part = np.zeros(count)
        part[: max(0, min(count, len(far) - at[0] + count))] = far[at[0] - count : at[0]]
        return np.repeat((np.clip(part, -1, 1) * 32767).astype(np.int16)[:, None], 2, axis=1)

    return fill


def block(sound: Sound, at: int, time_ns: int = 0) -> AudioBlock:
    """10 ms of it."""
    part = (np.clip(sound[at : at + BLOCK], -1, 1) * 32767).astype(np.int16)
    return AudioBlock(part[:, None], RATE, time_ns)


def db(sound: Sound) -> float:
    """Its level, in dB below full scale."""
    return float(10 * np.log10(np.mean(np.square(sound)) + 1e-12))


def taken_out(came: Sound, sent: Sound, from_s: float, to_s: float) -> float:
    """How many dB less was sent than came, from one second to another."""
    part = slice(int(from_s * RATE), int(to_s * RATE))
    return db(came[part]) - db(sent[part])


def likeness(voice: Sound, sent: Sound) -> float:
    """How much of what was sent is that voice, 0 to 1, at whatever delay up to 20 ms suits best."""
    return max(
        float(np.dot(voice[: len(voice) - lag], sent[lag:]))
        / float(np.linalg.norm(voice[: len(voice) - lag]) * np.linalg.norm(sent[lag:]) + 1e-9)
        for lag in range(0, 20 * RATE // 1000, 16)
    )
