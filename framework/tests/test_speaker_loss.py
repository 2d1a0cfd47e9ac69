"""A loudspeaker that is lost in a call: what is there and hangs has not come back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from jackfield.session.outputs import Outputs
from jackfield.session.playback import Playback
from jackfield.testing import FakeCall
from jackfield.values.devices import Device
from jackfield.values.errors import CallError, DeviceGone, PluginError
from jackfield.values.events import DeviceLost, Event, SpeakerChanged
from jackfield.values.formats import AudioFormat

DAC, LAPTOP = Device("x:dac", "speaker", "USB DAC", rank=60), Device("x:laptop", "speaker", "Built in", rank=50)


class Player:
    """Takes sound, or hangs."""

    def __init__(self, device: Device, format: AudioFormat, hangs: bool) -> None:
        self.device, self.format, self._hangs = device, format, hangs
        self.fill: Callable[..., Any] = lambda samples: None
        self.failed: Callable[[CallError], None] | None = None
        self.stopped = False

    def start(self, fill: Callable[..., Any], failed: Callable[[CallError], None]) -> None:
        self.fill, self.failed = fill, failed
        if not self._hangs:
            fill(480)

    def stop(self) -> None:
        self.stopped = True


class Speakers:
    """The plugins, and the one driver that they have."""

    def __init__(self) -> None:
        self.hangs: set[str] = set()
        self.opens_as: AudioFormat | None = None
        self.players: list[Player] = []
        self.choices: dict[str, Any] = {}

    def devices(self, kind: str) -> Sequence[Device]:
        return [DAC, LAPTOP]

    def device(self, kind: str, wish: Any, *, failed: Any = None) -> tuple[Device, Any, Any]:
        there = {device.id: device for device in self.devices(kind) if device.id not in (failed or {})}
        return there[wish] if wish else next(iter(there.values())), self, None

    def open(self, device: Device, format: AudioFormat) -> Player:
        self.players.append(Player(device, self.opens_as or format, device.id in self.hangs))
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


class Looks:
    """A clock that is moved to the next look by the test."""

    def __init__(self) -> None:
        self.due: list[Callable[[], None]] = []

    def now_ns(self) -> int:
        return 0

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> Looks:
        self.due.append(callback)
        return self

    def cancel(self) -> None:
        self.due.clear()

    def pass_by(self) -> None:
        due, self.due = self.due, []
        for each in due:
            each()


async def test_a_loudspeaker_that_asks_no_more_is_gone() -> None:
    """Its plugin says nothing of it: after four looks without a question it is taken for lost, once."""
    plugins: Any = Speakers()
    failed: list[CallError] = []
    looks = Looks()
    playback = Playback(FakeCall(), DAC, plugins, failed.append, clock=looks)
    plugins.hangs.add(DAC.id)
    await playback.open()
    for _ in range(5):
        looks.pass_by()
    assert (failed, playback.is_heard) == ([], False)  # whether it begins is another's to see
    for _ in range(5):
        plugins.players[0].fill(480)
        for _ in range(4):  # the first sees the question; some ask for 2 s of sound at once
            looks.pass_by()
    assert failed == []
    looks.pass_by()
    (error,) = failed
    assert isinstance(error, DeviceGone)
    assert "USB DAC (x:dac) takes no sound any more" in error.message
    assert looks.due == []
    await playback.close()


@pytest.mark.parametrize(
    "format",
    [
        AudioFormat(0, 2),
        AudioFormat(48_000, 0),
        AudioFormat(48_000, 6),
        AudioFormat(float("nan"), 2),  # type: ignore[arg-type]
        AudioFormat(-48_000, 2),
        AudioFormat("48000", 2),  # type: ignore[arg-type]
        AudioFormat(10**9, 2),
        "stereo",
    ],
)
async def test_a_loudspeaker_of_an_impossible_format_is_refused(format: Any, caplog: pytest.LogCaptureFixture) -> None:
    """In one sentence that shows it, before anything is played; and it is given back."""
    plugins: Any = Speakers()
    plugins.opens_as = format
    playback = Playback(FakeCall(), DAC, plugins)
    with pytest.raises(PluginError, match=r"USB DAC \(x:dac\): its plugin opened it as .*; mend the plugin"):
        await playback.open()
    (player,) = plugins.players
    assert player.stopped
    assert caplog.records == []


async def test_what_is_no_number_of_samples_is_answered_with_none() -> None:
    """The plugin gets nothing for it, and the loudspeaker counts as broken, once."""
    plugins: Any = Speakers()
    failed: list[CallError] = []
    playback = Playback(FakeCall(), DAC, plugins, failed.append, clock=Looks())
    await playback.open()
    for absurd in (-1, 10**9, "480", None, 48.0, float("nan")):
        assert len(plugins.players[0].fill(absurd)) == 0
    await asyncio.sleep(0.01)
    assert [type(error) for error in failed] == [PluginError]
    assert "its plugin asks for -1 samples at once" in failed[0].message
    await playback.close()
