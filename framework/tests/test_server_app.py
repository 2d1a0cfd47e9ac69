"""The service over HTTP: who gets what, who is refused and with which words, and that no secret is ever logged."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from jackfield import tokens
from jackfield.server.app import Server
from jackfield.server.settings import ServerSettings
from jackfield.testing import service
from jackfield.testing.service import SilentMedia, settings
from jackfield.values.errors import SettingsError
from tests.lab.web import serving

KEY, SECRET, LOGIN_KEY = service.API_KEY, service.API_SECRET, service.LOGIN_KEY
OTHER_SECRET = "secret-of-other-server-32-letters"


class Asker:
    """Asks one server over HTTP."""

    def __init__(self, server: Server, session: aiohttp.ClientSession) -> None:
        self.server = server
        self.session = session

    async def post(self, path: str, body: Any = None, **options: Any) -> tuple[int, dict[str, Any]]:
        bearer = options.pop("bearer", None)
        headers = options.pop("headers", {}) | ({"Authorization": f"Bearer {bearer}"} if bearer else {})
        async with self.session.post(self.server.url + path, json=body, headers=headers, **options) as response:
            return response.status, await response.json()

    async def log_in(self) -> str:
        status, answer = await self.post("/api/login", {"uid": "ada", "api_key": LOGIN_KEY, "name": "Ada"})
        assert status == 200
        return str(answer["auth_token"])


@contextlib.asynccontextmanager
async def running(wanted: ServerSettings, **options: Any) -> AsyncIterator[Asker]:
    async with service.running(wanted, **options) as server, aiohttp.ClientSession() as session:
        yield Asker(server, session)


@pytest.fixture
async def asker() -> AsyncIterator[Asker]:
    async with running(settings()) as asker:
        yield asker


@pytest.fixture(autouse=True)
def no_secret_in_any_log(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Every test here also shows that nothing secret was logged, at any level."""
    caplog.set_level(logging.DEBUG)
    yield
    logged = "\n".join(
        f"{record.getMessage()} {record.exc_info} {record.args}" for record in caplog.get_records("call")
    )
    for secret in (SECRET, LOGIN_KEY, OTHER_SECRET, "eyJ"):  # every JWT begins with the last
        assert secret not in logged


# --- given out ----------------------------------------------------------------------------------------------------
async def test_log_in_then_token(asker: Asker) -> None:
    """uid and log-in key give a log-in, and that a moderator's call token for one session."""
    auth_token = await asker.log_in()
    status, answer = await asker.post("/api/token", {"session_id": "s1"}, bearer=auth_token)
    assert status == 200
    token = tokens.read_call_token({KEY: SECRET}, answer["token"])
    assert (token.uid, token.session_id, token.role) == ("ada", "s1", "moderator")
    assert answer["url"] == asker.server.url
    assert answer["expires_at"] > time.time()


async def test_auth_token_logs_in(asker: Asker) -> None:
    """An auth token is a log-in too, in production."""
    auth_token = await asker.log_in()
    status, answer = await asker.post("/api/login", {"auth_token": auth_token})
    assert (status, answer["uid"], answer["name"]) == (200, "ada", "Ada")


async def test_who_logs_in_may_be_a_participant(asker: Asker) -> None:
    """Less than what a log-in allows can be asked for."""
    body = {"session_id": "s1", "role": "participant"}
    _, answer = await asker.post("/api/token", body, bearer=await asker.log_in())
    assert answer["role"] == "participant"
    assert tokens.read_call_token({KEY: SECRET}, answer["token"]).role == "participant"


async def test_livekits_token_endpoint_shape(asker: Asker) -> None:
    """LiveKit's SDKs find their own names in question and answer."""
    body = {"room_name": "s1", "participant_name": "Ada L"}
    _, answer = await asker.post("/api/token", body, bearer=await asker.log_in())
    assert answer["participant_token"] == answer["token"]
    assert answer["server_url"] == f"ws://127.0.0.1:{asker.server.port}"


