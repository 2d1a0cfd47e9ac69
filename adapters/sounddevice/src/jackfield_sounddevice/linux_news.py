"""What comes and goes on Linux: udev's events of sound cards, the sound server's of sources and sinks."""

from __future__ import annotations

import os
import select
import subprocess
import time
from pathlib import Path
from typing import Any

from jackfield_sounddevice import pulse

#: How often it is looked whether cards or the server came or went, where nobody told: two listings of a folder.
LOOK_S = 2.0
#: How often it is worth listing everything, nobody having told: who holds a card is told by none.
LIST_S = 10.0
#: Events come in bursts; a burst is one piece of news, told when it is over.
_BURST_S = 0.15


class LinuxNews:
    """Waits for udev and for ``pactl subscribe``, and looks for itself now and then."""

    def __init__(self, root: Path = Path("/")) -> None:
        self._woken, self._waker = os.pipe()
        self._closed = False
        self._monitor = _monitor()
        self._server: subprocess.Popen[bytes] | None = None
        self._server_wanted_at = 0.0
        self._folder = root / "sys/class/sound"
        self._seen = self._glance()
        self._listed_at = time.monotonic()

    def wait(self) -> bool:
        """True when a card or a source came or went, and every ten seconds."""
        while not self._closed:
            self._follow_server()
            told = self._ready(LOOK_S)
            if told:
                self._let_burst_pass()
            if not self._closed and (self._differs() or told):
                return True
        self._release()
        return False

    def _let_burst_pass(self) -> None:
        end = time.monotonic() + 10 * _BURST_S
        while self._ready(_BURST_S) and not self._closed and time.monotonic() < end:
            pass

    def _differs(self) -> bool:
        """Whether there is something to see that nobody told, or it is time to list everything."""
        before, self._seen = self._seen, self._glance()
        due = time.monotonic() - self._listed_at >= LIST_S
        if due or self._seen != before:
            self._listed_at = time.monotonic()
            return True
        return False

    def _glance(self) -> tuple[object, ...]:
        try:
            names = sorted(os.listdir(self._folder))
        except OSError:
            names = []
        return (*names, pulse.is_there())

    def close(self) -> None:
        """Wakes whoever waits, who then lets go of everything."""
        self._closed = True
        os.write(self._waker, b"x")

    def _ready(self, limit_s: float) -> bool:
        """Whether something was told within the limit; what was told is taken away."""
        sources: list[Any] = [self._woken]
        sources += [self._monitor] if self._monitor else []
        sources += [self._server.stdout] if self._server else []
        ready, _, _ = select.select(sources, [], [], limit_s)
        for each in ready:
            if each is self._monitor:
                while self._monitor.poll(0) is not None:
                    pass
            elif each != self._woken:
                self._hear_server()
        return bool(ready)

    def _hear_server(self) -> None:
        assert self._server is not None
        assert self._server.stdout is not None
        if not os.read(self._server.stdout.fileno(), 65_536):
            self._end_server()

    def _follow_server(self) -> None:
        now = time.monotonic()
        if self._server or now < self._server_wanted_at or not pulse.is_there() or not pulse.pactl():
            return
        self._server_wanted_at = now + LOOK_S
        command = [pulse.pactl(), "subscribe"]
        self._server = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0
        )

    def _end_server(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.kill()
            server.wait()
            assert server.stdout is not None
            server.stdout.close()

    def _release(self) -> None:
        self._end_server()
        self._monitor = None
        os.close(self._woken)
        os.close(self._waker)


def _monitor() -> Any:
    """udev's events of sound cards; None where there is no udev to tell."""
    try:
        import pyudev  # type: ignore[import-untyped]

        monitor = pyudev.Monitor.from_netlink(pyudev.Context())
        monitor.filter_by("sound")
        monitor.start()
    except (ImportError, OSError):
        return None
    return monitor
