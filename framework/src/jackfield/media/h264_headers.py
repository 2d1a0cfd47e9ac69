"""Whether an H.264 stream can be decoded at all, told from its headers; no picture is decoded (ITU-T H.264, 7.3)."""

from __future__ import annotations

from jackfield.media.bits import Bits
from jackfield.media.h264 import IDR, PPS, SLICE, SPS, unit_starts
from jackfield.media.h264_sps import Sps

#: Macroblocks of a picture, and pixels along a side, that the highest level has (A.3.1, level 6.2).
_MACROBLOCKS_MAX, _SIDE_MAX = 139_264, 16_888
#: A header that matters lies within so many bytes of its unit; a parameter set may be longer.
_SLICE_HEADER, _SET = 16, 512
#: Slices that begin with a slice header; an IDR picture has those of types I and SI alone (7.4.3).
_SLICES, _INTRA = frozenset({SLICE, 2, IDR}), frozenset({2, 4, 7, 9})


class Headers:
    """Of one stream from its beginning: remembers which parameter sets came. Used by one thread at a time."""

    def __init__(self) -> None:
        self._sps: dict[int, Sps] = {}
        #: The id of each picture parameter set → that of the sequence parameter set it goes with.
        self._pps: dict[int, int] = {}
        #: The sequence parameter set that came last.
        self.newest: Sps | None = None

    def fault(self, unit: bytes) -> str:
        """Why nobody can decode this access unit, as the end of a sentence; "" where its headers hold. Looks at what
        stands before its first slice, and at that one's header."""
        at = -1
        for at in unit_starts(unit):
            kind = unit[at] & 0x1F
            if unit[at] & 0x80:
                return "its units have a first bit that no encoder sets"
            if kind in _SLICES:
                return self._of_slice(unit[at : at + _SLICE_HEADER], kind)
            if kind in (SPS, PPS) and (found := self._of_set(unit, at, kind)):
                return found
        return "" if at >= 0 else "it has no units in it"

    def _of_set(self, unit: bytes, at: int, kind: int) -> str:
        end = unit.find(b"\0\0\1", at, at + _SET)
        data = unit[at : end if end >= 0 else at + _SET]
        try:
            return self._sequence_set(Sps.parse(data)) if kind == SPS else self._picture_set(Bits.of_unit(data, 1))
        except ValueError as error:
            return f"its {'SPS' if kind == SPS else 'PPS'} cannot be read ({error})"

    def _sequence_set(self, sps: Sps) -> str:
        macroblocks = -(-sps.width // 16) * -(-sps.height // 16)
        if sps.id > 31 or max(sps.width, sps.height) > _SIDE_MAX or macroblocks > _MACROBLOCKS_MAX:
            return f"its SPS says pictures of {sps.width}x{sps.height}"
        self._sps[sps.id] = self.newest = sps
        return ""

    def _picture_set(self, bits: Bits) -> str:
        number, sequence = bits.golomb(), bits.golomb()
        if number > 255 or sequence > 31:
            return f"its PPS has the number {number}"
        self._pps[number] = sequence
        return ""

    def _of_slice(self, data: bytes, kind: int) -> str:
        try:
            bits = Bits.of_unit(data, 1)
            _, slice_type, number = bits.golomb(), bits.golomb(), bits.golomb()
        except ValueError:
            return "its slices have no header"
        if slice_type > 9 or (kind == IDR and slice_type not in _INTRA):
            return f"its slices are of the impossible type {slice_type}"
        if number not in self._pps:
            return f"its slices name PPS {number}, which it does not give"
        if self._pps[number] not in self._sps:
            return f"its PPS {number} names SPS {self._pps[number]}, which it does not give"
        return ""
