"""The keys of ``[processing]``."""

from __future__ import annotations

import re
from typing import Any, Literal

from attrs import Attribute, field, frozen, validators

#: Every camera.
ANY = "*"
_CROP = re.compile(r"(\d+)x(\d+)\+(\d+)\+(\d+)")


def _rotations(options: Any, attribute: Attribute[Any], value: dict[str, int]) -> None:
    wrong = {device: degrees for device, degrees in value.items() if degrees not in (0, 90, 180, 270)}
    if wrong:
        raise ValueError(f"{wrong} is no rotation; allowed are 0, 90, 180 and 270 degrees, clockwise")


def _crops(options: Any, attribute: Attribute[Any], value: dict[str, str]) -> None:
    for device, text in value.items():
        found = _CROP.fullmatch(text)
        if found is None or min(int(found[1]), int(found[2])) < 16:
            raise ValueError(f'{text!r} for {device} is no "WIDTHxHEIGHT+LEFT+TOP", 16 pixels or more each way')


@frozen
class Crop:
    """The part of a picture that stays, in pixels of the picture as the camera gives it."""

    width: int
    height: int
    left: int
    top: int

    def __str__(self) -> str:
        return f"{self.width}x{self.height}+{self.left}+{self.top}"

    def fits(self, width: int, height: int) -> bool:
        """Whether pictures of this size have all of it."""
        return self.left + self.width <= width and self.top + self.height <= height


@frozen(kw_only=True)
class Options:
    """How sound and pictures are changed. What is done to sound is switched by the call's settings."""

    #: How much noise is taken out: 6, 12, 18 or 21 dB.
    noise_suppression: Literal["low", "moderate", "high", "very-high"] = "moderate"
    #: The most that automatic gain makes a quiet voice louder, in dB.
    max_gain_db: float = field(default=30.0, validator=[validators.ge(0), validators.le(50)])
    #: Added to what automatic gain finds, in dB.
    fixed_gain_db: float = field(default=0.0, validator=[validators.ge(0), validators.le(40)])
    #: Microphones, by id, whose sound is left as it is.
    leave: tuple[str, ...] = ()
    #: Cameras, by id (``"*"``: every camera), and by how many degrees they are turned clockwise.
    rotate: dict[str, int] = field(factory=dict, validator=_rotations)
    #: Cameras, by id, and what stays of their pictures: ``"640x480+320+120"``, from the left and from the top.
    crop: dict[str, str] = field(factory=dict, validator=_crops)
    #: Cameras, by id, whose pictures are mirrored left to right.
    mirror: tuple[str, ...] = ()

    @property
    def framing(self) -> tuple[str, ...]:
        """What is done to pictures of some camera, in the order in which it is done."""
        asked = {"crop": self.crop, "rotate": self.rotate, "mirror": self.mirror}
        return tuple(what for what, of in asked.items() if of)

    def crop_of(self, device: str) -> Crop | None:
        """The part of this camera's pictures that stays."""
        found = _CROP.fullmatch(self.crop.get(device, self.crop.get(ANY, "")))
        return Crop(*map(int, found.groups())) if found else None

    def rotation_of(self, device: str) -> int:
        """By how many degrees this camera's pictures are turned."""
        return self.rotate.get(device, self.rotate.get(ANY, 0))

    def mirrors(self, device: str) -> bool:
        """Whether this camera's pictures are mirrored."""
        return device in self.mirror or ANY in self.mirror
