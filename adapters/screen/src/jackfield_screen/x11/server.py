"""One connection to an X server, in the few words that are needed here. For one thread at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

import xcffib
import xcffib.composite
import xcffib.randr
import xcffib.xproto
from attrs import frozen

from jackfield.values.errors import DeviceGone
from jackfield_screen.x11.edid import Monitor, parse

EVENTS = xcffib.xproto.EventMask
#: Events after which a list of screens and windows may be another.
NEWS = (
    xcffib.randr.ScreenChangeNotifyEvent,
    xcffib.randr.NotifyEvent,
    xcffib.xproto.CreateNotifyEvent,
    xcffib.xproto.DestroyNotifyEvent,
    xcffib.xproto.MapNotifyEvent,
    xcffib.xproto.UnmapNotifyEvent,
    xcffib.xproto.ReparentNotifyEvent,
    xcffib.xproto.ConfigureNotifyEvent,
    xcffib.xproto.PropertyNotifyEvent,
)
_MASK = xcffib.randr.NotifyMask


class WindowGone(Exception):
    """There is no window of that number."""


@frozen
class Place:
    """A rectangle, in pixels of the whole desktop."""

    x: int
    y: int
    width: int
    height: int


@frozen
class Output:
    """One monitor as RandR 1.5 has it: its name (that of its plug, as a rule), its place, and what it is."""

    name: str
    place: Place
    primary: bool
    monitor: Monitor | None


@contextmanager
def border(display: str) -> Iterator[None]:
    """Errors of the connection in our words; those about a window become `WindowGone`."""
    try:
        yield
    except (xcffib.xproto.WindowError, xcffib.xproto.DrawableError, xcffib.xproto.MatchError) as exc:
        raise WindowGone(type(exc).__name__) from exc
    except xcffib.XcffibException as exc:
        raise DeviceGone(f"the X server at {display} does not answer: {exc}") from exc


class Server:
    """The X server at ``display``; `DeviceGone` when nobody answers there."""

    def __init__(self, display: str) -> None:
        self.display = display
        with border(display):
            self._conn = xcffib.connect(display)
            screen = self._conn.setup.roots[self._conn.pref_screen]
            self.root = screen.root
            self.is_xwayland = self._has("XWAYLAND")
            self._randr = self._conn(xcffib.randr.key) if self._has("RANDR") else None
            self._composites = self._has("Composite")
        self.atom = cache(self._atom)

    def close(self) -> None:
        """The connection is closed."""
        self._conn.disconnect()

    def _has(self, extension: str) -> bool:
        return bool(self._conn.core.QueryExtension(len(extension), extension).reply().present)

    def _atom(self, name: str) -> int:
        with border(self.display):
            return int(self._conn.core.InternAtom(False, len(name), name).reply().atom)

    # --- monitors
    def outputs(self) -> Sequence[Output]:
        """The monitors that show something."""
        if self._randr is None:
            return ()
        with border(self.display):
            version = self._randr.QueryVersion(1, 5).reply()
            if (version.major_version, version.minor_version) < (1, 5):
                return ()
            return [self._output(monitor) for monitor in self._randr.GetMonitors(self.root, True).reply().monitors]

    def _output(self, monitor: Any) -> Output:
        name = self._conn.core.GetAtomName(monitor.name).reply().name.to_string()
        place = Place(monitor.x, monitor.y, monitor.width, monitor.height)
        found = self._edid(monitor.outputs[0]) if len(monitor.outputs) else None
        return Output(name, place, bool(monitor.primary), found)

    def _edid(self, output: int) -> Monitor | None:
        assert self._randr is not None
        reply = self._randr.GetOutputProperty(output, self.atom("EDID"), 0, 0, 64, False, False).reply()
        return parse(bytes(reply.data)) if len(reply.data) else None

    # --- windows
    def windows(self) -> Sequence[int]:
        """Top windows: those that a window manager lists, else the root's children."""
        with border(self.display):
            listed = self.numbers(self.root, "_NET_CLIENT_LIST")
            return listed or list(self._conn.core.QueryTree(self.root).reply().children)

    def numbers(self, window: int, property: str) -> Sequence[int]:
        """A property that is a list of 32-bit numbers; empty where the window has none."""
        raw = self._property(window, property)
        return [int.from_bytes(raw[at : at + 4], "little") for at in range(0, len(raw) - 3, 4)]

    def text(self, window: int, property: str) -> str:
        """A property that is text; "" where the window has none."""
        return self._property(window, property).decode("utf-8", "replace")

    def _property(self, window: int, name: str) -> bytes:
        with border(self.display):
            reply = self._conn.core.GetProperty(False, window, self.atom(name), 0, 0, 4096).reply()
        return b"".join(reply.value) if len(reply.value) else b""

    def size(self, window: int) -> Place:
        """The size of a window; its corner is of no use to us, and 0."""
        with border(self.display):
            found = self._conn.core.GetGeometry(window).reply()
        return Place(0, 0, found.width, found.height)

    def is_shown(self, window: int) -> bool:
        """Whether it is mapped, and takes part in pictures at all."""
        with border(self.display):
            found = self._conn.core.GetWindowAttributes(window).reply()
        shown = xcffib.xproto.MapState.Viewable
        return bool(found.map_state == shown and found._class == xcffib.xproto.WindowClass.InputOutput)

    def keep_pictures_of(self, window: int) -> None:
        """The server keeps the whole window's picture, also where others cover it, until this connection closes."""
        if self._composites:
            composite = self._conn(xcffib.composite.key)
            with border(self.display):
                composite.QueryVersion(0, 4).reply()
                composite.RedirectWindow(window, xcffib.composite.Redirect.Automatic)
                self._conn.flush()

    # --- what changes
    def hear(self, window: int, mask: int) -> None:
        """Events of a window are wanted; a window that is not there any more has none."""
        with border(self.display):
            self._conn.core.ChangeWindowAttributes(window, xcffib.xproto.CW.EventMask, [mask])
            self._conn.flush()

    def hear_monitors(self) -> None:
        """Events are wanted when a monitor comes, goes or changes."""
        if self._randr is not None:
            with border(self.display):
                mask = _MASK.ScreenChange | _MASK.CrtcChange | _MASK.OutputChange
                self._randr.SelectInput(self.root, mask)
                self._conn.flush()

    def fileno(self) -> int:
        """What is readable when events wait."""
        with border(self.display):
            return int(self._conn.get_file_descriptor())

    def events(self) -> Iterator[Any]:
        """The events that wait, and none more."""
        while True:
            with border(self.display):
                try:
                    event = self._conn.poll_for_event()
                except xcffib.Error:  # about a request to a window that has closed since
                    continue
            if event is None:
                return
            yield event
