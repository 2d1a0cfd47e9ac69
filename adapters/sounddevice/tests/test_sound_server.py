"""A real PortAudio on a real PulseAudio: content bit by bit and by pitch, sinks that come and go."""

from __future__ import annotations

import queue
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jackfield_sounddevice import elsewhere as elsewhere_module
from jackfield_sounddevice.elsewhere import PortAudioMachine
from jackfield_sounddevice.listing import LinuxMachine
from jackfield_sounddevice.options import Options
from jackfield_sounddevice.plugin import plugin
from numpy.typing import NDArray

from jackfield.testing.fakes import FakeSink
from jackfield.values.devices import Device, DeviceChange
from jackfield.values.errors import DeviceError, DeviceGone
from jackfield.values.formats import AudioFormat
from tests.lab.sound_server import SoundServer

pytestmark = pytest.mark.needs("pulseaudio", "pactl", "alsa-plugins", "portaudio")
LIMIT_S = 30.0


@pytest.fixture
def drivers(sound_server: SoundServer) -> tuple[Any, Any]:
    """Microphones and loudspeakers."""
    options = Options(latency_ms=60)
    return plugin.register_captures(options)[0], plugin.register_playbacks(options)[0]


def one(driver: Any, name: str) -> Device:
    """The device of that name on the server."""
    (found,) = (device for device in driver.devices() if device.address == name)
    return found


class Heard:
    """What is played to a sink, recorded from its monitor."""

    def __init__(self, drivers: tuple[Any, Any], sink: str, played: NDArray[np.int16], wanted: AudioFormat) -> None:
        self._played, self._at = played, 0
        self.sink = FakeSink()
        self.errors: list[Any] = []
        mics, speakers = drivers
        rate, channels = 48_000, played.shape[1]
        self._player = speakers.open(one(speakers, sink), AudioFormat(rate, channels))
        self._player.start(self._fill, self.errors.append)
        self._capture = mics.open(one(mics, f"{sink}.monitor"), wanted)
        self._capture.start(self.sink)

    def _fill(self, count: int) -> NDArray[np.int16]:
        places = (self._at + np.arange(count)) % len(self._played)
        self._at = (self._at + count) % len(self._played)
        return self._played[places]

    def samples(self, blocks: int) -> NDArray[np.int16]:
        """So many blocks, and the devices closed."""
        media = self.sink.wait(blocks, LIMIT_S)
        self._capture.stop()
        self._player.stop()
        assert not self.errors
        assert not self.sink.errors
        return np.concatenate([block.samples for block in media])  # type: ignore[union-attr]


def test_where_nothing_resamples_sound_is_kept_bit_by_bit(drivers: tuple[Any, Any]) -> None:
    """48 kHz stereo through two processes, two pipes and the server: noise comes out as it went in."""
    noise = np.random.default_rng(1).integers(-32768, 32767, (48_000, 2), dtype=np.int16)
    heard = Heard(drivers, "mic", noise, AudioFormat(48_000, 2)).samples(300)
    where = {tuple(pair): place for place, pair in enumerate(noise.tolist())}
    places = [where.get(tuple(pair), -1) for pair in heard.tolist()]
    longest = run = 0
    for before, place in zip([-2, *places], places, strict=False):
        run = run + 1 if place >= 0 and place == (before + 1) % len(noise) else int(place >= 0)
        longest = max(longest, run)
    print(f"{len(heard)} samples recorded, {longest} of them in one run as they were played")
    assert longest >= 24_000


