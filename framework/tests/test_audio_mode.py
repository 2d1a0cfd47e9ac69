"""Which loudspeaker is which: told from what devices say of themselves."""

from __future__ import annotations

import pytest

from jackfield.session.audio_mode import mode_of, speaker_for
from jackfield.values.devices import Device
from jackfield.values.errors import DeviceGone
from jackfield.values.settings import AudioMode


def speaker(label: str, *, id: str = "sounddevice:x", rank: int = 50, **more: str) -> Device:
    return Device(id, "speaker", label, rank=rank, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("device", "mode"),
    [
        (speaker("Built-in Audio Analog Stereo"), AudioMode.SPEAKER),
        (speaker("HDA NVidia, HDMI 0"), AudioMode.SPEAKER),
        (speaker("Denon AV Receiver"), AudioMode.SPEAKER),
        (speaker("Jabra Evolve2 Headset Mono"), AudioMode.HEADPHONES),
        (speaker("Headphones (Realtek)"), AudioMode.HEADPHONES),
        (speaker("bcm2835 Headphones"), AudioMode.HEADPHONES),
        (speaker("WH-1000XM4", id="sounddevice:pulse-bluez_output.AC_80_0A"), AudioMode.BLUETOOTH),
        (speaker("Ada's AirPods Pro"), AudioMode.BLUETOOTH),
        (speaker("Speakers", bus="bluetooth"), AudioMode.BLUETOOTH),
        (speaker("Earpiece"), AudioMode.EARPIECE),
    ],
)
def test_a_label_tells_the_kind(device: Device, mode: AudioMode) -> None:
    """As PipeWire, ALSA, CoreAudio and Windows write them."""
    assert mode_of(device) is mode


def test_the_best_that_is_ready_is_taken() -> None:
    """One that is not there for us is none; where there is none, what there is instead is named with its kind."""
    busy = speaker("Headset, busy", id="a:busy", rank=60, state="busy")
    there = [speaker("Monitor"), speaker("Headphones", id="a:good", rank=55), speaker("Headset", id="a:less"), busy]
    assert speaker_for(AudioMode.HEADPHONES, there).id == "a:good"
    with pytest.raises(DeviceGone, match=r"no loudspeaker here is BLUETOOTH; there is Monitor \(SPEAKER\), Headphones"):
        speaker_for(AudioMode.BLUETOOTH, there)
    with pytest.raises(DeviceGone, match="no loudspeaker at all"):
        speaker_for(AudioMode.SPEAKER, ())
