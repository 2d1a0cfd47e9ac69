"""What this machine has: cards and a sound server on Linux, PortAudio's own list elsewhere."""

from __future__ import annotations

import ctypes.util
import glob
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Protocol

from attrs import evolve

from jackfield.values.devices import Device, DeviceState
from jackfield.values.findings import Finding
from jackfield.values.formats import AudioFormat
from jackfield_sounddevice import cards, process, pulse
from jackfield_sounddevice.border import GROUP_AUDIO, library_fix
from jackfield_sounddevice.cards import Pcm
from jackfield_sounddevice.endpoint import SERVED, Direction, Endpoint, Target
from jackfield_sounddevice.options import Options
from jackfield_sounddevice.watching import News

_HERE = Path(__file__).parent
_KINDS: Mapping[Direction, Any] = {"input": "microphone", "output": "speaker"}
#: The system's default, what a sound server shares, a card that is ours alone, one that a server shares as well,
#: a name of ALSA's, what is hardly meant (HDMI), and what only hears what is played: never taken unless it is named.
_DEFAULT, _SHARED, _CARD, _NAMED, _BEHIND, _UNLIKELY, _MONITOR = 60, 55, 50, 48, 45, 40, 0


class Machine(Protocol):
    """Where devices are found."""

    def endpoints(self) -> Sequence[Endpoint]:
        """What is there now. Opens nothing, and loads no PortAudio into this process."""

    def news(self) -> News:
        """What waits for something to come or go."""

    def findings(self) -> Sequence[Finding]:
        """What is missing here for sound."""


@cache
def _machine(options: Options) -> Machine:
    platform = sys.platform
    if platform.startswith("linux"):
        return LinuxMachine(options)
    from jackfield_sounddevice.elsewhere import PortAudioMachine

    return PortAudioMachine()


def this_machine(options: Options) -> Machine:
    """The machine that this runs on; one for both drivers."""
    return _machine(options)


_looked: dict[str, float] = {}


def library_is_there() -> bool:
    """Whether PortAudio is installed. It is looked for and not loaded; found once, it is believed to stay."""
    if "found" not in _looked and time.monotonic() - _looked.get("missed", -60.0) > 5.0:
        _looked["found" if ctypes.util.find_library("portaudio") else "missed"] = time.monotonic()
    return "found" in _looked


@cache
def _plugin_paths() -> tuple[str, ...]:
    folders = ("/usr/lib", "/usr/lib64", "/usr/lib/*-linux-*", "/usr/local/lib")
    return tuple(f"{folder}/alsa-lib/libasound_module_pcm_pulse.so" for folder in folders)


def pulse_plugin_is_there() -> bool:
    """Whether ALSA can speak to a sound server."""
    own = os.environ.get("ALSA_PLUGIN_DIR")
    paths = (f"{own}/libasound_module_pcm_pulse.so",) if own else _plugin_paths()
    return any(glob.glob(path) for path in paths)