async def test_invite_makes_a_guest(asker: Asker) -> None:
    """An invite is exchanged for a call token of its role, under a uid of the server's choosing."""
    status, made = await asker.post("/api/invite", {"session_id": "s 1"}, bearer=await asker.log_in())
    assert status == 200
    assert made["link"] == f"{asker.server.url}/join/s%201#invite={made['invite']}"
    body = {"session_id": "s 1", "invite": made["invite"], "name": "Bob", "uid": "ada"}
    status, answer = await asker.post("/api/token", body)
    assert status == 200
    assert answer["role"] == "participant"
    assert answer["uid"].startswith("guest-")
    assert tokens.read_call_token({KEY: SECRET}, answer["token"]).uid == answer["uid"]


async def test_moderator_in_a_call_may_invite(asker: Asker) -> None:
    """A moderator's call token makes invites to its own session, a participant's none."""

    def token(role: Any) -> str:
        return tokens.mint_call_token(KEY, SECRET, uid="m", name="", session_id="s1", role=role).token

    status, made = await asker.post("/api/invite", {"session_id": "s1", "role": "moderator"}, bearer=token("moderator"))
    assert (status, made["role"]) == (200, "moderator")
    for body, role in (({"session_id": "s2"}, "moderator"), ({"session_id": "s1"}, "participant")):
        status, answer = await asker.post("/api/invite", body, bearer=token(role))
        assert (status, answer["code"]) == (403, "ERROR_PERMISSION")


# --- refused ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"uid": "", "api_key": LOGIN_KEY}, 400, "ERROR_INVALID_UID"),
        ({"api_key": LOGIN_KEY}, 400, "ERROR_INVALID_UID"),
        ({"uid": ["a"], "api_key": LOGIN_KEY}, 400, "ERROR_INVALID_UID"),
        ({"uid": "a b", "api_key": LOGIN_KEY}, 400, "ERROR_UID_WITH_SPACE"),
        ({"uid": "ada"}, 401, "ERROR_API_KEY_NOT_FOUND"),
        ({"uid": "ada", "api_key": None}, 401, "ERROR_API_KEY_NOT_FOUND"),
        ({"uid": "ada", "api_key": "wrong"}, 401, "ERROR_API_KEY_NOT_FOUND"),
        ({"uid": "ada", "api_key": KEY}, 401, "ERROR_API_KEY_NOT_FOUND"),
        ({"uid": "ada", "api_key": SECRET}, 401, "ERROR_API_KEY_NOT_FOUND"),
        ({"auth_token": ""}, 400, "ERROR_BLANK_AUTHTOKEN"),
        ({"auth_token": "a b"}, 400, "ERROR_AUTHTOKEN_WITH_SPACE"),
        ({"auth_token": "garbage"}, 401, "ERROR_AUTH_TOKEN"),
        ({"uid": "ada", "api_key": LOGIN_KEY, "name": 5}, 400, "VALIDATION_ERROR"),
        ([], 400, "VALIDATION_ERROR"),
    ],
)
async def test_log_in_refused(asker: Asker, body: Any, status: int, code: str) -> None:
    """Each wrong log-in has its code. The key name that every token shows is no log-in key, nor is its secret."""
    found, answer = await asker.post("/api/login", body)
    assert (found, answer["code"]) == (status, code)
    assert answer["message"]


async def test_iss_of_a_token_opens_nothing(asker: Asker) -> None:
    """Who has seen somebody's call token learns nothing that logs in."""
    token = tokens.mint_call_token(KEY, SECRET, uid="ada", name="", session_id="s1").token
    assert tokens.describe_call_token(token).uid == "ada"
    for bearer in (KEY, token, LOGIN_KEY):
        status, answer = await asker.post("/api/token", {"session_id": "s1"}, bearer=bearer)
        assert (status, answer["code"]) == (401, "ERROR_AUTH_TOKEN")


async def test_token_without_log_in(asker: Asker) -> None:
    """Nobody gets a token for knowing a session's name."""
    for headers in ({}, {"Authorization": "Bearer "}, {"Authorization": "Basic YTpi"}):
        status, answer = await asker.post("/api/token", {"session_id": "s1", "uid": "ada"}, headers=headers)
        assert (status, answer["code"]) == (401, "ERROR_AUTH_TOKEN")
        assert "log in first" in answer["message"]


