"""Rooms in worker processes, seen by whoever signals: like one SFU, on more than one process."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import attrs
import jwt
import pytest
from aiohttp import WSMsgType
from livekit import api
from livekit.protocol import models, rtc

from jackfield.server.app import MediaServer, Server
from jackfield.server.happenings import Came, Happening, Over, Went
from jackfield.server.launch import make_sfu
from jackfield.server.sfu import Load, Sfu
from jackfield.server.sfu.tally import Histogram
from jackfield.server.workers import WorkersMedia, loads, wire, worker
from jackfield.server.workers.signalling import WAIT_S
from jackfield.testing.service import API_KEY, API_SECRET, settings
from jackfield.values.errors import NetworkError, SettingsError

LIMIT_S = 20.0
pytestmark = pytest.mark.timeout(90)


def token(identity: str = "ada", room: str = "room", **video: Any) -> str:
    grants = {"roomJoin": True, "room": room, **video}
    return jwt.encode({"iss": API_KEY, "exp": 4e9, "sub": identity, "video": grants}, API_SECRET, algorithm="HS256")


async def until(condition: Callable[[], Any], what: str = "it") -> Any:
    for _ in range(round(LIMIT_S / 0.02)):
        if found := condition():
            return found
        await asyncio.sleep(0.02)
    raise AssertionError(f"{what} did not happen")


class Site:
    """A server, what was told of it, and a client's HTTP."""

    def __init__(self, server: Server, http: aiohttp.ClientSession) -> None:
        self.server, self.http = server, http
        self.told: list[Happening] = []
        self.sockets: list[aiohttp.ClientWebSocketResponse] = []
        self.media.listen(self.told.append)

    @property
    def media(self) -> MediaServer:
        assert self.server._media is not None
        return self.server._media

    @property
    def workers(self) -> list[worker.Worker]:
        assert isinstance(self.media, WorkersMedia)
        return self.media.workers

    def of(self, kind: type[Any]) -> list[Any]:
        return [each for each in self.told if isinstance(each, kind)]

    async def joined(self, identity: str = "ada", room: str = "room", query: str = "") -> Any:
        url = f"{self.server.url}/rtc?access_token={token(identity, room)}{query}"
        websocket = await self.http.ws_connect(url)
        self.sockets.append(websocket)
        await said(websocket, "join")
        return websocket

    async def hang_up(self) -> None:
        for websocket in self.sockets:
            await websocket.close()

    async def knocked(self, path: str) -> tuple[int, str]:
        """How a WebSocket is answered, and whether pages of any origin may read it."""
        try:
            await (await self.http.ws_connect(self.server.url + path)).close()
        except aiohttp.WSServerHandshakeError as exc:
            return exc.status, (exc.headers or {}).get("Access-Control-Allow-Origin", "")
        return 101, ""

    async def asked(self, method: str, path: str, **options: Any) -> tuple[int, str]:
        async with self.http.request(method, self.server.url + path, **options) as answer:
            return answer.status, await answer.text()


async def said(websocket: aiohttp.ClientWebSocketResponse, kind: str) -> Any:
    """The next message of this kind."""
    while True:
        response = rtc.SignalResponse.FromString((await websocket.receive(timeout=LIMIT_S)).data)
        if response.HasField(kind):  # type: ignore[arg-type]
            return getattr(response, kind)


async def end_of(websocket: aiohttp.ClientWebSocketResponse) -> Any:
    """The message with which it ends, after whatever was said before."""
    while (message := await websocket.receive(timeout=LIMIT_S)).type in (WSMsgType.BINARY, WSMsgType.TEXT):
        pass
    return message


@pytest.fixture
async def opened() -> AsyncIterator[Callable[..., Any]]:
    """Opens servers, which are closed after the test."""
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(aiohttp.ClientSession())

        async def open_one(workers: int = 2, **changed: Any) -> Site:
            server = Server(settings(workers=workers, **changed), make_sfu)
            await server.start()
            stack.push_async_callback(server.close)
            site = Site(server, http)
            stack.push_async_callback(site.hang_up)
            return site

        yield open_one


@pytest.fixture(params=[1, 2], ids=["in this process", "two workers"])
async def site(request: pytest.FixtureRequest, opened: Any) -> Site:
    """What holds with and without workers."""
    found: Site = await opened(request.param)
    return found


