"""Sound cards on Linux: ids that last, names for people, who holds them, and whose they are."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from jackfield_sounddevice import cards as cards_module
from jackfield_sounddevice import listing, pulse
from jackfield_sounddevice.listing import LinuxMachine
from jackfield_sounddevice.options import Options
from jackfield_sounddevice.pulse import Stop
from jackfield_sounddevice.watching import differences

from jackfield.plugins.devices import Found, Wish
from jackfield.values.devices import Device
from jackfield.values.formats import AudioFormat
from tests.lab.sound_cards import SoundCards

STREAM = """Logitech C920 at usb-0000:00:14.0-1, high speed : USB Audio

Capture:
  Status: Stop
  Interface 3
    Altset 1
    Format: S16_LE
    Channels: 2
    Endpoint: 0x86 (6 IN) (ASYNC)
    Rates: 16000, 32000
    Bits: 16
"""


@pytest.fixture
def cards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SoundCards:
    """No card yet, and no sound server."""
    monkeypatch.setattr(pulse, "stops", lambda *_: ())
    return SoundCards(tmp_path / "root")


def machine(cards: SoundCards, *, library: bool = True, options: Options | None = None) -> LinuxMachine:
    return LinuxMachine(options or Options(), cards.root, library_is_there=lambda: library)


def devices(cards: SoundCards, **settings: object) -> list[Device]:
    """Those of cards, without ALSA's default."""
    found = [each.device for each in machine(cards, **settings).endpoints()]  # type: ignore[arg-type]
    return [device for device in found if device.id != "sounddevice:alsa-default"]


def test_a_card_is_known_by_its_serial_and_its_port(cards: SoundCards) -> None:
    """Pulled out and put back it has another number, and the same id."""
    cards.usb(1, serial="5F3A", port="1.4")
    (before,) = devices(cards)
    cards.remove(1)
    cards.usb(3, serial="5F3A", port="1.4")
    (after,) = devices(cards)
    assert before.id == after.id == "sounddevice:alsa-usb-046d_C920_5F3A@0000:00:14.0-1.4:1.0-pcm0"
    assert (before.address, after.address) == ("hw:1,0", "hw:3,0")
    assert after.bus == "usb-0000:00:14.0-1.4"
    assert (after.kind, after.label, after.state) == ("microphone", "C920", "ready")


def test_a_part_of_the_id_means_the_card_in_any_port(cards: SoundCards) -> None:
    """Whoever names the serial has the card wherever it is plugged in."""
    taken = []
    for number, port in ((0, "2"), (1, "1.4")):
        cards.usb(number, serial="5F3A", port=port)
        found = [Found(device, None, "sounddevice") for device in devices(cards)]
        granted, _ = Wish("microphone", found).grant("sounddevice:alsa-usb-046d_C920_5F3A")
        assert granted is not None
        taken.append(granted.device.address)
        cards.remove(number)
    assert taken == ["hw:0,0", "hw:1,0"]


def test_an_id_stays_when_another_card_of_the_same_serial_comes_and_goes(cards: SoundCards) -> None:
    """The one that runs is not told removed, and is opened by the id that it had alone."""
    cards.usb(0, serial="1", port="1")
    alone = {device.id: device for device in devices(cards)}
    cards.usb(1, serial="1", port="2")
    both = {device.id: device for device in devices(cards)}
    cards.remove(1)
    assert [(change.change, change.device.address) for change in differences(alone, both)] == [("added", "hw:1,0")]
    assert [device.id for device in devices(cards)] == list(alone)


def test_two_of_a_kind_with_one_serial_are_told_apart_by_their_ports(cards: SoundCards) -> None:
    """And so is one that has no serial."""
    cards.usb(0, serial="1", port="1")
    cards.usb(1, serial="1", port="2")
    cards.usb(2, product="Cheap mic", port="3")
    assert [device.id for device in devices(cards)] == [
        "sounddevice:alsa-usb-046d_C920_1@0000:00:14.0-1:1.0-pcm0",
        "sounddevice:alsa-usb-046d_C920_1@0000:00:14.0-2:1.0-pcm0",
        "sounddevice:alsa-usb-046d_Cheap_mic@0000:00:14.0-3:1.0-pcm0",
    ]


def test_a_card_on_the_board_has_both_directions_and_a_name_for_each_of_several(cards: SoundCards) -> None:
    """One PCM is called like its card; several are numbered; HDMI is not what somebody means by a loudspeaker."""
    cards.pci(0, pcms="0c 0p 3p", name="HDMI 0")
    found = {(device.kind, device.id.rpartition("-")[2]): device for device in devices(cards)}
    assert set(found) == {("microphone", "pcm0"), ("speaker", "pcm0"), ("speaker", "pcm3")}
    assert found["microphone", "pcm0"].label == "HDA Intel PCH"
    assert found["speaker", "pcm3"].label == "HDA Intel PCH: HDMI 0 3"
    assert found["speaker", "pcm3"].rank < found["microphone", "pcm0"].rank
    assert found["speaker", "pcm3"].id == "sounddevice:alsa-pci-0000:00:1f.3-pcm3"


