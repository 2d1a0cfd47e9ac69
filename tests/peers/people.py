"""Participants of interop tests: ours and the official SDK's, with the same verbs, each on any server.

Everyone sends a picture and a tone of their own (`tests.peers.pattern`) and judges what comes of everyone else.
"""

from __future__ import annotations

import asyncio
import datetime
import json
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import cache
from typing import Any, Protocol

from attrs import frozen
from livekit import api

from jackfield import AudioSource, Calls, CallSession, Place, VideoSource, tokens
from jackfield.plugins import Config, Plugins, load
from jackfield.values.media import VideoFrame
from tests.lab.netns import Network
from tests.peers.drive import Driver, sdk_process
from tests.peers.pattern import BLOCK, RATE, Seen, is_whole, paint, strange, tone

LIMIT_S = 15.0
TOLD = (
    *("participant_joined", "participant_left", "participant_audio_muted", "participant_audio_unmuted"),
    *("participant_video_paused", "participant_video_resumed", "audio_muted", "audio_unmuted", "video_paused"),
    *("video_resumed", "session_left", "connection_lost", "error"),
)
Report = dict[str, Any]


class Server(Protocol):
    """A server that anybody's client may join."""

    @property
    def url(self) -> str: ...
    @property
    def key(self) -> str: ...
    @property
    def secret(self) -> str: ...


@frozen
class Look:
    """What tells one participant from another."""

    uid: str
    luma: int
    hz: int


LOOKS = tuple(Look(f"p{number}", 40 + 30 * number, 400 + 150 * number) for number in range(6))


class Person(Protocol):
    """A participant, ours or not. What it is told to do has been done when the call returns."""

    look: Look

    async def join(self, server: Server, room: str, *, codec: str = "VP8") -> None: ...
    async def publish(self, *, width: int = 320, height: int = 180, fps: int = 15) -> None: ...
    async def mute(self, name: str, muted: bool) -> None: ...
    async def send(self, text: str, *, reliable: bool = True, topic: str = "", to: Sequence[str] = ()) -> None: ...
    async def report(self) -> Report: ...
    async def forget(self) -> None: ...
    async def leave(self) -> None: ...