@pytest.fixture
async def spread(opened: Any) -> Site:
    """Two workers."""
    found: Site = await opened(2)
    return found


# --- one SFU or several: the same face ----------------------------------------------------------------------------
async def test_who_comes_and_goes_is_told_and_counted(site: Site) -> None:
    """In order, with the same names for the call; recorders and agents are not counted."""
    ada, _ = await site.joined("ada"), await site.joined("bob")
    await until(lambda: len(site.of(Came)) == 2, "their coming")
    one, two = site.of(Came)
    assert (one.uid, two.uid, one.session_id, one.call_id) == ("ada", "bob", "room", two.call_id)
    assert site.media.participant_count == 2
    await ada.send_bytes(rtc.SignalRequest(leave=rtc.LeaveRequest(reason=1)).SerializeToString())
    await until(lambda: site.of(Went), "her going")
    assert [(went.call_id, went.pid, went.reason) for went in site.of(Went)] == [(one.call_id, one.pid, "left")]
    assert site.media.participant_count == 1


async def test_the_server_marks_and_removes(site: Site) -> None:
    """Whoever is there is marked for everybody, and taken out with a goodbye; whoever is not, is not."""
    ada = await site.joined("ada")
    assert await site.media.mark("room", "ada", {"jackfield.recording": "r1"})
    while not (marked := dict((await said(ada, "update")).participants[0].attributes)):
        pass
    assert marked == {"jackfield.recording": "r1"}
    assert not await site.media.mark("room", "nobody", {})
    assert not await site.media.mark("elsewhere", "ada", {})
    await site.media.remove("elsewhere", "ada")
    await site.media.remove("room", "ada")
    assert (await said(ada, "leave")).reason == models.DisconnectReason.PARTICIPANT_REMOVED
    message = await end_of(ada)
    assert (message.type, message.data) == (WSMsgType.CLOSE, 1000)
    await until(lambda: [went.reason for went in site.of(Went)] == ["removed"], "its being told")


async def test_metrics_are_numbers(site: Site) -> None:
    """All workers' together, a second old at most; the page has them by name, and each worker's with its number."""
    for index in range(2):
        await site.joined("ada", f"room {index}")

    def carried() -> tuple[int, int]:
        load: Any = site.media.metrics()
        return load.rooms, load.participants

    await until(lambda: carried() == (2, 2), "their being seen")
    status, text = await site.asked("GET", "/metrics")
    assert status == 200
    assert "jackfield_sfu_participants 2.0" in text
    assert "jackfield_sfu_forwarding_seconds_bucket" in text
    if isinstance(site.media, WorkersMedia):
        assert 'jackfield_sfu_worker_participants{worker="0"} 1.0' in text
        assert 'jackfield_sfu_worker_participants{worker="1"} 1.0' in text


async def test_a_drain_lets_nobody_new_in_and_tells_who_is_there(site: Site) -> None:
    """Calls go on for as long as they were given; then each is told to leave, and the log that the server went."""
    ada = await site.joined("ada")
    began = time.monotonic()
    drain = asyncio.create_task(site.media.drain(1.0))
    await asyncio.sleep(0.3)
    for room in ("room", "another"):
        query = f"/rtc/validate?access_token={token('bob', room)}"
        status, words = await site.asked("GET", query)
        assert (status, "shutting down" in words) == (503, True)
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await site.http.ws_connect(site.server.url + query.replace("/validate", ""))
        assert refused.value.status == 503
    assert (await said(ada, "leave")).reason == models.DisconnectReason.SERVER_SHUTDOWN
    assert time.monotonic() - began >= 1.0
    await drain
    await until(lambda: site.of(Over), "the end")
    assert ([went.reason for went in site.of(Went)], site.of(Over)[0].reason) == (["server"], "server")
    assert site.media.participant_count == 0


async def test_who_is_away_for_good_is_told_why(site: Site) -> None:
    """Whoever was away while the room was ended does not open it anew by coming back."""
    ada = await site.joined("ada")
    (came,) = await until(lambda: site.of(Came), "her coming")
    headers = {"Authorization": f"Bearer {token('op', roomCreate=True)}"}
    assert (await site.asked("POST", "/twirp/livekit.RoomService/DeleteRoom", json={"room": "room"}, headers=headers))[
        0
    ] == 200
    await said(ada, "leave")
    await until(lambda: site.of(Over), "the end")
    await asyncio.sleep(2.5)  # two looks
    url = f"{site.server.url}/rtc?access_token={token()}&reconnect=1&sid={came.pid}"
    async with site.http.ws_connect(url) as again:
        leave = await said(again, "leave")
    assert (leave.reason, leave.action) == (models.DisconnectReason.ROOM_DELETED, rtc.LeaveRequest.Action.DISCONNECT)


