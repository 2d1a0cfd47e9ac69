"""Where there is nothing to take: silence in the listing, words from the doctor, never a black picture."""

from __future__ import annotations

from typing import Any

import pytest
from jackfield_screen.driver import ScreenCaptures
from jackfield_screen.options import Options
from jackfield_screen.x11.desktop import X11Desktop

from jackfield.values.devices import Device
from jackfield.values.errors import DeviceError
from jackfield.values.formats import VideoFormat
from tests.lab.xserver import XServer


def driver(options: Options | None = None, **environ: str) -> ScreenCaptures:
    """The driver of a process with this environment and no more."""
    made = ScreenCaptures(options or Options())
    made.__dict__["desktop"] = X11Desktop(options or Options(), environ)
    return made


@pytest.mark.parametrize(
    "environ",
    [
        {"WAYLAND_DISPLAY": "wayland-0"},
        {"XDG_SESSION_TYPE": "wayland"},
        {"WAYLAND_DISPLAY": "wayland-0", "DISPLAY": ":0", "XDG_SESSION_TYPE": "wayland"},
    ],
)
def test_under_wayland_it_refuses_with_the_reason(environ: dict[str, str]) -> None:
    """One screen that cannot be used and says what to do, also where Xwayland answers."""
    screens = driver(**environ)
    (listed,) = screens.devices()
    assert (listed.id, listed.state) == ("screen:wayland", "unusable")
    assert "Xorg" in listed.note
    with pytest.raises(DeviceError, match="black"):
        screens.open(listed, VideoFormat())
    (finding,) = screens.diagnose()
    assert (finding.severity, finding.key) == ("warning", "screen:wayland")
    screens.watch(lambda change: None)()


@pytest.mark.parametrize(
    ("environ", "found"),
    [({}, "$DISPLAY is not set"), ({"DISPLAY": ":4711"}, "no X server answers"), ({"DISPLAY": "junk"}, "junk")],
)
def test_where_no_display_is_nothing_is_listed(environ: dict[str, str], found: str) -> None:
    """Silently; the doctor says why, and watching waits."""
    screens = driver(**environ)
    assert screens.devices() == []
    (finding,) = screens.diagnose()
    assert found in finding.found
    assert finding.severity == "warning"
    assert finding.fix
    screens.watch(lambda change: None)()


def test_a_display_that_was_named_must_answer() -> None:
    """What the configuration names and what is not there is an error."""
    (finding,) = driver(Options(display=":4711")).diagnose()
    assert (finding.severity, finding.key) == ("error", "display")
    assert "[screen] display is :4711" in finding.found


def test_without_libxcb_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library is looked for when it is needed, and its absence is a finding."""
    screens = driver(DISPLAY=":0")

    def missing(self: Any) -> Any:
        raise OSError("cannot load library 'libxcb.so'")

    monkeypatch.setattr(X11Desktop, "_server", missing)
    assert screens.devices() == []
    (finding,) = screens.diagnose()
    assert (finding.severity, finding.key) == ("error", "libxcb")
    assert "libxcb1" in finding.fix


@pytest.mark.needs("xvfb")
def test_xwayland_is_recognised_whatever_the_environment_says(
    x_server: XServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that has the extension XWAYLAND shows us nothing of Wayland's windows."""
    from jackfield_screen.x11.server import Server

    has = Server._has
    monkeypatch.setattr(Server, "_has", lambda self, name: name == "XWAYLAND" or has(self, name))
    (listed,) = driver(DISPLAY=x_server.display).devices()
    assert listed.state == "unusable"


@pytest.mark.needs("xvfb")
def test_another_server_may_be_named_under_wayland(x_server: XServer) -> None:
    """Who names a display knows that it is no Xwayland."""
    found = driver(Options(display=x_server.display), WAYLAND_DISPLAY="wayland-0").devices()
    assert "screen:x11-desktop" in [device.id for device in found]
    assert isinstance(found[0], Device)
