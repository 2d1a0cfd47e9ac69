"""An encoder's process as its owner sees it: started, asked, ended within a second, its death put into words."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, cast

from jackfield import own_python
from jackfield.plugins.isolated import wire
from jackfield.values.errors import EncoderError

#: How often it is looked whether an answer is overdue. Time is counted in these, so that a machine that slept does not
#: make a driver look hung.
TICK_S = 0.05
#: A process has this long to give its hardware back, and then to be gone.
_END_S, _GONE_S = 0.3, 0.3
#: What `kill` makes of a process, on POSIX and on Windows.
_KILLED = (-9, 1)
_CRASHES = {"SIGSEGV", "SIGBUS", "SIGILL", "SIGFPE", "SIGABRT", "SIGTRAP", "SIGSYS"}


class Child:
    """One process, asked by one thread at a time, which waits for each answer within a limit.

    It ends with its owner: its standard input does. Nothing of it is left after `end`.
    """

    def __init__(self, module: str, arguments: Sequence[str], config: Path | None, descriptors: Sequence[int]) -> None:
        self._name = arguments[-1] if arguments else module
        try:
            self._process = subprocess.Popen(
                own_python.command(module, *arguments),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=own_python.environment(config=config),
                pass_fds=descriptors,
            )
        except OSError as exc:
            raise EncoderError(f"its process could not be started: {exc.strerror}") from exc
        self._to, self._from = cast("BinaryIO", self._process.stdin), cast("BinaryIO", self._process.stdout)
        self._lock = threading.Lock()
        self._left: int | None = None
        self._is_late = False
        self._ended = threading.Event()
        self._guard = threading.Thread(target=self._watch, name=f"jackfield guard {self._name}", daemon=True)
        self._guard.start()

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    def ask(self, question: wire.Message, limit_s: float) -> wire.Message:
        """The answer. `EncoderError` where that is an error, where none comes within the limit, and where the process
        is gone: with the name of the signal that ended it. It is at its end then, but for an answer that is an error.
        """
        with self._lock:
            self._left = round(limit_s / TICK_S)
        try:
            wire.send(self._to, question)
            answer = wire.received(self._from)
        except wire.Garbled as exc:
            self.end()
            raise EncoderError(f"its process gave what cannot be read: {exc}") from exc
        except (OSError, ValueError):  # it reads no more, or is at its end already
            answer = None
        finally:
            with self._lock:
                self._left = None
        if answer is None:
            raise EncoderError(self._how_it_ended(limit_s))
        if "error" in answer.table:
            raise EncoderError(str(answer.table["error"]))
        return answer

    def end(self) -> bool:
        """It is gone, within a second, and everything that was needed to speak with it; whether it went by itself."""
        self._ended.set()
        with suppress(OSError):
            self._to.close()
        by_itself = self._gone(_END_S)
        if not by_itself:
            self._process.kill()
            self._gone(_GONE_S)
        self._from.close()
        if self._guard is not threading.current_thread():
            self._guard.join()
        return by_itself

    def _gone(self, limit_s: float) -> bool:
        try:
            self._process.wait(limit_s)
        except subprocess.TimeoutExpired:
            return False
        return True

    def _watch(self) -> None:
        """Ends a process that does not answer in time: whoever waits for its answer then finds the pipe's end."""
        while not self._ended.wait(TICK_S):
            with self._lock:
                if self._left is not None:
                    self._left -= 1
                    self._is_late = self._left < 0
            if self._is_late:
                self._process.kill()
                return

    def _how_it_ended(self, limit_s: float) -> str:
        by_itself = self.end()
        if self._is_late:
            return f"its process did not answer for {limit_s:g} s, and was ended"
        code = self._process.returncode
        if code is None or (not by_itself and code in _KILLED):  # else it was at its end already, and slow to go
            return "its process closed its pipe, and was ended"
        return f"its process {_words(code)}"


def _words(code: int) -> str:
    if code >= 0:
        # Windows says by an exit code what went wrong (NTSTATUS): 0xc0000005 is an access violation.
        return f"ended with exit code {hex(code) if sys.platform == 'win32' and code > 0xFFFF else code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return f"{'crashed' if name in _CRASHES else 'was ended'} ({name})"
