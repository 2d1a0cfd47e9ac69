"""A counter and a clock in the picture, as blocks large enough to survive encoding and scaling.

Thirteen bytes: which card, a counter, the time in microseconds, and a CRC-16. They stand in a grid of 26 by 4 cells in
the lower part of the picture, each a 32nd of its width and a 20th of its height, black for 0 and white for 1.
"""

from __future__ import annotations

import binascii
import struct
from typing import TYPE_CHECKING

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from jackfield.values.media import VideoFrame

if TYPE_CHECKING:
    import av

COLUMNS, ROWS = 26, 4
_BLACK, _WHITE = 28, 216
_LEFT, _TOP = 3, 15
#: A picture whose cells differ by less than this carries no barcode.
_LEAST_CONTRAST = 60
#: Where in a cell the reader looks: away from its edges, which encoders blur.
_INSIDE = (0.3, 0.5, 0.7)
_LUMA_FIRST = frozenset({"yuv420p", "yuvj420p", "nv12", "nv21", "yuv422p", "yuvj422p", "yuv444p", "gray"})


@frozen
class Reading:
    """What a picture says: the card that made it, its counter, and when (``monotonic_ns`` there, to a microsecond)."""

    card: int
    counter: int
    time_ns: int


def luma(picture: av.VideoFrame) -> NDArray[np.uint8]:
    """The brightness of each pixel, in the picture's own memory."""
    plane = picture.planes[0]
    return np.frombuffer(plane, np.uint8).reshape(picture.height, plane.line_size)[:, : picture.width]  # type: ignore[call-overload, no-any-return]


class Stamp:
    """Writes barcodes into pictures of one size."""

    def __init__(self, width: int, height: int) -> None:
        across = (_LEFT + np.arange(COLUMNS + 1)) * width // 32
        down = (_TOP + np.arange(ROWS + 1)) * height // 20
        self._where = np.s_[down[0] : down[-1], across[0] : across[-1]]
        self._column = np.repeat(np.arange(COLUMNS), np.diff(across))
        self._row = np.repeat(np.arange(ROWS), np.diff(down))

    def write(self, pixels: NDArray[np.uint8], reading: Reading) -> None:
        """Puts the reading into the brightness of a picture."""
        content = struct.pack(">BIQ", reading.card, reading.counter & 0xFFFFFFFF, reading.time_ns // 1000)
        content = content[:5] + content[7:]
        content += binascii.crc_hqx(content, 0xFFFF).to_bytes(2, "big")
        bits = np.unpackbits(np.frombuffer(content, np.uint8)).reshape(ROWS, COLUMNS)
        cells = np.where(bits, np.uint8(_WHITE), np.uint8(_BLACK))
        pixels[self._where] = cells[:, self._column][self._row]


def read_counter(frame: VideoFrame) -> Reading | None:
    """What the barcode says; None where there is none, or it did not survive. Takes some 30 µs."""
    picture = frame.picture
    if picture.format.name not in _LUMA_FIRST:
        picture = frame.reformatted("gray").picture
    across = ((_LEFT + np.add.outer(np.arange(COLUMNS), _INSIDE)) * picture.width / 32).astype(np.intp).ravel()
    down = ((_TOP + np.add.outer(np.arange(ROWS), _INSIDE)) * picture.height / 20).astype(np.intp).ravel()
    samples = luma(picture)[down[:, None], across]
    cells = samples.reshape(ROWS, len(_INSIDE), COLUMNS, len(_INSIDE)).mean(axis=(1, 3))
    darkest, brightest = cells.min(), cells.max()
    if brightest - darkest < _LEAST_CONTRAST:
        return None
    content = np.packbits(cells > (darkest + brightest) / 2).tobytes()
    if binascii.crc_hqx(content[:11], 0xFFFF) != int.from_bytes(content[11:], "big"):
        return None
    return Reading(content[0], int.from_bytes(content[1:5], "big"), int.from_bytes(content[5:11], "big") * 1000)
