"""A synthetic participant: it signals, publishes, and counts what it receives. What all kinds of them share."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Protocol

import aiohttp
from attrs import frozen

from jackfield.bench.load import media
from jackfield.bench.load.received import Received
from jackfield.bench.load.side import Side
from jackfield.rtc import rtcp
from jackfield.rtc.transport import Certificate


@frozen
class Seat:
    """Whose place it is: where the server is, the room, the name, the local address, and whether delays are kept."""

    url: str
    address: str
    room: int
    name: str
    timed: bool


class Participant(Protocol):
    """Whoever fills a room. ``left``: what the server said when it sent them away."""

    received: Received
    left: str

    async def join(self) -> None:
        """In the room; what others send is taken from now on."""

    async def publish(self, ssrc: int, phase: float) -> None:
        """Sends a picture and sound from now on; ``phase`` (0 to 1) is where in a picture's time it begins."""

    async def leave(self) -> None:
        """Gone, and nothing is left open."""


class Body:
    """The two peer connections, the tasks, and what is published: all but the signalling."""

    def __init__(self, session: aiohttp.ClientSession, seat: Seat) -> None:
        self.session, self.seat = session, seat
        certificate = Certificate.generate()
        self.publisher = Side(seat.address, certificate)
        self.subscriber = Side(seat.address, certificate, timed=seat.timed)
        self.publisher.transport.on_rtcp = self._feedback
        self.received = Received(self.subscriber, timed=seat.timed)
        self._publication: media.Publication | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def keep(self, work: Coroutine[Any, Any, None]) -> None:
        """Runs until everything is closed."""
        self._tasks.add(asyncio.get_running_loop().create_task(work))

    def send(self, ssrc: int, phase: float) -> None:
        """Media goes out over the publisher's connection, which is up."""
        self._publication = media.Publication(self.publisher.transport.send_rtp, ssrc)
        self.keep(self._publication.run(phase))

    def _feedback(self, data: bytes) -> None:
        if self._publication is not None and any(isinstance(item, rtcp.Pli | rtcp.Fir) for item in rtcp.parse(data)):
            self._publication.wants_key = True

    async def stop(self) -> None:
        """The tasks have ended."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def close(self) -> None:
        """The sockets are closed."""
        for side in (self.publisher, self.subscriber):
            await side.path.close()
