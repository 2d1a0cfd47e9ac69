"""What an H.264 sequence parameter set says of its stream: profile, level, size (ITU-T H.264, 7.3.2.1 and E.1)."""

from __future__ import annotations

from typing import Self

from attrs import frozen

from jackfield.media.bits import Bits

#: Profiles whose parameter sets say how colour is sampled; the others' pictures are 4:2:0.
_SAYS_CHROMA = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})
#: chroma_format_idc → luma samples that one chroma sample covers, across and down.
_CROP_UNITS = {0: (1, 1), 1: (2, 2), 2: (2, 1), 3: (1, 1)}
_MACROBLOCK = 16


#: profile_idc → what every browser decodes, by the names of ITU-T H.264 annex A; pictures of 4:2:0 and 8 bits.
_IN_BROWSERS = {66: "Baseline", 77: "Main", 100: "High"}
_ELSEWHERE = {88: "Extended", 110: "High 10", 122: "High 4:2:2", 244: "High 4:4:4 Predictive", 44: "CAVLC 4:4:4 Intra"}


@frozen
class Sps:
    """A sequence parameter set, as far as it matters to whoever sends the stream on; the size is the cropped one."""

    profile_idc: int
    #: The byte of constraint_set flags.
    constraints: int
    level_idc: int
    width: int
    height: int
    #: By which picture parameter sets name it.
    id: int = 0

    @property
    def profile(self) -> str:
        """The profile's name."""
        constrained = "Constrained " if self.profile_idc == 66 and self.constraints & 0x40 else ""
        known = _IN_BROWSERS | _ELSEWHERE
        return constrained + known.get(self.profile_idc, f"profile {self.profile_idc}")

    @property
    def profile_level_id(self) -> str:
        """Six hexadecimal digits, as ``profile-level-id`` of RFC 6184 section 8.1."""
        return f"{self.profile_idc:02x}{self.constraints:02x}{self.level_idc:02x}"

    @property
    def is_for_browsers(self) -> bool:
        """Whether browsers decode this profile: 4:2:0 with 8 bits, Baseline, Main or High."""
        return self.profile_idc in _IN_BROWSERS

    @classmethod
    def parse(cls, unit: bytes) -> Self:
        """What the NAL unit, its header included, declares; `ValueError` when it is damaged."""
        bits = Bits.of_unit(unit, 1)
        profile, constraints, level = bits.take(8), bits.take(8), bits.take(8)
        number = bits.golomb()
        width, height = _size(bits, profile)
        return cls(profile, constraints, level, width, height, number)


def _size(bits: Bits, profile: int) -> tuple[int, int]:
    chroma = _chroma(bits) if profile in _SAYS_CHROMA else 1
    bits.golomb()  # bits of a frame number
    _skip_order(bits)
    bits.golomb()  # reference frames
    bits.take(1)
    across, down = bits.golomb() + 1, bits.golomb() + 1
    fields = 2 - bits.take(1)
    bits.take(1 if fields == 1 else 2)
    left, right, top, bottom = (bits.golomb() for _ in range(4)) if bits.take(1) else (0, 0, 0, 0)
    unit_x, unit_y = _CROP_UNITS[chroma]
    width = across * _MACROBLOCK - (left + right) * unit_x
    height = down * _MACROBLOCK * fields - (top + bottom) * unit_y * fields
    if width <= 0 or height <= 0:
        raise ValueError("a picture with nothing in it")
    return width, height


def _chroma(bits: Bits) -> int:
    """How colour is sampled; what stands between it and the size is read over."""
    found = bits.golomb()
    if found not in _CROP_UNITS:
        raise ValueError("an unknown sampling of colour")
    separate = found == 3 and bool(bits.take(1))
    bits.golomb()
    bits.golomb()
    bits.take(1)
    if bits.take(1):
        for index in range(12 if found == 3 else 8):
            if bits.take(1):
                _skip_scaling(bits, 16 if index < 6 else 64)
    return 0 if separate else found


def _skip_scaling(bits: Bits, count: int) -> None:
    last = following = 8
    for _ in range(count):
        if following:
            following = (last + bits.signed()) % 256
        last = following or last


def _skip_order(bits: Bits) -> None:
    """The order in which pictures are shown."""
    kind = bits.golomb()
    if kind == 0:
        bits.golomb()
    elif kind == 1:
        bits.take(1)
        bits.signed()
        bits.signed()
        for _ in range(min(bits.golomb(), 255)):
            bits.signed()
