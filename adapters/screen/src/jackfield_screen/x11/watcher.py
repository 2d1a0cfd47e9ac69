"""Hot-plug: monitors and windows that come, go, and change their size or title."""

from __future__ import annotations

import logging
import selectors
import socket
import threading
from collections.abc import Callable, Mapping

from jackfield.values.devices import Device, DeviceChange
from jackfield.values.errors import DeviceGone
from jackfield_screen.changes import differences
from jackfield_screen.x11.server import EVENTS, NEWS, Server, WindowGone

_log = logging.getLogger("jackfield.screen")

#: What changes, changes in bursts: the list is made when nothing was heard for so long …
_QUIET_S = 0.1
#: … or after so many times that long.
_BURSTS = 5
#: A server that has gone is looked for again so often.
_AGAIN_S = 3.0


class Watcher:
    """Compares lists on a thread of its own, whenever the server says that something changed."""

    def __init__(
        self,
        connect: Callable[[], Server],
        devices: Callable[[Server], list[Device]],
        changed: Callable[[DeviceChange], None],
    ) -> None:
        self._connect, self._devices, self._changed = connect, devices, changed
        self._known: Mapping[str, Device] | None = None
        self._waking, self._wake = socket.socketpair()
        self._ready = threading.Event()
        self._over = False
        self._thread = threading.Thread(target=self._run, name="screen watch", daemon=True)
        self._thread.start()
        self._ready.wait(2.0)  # what changes from here on is reported

    def end(self) -> None:
        """Nothing is reported any more, and the thread has ended unless it is the one that asks."""
        self._over = True
        self._wake.send(b".")
        if self._thread is not threading.current_thread():
            self._thread.join(timeout=2.0)
        self._wake.close()

    def _run(self) -> None:
        try:
            while not self._over:
                try:
                    self._follow(self._connect())
                except (DeviceGone, WindowGone) as exc:
                    _log.debug("screens cannot be watched: %s", exc)
                    self._compare({})
                self._ready.set()
                self._pause(_AGAIN_S)
        finally:
            self._ready.set()
            self._waking.close()

    def _follow(self, server: Server) -> None:
        try:
            server.hear(server.root, EVENTS.StructureNotify | EVENTS.SubstructureNotify | EVENTS.PropertyChange)
            server.hear_monitors()
            with selectors.DefaultSelector() as selector:
                selector.register(server, selectors.EVENT_READ)
                selector.register(self._waking, selectors.EVENT_READ)
                while not self._over:
                    self._list(server)
                    self._ready.set()
                    self._wait(server, selector)
        finally:
            server.close()

    def _list(self, server: Server) -> None:
        found = {device.id: device for device in self._devices(server)}
        for device in found.values():
            if device.address.startswith("0x"):
                server.hear(int(device.address, 16), EVENTS.PropertyChange | EVENTS.StructureNotify)
        self._compare(found)

    def _wait(self, server: Server, selector: selectors.BaseSelector) -> None:
        """Until something of interest was heard, and then until the burst is over."""
        titles = {server.atom(name) for name in ("WM_NAME", "_NET_WM_NAME", "_NET_CLIENT_LIST", "WM_STATE")}
        heard = self._news(server, titles)
        while not heard and not self._over:
            selector.select()
            heard = self._news(server, titles)
        for _ in range(_BURSTS):
            if self._over or not selector.select(_QUIET_S):
                break
            self._news(server, titles)

    def _news(self, server: Server, titles: set[int]) -> bool:
        events = list(server.events())
        return any(isinstance(event, NEWS) and getattr(event, "atom", None) in (None, *titles) for event in events)

    def _compare(self, found: Mapping[str, Device]) -> None:
        known, self._known = self._known, found
        if known is not None and not self._over:
            for change, device in differences(known, found):
                self._changed(DeviceChange(change, device))

    def _pause(self, seconds: float) -> None:
        if not self._over:
            with selectors.DefaultSelector() as selector:
                selector.register(self._waking, selectors.EVENT_READ)
                selector.select(seconds)
