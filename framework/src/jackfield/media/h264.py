"""H.264 byte streams (ITU-T H.264 annex B): NAL units, access units, parameter sets; nothing is decoded."""

from __future__ import annotations

import re
from collections.abc import Iterator

from jackfield.media.h264_sps import Sps

SLICE, IDR, SEI, SPS, PPS, DELIMITER = 1, 5, 6, 7, 8, 9
START_CODE = b"\x00\x00\x00\x01"
#: An access unit that grows beyond this is no picture: it is dropped, and the stream is taken up at the next start.
LONGEST = 8 << 20
_START = b"\x00\x00\x01"
_STARTS = re.compile(_START)
#: Begins a parameter set or a slice of an IDR picture, which most access units have none of.
_JOINABLE = re.compile(
    _START + b"[" + b"".join(re.escape(bytes([byte])) for byte in range(256) if byte & 0x1F in (IDR, SPS, PPS)) + b"]"
)
#: Types that begin another access unit once a slice was seen (7.4.1.2.3).
_BEGIN = frozenset({SEI, SPS, PPS, DELIMITER, 14, 15, 16, 17, 18})
#: Slices that say which macroblock they begin with; a picture's first begins with macroblock 0.
_SLICES = frozenset({SLICE, 2, IDR})


def nal_units(data: bytes, *, whole: bool = False) -> Iterator[bytes]:
    """The NAL units of an Annex B byte stream, start codes and trailing zeros taken off; with ``whole`` the last unit
    keeps its zeros, which are part of it where it is encrypted."""
    starts = [match.end() for match in _STARTS.finditer(data)]
    for index, start in enumerate(starts):
        end = starts[index + 1] - 3 if index + 1 < len(starts) else len(data)
        is_last = index + 1 == len(starts)
        unit = data[start:end] if whole and is_last else data[start:end].rstrip(b"\0")
        if unit:
            yield unit


def unit_starts(data: bytes) -> Iterator[int]:
    """Where each NAL unit begins, behind its start code."""
    return (match.end() for match in _STARTS.finditer(data) if match.end() < len(data))


def nal_types(data: bytes) -> list[int]:
    """The types of the NAL units, in order; looks at their first bytes alone."""
    return [data[start] & 0x1F for start in unit_starts(data)]


def is_keyframe(data: bytes) -> bool:
    """Whether an access unit is an IDR picture."""
    return IDR in nal_types(data)


def sps_of(data: bytes) -> Sps | None:
    """The sequence parameter set in an access unit; None where it has none, or a damaged one."""
    for unit in nal_units(data):
        if unit[0] & 0x1F == SPS:
            try:
                return Sps.parse(unit)
            except ValueError:
                return None
    return None


def annexb(data: bytes, length_size: int = 4) -> bytes:
    """Units that stand behind their length (ISO/IEC 14496-15) with start codes instead; one cut short is left out."""
    out = bytearray()
    at = 0
    while at + length_size <= len(data):
        end = at + length_size + int.from_bytes(data[at : at + length_size], "big")
        if end > len(data):
            break
        if end > at + length_size:
            out += START_CODE + data[at + length_size : end]
        at = end
    return bytes(out)


class ParameterSets:
    """Puts the stream's parameter sets before every IDR picture that comes without, so that each can be joined at.

    Used by one thread at a time.
    """

    def __init__(self, sets: bytes = b"") -> None:
        self._sps = self._pps = b""
        self._remember(sets)

    @property
    def lacking(self) -> str:
        """What was never seen, and no decoder does without: "SPS", "PPS", "SPS and PPS"; "" where both were."""
        return " and ".join(name for name, known in (("SPS", self._sps), ("PPS", self._pps)) if not known)

    def whole(self, unit: bytes) -> bytes:
        """The access unit, self-contained where it is an IDR picture and its sets were seen."""
        if _JOINABLE.search(unit) is None:
            return unit
        types = nal_types(unit)
        if SPS in types or PPS in types:
            self._remember(unit)
        if IDR not in types or (SPS in types and PPS in types):
            return unit
        lacking = (b"" if SPS in types else self._sps) + (b"" if PPS in types else self._pps)
        return _after_delimiter(unit, lacking) if lacking else unit

    def _remember(self, unit: bytes) -> None:
        found = list(nal_units(unit))
        sps, pps = (b"".join(START_CODE + each for each in found if each[0] & 0x1F == kind) for kind in (SPS, PPS))
        self._sps, self._pps = sps or self._sps, pps or self._pps


def _after_delimiter(unit: bytes, sets: bytes) -> bytes:
    first = next(nal_units(unit))
    if first[0] & 0x1F != DELIMITER:
        return sets + unit
    end = unit.index(first) + len(first)
    return unit[:end] + sets + unit[end:]


class AccessUnits:
    """Cuts a byte stream that comes in pieces of any size into access units, each with its start codes.

    A unit is known to be whole when the next begins; whoever reads a live stream calls `flush` when it falls silent
    between two pictures, and waits for none. Never raises; holds `LONGEST` bytes at most. Used by one thread at a time.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        #: Where the search for start codes goes on, where this unit ends if it is found to, whether it has a slice.
        self._at = 0
        self._has_slice = False
        self.dropped = 0

    def push(self, data: bytes) -> list[bytes]:
        """The access units that these bytes complete."""
        self._buffer += data
        found = []
        while (cut := self._boundary()) is not None:
            found.append(self._take(cut))
        if len(self._buffer) > LONGEST:
            self.dropped += 1
            self._take(len(self._buffer))
        return [unit for unit in found if unit]

    def flush(self) -> bytes:
        """What is there, as the access unit that it is when nothing follows; empty before its first slice."""
        return self._take(len(self._buffer)) if self._has_slice else b""

    def _boundary(self) -> int | None:
        """Where the next unit begins, once this one has a slice; None while that has not come."""
        while True:
            start = self._buffer.find(_START, self._at)
            # the byte after the header tells whether a slice is a picture's first
            if start < 0 or start + 4 >= len(self._buffer):
                if start < 0:
                    self._at = max(self._at, len(self._buffer) - 2)
                return None
            kind, following = self._buffer[start + 3] & 0x1F, self._buffer[start + 4]
            is_slice = kind in _SLICES
            if self._has_slice and (kind in _BEGIN or (is_slice and following & 0x80)):
                return start - 1 if start and self._buffer[start - 1] == 0 else start
            self._has_slice |= is_slice
            self._at = start + 3

    def _take(self, end: int) -> bytes:
        unit = bytes(self._buffer[:end])
        del self._buffer[:end]
        self._at, self._has_slice = 0, False
        first = unit.find(_START)
        return unit[max(0, first - 1) if first and unit[first - 1] == 0 else first :] if first >= 0 else b""
