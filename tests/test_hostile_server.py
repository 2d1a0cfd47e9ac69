"""A hostile server against our client: the call goes on or ends, and nothing hangs or is a traceback."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from aiohttp import web
from livekit.protocol.models import ParticipantInfo, Room
from livekit.protocol.rtc import JoinResponse, LeaveRequest, SessionDescription, SignalResponse, TrickleRequest

from jackfield import Calls, Place, tokens
from jackfield.plugins import Config, load
from jackfield.values.errors import CallError
from tests.hostile.mutations import Chance
from tests.hostile.parsers import PARSERS
from tests.lab.meeting import KEY, QUIET, SECRET, heard, names, until

SAMPLES = {parser.name: parser.samples for parser in PARSERS}


class Hostile:
    """Lets everybody in, says ``count`` things that are nearly right, then ends the call in order."""

    def __init__(self, count: int) -> None:
        self.count, self.said = count, 0

    async def rtc(self, request: web.Request) -> web.StreamResponse:
        websocket = web.WebSocketResponse()
        await websocket.prepare(request)
        person = ParticipantInfo(sid="PA_0", identity="bob")
        join = JoinResponse(room=Room(name="room", sid="RM_1"), participant=person, ping_interval=5, ping_timeout=15)
        await websocket.send_bytes(SignalResponse(join=join).SerializeToString())
        listening = asyncio.create_task(_listen(websocket))
        chance = Chance(self.said)
        with suppress(ConnectionError, RuntimeError):
            while self.said < self.count and not websocket.closed:
                self.said += 1
                await websocket.send_bytes(self._next(chance))
                await asyncio.sleep(0)
            leave = LeaveRequest(reason=5, action=LeaveRequest.Action.DISCONNECT)
            await websocket.send_bytes(SignalResponse(leave=leave).SerializeToString())
            await asyncio.sleep(0.2)
        listening.cancel()
        return websocket

    def _next(self, chance: Chance) -> bytes:
        if self.said % 3 == 0:
            return chance.spoil(SAMPLES["responses"])
        text = chance.spoil(SAMPLES["SDP" if self.said % 3 == 1 else "candidates"]).replace("\ud800", "?")
        if self.said % 3 == 1:
            return SignalResponse(offer=SessionDescription(type="offer", sdp=text, id=self.said)).SerializeToString()
        return SignalResponse(trickle=TrickleRequest(candidateInit=text, target=1)).SerializeToString()


async def _listen(websocket: web.WebSocketResponse) -> None:
    async for _ in websocket:
        pass


@pytest.fixture
async def hostile(request: pytest.FixtureRequest) -> AsyncIterator[tuple[Hostile, str]]:
    server = Hostile(request.param)
    application = web.Application()
    application.add_routes([web.get("/rtc", server.rtc)])
    runner = web.AppRunner(application, handle_signals=False, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield server, f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("hostile", [200, pytest.param(20_000, marks=pytest.mark.soak)], indirect=True)
async def test_a_call_on_a_hostile_server_ends(hostile: tuple[Hostile, str], caplog: pytest.LogCaptureFixture) -> None:
    """Each kind of message with faults in it: until the server has said all, or the call has ended with one error."""
    server, url = hostile
    token = tokens.mint_call_token(KEY, SECRET, uid="bob", name="Bob", session_id="room")
    calls = Calls(Place(url, KEY, SECRET), plugins=load(Config()), remember=False)
    with caplog.at_level(logging.INFO, "jackfield"):
        try:
            session = await calls.join_session(call_token=token, settings=QUIET)
        except CallError:
            return
        happened = heard(session)
        try:
            async with asyncio.timeout(120):
                await until_ended(happened, server)
        finally:
            await calls.close()
    assert names(happened).count("session_left") == 1
    assert len(caplog.records) < 100
    assert [r.getMessage() for r in caplog.records if r.exc_info and r.levelno >= logging.ERROR] == []


async def until_ended(happened: list[object], server: Hostile) -> None:
    while server.said < server.count and "session_left" not in names(happened):
        await asyncio.sleep(0.05)
    await until(lambda: "session_left" in names(happened), "the end")