async def test_refusals_read_alike(opened: Any) -> None:
    """Whatever is wrong with a request is said in the same words, with and without workers."""
    sites = [await opened(count) for count in (1, 2)]
    expired = jwt.encode({"iss": API_KEY, "exp": 1, "sub": "ada"}, API_SECRET, algorithm="HS256")
    foreign = jwt.encode({"iss": API_KEY, "exp": 4e9}, "another-secret-of-32-letters-or-so", algorithm="HS256")
    tokens = (token(), "", "garbage", expired, foreign, token(roomJoin=False), token(room=""), token(""))
    paths = [f"/rtc{path}?access_token={each}" for each in tokens for path in ("", "/v1", "/validate", "/v1/validate")]
    paths += [f"/rtc/v1?access_token={token()}&join_request=%21", "/rtc/v2", "/rtc/v1/other"]
    for method in ("GET", "OPTIONS", "HEAD"):
        for path in paths:
            one, two = [await site.asked(method, path) for site in sites]
            assert one[0] == two[0], path
            if "expired" not in one[1]:
                assert one == two
    for path in paths:
        statuses = []
        for site in sites:
            statuses.append(await site.knocked(path))
        assert statuses[0] == statuses[1], path


async def test_a_full_room_says_so(site: Site) -> None:
    """The worker's own refusals reach whoever asks, in words."""
    async with api.LiveKitAPI(site.server.url, API_KEY, API_SECRET) as client:
        await client.room.create_room(api.CreateRoomRequest(name="small", max_participants=1))
    await site.joined("ada", "small")
    status, words = await site.asked("GET", f"/rtc/validate?access_token={token('bob', 'small')}")
    assert (status, words) == (403, "the room is full (1 participants)")
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await site.http.ws_connect(f"{site.server.url}/rtc?access_token={token('bob', 'small')}")
    assert refused.value.status == 403


async def test_the_room_service_is_one(site: Site) -> None:
    """Rooms are listed wherever they are; what is done to one is done where it is; what fails says so as Twirp does."""
    names = [f"room {index}" for index in range(4)]
    async with api.LiveKitAPI(site.server.url, API_KEY, API_SECRET) as client:
        made = [await client.room.create_room(api.CreateRoomRequest(name=name, metadata=name)) for name in names]
        assert [room.name for room in made] == names
        again = await client.room.create_room(api.CreateRoomRequest(name=names[3]))
        assert again.sid == made[3].sid
        listed = await client.room.list_rooms(api.ListRoomsRequest())
        assert sorted((room.name, room.sid) for room in listed.rooms) == [(room.name, room.sid) for room in made]
        some = await client.room.list_rooms(api.ListRoomsRequest(names=names[1:3]))
        assert sorted(room.name for room in some.rooms) == names[1:3]
        sockets = [await site.joined("ada", name) for name in names]
        for name in names:
            asked = api.RoomParticipantIdentity(room=name, identity="ada")
            assert (await client.room.get_participant(asked)).identity == "ada"
            headers = {"Authorization": f"Bearer {token('op', name, roomAdmin=True)}"}
            path = "/twirp/livekit.RoomService/RemoveParticipant"
            removed = await site.asked("POST", path, json={"room": name, "identity": "ada"}, headers=headers)
            assert removed == (200, "{}")
        for websocket in sockets:
            assert (await said(websocket, "leave")).reason == models.DisconnectReason.PARTICIPANT_REMOVED
        await client.room.delete_room(api.DeleteRoomRequest(room=names[0]))
        assert sorted(room.name for room in (await client.room.list_rooms(api.ListRoomsRequest())).rooms) == names[1:]
        with pytest.raises(api.TwirpError) as missing:
            await client.room.list_participants(api.ListParticipantsRequest(room="none"))
        assert missing.value.code == "not_found"
    for method, grants, wanted in (
        ("ListRooms", {}, 403),
        ("ListRooms", {"roomList": True}, 200),
        ("CreateRoom", {}, 403),
        ("CreateRoom", {"roomCreate": True}, 400),
        ("ListParticipants", {}, 403),
        ("NoSuchMethod", {}, 404),
    ):
        headers = {"Authorization": f"Bearer {token('op', **grants)}"}
        status, _ = await site.asked("POST", f"/twirp/livekit.RoomService/{method}", json={}, headers=headers)
        assert (method, status) == (method, wanted)
    path, headers = "/twirp/livekit.RoomService/ListRooms", {"Authorization": f"Bearer {token('op', roomList=True)}"}
    assert (await site.asked("POST", path, data=b"{", headers=headers | {"Content-Type": "application/json"}))[0] == 400
    assert (await site.asked("POST", path, data=b"\xff", headers=headers))[0] == 400
    assert (await site.asked("POST", path, json={}))[0] == 401