class Ours:
    """A Jackfield participant in this process: `Calls`, as any program uses it."""

    def __init__(self, look: Look, plugins: Plugins) -> None:
        self.look = look
        self.seen: dict[str, Seen] = defaultdict(Seen)
        self.data: list[dict[str, Any]] = []
        self.events: list[list[str]] = []
        self.errors: list[list[str]] = []
        self.video, self.audio = VideoSource(320, 180, 15), AudioSource(RATE)
        self._plugins = plugins
        self._calls: Calls | None = None
        self._session: CallSession | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._joined = 0.0

    @property
    def session(self) -> CallSession:
        assert self._session
        return self._session

    async def join(
        self,
        server: Server,
        room: str,
        *,
        codec: str = "VP8",
        role: Any = "moderator",
        bitrate_bps: int = 500_000,
        **more: Any,
    ) -> None:
        """In the room; whoever is there or comes is watched and listened to."""
        self._joined = time.monotonic()
        calls = self._calls = Calls(Place(server.url, server.key, server.secret), plugins=self._plugins, remember=False)
        calls.on("participant_joined", lambda event: self._watch(event.participant))
        calls.on("data", self._heard)
        calls.on("error", lambda event: self.errors.append([event.error.code, event.error.message, event.source]))
        for name in TOLD:
            calls.on(name, self._told)
        quiet = {"camera": "none", "microphone": "none", "speaker": "none"}
        video = {"width": 320, "height": 180, "fps": 15, "max_bitrate_bps": bitrate_bps}
        settings = quiet | {"video_codecs": [codec], "video": video} | more
        if role == "moderator":  # what the holder of the key and secret is
            await calls.login(self.look.uid)
            self._session = await calls.join_session(session_id=room, settings=settings)
            return
        pair = server.key, server.secret
        token = tokens.mint_call_token(*pair, uid=self.look.uid, name="", session_id=room, role=role)
        self._session = await calls.join_session(call_token=token, settings=settings)

    async def publish(self, *, width: int = 320, height: int = 180, fps: int = 15) -> None:
        self.video, self.audio = VideoSource(width, height, fps), AudioSource(RATE)
        await self.session.publish(self.video, name="camera", source="camera")
        await self.session.publish(self.audio, name="microphone", source="microphone")
        self._keep(self._paint(self.video, width, height, fps))
        self._keep(self._play(self.audio))

    async def _paint(self, source: VideoSource, width: int, height: int, fps: int) -> None:
        count, due = 0, time.monotonic()
        while self.session.is_active:
            source.push(VideoFrame.from_ndarray(paint(width, height, self.look.luma, count), format="yuv420p"))
            count += 1
            due += 1 / fps
            await asyncio.sleep(max(0, due - time.monotonic()))

    async def _play(self, source: AudioSource) -> None:
        position, due = 0, time.monotonic()
        while self.session.is_active:
            source.push(tone(self.look.hz, position, 2 * BLOCK))
            position = (position + 2 * BLOCK) % RATE
            due += 2 * BLOCK / RATE
            await asyncio.sleep(max(0, due - time.monotonic()))

    def _watch(self, person: Any) -> None:
        self._keep(self._look(person))
        self._keep(self._listen(person))

    async def _look(self, person: Any) -> None:
        async for frame in person.video.frames():
            plane = frame.picture.to_ndarray(format="gray") if frame.picture.format.name != "yuv420p" else None
            luma = plane if plane is not None else frame.picture.to_ndarray()[: frame.height]
            self.seen[person.uid].picture(luma, self._joined)

    async def _listen(self, person: Any) -> None:
        async for block in person.audio.blocks(RATE, 1):
            self.seen[person.uid].sound(block.samples[:, 0], RATE)

    def _heard(self, event: Any) -> None:
        sender = event.participant.uid if event.participant else ""
        self.data.append(
            {"text": event.payload.decode(), "from": sender, "topic": event.topic, "kind": int(event.reliable)}
        )

    def _told(self, event: Any) -> None:
        about = [event.participant.uid] if hasattr(event, "participant") else []
        self.events.append([event.name, *about, *([event.reason] if hasattr(event, "reason") else [])])

    def _keep(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def mute(self, name: str, muted: bool) -> None:
        act = {
            ("camera", True): self.session.pause_video,
            ("camera", False): self.session.resume_video,
            ("microphone", True): self.session.mute_audio,
            ("microphone", False): self.session.unmute_audio,
        }[name, muted]
        await act()

    async def send(self, text: str, *, reliable: bool = True, topic: str = "", to: Sequence[str] = ()) -> None:
        await self.session.send_data(text, reliable=reliable, topic=topic, to=to)

    async def report(self) -> Report:
        seen = {uid: each.told() for uid, each in self.seen.items()}
        return {"seen": seen, "data": self.data, "events": self.events, "errors": self.errors}

    async def forget(self) -> None:
        for seen in self.seen.values():
            seen.__init__()  # type: ignore[misc]

    async def leave(self) -> None:
        if self._calls is not None:
            await self._calls.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Official:
    """A participant of the official SDK, in its process on the other host."""

    def __init__(self, look: Look, driver: Driver) -> None:
        self.look, self._driver = look, driver
        self._codec = "VP8"

    async def act(self, do: str, **arguments: Any) -> dict[str, Any]:
        return await self._driver.act(self.look.uid, do, **arguments)

    async def join(self, server: Server, room: str, *, codec: str = "VP8", **more: Any) -> None:
        self._codec = codec
        grants = api.VideoGrants(room_join=True, room=room, can_update_own_metadata=True)
        token = api.AccessToken(server.key, server.secret).with_identity(self.look.uid).with_grants(grants)
        lasting = token.with_ttl(datetime.timedelta(minutes=10)).to_jwt()
        await self.act("join", url=server.url.replace("http", "ws", 1), token=lasting, **more)

    async def publish(self, *, width: int = 320, height: int = 180, fps: int = 15) -> None:
        size = {"width": width, "height": height, "fps": fps}
        await self.act("publish_video", luma=self.look.luma, codec=self._codec, **size)
        await self.act("publish_audio", hz=self.look.hz)

    async def mute(self, name: str, muted: bool) -> None:
        await self.act("mute", name=name, muted=muted)

    async def send(self, text: str, *, reliable: bool = True, topic: str = "", to: Sequence[str] = ()) -> None:
        await self.act("publish_data", text=text, reliable=reliable, topic=topic, to=list(to))

    async def report(self) -> Report:
        return await self.act("report")

    async def forget(self) -> None:
        await self.act("forget")

    async def leave(self) -> None:
        await self.act("leave")


class Company:
    """The participants of one test; everybody has left after it."""

    def __init__(self, server: Server, room: str, plugins: Plugins, driver: Driver | None) -> None:
        self.server, self.room = server, room
        self.people: list[Person] = []
        self._plugins, self._driver = plugins, driver

    def ours(self, look: Look) -> Ours:
        person = Ours(look, self._plugins)
        self.people.append(person)
        return person

    def official(self, look: Look) -> Official:
        assert self._driver, "this company was made without the official SDK"
        person = Official(look, self._driver)
        self.people.append(person)
        return person

    async def enter(self, *people: Person, codec: str = "VP8", **video: int) -> None:
        """Each joins the room and sends its picture and tone."""
        for person in people:
            await person.join(self.server, self.room, codec=codec)
        await asyncio.gather(*(person.publish(**video) for person in people))

    async def leave(self, person: Person) -> None:
        """This one has left."""
        self.people.remove(person)
        await person.leave()


@cache
def _installed() -> Plugins:
    return load(Config())


@asynccontextmanager
async def company(server: Server, room: str, network: Network | None = None) -> AsyncIterator[Company]:
    """People of one room on this server; the official SDK's are had where ``network`` says where they live."""
    async with AsyncExitStack() as stack:
        driver = await stack.enter_async_context(sdk_process(network)) if network else None
        together = Company(server, room, _installed(), driver)
        try:
            yield together
        finally:
            await asyncio.gather(*(person.leave() for person in together.people))


async def until(person: Person, holds: Callable[[Report], Any], limit_s: float = LIMIT_S) -> Report:
    """The first report of this participant that ``holds``; the last one is in the failure."""
    ends, report = time.monotonic() + limit_s, await person.report()
    while not holds(report):
        if time.monotonic() > ends:
            raise AssertionError(f"{person.look.uid} never saw it: {json.dumps(report, indent=1)}")
        await asyncio.sleep(0.05)
        report = await person.report()
    return report


async def met(*people: Person, limit_s: float = LIMIT_S, **amounts: int) -> None:
    """Each has seen and heard each other one, in order, at their pitch, and nobody in another's place."""
    for person in people:
        others = [other.look for other in people if other is not person]

        def all_whole(report: Report, others: list[Look] = others) -> bool:
            return all(
                is_whole(report["seen"][look.uid], look.luma, look.hz, **amounts)
                for look in others
                if look.uid in report["seen"]
            ) and all(look.uid in report["seen"] for look in others)

        report = await until(person, all_whole, limit_s)
        for look in others:
            found = strange(report["seen"][look.uid], look.luma)
            assert not found, f"{person.look.uid} saw pictures of {found} in the place of {look.uid}'s"


async def turned_off_and_on(ours: Person, theirs: Person) -> None:
    """Each turns camera and microphone off: the other is told, and nothing comes. Then it all goes on."""
    mine, their = ours.look.uid, theirs.look.uid
    for name, event in (("camera", "participant_video_paused"), ("microphone", "participant_audio_muted")):
        await theirs.mute(name, True)
        await until(ours, lambda report, e=event: [e, their] in report["events"])
        await ours.mute(name, True)
        await until(theirs, lambda report, n=name: ["track_muted", mine, n] in report["events"])
    await _silent(ours, their)
    await _silent(theirs, mine)
    for name, event in (("camera", "participant_video_resumed"), ("microphone", "participant_audio_unmuted")):
        await theirs.mute(name, False)
        await until(ours, lambda report, e=event: [e, their] in report["events"])
        await ours.mute(name, False)
        await until(theirs, lambda report, n=name: ["track_unmuted", mine, n] in report["events"])
    await asyncio.gather(ours.forget(), theirs.forget())
    await met(ours, theirs)


async def _silent(person: Person, other: str) -> None:
    """For a third of a second no picture and no sound comes of somebody who turned both off."""
    last = (-1, -1)
    for _ in range(20):
        seen = (await person.report())["seen"][other]
        now = seen["frames"], seen["loud_blocks"]
        if now == last:
            return
        last = now
        await asyncio.sleep(0.35)
    raise AssertionError(f"{person.look.uid} still sees or hears {other}")
