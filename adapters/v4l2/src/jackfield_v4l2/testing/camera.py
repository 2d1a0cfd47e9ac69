"""A made-up camera: what it can, what it stands at, and what befalls it."""

from __future__ import annotations

from collections.abc import Callable

from attrs import define, field

from jackfield_v4l2 import structs
from jackfield_v4l2.structs import fourcc

#: Layout → size → rates.
Modes = dict[int, dict[tuple[int, int], tuple[int, ...]]]
_SIZES = {(640, 480): (30, 15), (1280, 720): (30, 15), (640, 360): (30, 15)}


@define(eq=False)
class FakeControl:
    """A control; ``menu`` by index, which may have holes."""

    number: int
    name: str
    type: int
    minimum: int = 0
    maximum: int = 0
    default: int = 0
    flags: int = 0
    menu: dict[int, str | int] = field(factory=dict)
    value: int = 0


def usual_controls() -> list[FakeControl]:
    """Brightness, automatic focus, exposure by menu, a button, and one that another governs."""
    return [
        FakeControl(0x980900, "Brightness", structs.CTRL_INTEGER, -64, 64, 0),
        FakeControl(0x98090C, "White Balance, Automatic", structs.CTRL_BOOLEAN, 0, 1, 1, value=1),
        FakeControl(0x980924, "Reset", structs.CTRL_BUTTON),
        FakeControl(
            0x9A0901,
            "Auto Exposure",
            structs.CTRL_MENU,
            0,
            3,
            3,
            menu={1: "Manual Mode", 3: "Aperture Priority"},
            value=3,
        ),
        FakeControl(
            0x9A0902, "Exposure Time, Absolute", structs.CTRL_INTEGER, 3, 2047, 250, structs.FLAG_INACTIVE, value=250
        ),
        FakeControl(
            0x9A0913, "Link Frequency", structs.CTRL_INTEGER_MENU, 0, 1, 0, menu={0: 30_000_000, 1: 60_000_000}
        ),
    ]


@define(eq=False)
class FakeCamera:
    """One camera. Its fields are its hardware and its fate; a test changes them while it runs."""

    address: str = "/dev/video0"
    card: str = "FakeCam HD: FakeCam HD"
    modes: Modes = field(factory=lambda: {fourcc("YUYV"): dict(_SIZES), fourcc("MJPG"): dict(_SIZES)})
    controls: list[FakeControl] = field(factory=usual_controls)
    multiplanar: bool = False
    pipeline: bool = False
    #: Octets that each row is longer than its pixels need.
    padding: int = 0
    #: An H.264 unit of this number answers extension queries; 0: none.
    unit: int = 0
    #: A driver whose instants are of an unknown clock.
    monotonic: bool = True

    plugged: bool = True
    denied: bool = False
    held_by: str = ""
    frozen: bool = False
    #: So many pictures from now on are flagged by the driver, cut short, or filled with garbage.
    flagged: int = 0
    cut: int = 0
    garbled: int = 0
    #: Errors by request: raised instead of an answer, once each.
    fails: dict[int, list[int]] = field(factory=dict)
    #: What each request is answered with blocks until this returns, as an unplugged device's driver may.
    before: Callable[[int], None] = field(default=lambda request: None)
    #: What pictures really measure, where that is not what was agreed.
    really: tuple[int, int] | None = None

    keyframes_forced: int = 0
    bitrates: list[int] = field(factory=list)
    sent: int = 0
    maps: int = 0

    def control(self, number: int) -> FakeControl | None:
        """The control of that number."""
        return next((each for each in self.controls if each.number == number), None)
