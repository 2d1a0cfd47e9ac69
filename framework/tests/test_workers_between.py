"""What stands between clients and workers: signalling as it is, with how it ends; where rooms go; when one is back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import attrs
import pytest
from aiohttp import WSMsgType, web

from jackfield.server.happenings import Came, Went
from jackfield.server.sfu.tokens import Refused
from jackfield.server.workers import loads, passage, wire
from jackfield.server.workers.passage import pass_on
from jackfield.server.workers.places import Places
from jackfield.server.workers.running import NotStarted
from jackfield.server.workers.worker import SILENT, Worker

LIMIT_S = 5.0
Act = Callable[[web.WebSocketResponse, web.Request], Any]


# --- signalling on its way ----------------------------------------------------------------------------------------
@asynccontextmanager
async def between(far: Act) -> AsyncIterator[tuple[aiohttp.ClientWebSocketResponse, asyncio.Future[Any]]]:
    """A client's WebSocket that is passed on to another server, where ``far`` has it; and what comes of ``far``."""
    over: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    async def serve_far(request: web.Request) -> web.WebSocketResponse:
        websocket = web.WebSocketResponse(autoping=False)
        await websocket.prepare(request)
        try:
            over.set_result(await far(websocket, request))
        except BaseException as exc:
            over.set_exception(exc)
        return websocket

    async def serve_near(request: web.Request) -> web.WebSocketResponse:
        websocket = web.WebSocketResponse(autoping=False, max_msg_size=1 << 20)
        behind = await http.ws_connect(f"http://127.0.0.1:{ports[0]}/", autoping=False, max_msg_size=0)
        await websocket.prepare(request)
        await pass_on(websocket, request.transport, behind)
        return websocket

    ports, runners = [], []
    async with aiohttp.ClientSession() as http:
        for handler in (serve_far, serve_near):
            application = web.Application()
            application.router.add_get("/", handler)
            runner = web.AppRunner(application, handle_signals=False, shutdown_timeout=1)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            runners.append(runner)
            ports.append(runner.addresses[0][1])
        client = await http.ws_connect(f"http://127.0.0.1:{ports[1]}/", autoping=False)
        try:
            yield client, over
        finally:
            await client.close()
            for runner in reversed(runners):
                await runner.cleanup()


async def echo(websocket: web.WebSocketResponse, request: web.Request) -> Any:
    """Says what is said to it, and gives back the message that it ended with."""
    while True:
        message = await websocket.receive()
        match message.type:
            case WSMsgType.BINARY:
                await websocket.send_bytes(message.data)
            case WSMsgType.TEXT:
                await websocket.send_str(message.data)
            case WSMsgType.PING:
                await websocket.pong(message.data)
            case _:
                return message


async def test_every_kind_of_message_passes_both_ways() -> None:
    """Bytes, text, pings and pongs, in order, however large they may be."""
    async with between(echo) as (client, _):
        await client.send_bytes(b"one")
        await client.send_str("zwei")
        await client.ping(b"three")
        await client.send_bytes(bytes(900_000))
        found = [await client.receive(timeout=LIMIT_S) for _ in range(4)]
        assert [each.type for each in found] == [
            WSMsgType.BINARY,
            WSMsgType.TEXT,
            WSMsgType.PONG,
            WSMsgType.BINARY,
        ]
        assert [each.data for each in found[:3]] == [b"one", "zwei", b"three"]


@pytest.mark.parametrize(("code", "heard"), [(1000, 1000), (1001, 1001), (4321, 4321)])
async def test_a_clients_close_is_heard_with_its_code(code: int, heard: int) -> None:
    """The worker hears why."""
    async with between(echo) as (client, over):
        await client.close(code=code)
        message = await asyncio.wait_for(over, LIMIT_S)
        assert (message.type, message.data) == (WSMsgType.CLOSE, heard)


