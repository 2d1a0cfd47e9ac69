"""An X server of a test's own (Xvfb), and a tiny client that shows windows of one colour on it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from attrs import define, field

#: An arrow, in X's cursor font.
_ARROW = 68


@define
class Window:
    """One window of one colour; each change is done when the call returns."""

    conn: Any
    number: int

    def paint(self, colour: int) -> None:
        """All of it in this colour, as 0xRRGGBB."""
        from xcffib.xproto import CW

        self.conn.core.ChangeWindowAttributes(self.number, CW.BackPixel, [colour])
        self.conn.core.ClearArea(False, self.number, 0, 0, 0, 0)
        _done(self.conn)

    def change(self, **given: int) -> None:
        """Its x, y, width or height."""
        from xcffib.xproto import ConfigWindow

        names = {"x": ConfigWindow.X, "y": ConfigWindow.Y, "width": ConfigWindow.Width, "height": ConfigWindow.Height}
        wanted = sorted((names[name], value) for name, value in given.items())
        mask = sum(bit for bit, _ in wanted)
        self.conn.core.ConfigureWindow(self.number, mask, [value for _, value in wanted])
        _done(self.conn)

    def name(self, title: str) -> None:
        """Its title."""
        from xcffib.xproto import Atom, PropMode

        core, raw = self.conn.core, title.encode()
        core.ChangeProperty(PropMode.Replace, self.number, Atom.WM_NAME, Atom.STRING, 8, len(raw), raw)
        _done(self.conn)

    def show(self, *, shown: bool = True) -> None:
        """Mapped, or unmapped as minimised windows are."""
        (self.conn.core.MapWindow if shown else self.conn.core.UnmapWindow)(self.number)
        _done(self.conn)

    def close(self) -> None:
        """Destroyed."""
        self.conn.core.DestroyWindow(self.number)
        _done(self.conn)


@define
class XServer:
    """A running Xvfb with one client of ours."""

    display: str
    process: subprocess.Popen[bytes]
    conn: Any
    _windows: list[Window] = field(factory=list)

    @property
    def screen(self) -> Any:
        """The root window and its size."""
        return self.conn.setup.roots[0]

    def window(self, title: str, colour: int, *, x: int = 0, y: int = 0, width: int = 320, height: int = 240) -> Window:
        """A window above those before it."""
        from xcffib.xproto import CW, Atom, PropMode, WindowClass

        number, core, root = self.conn.generate_id(), self.conn.core, self.screen
        core.CreateWindow(
            root.root_depth, number, root.root, x, y, width, height, 0, WindowClass.InputOutput, root.root_visual,
            CW.BackPixel | CW.OverrideRedirect, [colour, 0],
        )  # fmt: skip
        names = b"painted\0Painted\0"
        core.ChangeProperty(PropMode.Replace, number, Atom.WM_CLASS, Atom.STRING, 8, len(names), names)
        window = Window(self.conn, number)
        window.name(title)
        window.show()
        self._windows.append(window)
        return window

    def paint(self, colour: int) -> None:
        """The desktop behind all windows."""
        Window(self.conn, self.screen.root).paint(colour)

    def point(self, x: int, y: int) -> None:
        """The mouse pointer, as a white arrow with a black edge, has its tip here."""
        from xcffib.xproto import CW

        font, cursor, core = self.conn.generate_id(), self.conn.generate_id(), self.conn.core
        core.OpenFont(font, len("cursor"), "cursor")
        core.CreateGlyphCursor(cursor, font, font, _ARROW, _ARROW + 1, 65535, 65535, 65535, 0, 0, 0)
        core.ChangeWindowAttributes(self.screen.root, CW.Cursor, [cursor])
        core.WarpPointer(0, self.screen.root, 0, 0, 0, 0, x, y)
        _done(self.conn)

    def add_monitor(self, name: str, x: int, y: int, width: int, height: int) -> None:
        """A monitor of that name is plugged in (RandR 1.5 takes it that a program says so)."""
        import xcffib
        from xcffib import randr

        atom = self._atom(name)
        packed = randr.MonitorInfo.synthetic(atom, 0, 0, 0, x, y, width, height, 300, 200, [])
        self.conn(randr.key).SetMonitor(self.screen.root, packed)
        _done(self.conn)
        assert xcffib

    def remove_monitor(self, name: str) -> None:
        """That monitor is pulled out."""
        from xcffib import randr

        self.conn(randr.key).DeleteMonitor(self.screen.root, self._atom(name))
        _done(self.conn)

    def resize(self, width: int, height: int) -> None:
        """The whole desktop has another size from now on, and its one monitor is switched off."""
        from xcffib import randr

        asked, root = self.conn(randr.key), self.screen.root
        found = asked.GetScreenResources(root).reply()
        asked.SetCrtcConfig(found.crtcs[0], 0, found.config_timestamp, 0, 0, 0, 1, 0, []).reply()
        asked.SetScreenSize(root, width, height, width // 4, height // 4)
        _done(self.conn)

    def clear(self) -> None:
        """No window, and a black desktop, for the next test."""
        for window in self._windows:
            window.close()
        self._windows.clear()
        self.paint(0)

    def _atom(self, name: str) -> int:
        return int(self.conn.core.InternAtom(False, len(name), name).reply().atom)

    def stop(self) -> None:
        """The server has ended."""
        self.process.terminate()
        self.process.wait(10)


def _done(conn: Any) -> None:
    """Whatever was asked before has been done; errors about windows that are gone are taken off the queue."""
    import xcffib

    conn.core.GetInputFocus().reply()
    while True:
        try:
            if conn.poll_for_event() is None:
                return
        except xcffib.Error:
            continue


def start(width: int = 1280, height: int = 800) -> XServer:
    """An Xvfb at a free display number."""
    import xcffib
    import xcffib.randr
    import xcffib.xproto

    reading, writing = os.pipe()
    size = f"{width}x{height}x24"
    command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", size, "-nolisten", "tcp", "-noreset"]
    process = subprocess.Popen(
        command, pass_fds=[writing], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    os.close(writing)
    with os.fdopen(reading) as answer:
        display = f":{answer.readline().strip()}"
    return XServer(display, process, xcffib.connect(display))


@pytest.fixture(scope="session")
def _x_server() -> Iterator[XServer]:
    server = start()
    yield server
    server.conn.disconnect()
    server.stop()


@pytest.fixture
def x_server(_x_server: XServer) -> Iterator[XServer]:
    """An X server with an empty desktop, 1280x800. Mark the test with ``needs("xvfb")``."""
    yield _x_server
    _x_server.clear()
