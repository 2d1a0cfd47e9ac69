"""In the lab's virtual machine: the kernel's own drivers, udev and ALSA, a card that is pulled out while it plays.

Everything is some twenty times slower there: blocks and samples are compared, instants are not.
"""

from __future__ import annotations

import os
import queue
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from jackfield_sounddevice import process
from jackfield_sounddevice.plugin import plugin
from numpy.typing import NDArray

from jackfield.media.mix import Mixer
from jackfield.testing.contracts.capture import CaptureContract
from jackfield.testing.contracts.playback import PlaybackContract
from jackfield.testing.fakes import FakeSink
from jackfield.values.devices import Device, DeviceChange
from jackfield.values.errors import CallError, DeviceBusy, DeviceGone
from jackfield.values.formats import AudioFormat
from jackfield.values.media import AudioBlock
from tests.lab.vm.sound_card import UsbSoundCard

pytestmark = [pytest.mark.vm, pytest.mark.needs("portaudio")]

#: The emulated machine may stand still for a second; a device that is gone is seen by its file all the same.
OPTIONS = plugin.options(latency_ms=80.0, stalled_after_s=5.0)
FIRST_S = 60.0


@pytest.fixture
def mics() -> Any:
    """The driver of microphones."""
    return plugin.register_captures(OPTIONS)[0]


@pytest.fixture
def speakers() -> Any:
    """The driver of loudspeakers."""
    return plugin.register_playbacks(OPTIONS)[0]


def one(driver: Any, text: str) -> Device:
    """The device with that in its id."""
    (found,) = (device for device in driver.devices() if text in device.id)
    return found


class Tape:
    """Plays what a test gives it, over and over, and remembers how it went."""

    def __init__(self, samples: NDArray[np.int16]) -> None:
        self.samples, self.at, self.asked = samples, 0, 0
        self.errors: queue.SimpleQueue[CallError] = queue.SimpleQueue()

    def fill(self, count: int) -> NDArray[np.int16]:
        """The next samples."""
        self.asked += 1
        places = (self.at + np.arange(count)) % len(self.samples)
        self.at = (self.at + count) % len(self.samples)
        return self.samples[places]

    def play_on(self, more: int = 20, limit_s: float = FIRST_S) -> None:
        """Returns once so many more blocks were asked for."""
        until, wanted = time.monotonic() + limit_s, self.asked + more
        while self.asked < wanted:
            assert time.monotonic() < until, f"asked for {self.asked} blocks, not {wanted}"
            time.sleep(0.02)


def tone(hertz: float, rate: int, channels: int) -> NDArray[np.int16]:
    """A second of it."""
    wave = np.rint(8000 * np.sin(2 * np.pi * hertz / rate * np.arange(rate))).astype(np.int16)
    return np.repeat(wave[:, None], channels, axis=1)


def pitch(samples: NDArray[np.int16], rate: int) -> float:
    """The strongest frequency."""
    spectrum = np.abs(np.fft.rfft(samples[:, 0] * np.hanning(len(samples))))
    return float(np.argmax(spectrum) * rate / len(samples))


def children() -> list[str]:
    """The processes that this one started and has not seen the end of."""
    done = subprocess.run(
        ["ps", "--ppid", str(os.getpid()), "-o", "args="], capture_output=True, text=True, check=False
    )
    return [line for line in done.stdout.splitlines() if "jackfield_sounddevice" in line]


@pytest.fixture(autouse=True)
def _nothing_is_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A process has a minute to start, and half of one to say that it is alive; afterwards none is left."""
    monkeypatch.setattr(process, "OPEN_LIMIT_S", FIRST_S)
    monkeypatch.setattr(process, "SILENT_LIMIT_S", FIRST_S / 2)
    before = set(os.listdir("/proc/self/fd"))
    yield
    assert children() == []
    assert len(set(os.listdir("/proc/self/fd"))) <= len(before) + 1


@pytest.mark.soak
@pytest.mark.usefixtures("aloop")
class TestCaptures(CaptureContract):
    """The loopback card's recording end: with nobody playing, silence comes at the pace of a clock."""

    plugin = plugin
    options = {"latency_ms": 80.0, "stalled_after_s": 5.0}

    def usable(self, driver: Any) -> Sequence[Device]:
        """One: a process takes seconds to start here."""
        return [one(driver, "snd_aloop.0-pcm1")]


@pytest.mark.soak
@pytest.mark.usefixtures("aloop")
class TestPlaybacks(PlaybackContract):
    """The loopback card's playing end."""

    plugin = plugin
    options = {"latency_ms": 80.0, "stalled_after_s": 5.0}

    def usable(self, driver: Any) -> Sequence[Device]:
        """One: a process takes seconds to start here."""
        return [one(driver, "snd_aloop.0-pcm0")]


