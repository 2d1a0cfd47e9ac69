"""What comes and goes on Linux: udev's events of sound cards, the sound server's of sources and sinks."""

from __future__ import annotations

import errno
import logging
import os
import selectors
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

from jackfield_sounddevice import pulse

logger = logging.getLogger("jackfield.sounddevice")

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
        self._closed = self._released = False
        self._lock = threading.Lock()
        self._monitor = _monitor()
        self._sources = selectors.DefaultSelector()
        self._sources.register(self._woken, selectors.EVENT_READ, lambda: None)
        if self._monitor:
            self._sources.register(self._monitor, selectors.EVENT_READ, self._hear_udev)
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
        with self._lock:
            self._closed = True
            if not self._released:
                os.write(self._waker, b"x")

    def _ready(self, limit_s: float) -> bool:
        """Whether something was told within the limit; what was told is taken away."""
        ready = self._sources.select(limit_s)
        for key, _ in ready:
            key.data()
        return bool(ready)

    def _hear_udev(self) -> None:
        """Takes its events away. Where the kernel had to drop some (ENOBUFS), that is news; else udev tells no more."""
        try:
            while self._monitor.poll(0) is not None:
                pass
        except OSError as exc:
            if exc.errno != errno.ENOBUFS:
                logger.warning("udev's events of sound cards ended (%s); it is looked every %g s", exc, LOOK_S)
                self._sources.unregister(self._monitor)
                self._monitor = None

    def _hear_server(self) -> None:
        assert self._server is not None
        assert self._server.stdout is not None
        if not os.read(self._server.stdout.fileno(), 65_536):
            self._end_server()  # it is started again as long as there is a server

    def _follow_server(self) -> None:
        now = time.monotonic()
        if self._server or now < self._server_wanted_at or not pulse.is_there() or not pulse.pactl():
            return
        self._server_wanted_at = now + LOOK_S
        command = [pulse.pactl(), "subscribe"]
        self._server = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0
        )
        assert self._server.stdout is not None
        self._sources.register(self._server.stdout, selectors.EVENT_READ, self._hear_server)

    def _end_server(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.kill()
            server.wait()
            assert server.stdout is not None
            self._sources.unregister(server.stdout)
            server.stdout.close()

    def release(self) -> None:
        """The pipe, udev's socket and the sound server's program are closed."""
        with self._lock:
            if self._released:
                return
            self._released = True
            self._end_server()
            self._sources.close()
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
