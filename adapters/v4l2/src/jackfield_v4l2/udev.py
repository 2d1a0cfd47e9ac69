"""What udev knows of video nodes, and its word when they come and go. Opens no device."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

from jackfield.roles import Unwatch
from jackfield.values.errors import PluginError
from jackfield_v4l2.identity import Seen

logger = logging.getLogger("jackfield.v4l2")

Action = Literal["add", "remove", "change"]
SUBSYSTEM = "video4linux"


class NoUdev(PluginError):
    """The library that knows of the machine's devices is missing: no camera can be listed."""


class Nodes(Protocol):
    """The video nodes of a machine. `NoUdev` where nothing can be known of them."""

    def seen(self) -> Sequence[Seen]:
        """Those that are there and that udev is done with."""

    def watch(self, changed: Callable[[Action, Seen], None]) -> Unwatch:
        """Tells, on a thread of its own, of each node that comes (udev is done with it), changes or goes."""


class Udev:
    """The machine's own, by libudev."""

    def seen(self) -> Sequence[Seen]:
        """See `Nodes`."""
        context = _context()
        ruled = _is_ruled()
        found = [
            _seen(device)
            for device in context.list_devices(subsystem=SUBSYSTEM)
            if device.device_node and (device.is_initialized or not ruled)
        ]
        return sorted(found, key=lambda seen: (len(seen.address), seen.address))

    def watch(self, changed: Callable[[Action, Seen], None]) -> Unwatch:
        """See `Nodes`."""
        # Where no udevd runs, as in containers, nobody speaks but the kernel itself.
        source = "udev" if _is_ruled() else "kernel"
        monitor = pyudev_of().Monitor.from_netlink(_context(), source=source)
        monitor.filter_by(SUBSYSTEM)
        monitor.start()  # from here on nothing is missed
        return _Watching(monitor, changed, self.seen).stop


class _Watching:
    """A thread that waits for udev or for its own end, and never for longer."""

    def __init__(
        self, monitor: Any, changed: Callable[[Action, Seen], None], listed: Callable[[], Sequence[Seen]]
    ) -> None:
        self._monitor = monitor
        self._changed, self._listed = changed, listed
        self._known = {seen.sys_path: seen for seen in listed()}
        self._wake, self._end = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="jackfield v4l2 udev", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Nothing is told after this, unless it is being told now."""
        with self._lock:
            end, self._end = self._end, -1
        if end < 0:
            return
        os.close(end)  # the reading side sees the end of the pipe
        if self._thread is not threading.current_thread():
            self._thread.join(1.0)

    def _run(self) -> None:
        import select

        poll = select.poll()
        poll.register(self._monitor.fileno(), select.POLLIN)
        poll.register(self._wake, select.POLLIN | select.POLLHUP)
        try:
            while self._wake not in {fd for fd, _ in poll.poll()}:
                try:
                    device = self._monitor.poll(timeout=0)
                except OSError as error:  # ENOBUFS: more came at once than the socket holds, and some of it is lost
                    logger.warning("news of cameras was lost (%s): they are listed anew", error)
                    self._catch_up()
                    continue
                if device is not None and device.action in ("add", "remove", "change"):
                    self._tell(device.action, _seen(device))
        finally:
            os.close(self._wake)
            self._monitor = None

    def _catch_up(self) -> None:
        now = {seen.sys_path: seen for seen in self._listed()}
        for path in self._known.keys() - now.keys():
            self._tell("remove", self._known[path])
        for path in now.keys() - self._known.keys():
            self._tell("add", now[path])

    def _tell(self, action: Action, seen: Seen) -> None:
        if action == "remove":
            self._known.pop(seen.sys_path, None)
        else:
            self._known[seen.sys_path] = seen
        try:
            self._changed(action, seen)
        except Exception:
            logger.exception("a watcher of cameras failed")


def _is_ruled() -> bool:
    return os.path.exists("/run/udev/control")


#: What brings the libraries that listing needs.
FIX = "apt-get install libudev1 (Alpine: apk add eudev-libs)"


def pyudev_of() -> Any:
    """The library; `NoUdev` says how to get it."""
    try:
        import pyudev  # type: ignore[import-untyped, import-not-found, unused-ignore]
    except ImportError as error:
        raise NoUdev(f"cameras cannot be listed: {error}; pip install pyudev") from error
    return pyudev


def _context() -> Any:
    pyudev = pyudev_of()
    try:
        return pyudev.Context()
    except ImportError as error:  # libudev.so.1 is loaded with the first context
        raise NoUdev(f"cameras cannot be listed: {error}; {FIX}") from error


def _seen(device: Any) -> Seen:
    usb = device.find_parent("usb", "usb_device")
    above = Path(device.sys_path) / "device"
    return Seen(
        sys_path=device.sys_path,
        address=device.device_node or "",
        properties=dict(device.properties),
        name=_text(Path(device.sys_path) / "name"),
        index=int(_text(Path(device.sys_path) / "index") or 0),
        driver=_link(above / "driver"),
        descriptors=_octets(Path(usb.sys_path) / "descriptors") if usb is not None else b"",
        removable=_text(Path(usb.sys_path) / "removable") if usb is not None else "",
        panel=_text(Path(usb.sys_path if usb is not None else above) / "physical_location" / "panel"),
    )


def _octets(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _text(path: Path) -> str:
    return _octets(path).decode("utf-8", "replace").strip()


def _link(path: Path) -> str:
    try:
        return os.readlink(path).rpartition("/")[2]
    except OSError:
        return ""
