"""The X11 desktop of this process, or why there is none."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from attrs import evolve, frozen

from jackfield.roles import Unwatch
from jackfield.values.devices import Device, DeviceChange
from jackfield.values.errors import DeviceError, DeviceGone
from jackfield.values.findings import Finding
from jackfield_screen.desktop import View
from jackfield_screen.options import Options

if TYPE_CHECKING:
    from jackfield_screen.x11.server import Server

WAYLAND = "screen:wayland"
_WAYLAND_FOUND = "this is a Wayland session, which gives no program the screen; taken through X11 it would be black"
_WAYLAND_FIX = (
    "log in with an X11 session (“… on Xorg” at the log-in screen), share the screen from the browser page instead, "
    'or name another X server with [screen] display = ":1"'
)
_NO_LIBRARY = Finding(
    "error", "libxcb", "the library of the X protocol is not installed", "sudo apt-get install libxcb1"
)


@frozen
class Refusal:
    """Why there is nothing to take: a Wayland session is listed as a screen that cannot be used, the rest is not."""

    kind: Literal["wayland", "no display", "no library", "no answer"]
    finding: Finding


class X11Desktop:
    """Screens and windows of one X server. Connects for each listing, and once for each watch and capture."""

    def __init__(self, options: Options, environ: Mapping[str, str]) -> None:
        self._options = options
        self._display = options.display or environ.get("DISPLAY", "")
        on_wayland = bool(environ.get("WAYLAND_DISPLAY")) or environ.get("XDG_SESSION_TYPE") == "wayland"
        self._on_wayland = on_wayland and not options.display

    def devices(self) -> Sequence[Device]:
        """Monitors, the whole desktop, and windows; under Wayland one that says why it cannot be used."""
        try:
            server = self._connect()
        except _Refused as refused:
            return [_wayland()] if refused.why.kind == "wayland" else []
        try:
            return self._listed(server)
        except DeviceGone:
            return []
        finally:
            server.close()

    def watch(self, changed: Callable[[DeviceChange], None]) -> Unwatch:
        """Reports changes; none ever comes under Wayland and where there is no display."""
        if self._on_wayland or not self._display:
            return lambda: None
        try:
            from jackfield_screen.x11.watcher import Watcher
        except OSError:  # libxcb is not there; `diagnose` says so
            return lambda: None
        return Watcher(self._server, self._listed, changed).end

    def view(self, device: Device) -> View:
        """The screen or window, followed."""
        from jackfield_screen.x11.view import view

        try:
            return view(self._connect(), device)
        except _Refused as refused:
            raise DeviceError(f"{device.label} cannot be taken: {refused.why.finding.found}") from refused

    def diagnose(self) -> Sequence[Finding]:
        """Why there is no screen to take."""
        try:
            self._connect().close()
        except _Refused as refused:
            return [refused.why.finding]
        return []

    def _listed(self, server: Server) -> list[Device]:
        from jackfield_screen.x11.listing import Windows, screens

        if not hasattr(self, "_windows"):
            self._windows = Windows()
        found = [device for device, _ in screens(server, server.outputs())]
        return found + (self._windows.devices(server) if self._options.windows else [])

    def _server(self) -> Server:
        from jackfield_screen.x11.server import Server

        return Server(self._display)

    def _connect(self) -> Server:
        if self._on_wayland:
            raise _Refused(_wayland_refusal())
        if not self._display:
            raise _Refused(Refusal("no display", _no_display()))
        try:
            server = self._server()
        except OSError as exc:
            raise _Refused(Refusal("no library", _NO_LIBRARY)) from exc
        except DeviceGone as exc:
            raise _Refused(Refusal("no answer", self._no_answer())) from exc
        if server.is_xwayland:
            server.close()
            raise _Refused(_wayland_refusal())
        return server

    def _no_answer(self) -> Finding:
        named = "[screen] display" if self._options.display else "$DISPLAY"
        found = f"{named} is {self._display}, and no X server answers this user there"
        fix = "start it, name another, or let this user in: xhost +si:localuser:$USER"
        return Finding("error" if self._options.display else "warning", "display", found, fix)


def desktop(options: Options, environ: Mapping[str, str]) -> X11Desktop:
    """The X11 desktop that the options or the environment name."""
    return X11Desktop(options, environ)


class _Refused(Exception):
    def __init__(self, why: Refusal) -> None:
        super().__init__(why.finding.found)
        self.why = why


def _wayland_refusal() -> Refusal:
    return Refusal("wayland", Finding("warning", WAYLAND, _WAYLAND_FOUND, _WAYLAND_FIX))


def _wayland() -> Device:
    device = Device(WAYLAND, "screen", "Wayland session", state="unusable", rank=1)
    return evolve(device, note=f"{_WAYLAND_FOUND}; {_WAYLAND_FIX}")


def _no_display() -> Finding:
    fix = "run it in a desktop session, or make one: Xvfb :9 -screen 0 1920x1080x24 & export DISPLAY=:9"
    return Finding("warning", "display", "there is no display to take: $DISPLAY is not set", fix)