@pytest.mark.usefixtures("aloop")
def test_where_nothing_resamples_sound_is_kept_bit_by_bit(mics: Any, speakers: Any) -> None:
    """What is recorded from the loopback card is what was played, sample for sample: a second and more of it, in runs
    of a tenth at least, for a slow machine's driver lets some of it fall."""
    noise = np.random.default_rng(1).integers(-32768, 32767, (48_000, 2), dtype=np.int16)
    tape, sink = Tape(noise), FakeSink()
    player = speakers.open(one(speakers, "snd_aloop.0-pcm0"), AudioFormat(48_000, 2))
    player.start(tape.fill, tape.errors.put)
    tape.play_on(5)
    capture = mics.open(one(mics, "snd_aloop.0-pcm1"), AudioFormat(48_000, 2))
    capture.start(sink)
    media = sink.wait(300, FIRST_S)
    capture.stop()
    player.stop()
    heard = np.concatenate([block.samples for block in media])  # type: ignore[union-attr]
    runs = _runs(heard, noise)
    print(f"{len(heard)} samples recorded; as they were played, in runs of {runs}")
    assert sum(run for run in runs if run >= 4_800) >= 48_000
    assert tape.errors.empty()


def _runs(heard: NDArray[np.int16], noise: NDArray[np.int16]) -> list[int]:
    """How many samples at a time follow each other as they do in the noise, which is played over and over."""
    where = {tuple(pair): place for place, pair in enumerate(noise.tolist())}
    places = [where.get(tuple(pair), -1) for pair in heard.tolist()]
    runs: list[int] = []
    for before, place in zip([-2, *places], places, strict=False):
        if place >= 0 and place == (before + 1) % len(noise) and runs:
            runs[-1] += 1
        elif place >= 0:
            runs.append(1)
    return runs


