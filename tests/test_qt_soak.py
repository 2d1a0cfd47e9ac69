"""The widget in a host's window on a real screen (Xvfb), for ten minutes: memory flat, and it closes cleanly.

``JACKFIELD_SOAK_MINUTES`` shortens it; `make test` has a short form.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from jackfield.server.app import Server
from tests.lab.embedded import LOGIN_KEY
from tests.lab.xserver import XServer
from tests.test_docs import blocks
from tests.test_qt_call import CONFIGURATION, PAGE, grace
from tests.test_soak import Look, assert_flat

MINUTES = min(10.0, float(os.environ.get("JACKFIELD_SOAK_MINUTES", "10")))
SHORT_S, LOOKS = 8.0, 40
pytestmark = [pytest.mark.needs("qt", "qt-xcb", "xvfb")]

#: What the page's program does beside: it looks at itself, walks through the layouts, and closes its window at the end.
WALK = """
import asyncio, json, os, threading
from pathlib import Path
from PySide6.QtCore import QTimer
from jackfield_render_qt.view import CallView

SPAN_S, LOOKS = float(os.environ["SPAN_S"]), int(os.environ["LOOKS"])
_init = CallView.__init__

def _watched(self, *given):
    _init(self, *given)
    number = [0]
    tick = QTimer(self, interval=int(1000 * SPAN_S / LOOKS))

    def look():
        number[0] += 1
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        told = dict(memory_mb=pages * os.sysconf("SC_PAGESIZE") / 1e6, tasks=len(asyncio.all_tasks()),
                    threads=threading.active_count(), descriptors=len(os.listdir("/proc/self/fd")))
        print(json.dumps(told | dict(pictures=self.stage.pictures)), flush=True)
        self._call.set_layout(("TILE", "SIDEBAR", "SPOTLIGHT")[number[0] % 3])
        if number[0] == LOOKS:
            tick.stop()
            self.window().close()

    tick.timeout.connect(look)
    tick.start()

CallView.__init__ = _watched
"""


@pytest.mark.parametrize(
    "span_s",
    [
        pytest.param(SHORT_S, marks=pytest.mark.timeout(90)),
        pytest.param(60 * MINUTES, marks=[pytest.mark.soak, pytest.mark.timeout(60 * MINUTES + 90)]),
    ],
)
async def test_the_widget_stays_flat_in_a_hosts_window(
    own_state: Path, embedded: Server, x_server: XServer, tmp_path: Path, span_s: float
) -> None:
    """Two cameras drawn through all layouts; pictures come all the time, nothing grows, and its window is closed."""
    (own_state / "jackfield.toml").write_text(CONFIGURATION.format(url=embedded.url))
    (block,) = [each for each in blocks(PAGE, "python") if each.title == "window.py"]
    program = tmp_path / "window.py"
    program.write_text(WALK + block.text)
    wanted = {"JACKFIELD_LOGIN_KEY": LOGIN_KEY, "SPAN_S": str(span_s), "LOOKS": str(LOOKS)}
    screen = {"QT_QPA_PLATFORM": "xcb", "DISPLAY": x_server.display, "XDG_SESSION_TYPE": "x11"}
    words = tmp_path / "words"
    async with grace(embedded):
        with words.open("wb") as file:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-W", "error::RuntimeWarning", str(program)),
                stdout=file,
                stderr=asyncio.subprocess.STDOUT,
                env=os.environ | wanted | screen,
                cwd=own_state,
            )
        try:
            async with asyncio.timeout(span_s + 45):
                await process.wait()
        except TimeoutError:
            process.send_signal(signal.SIGKILL)
            await process.wait()
    printed = words.read_text()
    lines = printed.splitlines()
    assert process.returncode == 0, printed
    assert all(line.startswith("{") for line in lines), printed
    told: list[dict[str, Any]] = [json.loads(line) for line in lines]
    assert len(told) == LOOKS
    drawn = [each.pop("pictures") for each in told]
    print(f"pictures drawn: {drawn[-1]}")
    late = drawn[LOOKS // 2 :: 5]  # a busy machine may draw nothing for a blink
    assert all(later > before for before, later in pairwise(late))
    if span_s > SHORT_S:
        assert_flat([Look(**each) for each in told], f"the widget for {span_s / 60:g} minutes")
