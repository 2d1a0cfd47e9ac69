"""One page that looks: what it wants to see, what it is told, what it asks for."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from itertools import count
from typing import Any

from aiohttp import WSMsgType, web
from attrs import define, field

from jackfield.log_limit import limited_logger
from jackfield.roles import RenderedCall, RenderedTrack, Unwatch
from jackfield.values.errors import CallError
from jackfield.values.events import ChatMessage
from jackfield.values.media import EncodedFrame
from jackfield_render_web.actions import actions, unknown
from jackfield_render_web.frames import packed
from jackfield_render_web.state import message_of, state_of

logger = limited_logger("jackfield.render-web")

#: How often the page is told what has changed.
LOOK_S = 0.15
#: So many bytes of one picture may wait for a page that does not keep up: then they are let go of, and it is given
#: nothing of that picture before the next keyframe.
WAITING_MAX = 512 << 10
#: Characters that may wait for a page that does not keep up, beside the first of them: then it is let go of.
WORDS_MAX = 4 << 20
#: The longest message of a page.
MESSAGE_MAX = 1 << 20
#: What a page may have asked for without an answer yet.
ASKED_MAX = 64


@define(eq=False)
class _Stream:
    """One picture that the page sees."""

    number: int
    track: RenderedTrack
    waits: bool = True
    #: Bytes that are queued for the page.
    waiting: int = 0
    unwatch: Unwatch = field(default=lambda: None)


class Viewer:
    """Runs from the WebSocket's beginning to its end, on the event loop."""

    def __init__(self, call: RenderedCall, socket: web.WebSocketResponse) -> None:
        self._call, self._socket = call, socket
        self._actions = actions(call)
        self._streams: dict[str, _Stream] = {}
        self._numbers = count(1)
        self._wanted: frozenset[str] = frozenset()
        self._texts: deque[str] = deque()
        #: How everything stands, where the page has not been told yet: the newest alone.
        self._state = ""
        self._waiting = 0
        #: Whether the page took so little that it is let go of; its connection is then to be broken off.
        self.is_behind = False
        self._frames: deque[tuple[_Stream, bytes]] = deque()
        self._something = asyncio.Event()
        self._told = ""
        self._reading: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[Any]] = set()

    async def run(self) -> None:
        """Until the page has gone, or the call has; a fault of ours ends it too: a page that stands still is worse."""
        tracks = ("track_subscribed", "track_unsubscribed", "own_track_started", "own_track_ended")
        unwatches = [self._call.on(name, lambda _: self._match()) for name in tracks]
        unwatches.append(self._call.on("chat_message", self._wrote))
        for name, what in (("audio_muted", "microphone"), ("video_paused", "camera")):
            unwatches.append(self._call.on(name, lambda event, what=what: self._turned_off(event, what)))  # type: ignore[misc]
        jobs = [asyncio.create_task(job) for job in (self._write(), self._look())]
        self._say(chat=[message_of(each) for each in self._call.chat])
        reading = self._reading = asyncio.create_task(self._read())
        try:
            await asyncio.wait([reading, *jobs], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for unwatch in unwatches:
                unwatch()
            ending = (reading, *jobs, *self._tasks)
            for task in ending:
                task.cancel()
            for failed in await asyncio.gather(*ending, return_exceptions=True):
                if isinstance(failed, Exception):
                    logger.error("a page is let go of after a fault of ours", exc_info=failed)
            for stream in self._streams.values():
                stream.unwatch()

    async def _read(self) -> None:
        async for message in self._socket:
            if message.type == WSMsgType.TEXT:
                self._heard(message.data)

    async def over(self, reason: str) -> None:
        """The call is over: the page is told, and let go of."""
        self._say(over=reason)
        try:
            async with asyncio.timeout(1):
                while self._texts:
                    await asyncio.sleep(0.01)
                await self._socket.close()
        except (TimeoutError, OSError):
            pass

    # --- what the page is told
    def _say(self, **what: Any) -> None:
        if self.is_behind:
            return
        text = json.dumps(what)
        self._texts.append(text)
        self._waiting += len(text)
        if self._waiting - len(self._texts[0]) > WORDS_MAX:
            self._fall_behind()
        self._something.set()

    def _fall_behind(self) -> None:
        """Words cannot be left out, and are not kept without end either."""
        logger.warning("a page does not read what it is told: it is let go of, and can be opened again")
        self.is_behind = True
        self._texts.clear()
        if self._reading is not None:
            self._reading.cancel()

    def _wrote(self, message: ChatMessage) -> None:
        self._say(chat=[message_of(message)])

    def _turned_off(self, event: Any, what: str) -> None:
        if event.by_moderator:
            self._say(turnedOff=what)

    async def _look(self) -> None:
        while True:
            text = json.dumps(state_of(self._call))
            if text != self._told:
                self._told = text
                self._state = f'{{"state": {text}}}'
                self._something.set()
                self._match()
            await asyncio.sleep(LOOK_S)

    async def _write(self) -> None:
        try:
            while True:
                await self._something.wait()
                self._something.clear()
                while self._texts or self._state or self._frames:
                    await self._write_next()
        except (ConnectionError, RuntimeError):
            await self._socket.close()

    async def _write_next(self) -> None:
        """Words before pictures: a message does not wait for what is seen."""
        if self._texts:
            await self._socket.send_str(self._texts[0])
            self._waiting -= len(self._texts.popleft())
            return
        if self._state:
            text, self._state = self._state, ""
            await self._socket.send_str(text)
            return
        stream, data = self._frames.popleft()
        stream.waiting -= len(data)
        await self._socket.send_bytes(data)

    # --- pictures
    def _match(self) -> None:
        """What is wanted and there is taken; the rest is let go of."""
        there = {each.sid: each for each in (*self._call.tracks(), *self._call.own_tracks()) if each.kind == "video"}
        for sid in [sid for sid in self._streams if sid not in self._wanted or sid not in there]:
            stream = self._streams.pop(sid)
            stream.unwatch()
            self._let_go(stream)
        for sid in self._wanted & there.keys() - self._streams.keys():
            stream = self._streams[sid] = _Stream(next(self._numbers), there[sid])
            self._say(picture={"id": sid, "number": stream.number})
            stream.unwatch = stream.track.take_encoded(lambda frame, stream=stream: self._frame(stream, frame))  # type: ignore[misc]
            stream.track.request_keyframe()

    def _frame(self, stream: _Stream, frame: EncodedFrame) -> None:
        """A picture for the page; a keyframe first, and after anything was left out."""
        if stream.waiting > WAITING_MAX and not stream.waits:
            self._let_go(stream)
            stream.track.request_keyframe()
            logger.info("a page does not keep up: it misses pictures of %s", stream.track.participant.uid)
        if stream.waits and not frame.keyframe:
            stream.track.request_keyframe()
            return
        if frame.keyframe and stream.waiting > WAITING_MAX // 4:
            self._let_go(stream)
        stream.waits = False
        data = packed(stream.number, frame)
        stream.waiting += len(data)
        self._frames.append((stream, data))
        self._something.set()

    def _let_go(self, stream: _Stream) -> None:
        """What waits of a picture is too old to be looked at, and the next that is sent is a keyframe."""
        self._frames = deque(each for each in self._frames if each[0] is not stream)
        stream.waiting, stream.waits = 0, True

    # --- what the page asks for
    def _heard(self, text: str) -> None:
        try:
            asked = json.loads(text)
        except (ValueError, RecursionError):
            return
        if not isinstance(asked, dict):
            return
        wanted = asked.get("want")
        if isinstance(wanted, list):
            self._wanted = frozenset(each for each in wanted if isinstance(each, str))
            self._match()
        broken = asked.get("broken")
        if isinstance(broken, str) and broken in self._streams:
            self._streams[broken].waits = True
            self._streams[broken].track.request_keyframe()
        name = asked.get("do")
        if isinstance(name, str):
            self._act(asked.get("id"), name, asked.get("with", []))

    def _act(self, asked: Any, name: str, given: Any) -> None:
        number = asked if type(asked) is int else None
        if len(self._tasks) >= ASKED_MAX:
            self._say(done=number, error=_error("ERROR_BUSY", f"{ASKED_MAX} things are under way: ask again later"))
            return
        task = asyncio.create_task(self._acted(number, name, given))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _acted(self, number: int | None, name: str, given: Any) -> None:
        try:
            if name not in self._actions:
                raise unknown(name, list(self._actions))
            self._say(done=number, answer=await self._actions[name](given))
        except CallError as error:
            self._say(done=number, error=_error(error.code, error.message))
        except ValueError as error:
            self._say(done=number, error=_error("VALIDATION_ERROR", str(error)))
        except Exception:
            logger.exception("what a page asked for failed; the call goes on")
            why = "that failed; the log of the program says why, and the call goes on"
            self._say(done=number, error=_error("ERROR_INTERNAL", why))


def _error(code: str, message: str) -> dict[str, str]:
    return {"code": code, "message": message}
