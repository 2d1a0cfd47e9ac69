"""The screens and windows of an X server, as devices."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from jackfield.values.devices import Device
from jackfield_screen.desktop import modes
from jackfield_screen.x11.server import Output, Place, Server, WindowGone

DESKTOP = "screen:x11-desktop"
#: What a window manager marks that is no window to people.
_FURNITURE = ("_NET_WM_WINDOW_TYPE_DESKTOP", "_NET_WM_WINDOW_TYPE_DOCK")
_SMALLEST = 16


def screens(server: Server, outputs: Sequence[Output]) -> Iterator[tuple[Device, Place]]:
    """Each monitor by its plug and what it says of itself, and the whole desktop."""
    taken: set[str] = set()
    for output in outputs:
        mark = f"-{output.monitor.mark}" if output.monitor else ""
        id = _distinct(f"screen:x11-{_plain(output.name)}{mark}", f"{output.place.x}-{output.place.y}", taken)
        what = output.monitor.name if output.monitor and output.monitor.name else "Screen"
        place = output.place
        yield _screen(server, id, f"{what} ({output.name})", place, rank=55 if output.primary else 50), place
    whole = server.size(server.root)
    yield _screen(server, DESKTOP, "Whole desktop", whole, rank=45), whole


def _screen(server: Server, id: str, label: str, place: Place, rank: int) -> Device:
    address = f"{server.display}+{place.x},{place.y}"
    return Device(id, "screen", label, address, modes=modes(place.width, place.height), rank=rank)


class Windows:
    """Windows, each with an id from its class and title when it was first seen; it keeps that until it closes."""

    def __init__(self) -> None:
        self._ids: dict[int, str] = {}

    def devices(self, server: Server) -> list[Device]:
        """The windows that are shown now."""
        windows = sorted(server.windows())
        self._ids = {window: id for window, id in self._ids.items() if window in windows}
        found = []
        for window in windows:
            try:
                device = self._device(server, window)
            except WindowGone:
                continue
            found += [device] if device else []
        return found

    def _device(self, server: Server, window: int) -> Device | None:
        size = server.size(window)
        if min(size.width, size.height) < _SMALLEST or not server.is_shown(window):
            return None
        kinds = server.numbers(window, "_NET_WM_WINDOW_TYPE")
        if any(server.atom(name) in kinds for name in _FURNITURE):
            return None
        names = server.text(window, "WM_CLASS").strip("\0").split("\0")
        title = server.text(window, "_NET_WM_NAME") or server.text(window, "WM_NAME")
        if not title and not names[-1]:
            return None
        id = self._id(window, names[-1], title)
        return Device(id, "screen", title or names[-1], hex(window), modes=modes(size.width, size.height), rank=20)

    def _id(self, window: int, name: str, title: str) -> str:
        if window not in self._ids:
            plain = "-".join(filter(None, (_plain(name), _plain(title)[:40].rstrip("-"))))
            self._ids[window] = _distinct(f"screen:window-{plain}", f"{window:x}", set(self._ids.values()))
        return self._ids[window]


def _distinct(id: str, mark: str, taken: set[str]) -> str:
    id = f"{id}-{mark}" if id in taken else id
    taken.add(id)
    return id


def _plain(text: str) -> str:
    return re.sub(r"[^\w.]+", "-", text).strip("-")