async def test_a_client_that_breaks_off_is_waited_for_or_gone(site: Site) -> None:
    """A WebSocket that is cut, and one that is closed, end its participant where there is no path to come back on."""
    for end in ("cut", "close"):
        site.told.clear()
        websocket = await site.joined(end)
        await until(lambda: site.of(Came), "its coming")
        if end == "cut":
            websocket._response.connection.transport.abort()
        await websocket.close(code=4001)
        await until(lambda: site.of(Went), f"its going, {end}")


async def test_pings_are_answered_from_where_signalling_is(site: Site) -> None:
    """A WebSocket's ping has its pong; a request in text has its answer in text."""
    url = f"{site.server.url}/rtc?access_token={token()}"
    async with site.http.ws_connect(url, autoping=False) as websocket:
        await said(websocket, "join")
        await websocket.ping(b"there?")
        while (message := await websocket.receive(timeout=LIMIT_S)).type is not WSMsgType.PONG:
            pass
        assert message.data == b"there?"
        await websocket.send_str('{"ping": "7"}')
        while (message := await websocket.receive(timeout=LIMIT_S)).type is not WSMsgType.TEXT or (
            "pong" not in message.data
        ):
            assert message.type in (WSMsgType.TEXT, WSMsgType.BINARY)


async def test_a_message_without_end_ends_its_sender(site: Site) -> None:
    """What is larger than a message may be is not carried anywhere; the server goes on."""
    websocket = await site.joined("ada")
    await websocket.send_bytes(bytes(2 << 20))
    message = await end_of(websocket)
    assert message.type in (WSMsgType.CLOSE, WSMsgType.CLOSED, WSMsgType.ERROR)
    await site.joined("bob")


# --- several ------------------------------------------------------------------------------------------------------
async def test_rooms_are_spread_and_stay(spread: Site) -> None:
    """Each room goes to the lightest worker, and whoever comes later to where it is."""
    for index in range(8):
        await spread.joined(f"person {index}", f"room {index % 4}")
    await until(lambda: spread.media.participant_count == 8, "their coming")
    assert [one.people for one in spread.workers] == [4, 4]
    calls = {came.session_id: came.call_id for came in spread.of(Came)}
    assert len(calls) == 4
    assert len({came.call_id for came in spread.of(Came)}) == 4
    ports = spread.server.udp_ports
    assert len(set(ports)) == 2
    assert spread.server.udp_port == ports[0]


async def test_a_full_worker_gets_no_other_room(spread: Site) -> None:
    """A room goes elsewhere; when all are full it is refused in the words of the one with most left, naming LiveKit."""
    first, second = spread.workers
    full = wire.Look(loads.NOTHING, refusal="full: move to LiveKit")
    await _stop_looking(spread.workers)
    first._look = full
    for index in range(3):
        await spread.joined("ada", f"room {index}")
    await until(lambda: spread.media.participant_count == 3, "their coming")
    assert [one.people for one in (first, second)] == [0, 3]
    second._look = full
    status, words = await spread.asked("GET", f"/rtc/validate?access_token={token('bob', 'new')}")
    assert (status, words) == (503, "full: move to LiveKit")
    assert (await spread.asked("GET", f"/rtc/validate?access_token={token('bob', 'room 1')}"))[0] == 200


async def _stop_looking(workers: list[worker.Worker]) -> None:
    """What is known of these workers stays as a test has it."""
    names = {f"looking at worker {one.number}" for one in workers}
    for task in asyncio.all_tasks():
        if task.get_name() in names:
            task.cancel()
    await asyncio.sleep(0)


