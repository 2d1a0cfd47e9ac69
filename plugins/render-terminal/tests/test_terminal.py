"""A call in a terminal, as somebody in front of it sees it and types."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from jackfield_render_terminal.cells import Screen, fitted
from jackfield_render_terminal.options import Options
from jackfield_render_terminal.places import Box, grid, inside, with_main
from jackfield_render_terminal.renderer import TerminalRenderer, depth

from jackfield.testing import FakeCall, samples
from jackfield.values.errors import NotAllowed
from jackfield.values.events import AudioMuted
from jackfield.values.media import VideoFrame
from jackfield.values.settings import SessionSettings

from .emulator import Emulator

FAST = Options(fps=30, colours="true")
SHOWN = SessionSettings(hide_chat_button=False, hide_recording_button=False)


@pytest.fixture
def window() -> Iterator[Emulator]:
    made = Emulator(30, 100)
    yield made
    made.close()


async def shown(window: Emulator, wanted: str, *, gone: bool = False) -> str:
    """The screen, once this stands on it, or no more."""
    async with asyncio.timeout(5):
        while (wanted in (text := window.read())) is gone:
            await asyncio.sleep(0.02)
    return text


async def given_back(window: Emulator) -> None:
    """All that was written has been read."""
    async with asyncio.timeout(5):
        while window.modes.get("?1049") is not False:
            window.read()
            await asyncio.sleep(0.02)


def plain(red: int, green: int, blue: int, width: int = 160, height: int = 90) -> VideoFrame:
    return VideoFrame.from_ndarray(np.full((height, width, 3), (red, green, blue), np.uint8))


async def test_people_have_tiles_with_pictures_names_and_marks(window: Emulator) -> None:
    """Each picture in its colours, initials where there is none; who speaks, is muted or raises a hand is marked."""
    call = FakeCall(settings=SHOWN)
    call.join("ada", "Ada Lovelace")
    call.join("grace", "Grace")
    before = window.attributes()
    renderer = TerminalRenderer(call, window.file, FAST)
    track = call.send("ada", "camera")
    for _ in range(3):
        track.feed(plain(200, 40, 40))
    text = await shown(window, "▀")
    assert all(each in text for each in ("Ada Lovelace", "Grace", "(you)", "3 here", "q leave"))
    assert {style for style in window.styles("▀") if "38;2;200;40;40" in style or "38;2;199;39;39" in style}
    call.hand("ada")
    call.speak("ada")
    await shown(window, "▸ Ada Lovelace  ✋")
    call.turn_off("ada", "camera")
    assert "AL" in await shown(window, "▀", gone=True)
    assert window.modes == {"?1049": True, "?25": False, "?7": False}
    await renderer.close()
    window.read()
    assert window.modes == {"?1049": False, "?25": True, "?7": True}
    assert window.attributes() == before


async def test_names_can_be_seen_and_what_a_moderator_does_is_said(window: Emulator) -> None:
    """Who is called nothing is called by their uid; a moderator's muting is told at the bottom."""
    call = FakeCall(settings=SHOWN)
    call.join("ada", "\u200b\u2060")
    renderer = TerminalRenderer(call, window.file, FAST)
    await shown(window, "ada")
    call.emit(AudioMuted())
    call.emit(AudioMuted(by_moderator=True))
    await shown(window, "a moderator muted you")
    await renderer.close()


async def test_a_still_picture_costs_nothing_and_noise_hardly(window: Emulator) -> None:
    """Only cells that look different are sent again."""
    call = FakeCall(settings=SHOWN)
    call.join("ada", "Ada")
    renderer = TerminalRenderer(call, window.file, FAST)
    track = call.send("ada", "camera")
    track.feed(plain(100, 100, 100))
    await shown(window, "▀")
    sent = window.sent
    for level in (103, 98, 104):
        track.feed(plain(level, level, level))
        await asyncio.sleep(0.1)
        window.read()
    assert window.sent - sent < 200, "the clock at most"
    track.feed(plain(10, 200, 10))
    await asyncio.sleep(0.2)
    window.read()
    assert window.sent - sent > 2000
    await renderer.close()


