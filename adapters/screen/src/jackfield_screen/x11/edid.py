"""What a monitor says of itself: VESA E-EDID, section 3.4 (vendor and product) and 3.10.3 (descriptors)."""

from __future__ import annotations

from attrs import frozen

_HEADER = bytes.fromhex("00ffffffffffff00")
_DESCRIPTORS = (54, 72, 90, 108)
_NAME = 0xFC


@frozen
class Monitor:
    """A monitor: its maker's three letters, the number of the product, and the name on its frame, if it tells."""

    maker: str
    product: int
    name: str

    @property
    def mark(self) -> str:
        """What tells it from another at the same plug: ``DEL-U2720Q``."""
        return "-".join(filter(None, (self.maker, _plain(self.name) or f"{self.product:04x}")))


def parse(edid: bytes) -> Monitor | None:
    """The monitor, or None where there is no whole EDID."""
    if len(edid) < 128 or edid[:8] != _HEADER:
        return None
    packed = int.from_bytes(edid[8:10], "big")
    letters = [(packed >> shift & 31) + 64 for shift in (10, 5, 0)]
    maker = "".join(map(chr, letters)) if all(65 <= letter <= 90 for letter in letters) else ""
    return Monitor(maker, int.from_bytes(edid[10:12], "little"), _name(edid))


def _name(edid: bytes) -> str:
    for at in _DESCRIPTORS:
        if edid[at : at + 3] == b"\0\0\0" and edid[at + 3] == _NAME:
            return edid[at + 5 : at + 18].split(b"\n")[0].decode("ascii", "replace").strip()
    return ""


def _plain(name: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in name).strip("-")
