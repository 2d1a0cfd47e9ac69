"""The Qt widget in whole calls: the page's programs as they stand there, and the Flutter example in a host's window."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

import jackfield
from jackfield import CallError, Calls, CallSession, SessionSettingsBuilder, SessionType
from jackfield.calls import default
from jackfield.server.app import Server
from tests.lab.embedded import LOGIN_KEY
from tests.test_docs import blocks
from tests.test_house_rules import ROOT

pytestmark = [pytest.mark.needs("qt"), pytest.mark.timeout(90)]
PAGE = ROOT / "docs" / "qt.md"
LIMIT_S = 30.0
#: Qt's own words where it draws off the screen.
OF_NO_SCREEN = "This plugin does not support propagateSizeHints()\n"
CONFIGURATION = """
[server]
url = "{url}"
[call]
camera = "synthetic:card-front"
microphone = "synthetic:tone-low"
speaker = "none"
video = {{ width = 320, height = 180, fps = 15 }}
renderers = ["render-qt"]
"""


@pytest.fixture(autouse=True)
def offscreen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")


@pytest.fixture
def configured(own_state: Path, embedded: Server) -> Path:
    file = own_state / "jackfield.toml"
    file.write_text(CONFIGURATION.format(url=embedded.url))
    return file


@asynccontextmanager
async def grace(embedded: Server) -> AsyncIterator[CallSession]:
    """Somebody else in the call, who reads what comes."""
    async with Calls(embedded.url, remember=False) as others:
        await others.login("grace", LOGIN_KEY, name="Grace")
        yield await others.join_session(session_id="stand-up", settings={"renderers": []})


async def until(condition: Any) -> None:
    async with asyncio.timeout(LIMIT_S):
        while not condition():
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("title", ["window.py", "plain.py", "beside.py"])
async def test_the_pages_programs_run(title: str, configured: Path, embedded: Server, tmp_path: Path) -> None:
    """Each joins, is seen and heard, draws who is there, answers its own buttons, and ends well when the call does."""
    (block,) = [each for each in blocks(PAGE, "python") if each.title == title]
    program = tmp_path / title
    program.write_text(SPY + block.text)
    environment = {**os.environ, "JACKFIELD_LOGIN_KEY": LOGIN_KEY}
    async with grace(embedded) as call:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-W", "error::RuntimeWarning", str(program)),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=environment,
            cwd=configured.parent,
        )
        assert process.stdout
        try:
            async with asyncio.timeout(LIMIT_S):
                printed = ""
                while not printed.endswith("drawn: ada, grace\n"):
                    line = (await process.stdout.readline()).decode()
                    assert line, f"it ended, and printed: {printed}"
                    printed += line.replace(OF_NO_SCREEN, "")
                assert printed == "drawn: ada, grace\n"
                await until(lambda: call.participants["ada"].raised_hand_at is not None)
                await call.end_for_all()
                rest = (await process.stdout.read()).decode().replace(OF_NO_SCREEN, "")
                assert (await process.wait(), rest) == (0, "")
        finally:
            if process.returncode is None:
                process.send_signal(signal.SIGKILL)
                await process.wait()


#: Looks at the widget as a person would, and presses a button; what the programs of the page cannot do by themselves.
SPY = """
from PySide6.QtCore import QTimer
from jackfield_render_qt.view import CallView

_init = CallView.__init__

def _spied(self, *given):
    _init(self, *given)
    tick = QTimer(self, interval=50)

    def look():
        tiles = self.stage.tiles
        if {"ada", "grace"} <= set(tiles) and all(tile.has_picture for tile in tiles.values()):
            tick.stop()
            print("drawn:", ", ".join(sorted(tiles)), flush=True)
            self.controls.buttons["raise_hand"].click()

    tick.timeout.connect(look)
    tick.start()

CallView.__init__ = _spied
"""


# --- Flutter: "You must place this widget in your Flutter widget tree" ----------------------------------------------
def flutter_join_with_session_id(scaffold: Any, lines: list[str], session_id: str) -> None:
    session_settings = (
        SessionSettingsBuilder().set_display_name("John Doe").set_type(SessionType.video)
    ).build()  # fmt: skip

    def on_success(session: CallSession) -> None:
        lines.append("Joined session successfully")
        # Place session.view in your widget tree to render the call UI
        if session.view is not None:
            scaffold.setCentralWidget(session.view)

    def on_error(e: CallError) -> None:
        lines.append(f"Failed: {e.message}")

    jackfield.join_session(
        session_id=session_id,
        settings=session_settings,
        on_success=on_success,
        on_error=on_error,
    )


async def test_the_flutter_example_in_a_host_applications_tree(configured: Path, embedded: Server) -> None:
    """The widget that the example places shows who is there, follows what happens, and is gone when the call is."""
    from PySide6.QtWidgets import QApplication, QMainWindow

    app = QApplication.instance() or QApplication([])
    window, lines = QMainWindow(), list[str]()
    window.resize(800, 600)
    window.show()
    calls = await jackfield.init(embedded.url)
    try:
        flutter_join_with_session_id(window, lines, "stand-up")
        await until(lambda: lines)
        assert "call login first" in lines.pop()
        await jackfield.login("john", LOGIN_KEY, name="John")
        flutter_join_with_session_id(window, lines, "stand-up")
        await until(lambda: lines)
        assert lines == ["Joined session successfully"]
        assert calls.session
        view = calls.session.view
        assert window.centralWidget() is view
        async with grace(embedded) as other:
            await until(lambda: view.stage.tiles.get("grace") and view.stage.tiles["grace"].has_picture)
            await until(lambda: view.stage.tiles["john"].has_picture)
            await other.send_chat("<b>hello</b>")
            await until(lambda: len(calls.session.chat) == 1)
            await other.pause_video()
            await until(lambda: not view.stage.tiles["grace"].has_picture)
        await until(lambda: "grace" not in view.stage.tiles)
        await calls.session.leave()
        await until(lambda: window.centralWidget() is None)
    finally:
        for each in {calls, default.current()} - {None}:
            assert each
            await each.close()
        window.close()
    assert app is not None