@pytest.mark.parametrize(("code", "heard"), [(1000, 1000), (1011, 1011), (4321, 4321), (1006, 1000)])
async def test_a_workers_close_is_heard_with_its_code(code: int, heard: int) -> None:
    """The client hears why, after everything that was said before; a code that may not be sent is an ordinary end."""

    async def far(websocket: web.WebSocketResponse, request: web.Request) -> None:
        await websocket.send_bytes(b"goodbye")
        await websocket.close(code=code)

    async with between(far) as (client, _):
        assert (await client.receive(timeout=LIMIT_S)).data == b"goodbye"
        message = await client.receive(timeout=LIMIT_S)
        assert (message.type, message.data) == (WSMsgType.CLOSE, heard)


async def test_what_breaks_here_breaks_there() -> None:
    """A client that is cut off sends no close, and the worker hears none."""
    async with between(echo) as (client, over):
        assert client._response.connection is not None
        assert client._response.connection.transport is not None
        client._response.connection.transport.abort()
        message = await asyncio.wait_for(over, LIMIT_S)
        assert message.type is not WSMsgType.CLOSE


async def test_what_breaks_there_breaks_here() -> None:
    """A worker that goes without a word is a lost connection, not an end."""

    async def far(websocket: web.WebSocketResponse, request: web.Request) -> None:
        assert request.transport is not None
        request.transport.abort()

    async with between(far) as (client, _):
        message = await client.receive(timeout=LIMIT_S)
        assert message.type in (WSMsgType.CLOSED, WSMsgType.ERROR)


