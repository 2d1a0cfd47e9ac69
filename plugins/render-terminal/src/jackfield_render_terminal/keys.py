"""What is typed, and what it does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final

from jackfield.roles import RenderedCall
from jackfield.values.errors import CallError

BUTTONS: Final = {
    "m": "toggle_audio", "v": "toggle_video", "h": "raise_hand", "s": "screen_share", "l": "change_layout",
    "r": "recording_toggle", "x": "switch_camera", "q": "leave_session",
}  # fmt: skip
_ENTER, _ESCAPE, _BACK, _REDRAW = ("\r", "\n"), "\x1b", ("\x7f", "\b"), "\x0c"


class Keys:
    """Keys of one call; ``said`` is told what went wrong, ``redraw`` is Ctrl-L."""

    def __init__(self, call: RenderedCall, said: Callable[[str], None], redraw: Callable[[], None]) -> None:
        self._call, self._said, self._redraw = call, said, redraw
        self._tasks: set[asyncio.Task[None]] = set()
        #: What is being written; None: the chat is closed.
        self.typing: str | None = None

    def typed(self, text: str) -> None:
        """These keys were pressed. A sequence that a special key sends is no text."""
        if self._call.idle_seconds_left is not None:
            self._call.stay()
            return
        if text.startswith(_ESCAPE):
            self.typing = None
            return
        for letter in text:
            self._one(letter)

    def _one(self, letter: str) -> None:
        if letter == _REDRAW:
            self._redraw()
        elif self.typing is not None:
            self._write(letter)
        elif letter.lower() in BUTTONS:
            self._do(self._press(BUTTONS[letter.lower()]))
        elif letter.lower() == "c":
            self._do(self._open_chat())

    def _write(self, letter: str) -> None:
        assert self.typing is not None
        if letter in _ENTER:
            text, self.typing = self.typing.strip(), ""
            if text:
                self._do(self._send(text))
        elif letter in _BACK:
            self.typing = self.typing[:-1]
        elif letter.isprintable():
            self.typing += letter

    async def _press(self, button: Any) -> None:
        await self._call.press(button)

    async def _open_chat(self) -> None:
        if await self._call.press("chat"):
            self.typing = ""

    async def _send(self, text: str) -> None:
        await self._call.send_chat(text)

    def _do(self, action: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(self._safely(action))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _safely(self, action: Coroutine[Any, Any, None]) -> None:
        try:
            await action
        except (CallError, ValueError) as error:
            self._said(getattr(error, "message", str(error)))
