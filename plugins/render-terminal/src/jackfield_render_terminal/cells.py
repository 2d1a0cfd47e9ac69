"""A terminal's screen as arrays: a character, a colour and a background for each cell; and what changed of it, as text.

Colours are 24 bits, or -1 for the terminal's own. A picture takes two of its rows for a row of cells: the upper half
block has the upper one as its colour and the lower one as its background.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from wcwidth import wcwidth

Depth = Literal["true", "256", "none"]
#: Pixels, shape (rows, columns, 3), uint8.
Pixels = NDArray[np.uint8]

UPPER_HALF, OWN = "▀", -1
#: From dark to light, where there are no colours.
SHADES = np.array(list(" .:-=+*#%@"))
#: A cell of a picture whose colours changed by less than this, of 255, is not drawn anew: cameras are never still.
STILL = 10
#: Second half of a wide character.
_REST = ""


class Screen:
    """So many rows and columns. Drawing is into arrays; `changes` is what the terminal has yet to be told."""

    def __init__(self, rows: int, columns: int, depth: Depth) -> None:
        self.rows, self.columns, self.depth = rows, columns, depth
        self._now = _Cells(rows, columns)
        self._told = _Cells(rows, columns)
        self._told.characters[:] = "\0"  # nothing that is drawn: the first time all is told

    def clear(self) -> None:
        """Nothing is drawn."""
        self._now = _Cells(self.rows, self.columns)

    def text(self, row: int, column: int, text: str, width: int, *, colour: int = OWN, ground: int = OWN) -> None:
        """A line of text in so many columns, cut where it is longer; what is no letter of a line is left out."""
        if not 0 <= row < self.rows:
            return
        end = min(column + width, self.columns)
        for letter in fitted(text, max(0, end - column)):
            size = wcwidth(letter)
            self._put(row, column, letter, colour, ground)
            if size == 2:
                self._put(row, column + 1, _REST, colour, ground)
            column += size
        for empty in range(column, end):
            self._put(row, empty, " ", colour, ground)

    def _put(self, row: int, column: int, letter: str, colour: int, ground: int) -> None:
        self._now.characters[row, column] = letter
        self._now.colours[row, column], self._now.grounds[row, column] = colour, ground

    def picture(self, row: int, column: int, pixels: Pixels) -> None:
        """A picture with an even number of rows, whose upper left corner is in this cell."""
        rows, columns = min(pixels.shape[0] // 2, self.rows - row), min(pixels.shape[1], self.columns - column)
        if rows <= 0 or columns <= 0:
            return
        area = slice(row, row + rows), slice(column, column + columns)
        pixels = pixels[: 2 * rows, :columns]
        if self.depth == "none":
            light = pixels.reshape(rows, 2, columns, 3).mean(axis=(1, 3))
            self._now.characters[area] = SHADES[(light / 256 * len(SHADES)).astype(int)]
            return
        packed = _packed(pixels)
        self._now.characters[area] = UPPER_HALF
        self._now.colours[area], self._now.grounds[area] = packed[0::2], packed[1::2]

    def changes(self) -> str:
        """What makes the terminal show what is drawn now, and nothing where it does already."""
        changed = self._now.differs(self._told)
        if not changed.any():
            return ""
        parts: list[str] = []
        style = _style(self.depth)
        for row in np.flatnonzero(changed.any(axis=1)):
            parts += self._row(int(row), changed[row], style)
        self._told.take(self._now, changed)
        return "".join(parts) + "\x1b[0m"

    def _row(self, row: int, changed: NDArray[np.bool_], style: Callable[[int, int], str]) -> list[str]:
        parts: list[str] = []
        at, before = -2, (-2, -2)
        characters, colours, grounds = self._now.characters[row], self._now.colours[row], self._now.grounds[row]
        for column in np.flatnonzero(changed):
            letter = str(characters[column])
            if letter == _REST:
                at = int(column)
                continue
            if at != column - 1:
                parts.append(f"\x1b[{row + 1};{column + 1}H")
            pair = int(colours[column]), int(grounds[column])
            if pair != before:
                parts.append(style(*pair))
                before = pair
            parts.append(letter)
            at = int(column)
        return parts


class _Cells:
    def __init__(self, rows: int, columns: int) -> None:
        self.characters = np.full((rows, columns), " ", dtype="U1")
        self.colours = np.full((rows, columns), OWN, dtype=np.int32)
        self.grounds = np.full((rows, columns), OWN, dtype=np.int32)

    def differs(self, other: _Cells) -> NDArray[np.bool_]:
        """Where another character stands, or visibly other colours."""
        found: NDArray[np.bool_] = self.characters != other.characters
        return found | _far(self.colours, other.colours) | _far(self.grounds, other.grounds)

    def take(self, other: _Cells, where: NDArray[np.bool_]) -> None:
        self.characters[where] = other.characters[where]
        self.colours[where], self.grounds[where] = other.colours[where], other.grounds[where]


def _far(one: NDArray[np.int32], other: NDArray[np.int32]) -> NDArray[np.bool_]:
    apart: NDArray[np.bool_] = (one < 0) != (other < 0)
    for shift in (16, 8, 0):
        apart |= np.abs(((one >> shift) & 255) - ((other >> shift) & 255)) >= STILL
    return apart


def _packed(pixels: Pixels) -> NDArray[np.int32]:
    wide = pixels.astype(np.int32)
    return wide[..., 0] << 16 | wide[..., 1] << 8 | wide[..., 2]


def _style(depth: Depth) -> Callable[[int, int], str]:
    """The escape sequence of a colour and a background (ECMA-48 SGR; 38;2 and 38;5 of ISO 8613-6)."""
    if depth == "none":
        return lambda colour, ground: "\x1b[0m" if ground == OWN else "\x1b[7m"
    one = _true if depth == "true" else _of_256

    def style(colour: int, ground: int) -> str:
        return f"\x1b[{one(38, colour) if colour != OWN else '39'};{one(48, ground) if ground != OWN else '49'}m"

    return style


def _true(kind: int, colour: int) -> str:
    return f"{kind};2;{colour >> 16};{colour >> 8 & 255};{colour & 255}"


def _of_256(kind: int, colour: int) -> str:
    """The nearest of the cube of 6 * 6 * 6 that every terminal of 256 colours has."""
    red, green, blue = (round((colour >> shift & 255) / 255 * 5) for shift in (16, 8, 0))
    return f"{kind};5;{16 + 36 * red + 6 * green + blue}"


def fitted(text: str, columns: int) -> str:
    """The text in so many columns, with … where it is cut. Control characters and what joins letters are left out, so
    that nobody's name moves the cursor."""
    letters = [letter for letter in text if wcwidth(letter) > 0]
    widths = np.cumsum([wcwidth(letter) for letter in letters])
    if not letters or widths[-1] <= columns:
        return "".join(letters)
    return "".join(letters[: int(np.searchsorted(widths, columns - 1, side="right"))]) + ("…" if columns > 0 else "")