async def test_a_worker_that_is_killed_is_mourned_and_replaced(spread: Site, caplog: pytest.LogCaptureFixture) -> None:
    """Its clients' connections break, its calls are over, the other's go on, and another process takes its place."""
    ada, bob = await spread.joined("ada", "one"), await spread.joined("bob", "two")
    await until(lambda: spread.media.participant_count == 2, "their coming")
    await asyncio.sleep(1.2)  # one look
    received = spread.media.metrics()
    victim = next(one for one in spread.workers if one.people and one._calls[spread.of(Came)[0].call_id])
    pid = victim.running.pid  # type: ignore[union-attr]
    os.kill(pid, signal.SIGKILL)
    message = await end_of(ada)
    assert message.type in (WSMsgType.CLOSED, WSMsgType.ERROR), "no close: it broke"
    await until(lambda: spread.of(Over), "the end of the call")
    came = spread.of(Came)[0]
    assert [(went.pid, went.reason) for went in spread.of(Went)] == [(came.pid, "server")]
    assert [(over.call_id, over.reason) for over in spread.of(Over)] == [(came.call_id, "server")]
    await spread.joined("ada", "one")
    await until(lambda: victim.running, "its being started anew")
    assert victim.running.pid != pid  # type: ignore[union-attr]
    await bob.send_bytes(rtc.SignalRequest(ping=7).SerializeToString())
    await said(bob, "pong")
    deaths = [record.getMessage() for record in caplog.records if "calls are over" in record.getMessage()]
    assert deaths == [f"worker {victim.number} (pid {pid}) was ended by SIGKILL: its 1 calls are over"]
    total: Any = spread.media.metrics()
    assert isinstance(received, Load)
    assert all(total.totals[name] >= count for name, count in received.totals.items())


async def test_who_comes_while_no_worker_runs_waits(spread: Site) -> None:
    """All are killed at once: whoever joins then gets in with the first that is back."""
    for one in spread.workers:
        os.kill(one.running.pid, signal.SIGKILL)  # type: ignore[union-attr]
    await until(lambda: not any(one.running for one in spread.workers), "their end")
    began = time.monotonic()
    status, words = await spread.asked("GET", f"/rtc/validate?access_token={token()}")
    if status == 503:  # a machine that is too busy to start one in that time
        assert time.monotonic() - began >= WAIT_S
        assert "are being started; try again" in words
        await until(lambda: any(one.running for one in spread.workers), "one that runs")
    await spread.joined("ada")