async def test_keys_press_buttons_and_write_messages(window: Emulator) -> None:
    """A program may prevent what a key does; what cannot be done is said; the chat is a line to type in."""
    call = FakeCall(settings=SHOWN)
    call.join("ada", "Ada")
    renderer = TerminalRenderer(call, window.file, FAST)
    window.type("mh")
    async with asyncio.timeout(5):
        while not (call.is_audio_muted and call.is_hand_raised):
            await asyncio.sleep(0.01)
    call.write("ada", "where <b>are</b> you?\x1b[2J")
    await shown(window, "c chat (1)")
    window.type("c")
    await shown(window, "Ada: where <b>are</b> you?[2J")
    window.type("in the cellae\x7fr\r")
    await shown(window, "in the cellar")
    assert [message.text for message in call.written] == ["in the cellar"]
    window.type("\x1b")
    await shown(window, "Ada: where", gone=True)
    call.on("recording_toggle_button_clicked", lambda event: event.prevent_default())
    window.type("r")

    async def refused(*_: object) -> None:
        raise NotAllowed("only a moderator may do this")

    call.switch_camera = refused  # type: ignore[method-assign]
    call._defaults["switch_camera"] = refused
    window.type("x")
    await shown(window, "only a moderator may do this")
    assert not call.is_recording
    await renderer.close()


async def test_what_settings_hide_is_not_there(window: Emulator) -> None:
    """The chat and the recording as they come; the bar and the header where it is asked for; keys do nothing then."""
    call = FakeCall(settings=SessionSettings(hide_header_panel=True, hide_toggle_audio_button=True))
    renderer = TerminalRenderer(call, window.file, FAST)
    text = await shown(window, "q leave")
    assert not [each for each in ("c chat", "r record", "m mute", "1 here") if each in text]
    muted = call.is_audio_muted
    window.type("mcr")
    await asyncio.sleep(0.2)
    assert (call.is_audio_muted, call.is_recording, renderer._keys.typing) == (muted, False, None)
    await renderer.close()


async def test_another_size_and_another_layout_are_followed(window: Emulator) -> None:
    """A window that is resized is drawn anew; a shared screen has the main place."""
    call = FakeCall(settings=SHOWN)
    for uid in ("ada", "grace", "carol"):
        call.join(uid, uid.title())
    renderer = TerminalRenderer(call, window.file, FAST)
    await shown(window, "Carol")
    window.resize(12, 40)
    await shown(window, "Carol")
    screen = call.send("grace", "screen")
    screen.feed(plain(0, 0, 250, 320, 180))
    await shown(window, "Grace shares a screen")
    call.set_layout("SIDEBAR")
    await shown(window, "Grace shares a screen")
    window.resize(3, 10)
    await asyncio.sleep(0.1)
    window.read()
    await renderer.close()


async def test_a_line_that_takes_nothing_gets_nothing_more(window: Emulator) -> None:
    """Pictures are left out, and nothing piles up; closing does not wait for it."""
    call = FakeCall(settings=SHOWN)
    call.join("ada", "Ada")
    renderer = TerminalRenderer(call, window.file, FAST)
    track = call.send("ada", "camera")
    for index in range(40):
        track.feed(samples.picture(index))
        track.feed(plain(index * 6, 255 - index * 6, index))
        await asyncio.sleep(0.02)
    assert renderer.view.is_behind
    assert len(renderer.view._waiting) < 1 << 19
    await asyncio.wait_for(renderer.close(), 2)


@pytest.mark.timeout(90)
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
async def test_the_terminal_is_given_back_whatever_ends_the_program(window: Emulator, how: signal.Signals) -> None:
    """A program that is ended while it draws leaves the terminal as it found it."""
    before = window.attributes()
    program = """
import asyncio, sys
from jackfield_render_terminal.options import Options
from jackfield_render_terminal.renderer import TerminalRenderer
from jackfield.testing import FakeCall
async def main():
    call = FakeCall()
    call.join("ada", "Ada")
    TerminalRenderer(call, None, Options())
    await asyncio.sleep(60)
import signal
signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
signal.signal(signal.SIGINT, signal.default_int_handler)  # a program that a shell began in the background ignores it
asyncio.run(main())
"""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdin=window.file, stdout=window.file, stderr=asyncio.subprocess.DEVNULL
    )
    async with asyncio.timeout(45):
        while "Ada" not in window.read():
            await asyncio.sleep(0.05)
        process.send_signal(how)
        while process.returncode is None:
            window.read()
            await asyncio.sleep(0.02)
        await process.wait()
    await given_back(window)
    assert window.modes == {"?1049": False, "?25": True, "?7": True}
    assert window.attributes() == before


