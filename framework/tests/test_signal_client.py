"""The WebSocket to the server, against one that does as a test says; the whole calls run it against the real one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from livekit.protocol.models import DisconnectReason, ParticipantInfo, Room
from livekit.protocol.rtc import ICEServer, JoinResponse, LeaveRequest, ReconnectResponse, SignalRequest, SignalResponse

from jackfield.session import signal_client
from jackfield.session.signal_client import SignalClient
from jackfield.session.trouble import SentAway
from jackfield.values.errors import CallError

LIMIT_S = 5.0
Script = Callable[["FakeServer", web.WebSocketResponse], Awaitable[None]]


class FakeServer:
    """LiveKit's ``/rtc`` as far as a script goes; keeps what it hears."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.heard: list[SignalRequest] = []
        self.headers: dict[str, str] = {}
        self.query: dict[str, str] = {}
        self.refuses: tuple[int, str] | None = None
        self.url = ""
        self.sockets: list[web.WebSocketResponse] = []

    async def rtc(self, request: web.Request) -> web.StreamResponse:
        self.headers, self.query = dict(request.headers), dict(request.query)
        if self.refuses:
            return web.Response(status=self.refuses[0])
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.sockets.append(socket)
        await self.script(self, socket)
        return socket

    async def validate(self, request: web.Request) -> web.Response:
        status, text = self.refuses or (200, "success")
        return web.Response(status=status, text=text)

    async def listen(self, socket: web.WebSocketResponse) -> None:
        async for frame in socket:
            self.heard.append(SignalRequest.FromString(frame.data))

    def words(self) -> list[str | None]:
        return [request.WhichOneof("message") for request in self.heard]


async def welcome(socket: web.WebSocketResponse, **fields: Any) -> None:
    join = JoinResponse(room=Room(name="room"), participant=ParticipantInfo(sid="PA_1", identity="ada"), **fields)
    await socket.send_bytes(SignalResponse(join=join).SerializeToString())


