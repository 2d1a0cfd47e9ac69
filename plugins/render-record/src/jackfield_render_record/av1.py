"""AV1 as Matroska holds it (AOM "AV1 in Matroska", and the ``av1C`` of "AV1 in ISOBMFF", section 2.3)."""

from __future__ import annotations

from jackfield.media.av1 import DELIMITER, sequence_header, sized

#: Version 1, behind a marker bit.
_VERSION = 0x81
#: Eight bits and 4:2:0, as calls carry them: chroma is halved across and down.
_SUBSAMPLED = 0x0C


def configuration(data: bytes) -> bytes | None:
    """The ``av1C`` record of a stream that begins with this temporal unit; None where it has no sequence header."""
    header = sequence_header(data)
    if header is None:
        return None
    level = header.profile << 5 | header.level_idx
    return bytes([_VERSION, level, header.tier << 7 | _SUBSAMPLED, 0]) + sized(header.obu)


def without_delimiter(data: bytes) -> bytes:
    """The temporal unit as a block holds it."""
    return data.removeprefix(DELIMITER)
