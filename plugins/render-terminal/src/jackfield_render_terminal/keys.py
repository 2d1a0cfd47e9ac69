"""What is typed, and what it does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final

from jackfield.roles import RenderedCall
from jackfield.values.errors import CallError
from jackfield.values.settings import SessionSettings

BUTTONS: Final = {
    "m": "toggle_audio", "v": "toggle_video", "h": "raise_hand", "s": "screen_share", "l": "change_layout",
    "r": "recording_toggle", "x": "switch_camera", "q": "leave_session",
}  # fmt: skip
#: Key → what it is called, in the order in which it is shown; and the setting that hides it, and turns it off.
TITLES: Final = {
    "m": "mute", "v": "camera", "h": "hand", "s": "screen", "l": "layout", "r": "record", "c": "chat", "q": "leave",
}  # fmt: skip
_HIDDEN_BY: Final = {
    "m": "hide_toggle_audio_button", "v": "hide_toggle_video_button", "x": "hide_switch_camera_button",
    "h": "hide_raise_hand_button", "s": "hide_screen_sharing_button", "l": "hide_change_layout_button",
    "r": "hide_recording_button", "c": "hide_chat_button", "q": "hide_leave_session_button",
}  # fmt: skip
_ENTER, _ESCAPE, _BACK, _REDRAW = ("\r", "\n"), "\x1b", ("\x7f", "\b"), "\x0c"


def is_hidden(settings: SessionSettings, key: str) -> bool:
    """Whether a setting hides what this key does."""
    return bool(getattr(settings, _HIDDEN_BY.get(key, ""), False))


def keys_of(settings: SessionSettings) -> list[str]:
    """The keys that are told of."""
    return [key for key in TITLES if not is_hidden(settings, key)]


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
        elif is_hidden(self._call.settings, letter.lower()):
            return
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
