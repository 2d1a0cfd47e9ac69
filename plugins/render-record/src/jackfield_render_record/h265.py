"""H.265's decoder configuration record, which stands before a track's first frame (ISO/IEC 14496-15, 8.3.3)."""

from __future__ import annotations

from jackfield.media.h264 import nal_units
from jackfield.media.h265 import PPS, SPS, VPS, nal_type

_SETS = (VPS, SPS, PPS)
_COUNT_MAX, _SIZE_MAX = 0xFFFF, 0xFFFF
#: general_profile_space to general_level_idc, which a parameter set begins with behind its header and one more byte.
_PROFILE = 12


def configuration(annex_b: bytes) -> bytes | None:
    """The record with the parameter sets of this access unit, whose pictures are 4:2:0 with 8 bits (Main profile).

    None when it lacks them, or has more or longer ones than a record can hold.
    """
    found: dict[int, list[bytes]] = {kind: [] for kind in _SETS}
    for unit in nal_units(annex_b):
        if (kind := nal_type(unit[0])) in found:
            found[kind].append(unit)
    fits = all(len(units) <= _COUNT_MAX and all(len(unit) <= _SIZE_MAX for unit in units) for units in found.values())
    if not all(found.values()) or not fits:
        return None
    sps = found[SPS][0][2:].replace(b"\0\0\3", b"\0\0")
    if len(sps) < 1 + _PROFILE:
        return None
    layers, nested = (sps[0] >> 1 & 7) + 1, sps[0] & 1
    # No least segmentation, no parallelism told, 4:2:0, 8 bits and 8 bits, no frame rate; lengths of four bytes.
    head = b"\x01" + sps[1 : 1 + _PROFILE] + b"\xf0\x00\xfc\xfd\xf8\xf8\x00\x00"
    arrays = b"".join(_array(kind, found[kind]) for kind in _SETS)
    return head + bytes([layers << 3 | nested << 2 | 3, len(_SETS)]) + arrays


def _array(kind: int, units: list[bytes]) -> bytes:
    """All sets of one kind; the frames bring them along too, so that the array need not be complete."""
    return (
        bytes([kind]) + len(units).to_bytes(2, "big") + b"".join(len(unit).to_bytes(2, "big") + unit for unit in units)
    )
