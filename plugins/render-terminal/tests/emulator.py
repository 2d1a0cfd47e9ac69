"""As much of a terminal as the renderer uses: what stands where, in which colours. Raises at what it does not know."""

from __future__ import annotations

import codecs
import fcntl
import os
import pty
import re
import struct
import termios
import time
from typing import Any

_SEQUENCE = re.compile(r"\x1b\[([?\d;]*)([A-Za-z])")


class Emulator:
    """A pseudo-terminal of this size, and its screen once `read`. ``file`` is what a program writes to."""

    def __init__(self, rows: int, columns: int) -> None:
        self._outer, self._inner = pty.openpty()
        os.set_blocking(self._outer, False)
        self.resize(rows, columns)
        self.file = os.fdopen(self._inner, "w")
        self.modes: dict[str, bool] = {}
        self.sent = 0
        self._decoder, self._rest = codecs.getincrementaldecoder("utf-8")("replace"), ""

    def resize(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self._inner, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.rows, self.columns = rows, columns
        self._cells: list[list[tuple[str, str]]] = [[(" ", "")] * columns for _ in range(rows)]
        self._at, self._style = (0, 0), ""

    def attributes(self) -> list[Any]:
        return termios.tcgetattr(self._inner)

    def type(self, text: str) -> None:
        os.write(self._outer, text.encode())

    def read(self) -> str:
        """The screen as it stands, a line for each row."""
        parts = b""
        until = time.monotonic() + 2
        while time.monotonic() < until:
            try:
                parts += os.read(self._outer, 1 << 16)
            except BlockingIOError:
                break
        self.sent += len(parts)
        self._feed(self._rest + self._decoder.decode(parts))
        return self.text

    @property
    def text(self) -> str:
        return "\n".join("".join(letter for letter, _ in row).rstrip() for row in self._cells)

    def styles(self, letter: str) -> set[str]:
        """The colours in which this character stands."""
        return {style for row in self._cells for each, style in row if each == letter}

    def _feed(self, text: str) -> None:
        index, self._rest = 0, ""
        while index < len(text):
            if text[index] == "\x1b":
                found = _SEQUENCE.match(text, index)
                if found is None and (anew := text.find("\x1b", index + 1)) > 0:  # cut short: what follows stands
                    index = anew
                    continue
                if found is None and len(text) - index < 50:  # the rest of it is still on its way
                    self._rest = text[index:]
                    return
                assert found, text[index : index + 20]
                self._act(found[1], found[2])
                index = found.end()
                continue
            row, column = self._at
            if text[index] in "\r\n":  # what is printed once the terminal is given back
                self._at = (row, 0) if text[index] == "\r" else (min(row + 1, self.rows - 1), column)
                index += 1
                continue
            assert text[index].isprintable(), text[index]
            self._cells[row][column] = (text[index], self._style)
            self._at = row, min(column + 1, self.columns - 1)
            index += 1

    def _act(self, arguments: str, what: str) -> None:
        if what == "H":
            row, column = (int(part) for part in arguments.split(";"))
            self._at = row - 1, column - 1
        elif what == "m":
            self._style = arguments
        elif what == "J":
            self._cells = [[(" ", "")] * self.columns for _ in range(self.rows)]
        else:
            assert what in "hl", what
            self.modes[arguments] = what == "h"

    def close(self) -> None:
        self.file.close()
        os.close(self._outer)
