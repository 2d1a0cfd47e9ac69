"""What `jackfield doctor` says of sound here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from jackfield.values.findings import Finding
from jackfield_sounddevice import listing, pulse
from jackfield_sounddevice.border import GROUP_AUDIO, library_fix
from jackfield_sounddevice.cards import Pcm
from jackfield_sounddevice.endpoint import Endpoint


def on_linux(pcms: Sequence[Pcm], endpoints: Sequence[Endpoint], library_is_there: bool) -> list[Finding]:
    """The library, the cards and the rights to them, who holds them, and the way to the sound server."""
    return [*([] if library_is_there else _no_library(endpoints)), *_cards(pcms, endpoints), *_server()]


def _no_library(endpoints: Sequence[Endpoint]) -> Iterator[Finding]:
    found = "PortAudio is not installed, and microphones and loudspeakers are driven through it"
    yield Finding("error" if endpoints else "warning", "libportaudio", found, library_fix())


def _cards(pcms: Sequence[Pcm], endpoints: Sequence[Endpoint]) -> Iterator[Finding]:
    denied = [pcm.node for pcm in pcms if not pcm.allowed]
    if denied:
        yield Finding("error", "/dev/snd", f"{', '.join(denied)}: not yours to open", GROUP_AUDIO)
    for each in endpoints:
        if each.device.state == "busy":
            yield Finding("warning", each.device.address, f"{each.device.label}: {each.device.note}", "close it there")
    if not endpoints:
        found = "there is no sound card, and no sound server"
        fix = "attach one; in a container, pass /dev/snd (--device /dev/snd) or the sound server's socket"
        yield Finding("warning", "sound cards", found, fix)


def _server() -> Iterator[Finding]:
    if not pulse.is_there():
        return
    if not pulse.pactl():
        found = "a sound server is here, and pactl is not: what it shares cannot be listed"
        yield Finding("warning", "pactl", found, "apt-get install pulseaudio-utils")
    if not listing.pulse_plugin_is_there():
        found = "a sound server is here, and ALSA has no way to it"
        yield Finding("warning", "libasound2-plugins", found, "apt-get install libasound2-plugins")
