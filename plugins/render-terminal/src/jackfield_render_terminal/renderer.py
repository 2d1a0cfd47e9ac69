"""The renderer: takes pictures, keeps the newest of each track, and draws a few times a second what has changed."""

from __future__ import annotations

import asyncio
import os
import time
from typing import Any, Final

from jackfield.roles import RenderedCall, RenderedTrack, Unwatch
from jackfield_render_terminal.cells import Depth, Screen
from jackfield_render_terminal.keys import Keys
from jackfield_render_terminal.options import Colours, Options
from jackfield_render_terminal.page import draw
from jackfield_render_terminal.picture import Picture
from jackfield_render_terminal.terminal import Terminal

#: What went wrong stays at the bottom for so long.
SAID_S: Final = 6.0


class TerminalRenderer:
    """One call in one terminal. ``view`` is the `Terminal`, which a program that prints leaves alone meanwhile."""

    def __init__(self, call: RenderedCall, container: Any, options: Options) -> None:
        self._call, self._options = call, options
        self._keys = Keys(call, self._say, self._redraw)
        self.view = Terminal(container, self._keys.typed if options.keys else None)
        self._screen = Screen(1, 1, depth(options.colours))
        self._said, self._said_until = "", 0.0
        self._pictures: dict[str, tuple[RenderedTrack, Picture]] = {}
        self._taken: dict[str, Unwatch] = {}
        self._unwatch = [
            call.on("track_subscribed", lambda event: self._take(event.track)),
            call.on("track_unsubscribed", lambda event: self._drop(event.track)),
            call.on("own_track_started", lambda event: self._take(event.track)),
            call.on("own_track_ended", lambda event: self._drop(event.track)),
            call.on("chat_message", lambda event: self._read()),
            call.on("audio_muted", lambda event: self._say("a moderator muted you") if event.by_moderator else None),
            call.on("video_paused", lambda event: self._say("a moderator paused you") if event.by_moderator else None),
        ]
        for track in (*call.tracks(), *call.own_tracks()):
            self._take(track)
        self._drawing = asyncio.create_task(self._draw(), name="render-terminal")

    # --- tracks
    def _take(self, track: RenderedTrack) -> None:
        if track.kind == "video" and track.sid not in self._taken:
            picture = Picture()
            self._pictures[track.sid] = track, picture
            self._taken[track.sid] = track.take_decoded(picture.take)

    def _drop(self, track: RenderedTrack) -> None:
        unwatch = self._taken.pop(track.sid, None)
        self._pictures.pop(track.sid, None)
        if unwatch is not None:
            unwatch()

    def _picture_of(self, person: Any, is_screen: bool) -> Picture | None:
        for track, picture in self._pictures.values():
            if track.participant is person and (track.source == "screen") is is_screen:
                return picture
        return None

    # --- drawing
    async def _draw(self) -> None:
        while True:
            self._once()
            await asyncio.sleep(1 / self._options.fps)

    def _once(self) -> None:
        """Draws what has changed, unless the line has yet to take what was drawn before."""
        if self.view.is_behind:
            return
        size = self.view.size
        if size != (self._screen.rows, self._screen.columns):
            self._screen = Screen(*size, self._screen.depth)
            self.view.write("\x1b[2J")
        said = self._said if time.monotonic() < self._said_until else ""
        draw(self._screen, self._call, self._picture_of, typing=self._keys.typing, said=said)
        self.view.write(self._screen.changes())

    def _redraw(self) -> None:
        self._screen = Screen(1, 1, self._screen.depth)

    def _say(self, text: str) -> None:
        self._said, self._said_until = text, time.monotonic() + SAID_S

    def _read(self) -> None:
        if self._keys.typing is not None:
            self._call.set_chat_button_unread_count(0)

    async def close(self) -> None:
        """The terminal is as it was, and every track and event let go of."""
        self._drawing.cancel()
        await asyncio.gather(self._drawing, return_exceptions=True)
        for unwatch in (*self._unwatch, *self._taken.values()):
            unwatch()
        self._taken.clear()
        self.view.close()


def depth(wish: Colours) -> Depth:
    """How many colours are drawn with; by what the terminal says of itself where nobody wishes."""
    if wish != "auto":
        return wish
    if os.environ.get("NO_COLOR"):
        return "none"
    kind = os.environ.get("TERM", "")
    if os.environ.get("COLORTERM", "").lower() in ("truecolor", "24bit") or "direct" in kind:
        return "true"
    return "none" if kind in ("", "dumb", "vt100", "vt220") else "256"
