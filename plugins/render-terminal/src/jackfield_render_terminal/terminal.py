"""The terminal itself: taken over and given back, written to without waiting, its keys and its size.

It is opened anew by its name, so that what makes our writing non-blocking changes nothing for the shell, whose terminal
it is. Everything runs on the event loop.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import select
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from jackfield.values.errors import ContainerError

#: The other screen, no cursor, no line breaks of the terminal's own; and all of it back.
_TAKE, _GIVE = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J", "\x1b[?7h\x1b[?25h\x1b[0m\x1b[?1049l"
#: A line that takes no more than this at a time is slow: nothing is drawn until it has taken it.
_WAITING_MAX = 1 << 18
#: So long a line may take to take nothing, before its terminal is left as it is.
GIVE_S = 1.0


class Terminal:
    """One terminal, taken over. ``pressed`` gets what is typed, as it is read."""

    #: A command that shows a call prints nothing meanwhile.
    takes_the_terminal = True

    def __init__(self, file: Any, pressed: Callable[[str], None] | None) -> None:
        self._fd = os.open(_name(file), os.O_RDWR | os.O_NONBLOCK | os.O_NOCTTY)
        self._waiting = b""
        self._pressed = pressed
        self._loop = asyncio.get_running_loop()
        self._before: list[Any] | None = None
        self._is_open = True
        if pressed is not None:
            self._listen()
        atexit.register(self.close)
        self.write(_TAKE)

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns."""
        columns, rows = os.get_terminal_size(self._fd)
        return rows, columns

    @property
    def is_behind(self) -> bool:
        """Whether it has yet to take what was written."""
        return bool(self._waiting)

    def write(self, text: str) -> None:
        """Shown as soon as the line takes it; never waits."""
        if len(self._waiting) < _WAITING_MAX:
            self._waiting += text.encode(errors="replace")
        self._send()

    def _send(self) -> None:
        try:
            while self._waiting:
                self._waiting = self._waiting[os.write(self._fd, self._waiting[: 1 << 16]) :]
        except BlockingIOError:
            if self._is_open:
                self._loop.add_writer(self._fd, self._send)
            return
        except OSError:  # it is gone: the window was closed, the line cut
            self._waiting = b""
        with suppress(ValueError, OSError):
            self._loop.remove_writer(self._fd)

    def _listen(self) -> None:
        import termios
        import tty

        self._before = termios.tcgetattr(self._fd)
        tty.setcbreak(self._fd, termios.TCSANOW)
        self._loop.add_reader(self._fd, self._read)

    def _read(self) -> None:
        try:
            typed = os.read(self._fd, 1024)
        except BlockingIOError:
            return
        except OSError:
            typed = b""
        if not typed:
            self._loop.remove_reader(self._fd)
            return
        assert self._pressed is not None
        self._pressed(typed.decode(errors="ignore"))

    def close(self) -> None:
        """It is as it was. Fine to call twice."""
        if not self._is_open:
            return
        self._is_open = False
        atexit.unregister(self.close)
        with suppress(ValueError, OSError, RuntimeError):
            self._loop.remove_reader(self._fd)
            self._loop.remove_writer(self._fd)
        import termios

        with suppress(OSError, termios.error):
            if self._waiting:  # what is on its way is thrown away, and a line that is slow is given a moment
                termios.tcflush(self._fd, termios.TCOFLUSH)
            select.select([], [self._fd], [], GIVE_S)
            os.write(self._fd, _GIVE.encode())
        with suppress(OSError, termios.error):
            if self._before is not None:
                termios.tcsetattr(self._fd, termios.TCSANOW, self._before)
        os.close(self._fd)


def _name(file: Any) -> str:
    """The terminal behind a file, by default this program's; `ContainerError` where there is none."""
    file = sys.stdout if file is None else file
    try:
        if not hasattr(os, "ttyname"):
            raise OSError("this system has no terminals of that kind")
        return os.ttyname(file.fileno())
    except (OSError, ValueError, AttributeError) as exc:
        found = f"{file!r} is no terminal" if not isinstance(exc, OSError) else f"it is no terminal ({exc})"
        raise ContainerError(
            f"render-terminal draws in a terminal: {found}; run it in one, or give the file of one as container"
        ) from exc
