"""One thing that sound can be taken from or played to: the device as people see it, and how PortAudio gets at it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from attrs import field, frozen

from jackfield.values.devices import Device

Direction = Literal["input", "output"]
#: How the ids of what a sound server shares begin.
SERVED = "sounddevice:pulse-"


@frozen
class Target:
    """What a stream's process opens, and in what surroundings.

    With ``name`` "" it is PortAudio's default device: on Linux ``environment`` names an ALSA configuration that holds
    no other. ``rate`` is the device's own where it is known, and 0 where the process is to find out. ``node`` is the
    device file that vanishes when the device is pulled out.
    """

    name: str = ""
    host_api: str = ""
    rate: int = 0
    node: str = ""
    environment: Mapping[str, str] = field(factory=dict)


@frozen
class Endpoint:
    """A device in one direction, and how to open it."""

    device: Device
    direction: Direction
    target: Target
