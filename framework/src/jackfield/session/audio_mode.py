"""Which loudspeaker is SPEAKER, EARPIECE, BLUETOOTH or HEADPHONES, told from what devices say of themselves."""

from __future__ import annotations

import re
from collections.abc import Iterable

from jackfield.values.devices import Device
from jackfield.values.errors import DeviceGone
from jackfield.values.settings import AudioMode

_WORDS = {
    AudioMode.BLUETOOTH: re.compile(r"blue\s?tooth|bluez|airpods|hands-?free|a2dp", re.IGNORECASE),
    AudioMode.HEADPHONES: re.compile(r"head\s?(phone|set)|ear\s?(phone|bud|pod)", re.IGNORECASE),
    AudioMode.EARPIECE: re.compile(r"earpiece|handset", re.IGNORECASE),
}


def mode_of(device: Device) -> AudioMode:
    """The kind of loudspeaker that this one is; SPEAKER where nothing says otherwise."""
    said = f"{device.label} {device.bus} {device.id}"
    return next((mode for mode, words in _WORDS.items() if words.search(said)), AudioMode.SPEAKER)


def speaker_for(mode: AudioMode, devices: Iterable[Device]) -> Device:
    """The best one of this kind that is ready; `DeviceGone` says what there is instead."""
    ready = [device for device in devices if device.kind == "speaker" and device.state == "ready"]
    fitting = [device for device in ready if mode_of(device) is mode]
    if fitting:
        return max(fitting, key=lambda device: device.rank)
    there = ", ".join(f"{device.label} ({mode_of(device)})" for device in ready) or "no loudspeaker at all"
    raise DeviceGone(f"no loudspeaker here is {mode}; there is {there}: name one with set_speaker")
