"""What comes and goes on Linux: udev's events of sound cards, the sound server's of sources and sinks."""

from __future__ import annotations

import os
import select
import subprocess
import time
from typing import Any

from jackfield_sounddevice import pulse

#: Where neither udev nor a server tells anything, it is worth looking this often.
LOOK_S = 2.0
#: Events come in bursts; a burst is one piece of news, told when it is over.
_BURST_S = 0.15


class LinuxNews:
    """Waits for udev, for ``pactl subscribe``, and for two seconds."""

    def __init__(self) -> None:
        self._woken, self._waker = os.pipe()
        self._closed = False
        self._monitor = _monitor()
        self._server: subprocess.Popen[bytes] | None = None
        self._server_wanted_at = 0.0

    def wait(self) -> bool:
        """True when a card or a source changed, or two seconds are over."""
        self._follow_server()
        if self._ready(LOOK_S) and not self._closed:
            end = time.monotonic() + 10 * _BURST_S
            while self._ready(_BURST_S) and not self._closed and time.monotonic() < end:
                pass
        if not self._closed:
            return True
        self._release()
        return False

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