@pytest.mark.parametrize(
    ("invite", "reason"),
    [
        (tokens.mint_invite(KEY, SECRET, "s1", ttl_s=-1)[0], "expired"),
        (tokens.mint_invite(KEY, SECRET, "s2")[0], "other_session"),
        (tokens.mint_invite(KEY, OTHER_SECRET, "s1")[0], "other_key"),
        (tokens.mint_invite("APIelse", OTHER_SECRET, "s1")[0], "other_key"),
        (tokens.mint_call_token(KEY, SECRET, uid="a", name="", session_id="s1").token, "other_key"),
        ("garbage", "garbled"),
        ("", "missing"),
        (5, "missing"),
    ],
)
async def test_invite_refused(asker: Asker, invite: object, reason: str) -> None:
    """An expired, foreign or garbled invite opens nothing, and the answer says why."""
    status, answer = await asker.post("/api/token", {"session_id": "s1", "invite": invite})
    assert (status, answer["code"]) == (401, "ERROR_AUTH_TOKEN")
    assert answer["details"]["reason"] == reason


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        (tokens.mint_log_in(KEY, SECRET, "ada", ttl_s=-1).auth_token, "expired"),
        (tokens.mint_log_in(KEY, OTHER_SECRET, "ada").auth_token, "other_key"),
        (tokens.mint_invite(KEY, SECRET, "s1")[0], "other_key"),
        ("garbage", "garbled"),
    ],
)
async def test_log_in_that_does_not_hold(asker: Asker, token: str, reason: str) -> None:
    """A log-in that has expired or is another server's gives no token and no invite."""
    for path in ("/api/token", "/api/invite"):
        status, answer = await asker.post(path, {"session_id": "s1"}, bearer=token)
        assert (status, answer["code"], answer["details"]["reason"]) == (401, "ERROR_AUTH_TOKEN", reason)


@pytest.mark.parametrize("session_id", ["", "  ", None, 5, "x" * 257])
async def test_session_id_refused(asker: Asker, session_id: object) -> None:
    """A session id that is none has its code, wherever it comes."""
    bearer = await asker.log_in()
    for path in ("/api/token", "/api/invite"):
        status, answer = await asker.post(path, {"session_id": session_id}, bearer=bearer)
        assert (status, answer["code"]) == (400, "ERROR_CALL_SESSION_ID")


@pytest.mark.parametrize("changed", [{"role": "king"}, {"ttl_s": 0}, {"ttl_s": True}, {"ttl_s": "1"}, {"ttl_s": 1e12}])
async def test_invite_beyond_bounds(asker: Asker, changed: dict[str, Any]) -> None:
    """An invite has one of two roles and a time to live of at most thirty days."""
    status, answer = await asker.post("/api/invite", {"session_id": "s"} | changed, bearer=await asker.log_in())
    assert (status, answer["code"]) == (400, "VALIDATION_ERROR")


async def test_wrong_keys_are_slowed_down() -> None:
    """After ten wrong keys the address waits, whatever key it tries; another address does not."""
    async with running(settings(behind_proxy=True)) as asker:
        for _ in range(10):
            await asker.post("/api/login", {"uid": "a", "api_key": "x"}, headers={"X-Forwarded-For": "9.9.9.9"})
        body = {"uid": "ada", "api_key": LOGIN_KEY}
        status, answer = await asker.post("/api/login", body, headers={"X-Forwarded-For": "1.1.1.1, 9.9.9.9"})
        assert status == 429
        assert 0 < answer["details"]["retry_after_s"] <= 60
        status, _ = await asker.post("/api/login", body, headers={"X-Forwarded-For": "8.8.8.8"})
        assert status == 200
        # A proxy may add a line of its own to one that the asker made up.
        lines = [("X-Forwarded-For", "8.8.8.8"), ("X-Forwarded-For", "9.9.9.9"), ("Content-Type", "application/json")]
        async with asker.session.post(asker.server.url + "/api/login", json=body, headers=lines) as response:
            assert response.status == 429