async def test_a_worker_that_hangs_is_ended(spread: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that answers nothing is no longer waited for."""
    monkeypatch.setattr(worker, "MISSED", 2)
    first = spread.workers[0]
    pid = first.running.pid  # type: ignore[union-attr]
    os.kill(pid, signal.SIGSTOP)
    await until(lambda: first.running and first.running.pid != pid, "another in its place")


async def test_who_asks_for_something_while_a_worker_hangs_hears_that(
    spread: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And not that they may not, as who is not in the session does."""
    await spread.joined("ada")
    media = spread.media
    assert isinstance(media, WorkersMedia)
    assert await media.mark("room", "ada", {"a": "b"})
    assert not await media.mark("room", "eve", {"a": "b"})
    assert not await media.mark("elsewhere", "ada", {"a": "b"})
    victim = next(each for each in spread.workers if media._places.of("room") is each)
    monkeypatch.setattr(victim, "ask", partial(victim.ask, limit_s=0.2))
    os.kill(victim.running.pid, signal.SIGSTOP)  # type: ignore[union-attr]
    try:
        with pytest.raises(NetworkError, match="does not answer; try again"):
            await media.mark("room", "ada", {"a": ""})
    finally:
        os.kill(victim.running.pid, signal.SIGCONT)  # type: ignore[union-attr]


async def test_signals_for_every_process_end_no_worker(spread: Site) -> None:
    """Ctrl-C and a service manager's SIGTERM are the first process's affair."""
    pids = [one.running.pid for one in spread.workers]  # type: ignore[union-attr]
    for pid in pids:
        os.kill(pid, signal.SIGINT)
        os.kill(pid, signal.SIGTERM)
    await asyncio.sleep(0.5)
    assert [one.running.pid for one in spread.workers] == pids  # type: ignore[union-attr]
    await spread.joined("ada")


async def test_workers_have_ports_in_a_row_and_one_that_is_taken_is_named(opened: Any) -> None:
    """``udp_port`` and those after it; which of them is in use is said, and nothing stays open."""
    first = _free_row(2)
    site = await opened(2, udp_port=first)
    assert site.server.udp_ports == [first, first + 1]
    await site.server.close()
    with socket.socket(type=socket.SOCK_DGRAM) as busy:
        busy.bind(("127.0.0.1", first + 1))
        with pytest.raises(SettingsError, match=f"127.0.0.1:{first + 1} is in use"):
            await opened(2, udp_port=first)


def _free_row(count: int) -> int:
    for first in range(21_000, 29_000, 16):
        held = [socket.socket(type=socket.SOCK_DGRAM) for _ in range(count)]
        try:
            for index, each in enumerate(held):
                each.bind(("127.0.0.1", first + index))
            return first
        except OSError:
            continue
        finally:
            for each in held:
                each.close()
    raise AssertionError("no free ports in a row")


async def test_nothing_is_left_behind(opened: Any) -> None:
    """Closed, no process, no socket and no folder of it is there any more."""
    site = await opened(2)
    media = site.media
    folder = Path(media._folder)
    assert folder.stat().st_mode & 0o777 == 0o700
    pids = [one.running.pid for one in media.workers]
    websocket = await site.joined("ada")
    await site.server.close()
    assert not folder.exists()
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    assert (await said(websocket, "leave")).reason == models.DisconnectReason.SERVER_SHUTDOWN
    await websocket.close()


async def test_a_worker_is_for_the_first_process_alone(spread: Site) -> None:
    """Without the secret nothing is answered; with it, the address that is handed along is who asks."""
    media = spread.media
    assert isinstance(media, WorkersMedia)
    path = str(next(Path(media._folder).iterdir()))
    async with aiohttp.ClientSession("http://worker", connector=aiohttp.UnixConnector(path)) as http:
        for headers in ({}, {wire.SECRET: "guess"}, {wire.SECRET: "ü"}):
            for asked in ("/rtc/validate", "/control", "/twirp/livekit.RoomService/ListRooms"):
                async with http.get(asked, headers=headers) as answer:
                    assert answer.status in (403, 405)
        async with http.get("/rtc/validate", headers={wire.SECRET: media._secret}) as answer:
            assert (answer.status, await answer.text()) == (401, "no access token was sent")


# --- in between ---------------------------------------------------------------------------------------------------
def test_what_is_said_between_processes_comes_through() -> None:
    """An order, a look and whatever happens are the same on the other side."""
    histogram = Histogram((0.1, 0.2), (1, 2), 3, 0.5)
    load = attrs.evolve(loads.NOTHING, rooms=2, totals={"packets_sent": 7}, forwarding=histogram)
    look = wire.Look(load, frozenset({"a", "b"}), "full")
    assert wire.Look.of(_through_json(look.said())) == look
    for happening in (
        Came("c", "s", "p", "u", "n", "moderator", True, 1.5),
        Went("c", "p", "left", 2.5),
        Over("c", "over", 3.5),
    ):
        assert wire.happening(_through_json(wire.told(happening))) == happening


def _through_json(words: Any) -> Any:
    return json.loads(json.dumps(words))


def test_loads_add_up() -> None:
    """Every number, every total and every part of the histogram."""
    histogram = Histogram(loads.NOTHING.forwarding.bounds_s, tuple(range(10)), 11, 0.5)
    totals = dict.fromkeys(loads.NOTHING.totals, 3)
    one = attrs.evolve(loads.NOTHING, rooms=1, cpu_share=0.25, totals=totals, forwarding=histogram)
    two = loads.together([one, one])
    assert (two.rooms, two.cpu_share, set(two.totals.values())) == (2, 0.5, {6})
    assert (two.forwarding.within[9], two.forwarding.count, two.forwarding.seconds) == (18, 22, 1.0)
    kept = loads.remembered(two)
    assert (kept.rooms, kept.totals, kept.forwarding) == (0, two.totals, two.forwarding)


async def test_one_process_needs_none() -> None:
    """Without workers the SFU is in this process, as ever."""
    assert isinstance(make_sfu(settings(workers=1), 0), Sfu)
    assert isinstance(make_sfu(settings(workers=2), 0), WorkersMedia)