@pytest.mark.soak
@pytest.mark.usefixtures("aloop")
@pytest.mark.parametrize(("played", "wanted"), [(44_100, 48_000), (48_000, 44_100), (48_000, 16_000), (16_000, 48_000)])
def test_another_rate_than_the_devices_is_resampled(mics: Any, speakers: Any, played: int, wanted: int) -> None:
    """The loopback card runs at the rate of whoever opened it first; the tone is where it was, at the rate wanted."""
    tape, sink = Tape(tone(1000, played, 1)), FakeSink()
    player = speakers.open(one(speakers, "snd_aloop.0-pcm0"), AudioFormat(played, 1))
    assert player.format.rate == played
    player.start(tape.fill, tape.errors.put)
    tape.play_on(5)
    capture = mics.open(one(mics, "snd_aloop.0-pcm1"), AudioFormat(wanted, 1))
    capture.start(sink)
    media = sink.wait(150, FIRST_S)
    capture.stop()
    player.stop()
    assert {block.samples.shape for block in media} == {(wanted // 100, 1)}  # type: ignore[union-attr]
    heard = np.concatenate([block.samples for block in media])  # type: ignore[union-attr]
    assert capture.format.rate == wanted
    assert pitch(heard[len(heard) // 3 :], wanted) == pytest.approx(1000, abs=10)


@pytest.mark.soak
def test_a_card_that_plays_is_pulled_out_and_put_back(speakers: Any, usb_audio_card: UsbSoundCard) -> None:
    """The player ends with DeviceGone, its process is gone and turns no core; the same id comes back and plays."""
    changes: queue.Queue[DeviceChange] = queue.Queue()
    unwatch = speakers.watch(lambda change: "QEMU" in change.device.id and changes.put(change))
    usb_audio_card.plug()
    added = changes.get(timeout=FIRST_S)
    assert (added.change, added.device.state) == ("added", "ready")
    device = one(speakers, "QEMU_USB_Audio")
    assert added.device.id == device.id
    for turn in range(3):
        tape = Tape(tone(440, 48_000, 2))
        player = speakers.open(device, AudioFormat(48_000, 2))
        assert (player.format.rate, player.format.channels) == (48_000, 2)
        player.start(tape.fill, tape.errors.put)
        tape.play_on()
        pulled = time.monotonic()
        usb_audio_card.unplug()
        error = tape.errors.get(timeout=FIRST_S)
        took = time.monotonic() - pulled
        player.stop()
        assert isinstance(error, DeviceGone)
        assert children() == []
        removed = changes.get(timeout=FIRST_S)
        assert (removed.change, removed.device.id) == ("removed", device.id)
        with pytest.raises(DeviceGone):
            speakers.open(device, AudioFormat())
        usb_audio_card.plug()
        back = changes.get(timeout=FIRST_S)
        assert (back.change, back.device.id, back.device.state) == ("added", device.id, "ready")
        print(f"turn {turn}: gone was told {took:.2f} s after the plug was pulled; back as {back.device.address}")
    unwatch()


@pytest.mark.soak
@pytest.mark.usefixtures("aloop")
def test_a_new_card_is_used_while_another_plays(speakers: Any, usb_audio_card: UsbSoundCard) -> None:
    """PortAudio has listed its devices long ago; the running stream goes on, before, while and after."""
    tape, second = Tape(tone(440, 48_000, 2)), Tape(tone(440, 48_000, 2))
    player = speakers.open(one(speakers, "snd_aloop.0-pcm0"), AudioFormat(48_000, 2))
    player.start(tape.fill, tape.errors.put)
    tape.play_on()
    usb_audio_card.plug()
    other = speakers.open(one(speakers, "QEMU_USB_Audio"), AudioFormat(48_000, 2))
    other.start(second.fill, second.errors.put)
    second.play_on()
    tape.play_on()
    usb_audio_card.unplug()
    assert isinstance(second.errors.get(timeout=FIRST_S), DeviceGone)
    other.stop()
    tape.play_on()
    player.stop()
    assert tape.errors.empty()


@pytest.mark.soak
def test_a_card_that_another_program_holds_is_busy(speakers: Any, usb_audio_card: UsbSoundCard) -> None:
    """It is listed as busy, with the program's name; opening it says so; let go, it is ready and opens."""
    card = usb_audio_card.plug()
    device = one(speakers, "QEMU_USB_Audio")
    command = ["aplay", "-q", "-D", f"hw:{card}", "-f", "S16_LE", "-r", "48000", "-c", "2", "/dev/zero"]
    with subprocess.Popen(command) as holder:
        try:
            until = time.monotonic() + FIRST_S
            while (listed := one(speakers, "QEMU_USB_Audio")).state == "ready":
                assert time.monotonic() < until
                time.sleep(0.1)
            assert listed.state == "busy"
            assert f"aplay ({holder.pid})" in listed.note
            with pytest.raises(DeviceBusy, match="another program"):
                speakers.open(device, AudioFormat())
            assert any("aplay" in finding.found for finding in plugin.register_captures(OPTIONS)[0].diagnose())
        finally:
            holder.kill()
    tape = Tape(tone(440, 48_000, 2))
    player = speakers.open(device, AudioFormat(48_000, 2))
    player.start(tape.fill, tape.errors.put)
    tape.play_on()
    assert one(speakers, "QEMU_USB_Audio").state == "ready", "what we hold ourselves is not busy to us"
    player.stop()


@pytest.mark.soak
def test_a_card_pulled_out_while_it_is_being_opened_is_gone(speakers: Any, usb_audio_card: UsbSoundCard) -> None:
    """Opening ends with DeviceGone, or the player does; nothing hangs and nothing is left."""
    usb_audio_card.plug()
    device = one(speakers, "QEMU_USB_Audio")
    with subprocess.Popen(["sleep", "1.5"]) as alarm:
        import threading

        threading.Thread(target=lambda: (alarm.wait(), usb_audio_card.unplug()), daemon=True).start()
        tape = Tape(tone(440, 48_000, 2))
        try:
            player = speakers.open(device, AudioFormat(48_000, 2))
        except DeviceGone:
            pass
        else:
            player.start(tape.fill, tape.errors.put)
            assert isinstance(tape.errors.get(timeout=FIRST_S), DeviceGone)
            player.stop()
    while usb_audio_card.plugged:
        time.sleep(0.05)


class Drifting:
    """A loudspeaker on a loopback card whose clock is bent, and a source on the machine's own.

    Blocks are long, so that the emulated processor has ten a second to deal with.
    """

    block_ms = 100

    def __init__(self, rate_shift: int) -> None:
        words = "iface=PCM,name='PCM Rate Shift 100000',device=0,subdevice=0"
        subprocess.run(["amixer", "-q", "-c", "0", "cset", words, str(rate_shift)], check=True)
        self.mixer = Mixer(rate=48_000, channels=1, ready_ms=5 * self.block_ms, most_ms=20 * self.block_ms)
        self.source = self.mixer.add()
        self.tape = Tape(tone(1000, 48_000, 1))
        self.heard: list[NDArray[np.int16]] = []
        #: By block: whether sound ran out or was skipped in it.
        self.torn: list[bool] = []
        self._tears = (0, 0)
        self.errors: queue.SimpleQueue[CallError] = queue.SimpleQueue()
        self.delays: list[float] = []
        #: How often the source itself was late by more than what is kept ready, and for how long all was played.
        self.late, self.seconds = 0, 0.0
        speakers = plugin.register_playbacks(plugin.options(latency_ms=400.0, stalled_after_s=5.0))[0]
        self.player = speakers.open(one(speakers, "snd_aloop.0-pcm0"), AudioFormat(48_000, 1, self.block_ms))

    def fill(self, count: int) -> NDArray[np.int16]:
        """What the loudspeaker asks for."""
        self.heard.append(self.mixer.fill(count))
        tears = self.source.underruns, self.source.dropped_samples
        self.torn.append(tears != self._tears)
        self._tears = tears
        return self.heard[-1]

    def run(self, seconds: float) -> None:
        """The source pushes a block whenever one is over by the machine's clock, once the card has begun."""
        self.player.start(self.fill, self.errors.put)
        until = time.monotonic() + FIRST_S
        while not self.heard and time.monotonic() < until:
            time.sleep(0.01)
        started = last = time.monotonic()
        began, pushed = len(self.heard), 0
        while (now := time.monotonic()) - started < seconds:
            self.late += now - last > 4 * self.block_ms / 1000
            last = now
            while pushed * self.block_ms / 1000 <= now - started:
                self.source.push(AudioBlock(self.tape.fill(48 * self.block_ms)))
                pushed += 1
            self.delays.append(self.source.delay_ms)
            time.sleep(0.02)
        self.seconds = (len(self.heard) - began) * self.block_ms / 1000
        self.player.stop()

    def stretches(self) -> list[NDArray[np.int16]]:
        """What was heard between two tears; a stretch's first block fades in and is left out."""
        found: list[list[NDArray[np.int16]]] = [[]]
        for block, torn in zip(self.heard, self.torn, strict=True):
            if torn or not block.any():
                found.append([])
            else:
                found[-1].append(block)
        return [np.concatenate(each[1:])[:, 0] for each in found if len(each) > 2]

    def verdict(self) -> str:
        """How it went, for people."""
        half = self.delays[len(self.delays) // 2 :]
        return (
            f"{self.seconds:.1f} s played, {sum(map(len, self.stretches())) / 48_000:.1f} s of it in "
            f"{len(self.stretches())} stretches; delay {min(half):.0f} to {max(half):.0f} ms, "
            f"drift {self.source.drift_ppm:.0f} ppm, {self.source.underruns} times empty, "
            f"{self.source.dropped_samples} dropped; {self.player.underruns} gaps of the card, source late {self.late} "
            f"times; worst bend {max(map(bend, self.stretches()), default=0):.2f} of the tone's own"
        )


def bend(heard: NDArray[np.int16]) -> float:
    """The sharpest bend in what was heard, as a multiple of the tone's own."""
    bends = np.abs(np.diff(heard.astype(np.int32), 2))
    return float((bends.max() - 3) / (8000 * (2 * np.pi * 1000 / 48_000) ** 2))


def _drift(seconds: float) -> None:
    """No step within any stretch, ever; delay and gaps where the emulated card kept the pace of a clock at all."""
    call = Drifting(100_020)
    call.run(seconds)
    print(call.verdict())
    assert call.errors.empty()
    assert call.stretches(), "nothing was heard for three blocks on end"
    assert all(bend(stretch) < 1.1 for stretch in call.stretches())
    if call.seconds < seconds * 0.97:
        pytest.skip(
            f"delay and gaps on two clocks: emulation played {call.seconds:.1f} s in {seconds:g} s (no step was heard "
            "in them). To run it: a quiet machine"
        )
    assert call.source.underruns <= call.player.underruns + call.late
    assert call.source.dropped_samples == 0
    assert sorted(call.delays)[len(call.delays) * 19 // 20] < 1000  # in the rest emulation may have stood still


@pytest.mark.soak
@pytest.mark.usefixtures("aloop")
@pytest.mark.needs("alsa-utils")
def test_a_loudspeaker_on_another_clock() -> None:
    """A quarter of a minute at 200 ppm: no step is heard, and the delay stays within bounds."""
    _drift(15)


@pytest.mark.soak
@pytest.mark.timeout(1200)
@pytest.mark.usefixtures("aloop")
@pytest.mark.needs("alsa-utils")
def test_ten_minutes_of_a_loudspeaker_on_another_clock() -> None:
    """The same, for ten minutes."""
    _drift(600)


@contextmanager
def nobody() -> Iterator[None]:
    """This process is a user's who is in no group."""
    groups = os.getgroups()
    os.setgroups([])
    os.setresgid(65534, 65534, 0)
    os.setresuid(65534, 65534, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)
        os.setresgid(0, 0, 0)
        os.setgroups(groups)


def test_a_user_outside_group_audio_is_told(speakers: Any, mics: Any, usb_audio_card: UsbSoundCard) -> None:
    """Listed as denied, and an error for the doctor, with what to do; the card's group stands on its file."""
    usb_audio_card.plug()
    assert one(speakers, "QEMU_USB_Audio").state == "ready"
    with nobody():
        device, findings = one(speakers, "QEMU_USB_Audio"), mics.diagnose()
    assert device.state == "denied"
    assert "usermod -aG audio" in device.note
    assert [finding.key for finding in findings if finding.severity == "error"] == ["/dev/snd"]