def test_a_card_is_there_once_udev_has_dealt_with_it(cards: SoundCards) -> None:
    """Before that its file may not be ours to open; where there is no udev, nothing is waited for."""
    cards.usb(0, serial="A", port="1")
    cards.usb(1, serial="B", port="2")
    assert len(devices(cards)) == 2
    cards.udev(1)
    assert [device.address for device in devices(cards)] == ["hw:1,0"]


def test_a_card_that_somebody_holds_is_busy_and_says_who(cards: SoundCards) -> None:
    """The system default goes to another; what we hold ourselves is ready."""
    cards.usb(0, serial="A")
    cards.hold("0c", 4321)
    (device,) = devices(cards)
    assert (device.state, "arecord (4321)" in device.note) == ("busy", True)
    cards.hold("0c", os.getpid())
    listing.process._running.add(os.getpid())
    try:
        assert devices(cards)[0].state == "ready"
    finally:
        listing.process._running.discard(os.getpid())


def test_a_card_that_is_not_ours_to_open_says_what_to_do(cards: SoundCards, monkeypatch: pytest.MonkeyPatch) -> None:
    """Denied, with the group; and one error for `jackfield doctor`."""
    cards.usb(0, serial="A")
    monkeypatch.setattr(cards_module.os, "access", lambda *_: False)
    (device,) = devices(cards)
    assert device.state == "denied"
    assert "usermod -aG audio" in device.note
    (finding,) = machine(cards).findings()
    assert (finding.severity, finding.key) == ("error", "/dev/snd")
    assert "pcmC0D0c" in finding.found


def test_without_portaudio_every_card_says_so_and_doctor_once(cards: SoundCards) -> None:
    """With the command that brings it; where nothing is attached it is only a warning."""
    cards.usb(0, serial="A", pcms="0c 0p")
    found = devices(cards, library=False)
    assert {device.state for device in found} == {"unusable"}
    assert all("apt-get install libportaudio2" in device.note for device in found)
    (finding,) = machine(cards, library=False).findings()
    assert (finding.severity, finding.key, finding.fix) == (
        "error",
        "libportaudio",
        "apt-get install libportaudio2",
    )


def test_with_nothing_attached_doctor_says_so(cards: SoundCards) -> None:
    """A warning: whoever has no sound may want none."""
    assert devices(cards) == []
    (finding,) = machine(cards).findings()
    assert (finding.severity, finding.key) == ("warning", "sound cards")


def test_the_modes_of_a_usb_card_are_listed_without_opening_it(cards: SoundCards) -> None:
    """As the kernel has read them from its descriptors."""
    cards.usb(0, serial="A", pcms="0c 0p")
    cards.stream(0, STREAM)
    microphone, speaker = devices(cards)
    assert microphone.modes == (AudioFormat(16_000, 2), AudioFormat(32_000, 2))
    assert speaker.modes == ()


def test_names_of_alsas_own_configuration_are_listed_when_asked_for(cards: SoundCards) -> None:
    """`pcms` in the settings, as microphone and as loudspeaker."""
    found = machine(cards, options=Options(pcms=("studio",))).endpoints()
    assert [(each.device.id, each.device.kind) for each in found] == [
        ("sounddevice:alsa-studio", "microphone"),
        ("sounddevice:alsa-studio", "speaker"),
    ]
    assert {each.target.name for each in found} == {"studio"}


def test_of_one_device_by_two_ways_the_sound_servers_comes_first(
    cards: SoundCards, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is the same device by its bus; the server shares it with other programs; what it only hears ranks last."""
    cards.usb(0, serial="A", pcms="0c 0p", port="2")
    stops = [
        Stop("spk.monitor", "input", "Monitor of C920", 48_000, 2, is_monitor=True),
        Stop("alsa_input.usb-C920", "input", "C920 Mono", 48_000, 1, is_default=True, card=0, pcm=0),
        Stop("alsa_output.usb-C920", "output", "C920 Stereo", 44_100, 2, card=0, pcm=0),
    ]
    monkeypatch.setattr(pulse, "stops", lambda *_: stops)
    monkeypatch.setattr(listing, "pulse_plugin_is_there", lambda: True)
    ranked = sorted(devices(cards), key=lambda device: -device.rank)
    assert [device.id for device in ranked if device.kind == "microphone"] == [
        "sounddevice:pulse-alsa_input.usb-C920",
        "sounddevice:alsa-usb-046d_C920_A@0000:00:14.0-2:1.0-pcm0",
        "sounddevice:pulse-spk.monitor",
    ]
    assert {device.bus for device in ranked if "C920" in device.id} == {"usb-0000:00:14.0-2"}
    speaker = next(device for device in ranked if device.id == "sounddevice:pulse-alsa_output.usb-C920")
    assert speaker.modes == (AudioFormat(44_100, 2),)
