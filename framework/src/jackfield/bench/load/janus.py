"""A synthetic participant of Janus's video room: JSON over a WebSocket, one handle that publishes, one that subscribes.

The messages are those of the manual (janus.conf.meetecho.com/docs: JanusSocket, "REST API", "VideoRoom plugin").
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from itertools import count
from typing import Any

import aiohttp

from jackfield.bench.load.participant import Body, Seat
from jackfield.bench.load.side import CONNECT_S
from jackfield.rtc import sdp

#: A session of which nothing is heard for a minute is ended.
_KEEP_S = 25.0
_ROOM_EXISTS = 427
_EVERYBODY = 1000

Message = dict[str, Any]


class JanusError(ConnectionError):
    """Janus refused a request."""


class Signalling:
    """Requests and their answers on one WebSocket; what nobody asked for is kept in `events`."""

    def __init__(self, websocket: aiohttp.ClientWebSocketResponse) -> None:
        self._websocket = websocket
        self._numbers = count(1)
        self._waiting: dict[str, asyncio.Future[Message]] = {}
        self._session = 0
        self.events: asyncio.Queue[Message] = asyncio.Queue()

    async def read(self) -> None:
        """Hands out what comes, until the WebSocket closes. An "ack" says that the answer is still to come."""
        async for frame in self._websocket:
            message: Message = json.loads(frame.data)
            waiting = self._waiting.get(message.get("transaction", ""))
            if waiting is None:
                self.events.put_nowait(message)
            elif message["janus"] != "ack" and not waiting.done():
                waiting.set_result(message)

    async def ask(self, what: str, **fields: Any) -> Message:
        """The answer to a request; `JanusError` where it is refused."""
        transaction = str(next(self._numbers))
        fields |= {"janus": what, "transaction": transaction}
        if self._session:
            fields["session_id"] = self._session
        waiting = self._waiting[transaction] = asyncio.get_running_loop().create_future()
        try:
            await self._websocket.send_json(fields)
            message: Message = await asyncio.wait_for(waiting, CONNECT_S)
        finally:
            del self._waiting[transaction]
        data = message.get("plugindata", {}).get("data", {})
        if error := message.get("error") or (data if "error" in data else None):
            raise JanusError(error)
        return message

    async def open(self) -> None:
        """There is a session."""
        self._session = (await self.ask("create"))["data"]["id"]

    async def attach(self) -> int:
        """A handle of the video room plugin."""
        handle: int = (await self.ask("attach", plugin="janus.plugin.videoroom"))["data"]["id"]
        return handle

    async def tell(self, handle: int, request: str, jsep: Message | None = None, **body: Any) -> Message:
        """The plugin's answer to this request, with the description beside it where there is one."""
        described = {"jsep": jsep} if jsep else {}
        return await self.ask("message", handle_id=handle, body={"request": request, **body}, **described)

    async def keep(self) -> None:
        """The session stays."""
        while True:
            await asyncio.sleep(_KEEP_S)
            await self._websocket.send_json(
                {"janus": "keepalive", "session_id": self._session, "transaction": str(next(self._numbers))}
            )


class JanusParticipant:
    """Publishes in a room, which the first one makes, and receives all publishers in one peer connection."""

    def __init__(self, session: aiohttp.ClientSession, seat: Seat) -> None:
        self._body = Body(session, seat)
        self.received = self._body.received
        self.left = ""
        self._room = seat.room + 1
        self._subscribing = 0

    async def join(self) -> None:
        """In the room; whoever publishes is subscribed to from now on."""
        url = self._body.seat.url
        self._websocket = await self._body.session.ws_connect(url, protocols=["janus-protocol"], max_msg_size=0)
        self._signalling = Signalling(self._websocket)
        self._body.keep(self._signalling.read())
        await self._signalling.open()
        self._body.keep(self._signalling.keep())
        self._body.keep(self.received.report())
        self._publishing = await self._signalling.attach()
        await self._make_room()
        joined = await self._signalling.tell(
            self._publishing, "join", ptype="publisher", room=self._room, display=self._body.seat.name
        )
        self._body.keep(self._subscribe(_feeds(joined)))

    async def _make_room(self) -> None:
        try:
            await self._signalling.tell(
                self._publishing, "create", room=self._room, publishers=_EVERYBODY, videocodec="vp8", audiocodec="opus"
            )
        except JanusError as error:
            if error.args[0].get("error_code") != _ROOM_EXISTS:
                raise

    async def _subscribe(self, feeds: list[Message]) -> None:
        """Those who publish already, then those of whom events tell, as many at a time as there are."""
        try:
            while True:
                if feeds:
                    await self._take(feeds)
                feeds = self._told(await self._signalling.events.get())
                while not self._signalling.events.empty():
                    feeds += self._told(self._signalling.events.get_nowait())
        except (ConnectionError, TimeoutError) as error:
            self.left = f"a subscription failed: {error!r}"

    def _told(self, event: Message) -> list[Message]:
        if event["janus"] in ("hangup", "detached", "timeout"):
            self.left = f"{event['janus']}: {event.get('reason', '')}"
        return _feeds(event)

    async def _take(self, feeds: list[Message]) -> None:
        if not self._subscribing:
            self._subscribing = await self._signalling.attach()
            offered = await self._signalling.tell(
                self._subscribing, "join", ptype="subscriber", room=self._room, streams=feeds
            )
        else:
            offered = await self._signalling.tell(self._subscribing, "update", subscribe=feeds)
        side, offer = self._body.subscriber, offered["jsep"]["sdp"]
        await self._signalling.tell(self._subscribing, "start", _whole("answer", side.answer(offer)))
        await side.connect(sdp.parse(offer))

    async def publish(self, ssrc: int, phase: float) -> None:
        """Sends a picture and sound from now on."""
        side = self._body.publisher
        answered = await self._signalling.tell(self._publishing, "publish", _whole("offer", side.offer(ssrc)))
        await side.connect(sdp.parse(answered["jsep"]["sdp"]))
        self._body.send(ssrc, phase)

    async def leave(self) -> None:
        """Gone, and nothing is left open. A session ends with its WebSocket."""
        await self._body.stop()
        await self._websocket.close()
        await self._body.close()


def _whole(kind: str, text: str) -> Message:
    """A description in which every candidate stands."""
    return {"type": kind, "sdp": text, "trickle": False}


def _feeds(message: Message) -> list[Message]:
    """Who publishes, of those that a message of the plugin names; all their streams."""
    publishers: Iterable[Message] = message.get("plugindata", {}).get("data", {}).get("publishers", ())
    return [{"feed": publisher["id"]} for publisher in publishers]