def test_colours_are_what_the_terminal_has(monkeypatch: pytest.MonkeyPatch) -> None:
    """24 bits, 256, or none at all; and a picture in each."""
    for variable in ("COLORTERM", "NO_COLOR"):
        monkeypatch.delenv(variable, raising=False)
    for kind, expected in (("xterm-256color", "256"), ("linux", "256"), ("dumb", "none"), ("xterm-direct", "true")):
        monkeypatch.setenv("TERM", kind)
        assert depth("auto") == expected
    monkeypatch.setenv("COLORTERM", "truecolor")
    assert (depth("auto"), depth("none")) == ("true", "none")
    monkeypatch.setenv("NO_COLOR", "1")
    assert depth("auto") == "none"
    red = np.full((2, 1, 3), (255, 0, 0), np.uint8)
    for kind, wanted in (("true", "38;2;255;0;0"), ("256", "38;5;196"), ("none", "\x1b[0m-")):
        screen = Screen(1, 1, kind)  # type: ignore[arg-type]
        screen.picture(0, 0, red)
        assert wanted in screen.changes()
        assert screen.changes() == ""


@pytest.mark.parametrize(
    ("text", "columns", "expected"),
    [("Ada", 5, "Ada"), ("Ada Lovelace", 5, "Ada …"), ("会议室", 4, "会…"), ("a\x1b[2Jb\n", 9, "a[2Jb"), ("x", 0, "")],
)
def test_text_fits_and_moves_no_cursor(text: str, columns: int, expected: str) -> None:
    """Wide letters count twice; control characters are left out."""
    assert fitted(text, columns) == expected


@pytest.mark.parametrize("cut", ["\x1b[38;2;1", "\x1b", "\x1b["])
def test_the_emulator_takes_a_sequence_cut_short_as_terminals_do(window: Emulator, cut: str) -> None:
    """What was under way when the line was cleared is dropped; what follows holds."""
    window.file.write(f"{cut}\x1b[?7h\x1b[?1049l")
    window.file.flush()
    window.read()
    assert window.modes == {"?7": True, "?1049": False}


@pytest.mark.parametrize("count", [1, 2, 5, 12, 50])
def test_tiles_stand_beside_each_other_within_the_area(count: int) -> None:
    """However many: none overlaps another or hangs over, and as many as fit are there."""
    area = Box(1, 0, 40, 120)
    for boxes in (grid(area, count), with_main(area, count, beside=True), with_main(area, count, beside=False)):
        taken = np.zeros((41, 120), int)
        for box in boxes:
            taken[box.row : box.row + box.rows, box.column : box.column + box.columns] += 1
            assert box.row >= 1
            assert box.row + box.rows <= 41
            assert box.column + box.columns <= 120
        assert taken.max() == 1
        assert len(boxes) >= min(count, 4)
    assert len(grid(area, count)) == count
    assert grid(Box(0, 0, 2, 5), 3) == []
    assert inside(Box(0, 0, 20, 100), 1600, 900) == Box(0, 14, 20, 71)


@pytest.mark.timeout(90)
async def test_a_command_shows_a_whole_call_in_a_terminal(window: Emulator, tmp_path: Path) -> None:
    """`jackfield join --render render-terminal`: our own picture is drawn, nothing else is printed, and q leaves."""
    environment = {
        **os.environ,
        "JACKFIELD_STATE_DIR": str(tmp_path),
        "TERM": "xterm-256color",
        "COLORTERM": "truecolor",
    }
    command = ["join", "stand-up", "--name", "Ada", "--render", "render-terminal", "--camera", "synthetic:card-front"]
    command += ["--microphone", "none", "--speaker", "none", "--video", "320x180@10"]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "jackfield", *command,
        stdin=window.file, stdout=window.file, stderr=window.file, env=environment, cwd=tmp_path,
    )  # fmt: skip
    async with asyncio.timeout(55):
        while "▀" not in (text := window.read()):
            await asyncio.sleep(0.05)
            assert process.returncode is None
        assert "Ada (you)" in text
        assert "this machine's own server" not in text
        window.type("q")
        while process.returncode is None:
            window.read()
            await asyncio.sleep(0.05)
        assert await process.wait() == 0
    await given_back(window)
    assert window.modes == {"?1049": False, "?25": True, "?7": True}