@pytest.mark.parametrize("rate", [44_100, 16_000, 48_000])
@pytest.mark.parametrize("sink_rate", [48_000, 44_100])
def test_a_tone_is_where_it_was_at_every_rate(
    drivers: tuple[Any, Any], sound_server: SoundServer, rate: int, sink_rate: int
) -> None:
    """The server's rate is kept when the device is opened; what was asked for is made of it here."""
    name = f"r{sink_rate}"
    if name not in sound_server.pactl("list", "short", "sinks"):
        sound_server.add_sink(name, rate=sink_rate)
    device = one(drivers[1], name)
    assert device.modes == (AudioFormat(sink_rate, 2),)
    at = np.arange(sink_rate) / sink_rate
    tone = np.repeat(np.rint(8000 * np.sin(2 * np.pi * 1000 * at)).astype(np.int16)[:, None], 2, axis=1)
    heard = Heard(drivers, name, tone, AudioFormat(rate, 1)).samples(200)
    rest = heard[len(heard) // 3 :, 0]
    spectrum = np.abs(np.fft.rfft(rest * np.hanning(len(rest))))
    assert np.argmax(spectrum) * rate / len(rest) == pytest.approx(1000, abs=3)


def test_sinks_come_and_go_and_are_told(drivers: tuple[Any, Any], sound_server: SoundServer) -> None:
    """A headset that is switched on, and off while it plays and is recorded: the server moves the sound elsewhere, so
    both streams say that it is gone. What plays to another goes on."""
    changes: queue.Queue[DeviceChange] = queue.Queue()
    mics, speakers = drivers
    unwatches = [speakers.watch(changes.put), mics.watch(lambda change: None)]
    number = sound_server.add_sink("headset")
    added = changes.get(timeout=LIMIT_S)
    assert (added.change, added.device.id) == ("added", "sounddevice:pulse-headset")
    errors: list[Any] = []
    others: list[Any] = []
    player = speakers.open(added.device, AudioFormat(48_000, 2))
    other = speakers.open(one(speakers, "spk"), AudioFormat(48_000, 2))
    player.start(lambda samples: np.zeros((samples, 2), np.int16), errors.append)
    other.start(lambda samples: np.zeros((samples, 2), np.int16), others.append)
    recorded = FakeSink()
    capture = mics.open(one(mics, "headset.monitor"), AudioFormat())
    capture.start(recorded)
    recorded.wait(5, LIMIT_S)
    began = time.monotonic()
    sound_server.remove_sink(number)
    removed = changes.get(timeout=LIMIT_S)
    assert (removed.change, removed.device.id) == ("removed", added.device.id)
    _happens(lambda: errors and recorded.errors)
    print(f"told within {time.monotonic() - began:.2f} s")
    for error in (*errors, *recorded.errors):
        assert isinstance(error, DeviceGone)
        assert "is not plugged in any more: the sound server has it no more" in error.message
    assert (len(errors), len(recorded.errors), others) == (1, 1, [])
    for each in (player, other, capture):
        each.stop()
    for unwatch in unwatches:
        unwatch()


def test_a_server_that_does_not_answer_takes_nothing_away(
    drivers: tuple[Any, Any], sound_server: SoundServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`pactl` has a limit, and a machine may be busy: what plays goes on."""
    speakers, errors = drivers[1], list[Any]()
    player = speakers.open(one(speakers, "spk"), AudioFormat(48_000, 2))
    player.start(lambda samples: np.zeros((samples, 2), np.int16), errors.append)
    changes: queue.Queue[DeviceChange] = queue.Queue()
    unwatch = speakers.watch(changes.put)
    monkeypatch.setattr("jackfield_sounddevice.pulse.stops", lambda: ())
    number = sound_server.add_sink("headset")
    while changes.get(timeout=LIMIT_S).device.address != "spk":
        pass
    monkeypatch.undo()
    assert errors == []
    player.stop()
    unwatch()
    sound_server.remove_sink(number)


def _happens(look: Any) -> None:
    until = time.monotonic() + LIMIT_S
    while not look():
        assert time.monotonic() < until
        time.sleep(0.02)


@pytest.mark.parametrize("settled_s", [0.0, 6.0])
def test_a_server_that_dies_ends_its_streams(monkeypatch: pytest.MonkeyPatch, settled_s: float) -> None:
    """Each with an error that names the server, and not for being silent; no process is left."""
    from jackfield_sounddevice import process

    with tempfile.TemporaryDirectory(prefix="jackfield-sound-") as folder:
        server = SoundServer(Path(folder))
        server.start()
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        speakers = plugin.register_playbacks(Options())[0]
        errors: queue.SimpleQueue[Any] = queue.SimpleQueue()
        asked: list[int] = []
        player = speakers.open(one(speakers, "spk"), AudioFormat(48_000, 2))
        player.start(lambda samples: (asked.append(samples), np.zeros((samples, 2), np.int16))[1], errors.put)
        _happens(lambda: len(asked) > 20)
        time.sleep(settled_s)
        stopped = time.monotonic()
        server.stop()
        error = errors.get(timeout=LIMIT_S)
        print(f"told {time.monotonic() - stopped:.2f} s after its end began")
        assert isinstance(error, DeviceError)
        assert "the sound server ended" in error.message
        player.stop()
        assert not process.is_own(player._process.pid)
        assert speakers.devices() == []


def test_with_no_server_there_is_nothing_and_looking_starts_none(
    drivers: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With no server at the address there is nothing, and no error."""
    monkeypatch.setenv("PULSE_SERVER", "unix:/nowhere/native")
    started = time.monotonic()
    assert [device for device in drivers[0].devices() if device.id.startswith("sounddevice:pulse")] == []
    print(f"found in {time.monotonic() - started:.2f} s")


def test_the_default_is_taken_first_and_monitors_not_at_all_unless_named(drivers: tuple[Any, Any]) -> None:
    """What only hears what is played would send everybody their own voice."""
    mics, speakers = drivers
    ranks = {device.address: device.rank for device in (*mics.devices(), *speakers.devices())}
    assert ranks["spk"] > ranks["mic"] > 20
    assert ranks["spk.monitor"] == 0


@pytest.fixture
def elsewhere(sound_server: SoundServer) -> PortAudioMachine:
    """What macOS and Windows would list, of this PortAudio."""
    return PortAudioMachine("sounddevice", platform="linux")


def test_portaudios_own_list_is_made_in_another_process(
    elsewhere: PortAudioMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By host API and name, kept for a while; what opens them is told name and API."""
    started: list[str] = []
    start = elsewhere_module._process
    monkeypatch.setattr(elsewhere_module, "_process", lambda library: (started.append(library), start(library))[1])
    monkeypatch.setattr(elsewhere_module, "LOOK_S", 3600.0)
    found = {(each.device.id, each.direction): each for each in elsewhere.endpoints()}
    assert ("sounddevice:alsa-default", "input") in found
    each = found["sounddevice:alsa-default", "output"]
    assert (each.target.name, each.target.host_api, each.device.kind) == ("default", "ALSA", "speaker")
    assert each.device.rank == 60
    assert elsewhere.findings() == ()
    assert len(elsewhere.endpoints()) == len(found)
    assert started == ["sounddevice"], "what was listed is kept"
    elsewhere._kept_until = 0.0
    elsewhere.endpoints()
    assert started == ["sounddevice"] * 2, "and listed again once it is old"


def test_portaudios_own_list_says_when_it_changes(elsewhere: PortAudioMachine, sound_server: SoundServer) -> None:
    """The process that looks every two seconds tells once to begin with, and ends when it is told to."""
    news = elsewhere.news()
    assert news.wait()
    started = time.monotonic()
    news.close()
    assert not news.wait()
    news.release()
    print(f"ended in {time.monotonic() - started:.2f} s")


def test_a_missing_library_is_one_finding_elsewhere_too() -> None:
    """No traceback, no device."""
    machine = PortAudioMachine("no_such_library", platform="darwin")
    assert machine.endpoints() == []
    (finding,) = machine.findings()
    assert (finding.severity, finding.key) == ("error", "libportaudio")


def test_nothing_is_missing_with_a_server(sound_server: SoundServer) -> None:
    """The doctor has nothing to say."""
    assert LinuxMachine(Options()).findings() == []
