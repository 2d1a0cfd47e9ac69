"""One screen or window of an X server, followed while its pictures are taken."""

from __future__ import annotations

from typing import Any

from attrs import evolve

from jackfield.values.devices import Device
from jackfield.values.errors import DeviceError, DeviceGone
from jackfield_screen.desktop import Area
from jackfield_screen.x11.listing import screens
from jackfield_screen.x11.server import EVENTS, NEWS, Place, Server, WindowGone


class X11View:
    """Where the device is; asked of the server at the start and when an event says that something changed."""

    def __init__(self, server: Server, device: Device) -> None:
        self._server, self._device = server, device
        self._stale, self._area = True, None  # type: bool, Area | None
        server.hear(server.root, EVENTS.StructureNotify)

    def look(self) -> Area | None:
        """Where it is now."""
        for event in self._server.events():
            self._stale = self._stale or isinstance(event, NEWS)
        if self._stale:
            self._area = self._find()
            self._stale = False
        return self._area

    def close(self) -> None:
        """The connection is closed; the server keeps the window's picture no longer."""
        self._server.close()

    def _find(self) -> Area | None:
        raise DeviceError(f"{self._device.id} cannot be followed")

    def _taken(self, place: Place, **options: Any) -> Area | None:
        width, height = place.width & ~1, place.height & ~1
        if not width or not height:
            return None
        return Area(self._server.display, "x11grab", width, height, place.x, place.y, options)


class ScreenView(X11View):
    """A monitor, or the whole desktop."""

    def __init__(self, server: Server, device: Device) -> None:
        super().__init__(server, device)
        server.hear_monitors()

    def _find(self) -> Area | None:
        for device, place in screens(self._server, self._server.outputs()):
            if device.id == self._device.id:
                return self._taken(place)
        raise DeviceGone(f"{self._device.label} ({self._device.id}) was unplugged or switched off")


class WindowView(X11View):
    """A window: it is taken as a whole, also where others cover it."""

    def __init__(self, server: Server, device: Device) -> None:
        super().__init__(server, device)
        self._window = int(device.address, 16)
        try:
            server.hear(self._window, EVENTS.StructureNotify)
            server.keep_pictures_of(self._window)
        except WindowGone as exc:
            raise self._gone() from exc

    def _find(self) -> Area | None:
        try:
            place = self._server.size(self._window)
            shown = self._server.is_shown(self._window)
        except WindowGone as exc:
            raise self._gone() from exc
        area = self._taken(place, window_id=str(self._window)) if shown else None
        return evolve(area, x=0, y=0) if area else None

    def _gone(self) -> DeviceGone:
        return DeviceGone(f"the window {self._device.label!r} was closed")


def view(server: Server, device: Device) -> X11View:
    """The device, followed on this connection, which is closed with the view."""
    try:
        return (WindowView if device.address.startswith("0x") else ScreenView)(server, device)
    except BaseException:
        server.close()
        raise
