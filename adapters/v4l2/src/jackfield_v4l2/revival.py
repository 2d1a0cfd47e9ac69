"""Cameras that were given up as frozen: tried again now and then while somebody watches, and reported when they run."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from contextlib import suppress

from jackfield.roles import Unwatch
from jackfield.values.devices import Device

logger = logging.getLogger("jackfield.v4l2")


class Revival:
    """Nothing in the system says that a frozen camera gives pictures again, so ``try_it`` looks. Any thread.

    The camera is opened for a moment, by a thread that ends with the last frozen camera or the last who watches. What
    ``try_it`` raises is logged and means not yet.
    """

    #: Between two looks, and how long one waits for a picture.
    PAUSE_S, PATIENCE_S = 1.0, 1.0

    def __init__(self, try_it: Callable[[Device], Device | None]) -> None:
        self._try_it = try_it
        self._lock = threading.Condition()
        self._frozen: dict[str, Device] = {}
        self._watching: list[Callable[[Device], None]] = []
        self._thread: threading.Thread | None = None
        self._looking = ""
        #: Can be read when the look under way shall end.
        self.wake, self._nudge = -1, -1

    def froze(self, device: Device) -> None:
        """This camera was given up."""
        with self._lock:
            self._frozen[device.id] = device
            self._begin()

    def forget(self, device: Device) -> None:
        """This camera is gone, or somebody opens it: a look at it that is under way is ended first."""
        with self._lock:
            self._frozen.pop(device.id, None)
            self._lock.notify_all()
            if self._looking == device.id and threading.current_thread() is not self._thread:
                os.write(self._nudge, b"\0")
                self._lock.wait_for(lambda: self._looking != device.id, 2 * self.PATIENCE_S)

    def watch(self, back: Callable[[Device], None]) -> Unwatch:
        """Tells of each camera that gives pictures again."""
        with self._lock:
            self._watching.append(back)
            self._begin()
        return lambda: self._unwatch(back)

    def _unwatch(self, back: Callable[[Device], None]) -> None:
        with self._lock:
            if back in self._watching:
                self._watching.remove(back)
            thread = self._thread if not self._watching else None
            if thread is not None and self._nudge >= 0:
                os.write(self._nudge, b"\0")
            self._lock.notify_all()
        if thread is not None and thread is not threading.current_thread():
            thread.join(2.0)

    def _begin(self) -> None:
        if self._frozen and self._watching and self._thread is None:
            self.wake, self._nudge = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
            self._thread = threading.Thread(target=self._run, name="jackfield v4l2 revival", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while True:
            with self._lock:
                if self._frozen and self._watching:
                    self._lock.wait(self.PAUSE_S)
                if not self._frozen or not self._watching:
                    os.close(self.wake)
                    os.close(self._nudge)
                    self.wake = self._nudge = -1
                    self._thread = None
                    return
                self._drain()
                frozen, watching = list(self._frozen.values()), list(self._watching)
            for device in frozen:
                back = self._look(device)
                if back is not None:
                    for tell in watching:
                        self._told(tell, back)

    def _look(self, device: Device) -> Device | None:
        """The camera where it runs again, unless it was forgotten in the meantime."""
        with self._lock:
            if device.id not in self._frozen:
                return None
            self._looking = device.id
        back = None
        try:
            back = self._try_it(device)
        except Exception:
            logger.exception("%s: whether it gives pictures again could not be seen", device.id)
        finally:
            with self._lock:
                self._looking = ""
                if back is not None and self._frozen.pop(device.id, None) is None:
                    back = None
                self._lock.notify_all()
        return back

    def _drain(self) -> None:
        """Whoever ended a look may have been followed by another who watches."""
        with suppress(BlockingIOError):
            os.read(self.wake, 64)

    def _told(self, tell: Callable[[Device], None], device: Device) -> None:
        try:
            tell(device)
        except Exception:
            logger.exception("a watcher of cameras failed")