class LinuxMachine:
    """Cards from sysfs, sources and sinks from the sound server, and the names that the options give."""

    def __init__(
        self, options: Options, root: Path = Path("/"), library_is_there: Callable[[], bool] = library_is_there
    ) -> None:
        self._options, self._root, self._library_is_there = options, root, library_is_there

    def endpoints(self) -> Sequence[Endpoint]:
        """Hardware first, then the server's, then ALSA's names."""
        pcms = cards.pcms(self._root)
        stops = pulse.stops()
        found = [
            *(self._of_card(pcm, behind=bool(stops)) for pcm in pcms),
            *(_of_server(stop, pcms) for stop in stops),
            *(_of_name(name, way) for name in self._names(pcms, bool(stops)) for way in _KINDS),
        ]
        if self._library_is_there():
            return found
        note = f"PortAudio is not installed: {library_fix()}"
        return [evolve(each, device=evolve(each.device, state="unusable", note=note)) for each in found]

    def news(self) -> News:
        """udev, the sound server, and a look every two seconds."""
        from jackfield_sounddevice.linux_news import LinuxNews

        return LinuxNews(self._root)

    def findings(self) -> Sequence[Finding]:
        """The library, the rights, the cards, and the way to the sound server."""
        from jackfield_sounddevice.findings import on_linux

        return on_linux(cards.pcms(self._root), self.endpoints(), self._library_is_there())

    def _names(self, pcms: Sequence[Pcm], served: bool) -> Sequence[str]:
        """ALSA's default is listed where it is a way of its own: to shared cards, with no server."""
        usual = ["default"] if not served and any(pcm.allowed for pcm in pcms) else []
        return list(dict.fromkeys([*usual, *self._options.pcms]))

    def _of_card(self, pcm: Pcm, *, behind: bool) -> Endpoint:
        rates, channels = cards.rates(pcm, self._root)
        state, note = self._state(pcm)
        device = Device(
            f"sounddevice:alsa-{pcm.identity}",
            _KINDS[pcm.direction],
            pcm.label,
            f"hw:{pcm.card},{pcm.number}",
            pcm.bus,
            tuple(AudioFormat(rate, count) for rate in rates for count in channels if count <= 2),
            state,
            note,
            _card_rank(pcm, behind),
            clean="snd_aloop" in pcm.identity,
        )
        names = {"JACKFIELD_ALSA_CARD": str(pcm.card), "JACKFIELD_ALSA_DEVICE": str(pcm.number)}
        environment = {"ALSA_CONFIG_PATH": str(_HERE / "alsa/card.conf"), **names}
        return Endpoint(device, pcm.direction, Target(node=pcm.node, environment=environment))

    def _state(self, pcm: Pcm) -> tuple[DeviceState, str]:
        if not pcm.allowed:
            return "denied", f"{pcm.node} is not yours to open: {GROUP_AUDIO}"
        if pcm.owner and not process.is_own(cards.process_of(pcm.owner, self._root)):
            holder = cards.process_name(pcm.owner, self._root)
            return "busy", f"in use by {holder} ({pcm.owner}): close that, or take the device from the sound server"
        return "ready", ""


def _card_rank(pcm: Pcm, behind: bool) -> int:
    if "snd_aloop" in pcm.identity:
        return _MONITOR
    if "hdmi" in pcm.label.casefold():
        return _UNLIKELY
    return (_BEHIND if behind else _CARD) + (pcm.card == 0)


def _of_server(stop: pulse.Stop, pcms: Sequence[Pcm]) -> Endpoint:
    numbers = (stop.card, stop.pcm, stop.direction)
    bus = next((pcm.bus for pcm in pcms if (pcm.card, pcm.number, pcm.direction) == numbers), "")
    rank = _MONITOR if stop.is_monitor else _DEFAULT if stop.is_default else _SHARED
    device = Device(
        f"{SERVED}{stop.name}",
        _KINDS[stop.direction],
        stop.label,
        stop.name,
        bus,
        (AudioFormat(stop.rate, min(stop.channels, 2)),),
        "ready" if pulse_plugin_is_there() else "unusable",
        "" if pulse_plugin_is_there() else "ALSA has no way to the sound server: apt-get install libasound2-plugins",
        rank=rank,
        clean=stop.is_monitor,
    )
    environment = {"ALSA_CONFIG_PATH": str(_HERE / "alsa/pulse.conf"), "JACKFIELD_PULSE": stop.name}
    return Endpoint(device, stop.direction, Target(rate=stop.rate, environment=environment))


def _of_name(name: str, direction: Direction) -> Endpoint:
    label = "ALSA's default" if name == "default" else f"{name} (ALSA)"
    rank = _NAMED if name != "default" else _BEHIND + 1
    device = Device(f"sounddevice:alsa-{name}", _KINDS[direction], label, name, rank=rank)
    return Endpoint(device, direction, Target(name=name, host_api="ALSA"))