async def test_who_does_not_read_is_cut_off_and_costs_little(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is kept for a client that does not read: the worker notices, as it would without anything between."""
    monkeypatch.setattr(passage, "WRITE_S", 0.5)
    sent = 0

    async def far(websocket: web.WebSocketResponse, request: web.Request) -> int:
        nonlocal sent
        try:
            while sent < 10_000:
                await websocket.send_bytes(bytes(1 << 16))
                sent += 1
        except ConnectionError:
            pass
        return sent

    async with between(far) as (client, over):
        assert client._response.connection is not None
        client._response.connection.transport.pause_reading()  # type: ignore[union-attr]
        took = await asyncio.wait_for(over, 2 * LIMIT_S)
        assert took < 1000, "64 MB, as much as the kernel's buffers may take"


# --- where rooms go -----------------------------------------------------------------------------------------------
class _Up:
    """A process that is there."""

    is_gone = False


def workers(count: int) -> list[Worker]:
    """Workers that carry nothing, and are never started."""
    made = [Worker(number, _none, _deaf, looked=lambda *_: None, lost=_deaf) for number in range(count)]
    for each in made:
        each.running = _Up()  # type: ignore[assignment]
    return made


def _none(number: int) -> wire.Order:
    raise NotStarted(98, "in use", 4242 + number)


def _deaf(_: object) -> None: ...


def carrying(cpu_share: float, refusal: str = "") -> wire.Look:
    return wire.Look(attrs.evolve(loads.NOTHING, cpu_share=cpu_share), refusal=refusal)


def place(places: Places, room: str, **how: bool) -> int:
    with places.held(room, **how) as found:
        return found.number


def test_a_room_goes_to_the_lightest_and_stays() -> None:
    """By the core that it takes, and by who is in its rooms; rooms that were just placed count before anybody is."""
    made = workers(3)
    places = Places(made)
    assert [place(places, name) for name in "abcdef"] == [0, 1, 2, 0, 1, 2]
    assert [place(places, name) for name in "abcdef"] == [0, 1, 2, 0, 1, 2]
    made[0]._look = carrying(0.5)
    for number in range(10):
        made[1]._hear(Came("call", "b", f"p{number}", "u", "", "", False, 0.0))
    assert place(places, "g") == 2
    made[2]._look = carrying(0.9)
    assert place(places, "h") == 1


def test_a_full_worker_is_passed_over_and_all_of_them_refuse() -> None:
    """In the words of the one that has most left; a room that is there keeps its place."""
    made = workers(2)
    places = Places(made)
    assert place(places, "a") == 0
    made[0]._look = carrying(0.1, "full")
    assert [place(places, name) for name in ("b", "c", "a")] == [1, 1, 0]
    made[1]._look = carrying(0.95, "fuller")
    with pytest.raises(Refused) as refused:
        place(places, "d")
    assert (refused.value.reason, refused.value.status) == ("full", 503)
    assert places.of("d") is None
    for each in made:
        each.running = None
    with pytest.raises(Refused, match="being started"):
        place(places, "e")


def test_a_worker_that_does_not_answer_gets_no_new_room() -> None:
    """It keeps those that it has, and where nobody answers, somebody is asked all the same."""
    made = workers(2)
    places = Places(made)
    assert [place(places, name) for name in "abc"] == [0, 1, 0]
    made[0]._look = wire.Look(loads.NOTHING, frozenset("a"))
    made[0]._missed = SILENT
    assert [place(places, name) for name in "acdef"] == [0, 1, 1, 1, 1]
    made[1]._missed = SILENT
    assert place(places, "g") == 0


def test_a_room_that_its_worker_no_longer_names_has_no_place() -> None:
    """Not while something is under way, and not by a look that began before that was over."""
    (one,) = made = workers(1)
    places = Places(made)
    with places.held("a"):
        one.looks = 5
        places.looked(one, 5, frozenset())
        assert places.of("a") is one
    places.looked(one, 5, frozenset())
    assert places.of("a") is one, "this look began before"
    places.looked(one, 6, frozenset({"a"}))
    assert places.of("a") is one
    places.looked(one, 7, frozenset())
    assert places.of("a") is None


def test_who_comes_back_to_a_room_that_is_over_is_sent_where_it_was() -> None:
    """There it is known how it ended; a new call with the same name goes where there is most room."""
    made = workers(2)
    places = Places(made)
    assert place(places, "a") == 0
    places.looked(made[0], 1, frozenset())
    made[0]._look = carrying(0.5)
    assert place(places, "a", resumes=True) == 0
    places.looked(made[0], 2, frozenset())
    assert place(places, "a") == 1


def test_rooms_of_a_worker_that_is_gone_go_elsewhere() -> None:
    """At once, also before its end has been told."""
    made = workers(2)
    places = Places(made)
    assert place(places, "a") == 0
    with places.held("a"):
        made[0].running.is_gone = True  # type: ignore[union-attr]
        assert places.of("a") is None
        assert place(places, "a") == 1
    places.lost(made[0])
    assert place(places, "a") == 1


# --- being started anew -------------------------------------------------------------------------------------------
async def test_pauses_grow_and_are_bounded(caplog: pytest.LogCaptureFixture) -> None:
    """What cannot be started is tried again, ever more rarely, with a word each time, while it is wanted."""
    pauses: list[float] = []

    async def sleep(pause_s: float) -> None:
        pauses.append(pause_s)
        if len(pauses) == 9:
            one.comes_back = False

    one = Worker(3, _none, _deaf, looked=lambda *_: None, lost=_deaf, sleep=sleep)
    await one._begin_anew(1)
    assert pauses == [0.2, 1.0, 2.0, 5.0, 10.0, 30.0, 30.0, 30.0, 30.0]
    assert len(caplog.records) == 9
    assert caplog.records[0].getMessage() == "worker 3 cannot be started anew: in use"


def test_who_was_in_a_worker_that_ends_is_told_of_once() -> None:
    """Everybody who was still there, and each call; what had been told before is not told again."""
    told: list[Any] = []
    one = Worker(0, _none, told.append, looked=lambda *_: None, lost=_deaf)
    for pid in ("p1", "p2"):
        one._hear(Came("c1", "s", pid, pid, "", "", False, 1.0))
    one._hear(Went("c1", "p1", "left", 2.0))
    assert one.people == 1
    told.clear()
    one._mourn()
    one._mourn()
    assert [(type(each).__name__, each.reason) for each in told] == [("Went", "server"), ("Over", "server")]
    assert one.people == 0