async def listens(server: FakeServer, socket: web.WebSocketResponse) -> None:
    await welcome(socket, ping_interval=5, ping_timeout=15)
    await server.listen(socket)


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
async def serve() -> AsyncIterator[Callable[[Script], Awaitable[FakeServer]]]:
    runners = []

    async def begin(script: Script) -> FakeServer:
        server = FakeServer(script)
        application = web.Application()
        application.add_routes([web.get("/rtc", server.rtc), web.get("/rtc/validate", server.validate)])
        runner = web.AppRunner(application, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        runners.append(runner)
        server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        return server

    yield begin
    for runner in runners:
        await runner.cleanup()


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(LIMIT_S):
        while not condition():
            await asyncio.sleep(0.005)


async def test_a_join_sends_the_token_in_a_header_and_gets_the_room(http: Any, serve: Any) -> None:
    """What comes before `start` waits; then messages go both ways, in order."""

    async def script(server: FakeServer, socket: web.WebSocketResponse) -> None:
        await welcome(socket)
        await socket.send_bytes(SignalResponse(refresh_token="new").SerializeToString())
        await socket.send_str('{"refreshToken": "in json"}')
        await socket.send_bytes(b"\xff\xff")
        await server.listen(socket)

    server = await serve(script)
    client = await signal_client.connect(http, server.url, "the-token")
    assert client.joined.participant.identity == "ada"
    assert server.headers["Authorization"] == "Bearer the-token"
    messages: list[SignalResponse] = []
    client.on_message = messages.append
    client.start()
    for number in (1, 2, 3):
        client.send(ping=number)
    await until(lambda: len(messages) == 2 and len(server.heard) >= 5)
    assert [message.refresh_token for message in messages] == ["new", "in json"]
    assert [request.ping for request in server.heard if request.ping in (1, 2, 3)] == [1, 2, 3]
    assert "ping_req" in server.words()
    client.send(leave=LeaveRequest())
    await client.close()
    await until(lambda: "leave" in server.words())
    client.send(ping=4)


@pytest.mark.parametrize(
    ("status", "text", "code"),
    [
        (401, "invalid token", "ERROR_CALL_TOKEN"),
        (403, "no permission", "ERROR_CALL_TOKEN"),
        (404, "requested room does not exist", "ERROR_CALL_SESSION_ID"),
        (404, "<html>not here</html>", "ERROR_RESPONSE"),
        (503, "full; use a LiveKit cluster", "ERROR_NETWORK"),
        (429, "slow down", "ERROR_NETWORK"),
    ],
)
async def test_a_refusal_is_explained_by_validate(http: Any, serve: Any, status: int, text: str, code: str) -> None:
    """The status makes the code, the text is in the message."""
    server = await serve(listens)
    server.refuses = (status, text)
    with pytest.raises(CallError) as caught:
        await signal_client.connect(http, server.url, "token")
    assert caught.value.code == code
    assert text in caught.value.message
    assert caught.value.details["status"] == status


async def test_a_server_that_says_nothing_is_given_up(http: Any, serve: Any) -> None:
    """Within the time limit, as a network error that may be tried again."""

    async def silent(server: FakeServer, socket: web.WebSocketResponse) -> None:
        await server.listen(socket)

    server = await serve(silent)
    with pytest.raises(CallError) as caught:
        await signal_client.connect(http, server.url, "token", timeout_s=0.1)
    assert (caught.value.code, caught.value.retryable) == ("ERROR_NETWORK", True)


async def test_being_sent_away_while_joining_is_told(http: Any, serve: Any) -> None:
    """A `leave` in place of the join."""

    async def sends_away(server: FakeServer, socket: web.WebSocketResponse) -> None:
        leave = LeaveRequest(reason=DisconnectReason.SERVER_SHUTDOWN)
        await socket.send_bytes(SignalResponse(leave=leave).SerializeToString())

    server = await serve(sends_away)
    with pytest.raises(CallError, match="server"):
        await signal_client.connect(http, server.url, "token")


async def joined(http: aiohttp.ClientSession, server: FakeServer) -> tuple[SignalClient, list[str]]:
    client = await signal_client.connect(http, server.url, "token")
    ends: list[str] = []
    client.on_closed = ends.append
    return client, ends


async def test_a_server_that_hangs_up_ends_it_once(http: Any, serve: Any) -> None:
    """With a reason in words; what is sent afterwards goes nowhere."""

    async def hangs_up(server: FakeServer, socket: web.WebSocketResponse) -> None:
        await welcome(socket)

    server = await serve(hangs_up)
    client, ends = await joined(http, server)
    client.start()
    await until(lambda: ends)
    client.send(ping=1)
    await client.close()
    assert len(ends) == 1
    assert "closed the connection" in ends[0]


async def test_a_server_that_falls_silent_is_noticed(http: Any, serve: Any) -> None:
    """No word for `ping_timeout` seconds of the clock's time."""
    now = 100.0

    async def falls_silent(server: FakeServer, socket: web.WebSocketResponse) -> None:
        await welcome(socket, ping_interval=1, ping_timeout=1)
        await server.listen(socket)

    server = await serve(falls_silent)
    client, ends = await joined(http, server)
    client.start(clock=lambda: now)
    await until(lambda: "ping_req" in server.words())
    assert ends == []
    now += 2
    await until(lambda: ends)
    assert ends == ["the server has not been heard for 1 s"]
    await client.close()


async def test_leaving_by_ourselves_is_no_end_to_be_told(http: Any, serve: Any) -> None:
    """`close` reports nothing and leaves no task."""
    server = await serve(listens)
    client, ends = await joined(http, server)
    client.start()
    before = {task for task in asyncio.all_tasks() if task.get_name().startswith("signal ")}
    assert len(before) == 3
    await client.close()
    assert ends == []
    assert all(task.done() for task in before)


async def test_a_pinned_certificate_must_be_that_one() -> None:
    """The fingerprint is given in hex, with or without colons; another one is said to be another."""
    pin = signal_client.tls("ab:" * 31 + "ab")
    assert isinstance(pin, aiohttp.Fingerprint)
    assert pin.fingerprint == b"\xab" * 32
    assert signal_client.tls(None) is True
    mismatch = aiohttp.ServerFingerprintMismatch(b"\1" * 32, b"\2" * 32, "host", 1)
    assert "another certificate" in signal_client.unreachable("https://host", mismatch).message


# --- resumed --------------------------------------------------------------------------------------------------------
async def test_a_resume_names_us_and_the_reason(http: Any, serve: Any) -> None:
    """The token is the one of now; what follows the answer is read as after a join."""

    async def script(server: FakeServer, socket: web.WebSocketResponse) -> None:
        answer = ReconnectResponse(ice_servers=[ICEServer(urls=["turn:new"], username="u", credential="fresh")])
        await socket.send_bytes(SignalResponse(reconnect=answer).SerializeToString())
        await socket.send_bytes(SignalResponse(refresh_token="newer").SerializeToString())
        await server.listen(socket)

    server = await serve(script)
    stale = ICEServer(urls=["turn:new"], username="u", credential="stale")
    joined = JoinResponse(participant=ParticipantInfo(sid="PA_7"), ice_servers=[stale])
    client = await signal_client.resume(http, server.url, "newest", joined, reason=1)
    named = {name: server.query[name] for name in ("reconnect", "sid", "reconnect_reason")}
    assert named == {"reconnect": "1", "sid": "PA_7", "reconnect_reason": "1"}
    assert server.headers["Authorization"] == "Bearer newest"
    messages: list[SignalResponse] = []
    client.on_message = messages.append
    client.start()
    await until(lambda: messages)
    assert client.joined.participant == joined.participant
    assert [each.credential for each in client.joined.ice_servers] == ["fresh"]
    await client.close()


@pytest.mark.parametrize(
    ("leave", "reason"),
    [
        (LeaveRequest(reason=DisconnectReason.STATE_MISMATCH, action=LeaveRequest.Action.RECONNECT), None),
        (LeaveRequest(reason=DisconnectReason.SERVER_SHUTDOWN), None),
        (LeaveRequest(reason=DisconnectReason.PARTICIPANT_REMOVED), "removed"),
        (LeaveRequest(reason=DisconnectReason.DUPLICATE_IDENTITY), "replaced"),
        (LeaveRequest(reason=DisconnectReason.ROOM_DELETED), "ended"),
    ],
)
async def test_a_goodbye_says_whether_we_may_come_anew(http: Any, serve: Any, leave: Any, reason: str | None) -> None:
    """The server does not know us any more, or is ending: anew. Removed, replaced, deleted: not."""

    async def sends_away(server: FakeServer, socket: web.WebSocketResponse) -> None:
        await socket.send_bytes(SignalResponse(leave=leave).SerializeToString())

    server = await serve(sends_away)
    with pytest.raises(SentAway) as caught:
        await signal_client.resume(http, server.url, "token", JoinResponse(), reason=1)
    assert caught.value.reason == reason


async def test_a_process_that_was_stopped_does_not_call_the_server_silent(http: Any, serve: Any) -> None:
    """A minute passes between two pings: what has come meanwhile is read first."""
    now = 100.0

    async def listens_on(server: FakeServer, socket: web.WebSocketResponse) -> None:
        await welcome(socket, ping_interval=1, ping_timeout=1)
        await server.listen(socket)

    server = await serve(listens_on)
    client, ends = await joined(http, server)
    client.start(clock=lambda: now)
    await until(lambda: "ping_req" in server.words())
    now += 60
    asked = server.words().count("ping_req")
    await until(lambda: server.words().count("ping_req") > asked)
    assert ends == []
    await client.close()
