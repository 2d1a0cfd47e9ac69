"""H.264 from Annex B, as it crosses the network, to what Matroska holds (ISO/IEC 14496-15)."""

from __future__ import annotations

from collections.abc import Sequence

from jackfield.media.h264 import PPS, SPS, nal_units

#: What the record's counts and lengths can say.
_SPS_MAX, _PPS_MAX, _SIZE_MAX = 31, 255, 0xFFFF


def length_prefixed(annex_b: bytes) -> bytes:
    """The access unit with a length of four bytes before each NAL unit, in place of start codes."""
    return b"".join(len(unit).to_bytes(4, "big") + unit for unit in nal_units(annex_b))


def configuration(annex_b: bytes) -> bytes | None:
    """The decoder configuration record with the parameter sets of this access unit.

    None when it lacks them, or has more or longer ones than a record can hold.
    """
    found = list(nal_units(annex_b))
    sps = [unit for unit in found if unit[0] & 31 == SPS and len(unit) >= 4]
    pps = [unit for unit in found if unit[0] & 31 == PPS]
    fits = len(sps) <= _SPS_MAX and len(pps) <= _PPS_MAX and all(len(each) <= _SIZE_MAX for each in (*sps, *pps))
    if not sps or not pps or not fits:
        return None
    return b"\x01" + sps[0][1:4] + b"\xff" + _counted(sps, 0xE0) + _counted(pps, 0)


def _counted(sets: Sequence[bytes], reserved: int) -> bytes:
    return bytes([reserved | len(sets)]) + b"".join(len(each).to_bytes(2, "big") + each for each in sets)
