"""H.265 byte streams (ITU-T H.265 annex B): NAL unit types, keyframes, parameter sets; nothing is decoded."""

from __future__ import annotations

import re

from jackfield.media.bits import Bits
from jackfield.media.h264 import START_CODE, nal_units

VPS, SPS, PPS, DELIMITER = 32, 33, 34, 35
#: Pictures at which decoding can begin: BLA, IDR and CRA (table 7-1; 22 and 23 are reserved for more of them).
INTRA = frozenset(range(16, 24))
#: Coded slices of every kind.
SLICES = frozenset(range(32))
_SETS = (VPS, SPS, PPS)
_STARTS = re.compile(b"\x00\x00\x01")
#: chroma_format_idc → luma samples that one chroma sample covers, across and down (table 6-1).
_CROP_UNITS = {0: (1, 1), 1: (2, 2), 2: (2, 1), 3: (1, 1)}


def nal_type(header: int) -> int:
    """The type in the first byte of a unit's header (7.3.1.2)."""
    return header >> 1 & 0x3F


def nal_types(data: bytes) -> list[int]:
    """The types of the NAL units, in order; looks at their first bytes alone."""
    ends = (match.end() for match in _STARTS.finditer(data))
    return [nal_type(data[end]) for end in ends if end < len(data)]


def frame_size(data: bytes) -> tuple[int, int] | None:
    """Width and height in an access unit's parameter set; None where it has none, or a damaged one."""
    for unit in nal_units(data):
        if nal_type(unit[0]) == SPS:
            try:
                return _size(unit)
            except ValueError:
                return None
    return None


def _size(unit: bytes) -> tuple[int, int]:
    """The cropped size that a sequence parameter set declares (7.3.2.2); `ValueError` when it is damaged."""
    bits = Bits.of_unit(unit, 2)
    bits.take(4)
    sub_layers = bits.take(3)
    bits.take(1)
    _skip_profile(bits, sub_layers)
    bits.golomb()  # its id
    chroma = bits.golomb()
    if chroma not in _CROP_UNITS:
        raise ValueError("an unknown sampling of colour")
    if chroma == 3 and bits.take(1):
        chroma = 0  # three planes, each by itself
    width, height = bits.golomb(), bits.golomb()
    left, right, top, bottom = (bits.golomb() for _ in range(4)) if bits.take(1) else (0, 0, 0, 0)
    across, down = _CROP_UNITS[chroma]
    width, height = width - (left + right) * across, height - (top + bottom) * down
    if width <= 0 or height <= 0:
        raise ValueError("a picture with nothing in it")
    return width, height


def _skip_profile(bits: Bits, sub_layers: int) -> None:
    """profile_tier_level (7.3.3): 88 bits of a profile, 8 of a level, for the whole and for each lower layer told."""
    bits.take(96)
    told = [(bits.take(1), bits.take(1)) for _ in range(sub_layers)]
    if sub_layers:
        bits.take(2 * (8 - sub_layers))
    for profile, level in told:
        bits.take(88 * profile + 8 * level)


class ParameterSets:
    """Puts the stream's parameter sets before every keyframe that comes without, so that each can be joined at.

    Used by one thread at a time.
    """

    def __init__(self, sets: bytes = b"") -> None:
        self._known: dict[int, bytes] = {}
        self._remember(sets)

    @property
    def lacking(self) -> str:
        """What was never seen, and no decoder does without: names joined by "and"; "" where all were."""
        names = {VPS: "VPS", SPS: "SPS", PPS: "PPS"}
        return " and ".join(names[kind] for kind in _SETS if kind not in self._known)

    def whole(self, unit: bytes) -> bytes:
        """The access unit, self-contained where it is a keyframe and its sets were seen."""
        types = nal_types(unit)
        if not set(_SETS).isdisjoint(types):
            self._remember(unit)
        if INTRA.isdisjoint(types) or set(_SETS) <= set(types):
            return unit
        # All of them, in their order: a set that comes twice is the same one again.
        return b"".join(self._known.get(kind, b"") for kind in _SETS) + unit

    def _remember(self, data: bytes) -> None:
        found: dict[int, bytes] = {}
        for unit in nal_units(data):
            kind = nal_type(unit[0])
            if kind in _SETS:
                found[kind] = found.get(kind, b"") + START_CODE + unit
        self._known |= found
