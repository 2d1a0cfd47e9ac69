"""A device: who it is for good, where it is now, and what it can do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from attrs import frozen

from jackfield.values.formats import MediaFormat

DeviceKind = Literal["camera", "microphone", "speaker", "screen"]
DeviceState = Literal["ready", "busy", "denied", "gone", "unusable"]

#: Made-up devices have lower ranks: nobody who lost a microphone wants a test tone instead.
LEAST_RANK = 10


@frozen
class Device:
    """One camera, microphone, loudspeaker or screen.

    ``id`` lasts across reboots and re-plugging and begins with its plugin's name and a colon
    (``v4l2:usb-046d_C920_5F3A``); ``label`` is for people; ``address`` is of the moment (``/dev/video2``).
    ``note`` says why a device is not ``ready``, and what to do.
    """

    id: str
    kind: DeviceKind
    label: str
    address: str = ""
    bus: str = ""
    modes: tuple[MediaFormat, ...] = ()
    state: DeviceState = "ready"
    note: str = ""
    #: Higher is taken first when nobody named a device; hardware 50 and more, made-up media below 10; 0 is taken only
    #: where it is named. Of several ways of one plugin to one ``bus``, a wish that fits them all means the highest.
    rank: int = 50
    facing: Literal["front", "rear", ""] = ""
    #: A microphone whose sound is meant to be sent as it is: made up, a line, or processed by the device itself.
    clean: bool = False

    @property
    def plugin(self) -> str:
        """The plugin that drives it: the id up to the first colon."""
        return self.id.partition(":")[0]


@frozen
class DeviceChange:
    """What hot-plug watching reports: ``device`` was added, removed, or changed its state or modes."""

    change: Literal["added", "removed", "changed"]
    device: Device


#: How a device is asked for: an id, a label, an address or a part of one; a device itself; several in order; the best.
DeviceRequest = str | Device | Sequence[str | Device] | None


def wish_of(wish: DeviceRequest) -> str | Sequence[str] | None:
    """The same with each device by its id. What is no wish goes through: whoever grants it says so."""
    if isinstance(wish, list | tuple):
        return [each.id if isinstance(each, Device) else each for each in wish]
    return wish.id if isinstance(wish, Device) else wish  # type: ignore[return-value]