@pytest.mark.parametrize(
    ("path", "headers", "body"),
    [
        ("/api/login", {"Content-Type": "application/json"}, b'{"uid": "a", "api_key": "\\ud800"}'),
        ("/api/login", {"Content-Type": "application/json; charset=xyz"}, b"{}"),
        ("/api/login", {"Content-Type": "application/json; charset=zlib_codec"}, b"{}"),
        ("/api/login", {"Content-Type": "application/json", "Host": "["}, b"{}"),
        ("/api/token", {"Content-Type": "application/json"}, b'{"session_id": "\\ud800", "invite": "x"}'),
        ("/assets/%00", {}, None),
        ("/assets/" + "a" * 300, {}, None),
        ("/healthz", {"Host": "["}, None),
    ],
)
async def test_what_no_program_sends_is_refused_and_not_stumbled_over(
    asker: Asker, path: str, headers: dict[str, str], body: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    """A 4xx (or an answer) with no traceback in any log."""
    method = "POST" if body is not None else "GET"
    async with asker.session.request(method, asker.server.url + path, data=body, headers=headers) as response:
        assert response.status < 500
    assert not [record for record in caplog.records if record.exc_info]


async def test_a_request_line_without_end_is_not_logged(asker: Asker, caplog: pytest.LogCaptureFixture) -> None:
    """aiohttp refuses it in words that quote it; a token stands in it, of which the log shows nothing."""
    token = tokens.mint_call_token(KEY, SECRET, uid="a", name="", session_id="s").token
    for line in (f"/rtc?access_token={token}{'x' * 90_000}", f"/rtc?a\x00ccess_token={token}"):
        reader, writer = await asyncio.open_connection("127.0.0.1", asker.server.port)
        with contextlib.closing(writer):
            writer.write(f"GET {line} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            assert b" 400 " in await reader.readline()
    assert "cannot be read" in caplog.text
    assert "eyJ" not in caplog.text
    assert "access_token" not in caplog.text


# --- connections --------------------------------------------------------------------------------------------------
@contextlib.asynccontextmanager
async def narrow(**limits: Any) -> AsyncIterator[Server]:
    """A server with a WebSocket at ``/ws``, which stands for what is behind a token."""

    class WithSocket(SilentMedia):
        def routes(self) -> list[web.AbstractRouteDef]:
            async def stay(request: web.Request) -> web.StreamResponse:
                socket = web.WebSocketResponse()
                await socket.prepare(request)
                await socket.receive()
                return socket

            return [web.get("/ws", stay)]

    changed = limits.pop("settings", {})
    server = Server(settings(**changed), lambda *_: WithSocket(), **limits)
    await server.start()
    try:
        yield server
    finally:
        await server.close()


@pytest.mark.parametrize(
    "begun", [b"", b"GET / HTTP/1.1\r\nHost: a\r\n", b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\nGET"]
)
async def test_a_connection_that_asks_nothing_is_closed(begun: bytes) -> None:
    """Nothing sent, a request without an end, and one that stops after the first; a WebSocket stays."""
    async with narrow(idle_s=0.3) as server, aiohttp.ClientSession() as session:
        socket = await session.ws_connect(server.url + "/ws")
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(begun)
        async with asyncio.timeout(5):
            await reader.read()
        writer.close()
        await asyncio.sleep(0.4)
        assert not socket.closed
        await socket.send_str("there")
        assert (await socket.receive(5)).type is aiohttp.WSMsgType.CLOSE
        await socket.close()


async def test_a_body_that_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The request is given up after a time, and its connection closed."""
    monkeypatch.setattr("jackfield.server.service.asking.BODY_S", 0.2)
    async with narrow() as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        head = (
            "POST /api/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n"
        )
        writer.write(head.encode())
        async with asyncio.timeout(5):
            assert b" 408 " in await reader.readline()
        writer.close()


async def test_one_address_has_so_many_connections_and_no_more() -> None:
    """Who has been let in does not count; a place is free again when its connection has gone."""
    async with narrow(most_per_address=3) as server, contextlib.AsyncExitStack() as stack:
        session = await stack.enter_async_context(aiohttp.ClientSession())
        sockets = [await session.ws_connect(server.url + "/ws") for _ in range(5)]
        idle = [(await asyncio.open_connection("127.0.0.1", server.port))[1] for _ in range(3)]
        with pytest.raises(aiohttp.ClientError):
            await session.get(server.url + "/healthz")
        idle[0].close()
        await idle[0].wait_closed()
        await asyncio.sleep(0.05)
        async with session.get(server.url + "/healthz") as response:
            assert response.status == 200
        for other in (*idle[1:], *sockets):
            await other.close() if isinstance(other, aiohttp.ClientWebSocketResponse) else other.close()


async def test_behind_a_proxy_all_come_from_one_address() -> None:
    """There connections are not counted."""
    async with narrow(most_per_address=1, settings={"behind_proxy": True}) as server:
        idle = [(await asyncio.open_connection("127.0.0.1", server.port))[1] for _ in range(3)]
        async with aiohttp.ClientSession() as session, session.get(server.url + "/healthz") as response:
            assert response.status == 200
        for writer in idle:
            writer.close()


async def test_no_log_in_key_no_log_in() -> None:
    """A server of one's own keys without a log-in key says that it has none."""
    async with running(settings(login_key=None)) as asker:
        for key in ("", KEY, "None"):
            status, answer = await asker.post("/api/login", {"uid": "ada", "api_key": key})
            assert (status, answer["code"]) == (401, "ERROR_API_KEY_NOT_FOUND")


# --- who may ask --------------------------------------------------------------------------------------------------
async def test_pages_of_other_origins_may_not_ask(asker: Asker) -> None:
    """A page from elsewhere is refused, our own is not."""
    body = {"uid": "ada", "api_key": LOGIN_KEY}
    for origin in ("https://evil.example", "null", f"https://127.0.0.1:{asker.server.port}"):
        status, answer = await asker.post("/api/login", body, headers={"Origin": origin})
        assert (status, answer["code"]) == (403, "ERROR_PERMISSION")
    status, _ = await asker.post("/api/login", body, headers={"Origin": asker.server.url})
    assert status == 200


async def test_listed_origin_may_ask() -> None:
    """A listed origin is answered with CORS headers, refusals too."""
    origin = "https://app.example"
    async with running(settings(allow_origins=(origin,))) as asker:
        url = asker.server.url + "/api/login"
        async with asker.session.options(url, headers={"Origin": origin}) as response:
            assert response.status == 204
            assert "Authorization" in response.headers["Access-Control-Allow-Headers"]
        async with asker.session.post(url, json={"uid": ""}, headers={"Origin": origin}) as response:
            assert response.status == 400
            assert response.headers["Access-Control-Allow-Origin"] == origin
        async with asker.session.options(url, headers={"Origin": "https://else.example"}) as response:
            assert response.status == 403
            assert "Access-Control-Allow-Origin" not in response.headers


@pytest.mark.parametrize("allowed", ["https://app.example", "*"])
async def test_listed_origins_moderate_and_programs_go_on_as_ever(allowed: str) -> None:
    """A page asks first whether it may; who is no page has no origin, and needs none."""
    async with serving(allow_origins=(allowed,)) as server, aiohttp.ClientSession() as session:
        url = server.url + "/twirp/livekit.RoomService/ListRooms"
        async with session.options(url, headers={"Origin": "https://app.example"}) as response:
            assert response.status == 204
            assert "POST" in response.headers["Access-Control-Allow-Methods"]
        async with session.post(url, json={}, headers={"Origin": "https://app.example"}) as response:
            assert (response.status, response.headers["Access-Control-Allow-Origin"]) == (401, "https://app.example")
        async with session.post(url, json={}) as response:
            assert response.status == 401


async def test_other_host_name_is_refused_on_loopback(asker: Asker) -> None:
    """A name that somebody made lead to 127.0.0.1 gets no answer."""
    headers = {"Host": f"rebound.example:{asker.server.port}"}
    status, answer = await asker.post("/api/login", {"uid": "ada", "api_key": LOGIN_KEY}, headers=headers)
    assert (status, answer["code"]) == (403, "ERROR_PERMISSION")


async def test_only_json_is_read(asker: Asker) -> None:
    """A form cannot post here, nor anything over the limit."""
    url = asker.server.url + "/api/login"
    async with asker.session.post(url, data={"uid": "ada"}) as response:
        assert response.status == 400
    async with asker.session.post(url, data=b'{"uid"', headers={"Content-Type": "application/json"}) as response:
        assert (response.status, (await response.json())["code"]) == (400, "VALIDATION_ERROR")
    async with asker.session.post(url, json={"uid": "a" * 100_000}) as response:
        assert response.status == 413
    async with asker.session.get(url) as response:
        assert response.status == 405


# --- pages, health, metrics ---------------------------------------------------------------------------------------
async def test_join_page_of_the_built_client(tmp_path: Path) -> None:
    """The page, its files, strict headers; nothing outside the folder."""
    (tmp_path / "static" / "assets").mkdir(parents=True)
    (tmp_path / "static" / "index.html").write_text("<!doctype html><title>join</title>")
    (tmp_path / "static" / "assets" / "main-1a2b.js").write_text("1")
    (tmp_path / "secret.js").write_text("2")
    async with running(settings(), static=tmp_path / "static") as asker:
        async with asker.session.get(asker.server.url + "/join/a%2Fb") as response:
            assert response.status == 200
            assert "join" in await response.text()
            policy = response.headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy
            assert "'unsafe" not in policy
            assert response.headers["X-Content-Type-Options"] == "nosniff"
            assert response.headers["Referrer-Policy"] == "no-referrer"
        async with asker.session.get(asker.server.url + "/assets/main-1a2b.js") as response:
            assert response.status == 200
            assert "immutable" in response.headers["Cache-Control"]
        for path in ("/assets/../../secret.js", "/assets/%2e%2e/%2e%2e/secret.js", "/none.js", "/assets/"):
            async with asker.session.get(aiohttp.client.URL(asker.server.url + path, encoded=True)) as response:
                assert response.status == 404


async def test_the_first_page_and_the_icon_are_of_the_built_client(tmp_path: Path) -> None:
    """Whoever asks for `/` may join from there; browsers find an icon by the name that they ask for unasked."""
    (tmp_path / "assets").mkdir()
    (tmp_path / "welcome.html").write_text("<!doctype html><title>welcome</title>")
    (tmp_path / "assets" / "icon-1a2b.svg").write_text("<svg/>")
    async with running(settings(), static=tmp_path) as asker:
        async with asker.session.get(asker.server.url + "/") as response:
            assert (response.status, "welcome" in await response.text()) == (200, True)
            assert "default-src 'none'" in response.headers["Content-Security-Policy"]
        async with asker.session.get(asker.server.url + "/favicon.ico") as response:
            assert (response.status, response.content_type) == (200, "image/svg+xml")
    (tmp_path / "assets" / "icon-1a2b.svg").unlink()
    (tmp_path / "welcome.html").unlink()
    async with running(settings(), static=tmp_path) as asker:
        async with asker.session.get(asker.server.url + "/") as response:
            assert (response.status, "make setup" in await response.text()) == (503, True)
        async with asker.session.get(asker.server.url + "/favicon.ico") as response:
            assert response.status == 204


@pytest.mark.parametrize("name", ["segmenter-1a2b.js", "litert.wasm", "landscape.tflite"])
async def test_pages_that_may_ask_may_take_what_the_module_fetches(tmp_path: Path, name: str) -> None:
    """Scripts, WebAssembly and models, for listed origins alone; the page itself for nobody."""
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / name).write_bytes(b"1")
    (tmp_path / "welcome.html").write_text("<!doctype html>")
    async with running(settings(allow_origins=("https://app.example",)), static=tmp_path) as asker:
        allowed = {}
        for path in (f"/assets/{name}", "/"):
            for origin in ("https://app.example", "https://else.example"):
                async with asker.session.get(asker.server.url + path, headers={"Origin": origin}) as response:
                    assert response.status == 200
                    allowed[path, origin] = response.headers.get("Access-Control-Allow-Origin")
        taken = {each for each, origin in allowed.items() if origin is not None}
        assert taken == {(f"/assets/{name}", "https://app.example")}


async def test_join_page_without_client_says_how(tmp_path: Path) -> None:
    """Where the client was not built, the page says what to run."""
    async with running(settings(), static=tmp_path) as asker, asker.session.get(asker.server.url + "/join/s") as page:
        assert page.status == 503
        assert "make setup" in await page.text()


async def test_health_and_metrics(asker: Asker) -> None:
    """Health names the instance; metrics count requests by route pattern, so that no session is named."""
    await asker.session.get(asker.server.url + "/join/secret-plan?access_token=eyJx")
    async with asker.session.get(asker.server.url + "/healthz") as response:
        assert await response.json() == {"status": "ok", "server": "jackfield", "instance": asker.server.instance}
    async with asker.session.get(asker.server.url + "/metrics") as response:
        text = await response.text()
    assert 'jackfield_http_requests_total{route="/healthz",status="200"} 1.0' in text
    assert "jackfield_sfu_participants 0.0" in text
    assert "secret-plan" not in text


async def test_metrics_are_for_this_machine() -> None:
    """Others see the metrics only where the operator said so; behind a proxy everybody may be another."""
    for open_metrics, status in ((False, 403), (True, 200)):
        async with running(settings(behind_proxy=True, open_metrics=open_metrics)) as asker:
            for headers in ({"X-Forwarded-For": "203.0.113.9"}, {"X-Forwarded-For": "127.0.0.1"}, {}):
                async with asker.session.get(asker.server.url + "/metrics", headers=headers) as response:
                    assert response.status == status


async def test_livekits_endpoints_answer_as_livekits(asker: Asker) -> None:
    """The SFU's routes carry its headers alone, and any origin may ask them."""
    headers = {"Origin": "https://else.example"}
    async with asker.session.get(asker.server.url + "/rtc/validate", headers=headers) as response:
        assert response.status == 200
        assert "Content-Security-Policy" not in response.headers


async def test_draining_server_gives_no_token(asker: Asker) -> None:
    """While it drains, health says so and nobody new comes in."""
    bearer = await asker.log_in()
    await asker.server.drain()
    async with asker.session.get(asker.server.url + "/healthz") as response:
        assert (response.status, (await response.json())["status"]) == (503, "draining")
    status, answer = await asker.post("/api/token", {"session_id": "s"}, bearer=bearer)
    assert (status, answer["code"]) == (503, "ERROR_NETWORK")


# --- ports --------------------------------------------------------------------------------------------------------
async def test_port_in_use_is_one_clear_error(asker: Asker) -> None:
    """A second server on the same port says which port and what to do."""
    media = SilentMedia()
    second = Server(settings(port=asker.server.port), lambda *_: media)
    with pytest.raises(SettingsError) as caught:
        await second.start()
    assert f"127.0.0.1:{asker.server.port} is in use" in caught.value.message
    assert "--port" in caught.value.message
    assert len(caught.value.findings) == 1
    assert media.closed


async def test_address_of_another_machine_is_refused() -> None:
    """An address that this machine does not have is named."""
    with pytest.raises(SettingsError, match="is not an address of this machine"):
        await Server(settings(host="192.0.2.77"), lambda *_: SilentMedia()).start()


async def test_every_address_means_both_families() -> None:
    """``::`` is heard on IPv4 and, where the machine has it, IPv6, on one port."""
    with contextlib.closing(socket.socket(socket.AF_INET6, socket.SOCK_STREAM)) as probe:
        try:
            probe.bind(("::1", 0))
        except OSError:
            pytest.skip("this machine has no IPv6")
    async with running(settings(host="::")) as asker:
        for host in ("127.0.0.1", "[::1]"):
            async with asker.session.get(f"http://{host}:{asker.server.port}/healthz") as response:
                assert response.status == 200


async def test_own_pages_may_ask_under_either_name() -> None:
    """Behind a proxy the public origin is ours, and so is the server's own address."""
    async with running(settings(public_url="https://calls.example.com/jackfield/")) as asker:
        for origin in ("https://calls.example.com", asker.server.url):
            body = {"uid": "ada", "api_key": LOGIN_KEY}
            status, answer = await asker.post("/api/login", body, headers={"Origin": origin})
            assert status == 200
        _, made = await asker.post("/api/invite", {"session_id": "s"}, bearer=answer["auth_token"])
        assert made["link"].startswith("https://calls.example.com/jackfield/join/s#invite=")


async def test_idleness_counts_from_the_last_of_it() -> None:
    """A participant, or anybody who asks, keeps the server awake."""
    now = [0.0]
    async with running(settings(), monotonic=lambda: now[0]) as asker:
        now[0] = 50.0
        assert asker.server.idle_for_s() == 50
        await asker.session.get(asker.server.url + "/healthz")
        assert asker.server.idle_for_s() == 0
        now[0] = 70.0
        assert asker.server.idle_for_s() == 20
