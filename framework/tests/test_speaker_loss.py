"""A loudspeaker that is lost in a call: what is there and hangs has not come back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from jackfield.session.outputs import Outputs
from jackfield.testing import FakeCall
from jackfield.values.devices import Device
from jackfield.values.errors import CallError, DeviceGone
from jackfield.values.events import DeviceLost, Event, SpeakerChanged
from jackfield.values.formats import AudioFormat

DAC, LAPTOP = Device("x:dac", "speaker", "USB DAC", rank=60), Device("x:laptop", "speaker", "Built in", rank=50)


class Player:
    """Takes sound, or hangs."""

    def __init__(self, device: Device, format: AudioFormat, hangs: bool) -> None:
        self.device, self.format, self._hangs = device, format, hangs
        self.failed: Callable[[CallError], None] | None = None
        self.stopped = False

    def start(self, fill: Callable[..., Any], failed: Callable[[CallError], None]) -> None:
        self.failed = failed
        if not self._hangs:
            fill(480)

    def stop(self) -> None:
        self.stopped = True


class Speakers:
    """The plugins, and the one driver that they have."""

    def __init__(self) -> None:
        self.hangs: set[str] = set()
        self.players: list[Player] = []
        self.choices: dict[str, Any] = {}

    def devices(self, kind: str) -> Sequence[Device]:
        return [DAC, LAPTOP]

    def device(self, kind: str, wish: Any, *, failed: Any = None) -> tuple[Device, Any, Any]:
        there = {device.id: device for device in self.devices(kind) if device.id not in (failed or {})}
        return there[wish] if wish else next(iter(there.values())), self, None

    def open(self, device: Device, format: AudioFormat) -> Player:
        self.players.append(Player(device, format, device.id in self.hangs))
        return self.players[-1]


class Silence:
    """Nothing is heard of hot-plug."""

    def on_change(self, handler: Any) -> Callable[[], None]:
        return lambda: None


async def test_a_loudspeaker_that_hangs_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """It opens, takes nothing, and is closed; the next in order plays, and says that it does."""
    monkeypatch.setattr("jackfield.session.outputs.FIRST_MEDIA_S", 0.1)
    plugins: Any = Speakers()
    told: list[Event] = []
    hotplug: Any = Silence()
    outputs = Outputs(FakeCall(), plugins, lambda error, what: None, told.append, hotplug)
    await outputs.open()
    async with asyncio.timeout(5):
        while outputs.speaker is None:
            await asyncio.sleep(0.01)
        assert outputs.speaker == DAC
        plugins.hangs.add(DAC.id)
        plugins.players[0].failed(DeviceGone("it takes nothing any more"))
        while outputs.speaker != LAPTOP:
            await asyncio.sleep(0.01)
        while len(told) < 2:
            await asyncio.sleep(0.01)
    assert [type(event) for event in told] == [DeviceLost, SpeakerChanged]
    assert [player.device for player in plugins.players] == [DAC, DAC, LAPTOP]
    assert [player.stopped for player in plugins.players] == [True, True, False]
    await outputs.close()
    assert plugins.players[-1].stopped
