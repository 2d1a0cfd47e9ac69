"""One stream's process as its owner sees it: started, spoken to, listened to, ended within a second."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import IO, Any, BinaryIO, cast

from attrs import frozen

from jackfield import own_python
from jackfield.values.errors import DeviceError
from jackfield_sounddevice import wire
from jackfield_sounddevice.border import error_of
from jackfield_sounddevice.endpoint import Endpoint

#: A process that opens nothing in this time is ended.
OPEN_LIMIT_S = 9.0
#: One that says nothing for so long once it runs is ended: it beats ten times a second.
SILENT_LIMIT_S = 3.0
_LOOK_S = 0.5
#: What ending a process may take, less than a second in all: telling it, until it ends by itself, until it ends when
#: it is killed, and until its listener is through.
_TELL_S, _END_S, _KILL_S, _JOIN_S = 0.05, 0.5, 0.3, 0.1
_running: set[int] = set()


def is_own(pid: int) -> bool:
    """Whether a process is one of ours."""
    return pid in _running


@frozen
class Made:
    """What was opened: the device's rate and channels, the samples of a block, and its own delay."""

    rate: int
    channels: int
    block: int
    latency_s: float


class StreamProcess:
    """A device, opened in a process of its own. `run` and `end` are called once each."""

    def __init__(self, endpoint: Endpoint, request: Mapping[str, Any]) -> None:
        self._device = endpoint.device
        self._ended = threading.Event()
        self._lock, self._end_lock = threading.Lock(), threading.Lock()
        self._failed: Callable[[DeviceError], None] = lambda error: None
        self._listener: threading.Thread | None = None
        #: The guard's looks since anything was heard: a machine that slept, and a program that was stopped, count none.
        self._silent = 0
        self._child = _started(endpoint, request)
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._to: IO[bytes] = self._child.stdin
        self._from: BinaryIO = cast("BinaryIO", self._child.stdout)
        _running.add(self._child.pid)
        self.made = self._opened()

    @property
    def pid(self) -> int:
        """The process that holds the device."""
        return self._child.pid

    def send(self, message: wire.Message) -> None:
        """The message is on its way; one to a process that has ended is lost, and its last words say why."""
        with self._lock, suppress(OSError):
            if not self._to.closed:
                wire.send(self._to.fileno(), message)

    def run(self, heard: Callable[[wire.Message], None], failed: Callable[[DeviceError], None]) -> None:
        """Starts the stream; ``heard`` gets its messages on a thread of its own, ``failed`` why it ended by itself."""
        self._failed = failed
        self.send(wire.Message(wire.START))
        name = self._device.id
        self._listener = threading.Thread(target=self._listen, args=(heard,), name=name, daemon=True)
        self._listener.start()
        threading.Thread(target=self._guard, name=f"{name} guard", daemon=True).start()

    def lose(self, device_id: str, text: str) -> None:
        """Where it is this device's: whoever owns the stream is told that the device is gone, though it goes on."""
        if device_id == self._device.id and self._ends():
            self._failed(self._error({"kind": "gone", "text": text}))

    def end(self) -> None:
        """The device is free and the process gone, within a second; ``heard`` is not called any more.

        A process whose driver blocks cannot be killed: it is waited for elsewhere, and holds nobody up.
        """
        self._ended.set()
        self._finish()
        if self._listener not in (None, threading.current_thread()):
            self._listener.join(_JOIN_S)

    def _opened(self) -> Made:
        timer = threading.Timer(OPEN_LIMIT_S, self._child.kill)
        timer.daemon = True
        timer.start()
        message = wire.received(self._from)
        timer.cancel()
        if message is not None and message.kind == wire.OPENED:
            return Made(**json.loads(message.payload))
        error = self._why(message)
        self.end()
        raise error

    def _ends(self) -> bool:
        """Whether it ends now, and had not ended before."""
        with self._end_lock:
            had_ended = self._ended.is_set()
            self._ended.set()
            return not had_ended

    def _listen(self, heard: Callable[[wire.Message], None]) -> None:
        with self._from:
            message = self._hear(heard)
            if self._ended.is_set():
                return
            error = self._why(message)
            if self._ends():
                self._failed(error)
            self._finish()

    def _hear(self, heard: Callable[[wire.Message], None]) -> wire.Message | None:
        """Passes on what comes; answers with the last words of a process that ends, if it has any."""
        while (message := wire.received(self._from)) is not None and message.kind != wire.FAILED:
            self._silent = 0
            if self._ended.is_set():
                return None
            if message.kind != wire.ALIVE:
                heard(message)
        return message

    def _guard(self) -> None:
        """Ends a process that stands still; the end of its pipe then tells the listener."""
        while not self._ended.wait(_LOOK_S):
            self._silent += 1
            if self._silent * _LOOK_S > SILENT_LIMIT_S:
                self._child.kill()
                return

    def _why(self, message: wire.Message | None) -> DeviceError:
        if message is not None:
            found = json.loads(message.payload)
        else:
            self._finish()
            status = self._child.returncode
            killed = status in (None, -9)
            text = "nothing was heard of it, and it was killed" if killed else f"exit status {status}"
            found = {"kind": "ended", "text": text}
        return self._error(found)

    def _error(self, found: Mapping[str, str]) -> DeviceError:
        error = error_of(found, self._device)
        assert isinstance(error, DeviceError)
        return error

    def _finish(self) -> None:
        told = self._lock.acquire(timeout=_TELL_S)
        if told:
            self._to.close()
            self._lock.release()
        if told and self._ends_within(_END_S):
            return
        self._child.kill()
        if not self._ends_within(_KILL_S):
            name = f"{self._device.id} end"
            threading.Thread(target=self._ends_within, args=(None,), name=name, daemon=True).start()

    def _ends_within(self, limit_s: float | None) -> bool:
        """Whether the process has ended by then, and nothing of it is left."""
        try:
            self._child.wait(limit_s)
        except subprocess.TimeoutExpired:
            return False
        _running.discard(self._child.pid)
        with self._lock:
            self._to.close()
        if self._listener is None:
            self._from.close()
        return True


def _started(endpoint: Endpoint, request: Mapping[str, Any]) -> subprocess.Popen[bytes]:
    target = endpoint.target
    asked = {
        "direction": endpoint.direction,
        "name": target.name,
        "host_api": target.host_api,
        "rate": target.rate,
        "node": target.node,
        **request,
    }
    return subprocess.Popen(
        own_python.command("jackfield_sounddevice.child", json.dumps(asked)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=own_python.environment(target.environment),
    )
