"""Where PortAudio's and the operating system's words become errors of ours."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from jackfield.values.devices import Device
from jackfield.values.errors import CallError, DeviceBusy, DeviceDenied, DeviceError, DeviceGone
from jackfield_sounddevice.endpoint import SERVED

GROUP_AUDIO = "add yourself to group audio (sudo usermod -aG audio $USER), then log in again"
_LIBRARY_FIX = {
    "linux": "apt-get install libportaudio2",
    "darwin": "brew install portaudio, or pip install --force-reinstall sounddevice",
    "win32": "pip install --force-reinstall sounddevice",
}


def library_fix() -> str:
    """The command that brings PortAudio here."""
    return _LIBRARY_FIX.get(sys.platform, _LIBRARY_FIX["linux"])


def error_of(found: Mapping[str, str], device: Device) -> CallError:
    """What a stream's process said went wrong, as an error about this device."""
    who, text = f"{device.label} ({device.id})", found.get("text", "")
    said = found.get("said", "").splitlines()
    because = f"{text}; ALSA says: {said[-1]}" if said else text
    details = {"device": device.id, "found": because}
    match found.get("kind"):
        case "gone":
            return DeviceGone(f"{who} is not plugged in any more: {text}", details=details)
        case "stalled":
            is_server = device.id.startswith(SERVED)
            fix = "see to the sound server, which may have ended" if is_server else "plug it in again"
            return DeviceGone(f"{who} gives and takes no more sound ({text}): {fix}", details=details)
        case "busy":
            return DeviceBusy(f"{who} is in use by another program: close that, and try again", details=details)
        case "denied":
            return DeviceDenied(f"{who} may not be opened by this user: {GROUP_AUDIO}", details=details)
        case "library":
            return DeviceError(f"PortAudio cannot be loaded ({text}): {library_fix()}", details=details)
        case "ended":
            return DeviceError(f"the process that drives {who} has ended: {text}; try again", details=details)
        case _:
            wrong = "it may be in use, or want another rate or another number of channels"
            return DeviceError(f"{who} could not be opened: {because}; {wrong}", details=details)
