"""A running program: its output, its last words, and its end, with everything that it started."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Mapping, Sequence

#: What is kept of what it says on its standard error.
LINES, LINE_LENGTH = 8, 200
#: TERM is given so long before KILL; both fit into the second that stopping a device may take.
TERM_S, KILL_S = 0.4, 0.3
_PIPE_SIZE = 1 << 20
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
#: What stands before the host in a URL; to the last @ of the word where a password begins, which may hold anything.
_LOGIN = re.compile(r"(?<=://)(?:[^\s/:@]*:\S*@|[^\s/@]*@)")
#: Waits until whoever started it is gone, however that came, and ends the group of the program then.
_WATCH = 'read -r _; kill -s KILL -- "-$1"'


def without_logins(text: str) -> str:
    """The text as it may be shown: the names and passwords in its URLs are ``…``."""
    return _LOGIN.sub("…@", text)


class RunningProgram:
    """A program started without a shell, in a process group of its own, its standard input closed.

    The group ends with this process too, be it killed: a watcher (``sh``) waits at a pipe for that.

    ``stdout`` and ``stderr`` are file descriptors that do not block. Used by one thread at a time. `OSError` where it
    cannot be started. ``given`` is written to its standard input, which then ends (it must fit into a pipe, 4 KiB).
    """

    def __init__(
        self, argv: Sequence[str], *, environment: Mapping[str, str] | None = None, given: bytes | None = None
    ) -> None:
        self._process = subprocess.Popen(
            list(argv),
            stdin=subprocess.PIPE if given is not None else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            env=None if environment is None else dict(environment),
            start_new_session=True,
        )
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self.stdout, self.stderr = self._process.stdout.fileno(), self._process.stderr.fileno()
        self._watcher = _watcher(self._process.pid)
        self._words = _LastWords()
        for descriptor in (self.stdout, self.stderr):
            os.set_blocking(descriptor, False)
        _widen(self.stdout)
        if given is not None:
            self._give(given)

    def _give(self, given: bytes) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(given)
            self._process.stdin.close()
        except BrokenPipeError:
            pass  # it ended without reading; its exit says so

    @property
    def pid(self) -> int:
        """Its process, which leads its group."""
        return self._process.pid

    @property
    def has_ended(self) -> bool:
        """Whether it runs no more; what it started may still run."""
        return self._process.poll() is not None

    @property
    def words(self) -> str:
        """The last lines it said on its standard error, in one line; empty where it said nothing."""
        return self._words.text

    def read(self, limit: int) -> bytes | None:
        """What it printed, ``limit`` bytes at most; empty at its end, None where nothing waits."""
        return _read(self.stdout, limit)

    def listen(self) -> bool:
        """Takes in what it says on its standard error; False once that has ended."""
        data = _read(self.stderr, 1 << 16)
        if data:
            self._words.add(data)
        return data != b""

    def signal(self, number: int) -> None:
        """Sends a signal to it alone; nothing where it has ended."""
        self._process.send_signal(number)

    def end(self) -> str:
        """It and whatever it started have ended; the answer says how, empty where it had not by itself."""
        by_itself = self._left(0.05)
        if not by_itself:
            self._signal_group(signal.SIGTERM)
            self._left(TERM_S)
        self._signal_group(signal.SIGKILL)
        self._left(KILL_S)
        self._unwatch()
        self.listen()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()
        status = self._process.returncode
        if not by_itself or status is None:
            return ""
        return f"it ended with status {status}" if status >= 0 else f"it was ended by {_signal_name(-status)}"

    def _unwatch(self) -> None:
        watcher, self._watcher = self._watcher, None
        if watcher is not None:
            watcher.kill()
            watcher.wait()
            assert watcher.stdin is not None
            watcher.stdin.close()

    def _left(self, limit_s: float) -> bool:
        try:
            self._process.wait(limit_s)
        except subprocess.TimeoutExpired:
            return False
        return True

    def _signal_group(self, number: int) -> None:
        """To all of the group; one whose leader has ended is still there while a member runs."""
        try:
            os.killpg(self._process.pid, number)
        except (ProcessLookupError, PermissionError):  # nobody is left; macOS says so of zombies by the second
            pass


def _watcher(group: int) -> subprocess.Popen[bytes] | None:
    """Not the kernel's parent-death signal (prctl(2)): it reaches one process, not and not what that started."""
    try:
        return subprocess.Popen(
            ["/bin/sh", "-c", _WATCH, "jackfield-watch", str(group)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError:
        return None  # the program runs all the same, and is ended by `end`


class _LastWords:
    """The last lines of a text that comes in pieces."""

    def __init__(self) -> None:
        self._lines: deque[str] = deque(maxlen=LINES)
        self._rest = b""

    def add(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).replace(b"\r", b"\n").split(b"\n")
        self._rest = self._rest[-4 * LINE_LENGTH :]
        self._lines.extend(said for line in lines[-LINES:] if (said := _plain(line)))

    @property
    def text(self) -> str:
        return " / ".join([*self._lines, *([said] if (said := _plain(self._rest)) else [])][-LINES:])


def _plain(line: bytes) -> str:
    text = _CONTROL.sub(" ", line[: 4 * LINE_LENGTH].decode(errors="replace"))
    return without_logins(text).strip()[:LINE_LENGTH]


def _read(descriptor: int, limit: int) -> bytes | None:
    try:
        return os.read(descriptor, limit)
    except BlockingIOError:
        return None
    except OSError:
        return b""


def _widen(descriptor: int) -> None:
    """A picture fits into the pipe, so that its writer need not wait for us in its middle (Linux, fcntl(2))."""
    if sys.platform == "linux":
        import fcntl

        try:
            fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, _PIPE_SIZE)
        except OSError:
            pass  # this user's pipes are limited: it works with a small one


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
