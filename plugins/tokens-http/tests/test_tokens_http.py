"""tokens-http keeps the contract of its role with our own service, and understands LiveKit's token endpoint."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from jackfield_tokens_http.client import MAX_ANSWER
from jackfield_tokens_http.factory import HttpTokens, Options
from jackfield_tokens_http.plugin import plugin
from livekit import api

from jackfield import tokens
from jackfield.server import certificate
from jackfield.server.app import Server
from jackfield.testing import PluginContract, TokenProviderContract, service
from jackfield.testing.service import API_KEY, API_SECRET, LOGIN_KEY, place_of
from jackfield.values.errors import AuthTokenError, CallError, LogInError, NetworkError, NotAllowed, ResponseError
from jackfield.values.people import LogIn, Place


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with service.running() as running:
        yield running


@pytest.fixture
async def provider(server: Server) -> AsyncIterator[Any]:
    opened = HttpTokens().open(place_of(server))
    yield opened
    await opened.close()


class TestPlugin(PluginContract):
    """It is an ordinary plugin."""

    plugin = plugin


class TestTokens(TokenProviderContract):
    """It is an ordinary source of tokens."""

    plugin = plugin

    @pytest.fixture
    def place(self, server: Server) -> Place:
        return place_of(server)


# --- our own service ----------------------------------------------------------------------------------------------
async def test_log_in_to_invite_to_guest(provider: Any, server: Server) -> None:
    """Who is logged in makes a link; who holds it gets a guest's token."""
    log_in = await provider.log_in("ada", None)
    link = await provider.invite(log_in, "stand up")
    assert (link.url, link.session_id) == (server.url, "stand up")
    token = await provider.accept_invite("stand up", link.invite, name="Bob")
    assert token.role == "participant"
    assert token.uid.startswith("guest-")
    with pytest.raises(AuthTokenError, match="another session"):
        await provider.accept_invite("retro", link.invite)


@pytest.mark.parametrize(
    ("uid", "key", "code"),
    [
        ("", LOGIN_KEY, "ERROR_INVALID_UID"),
        ("a b", LOGIN_KEY, "ERROR_UID_WITH_SPACE"),
        ("ada", "", "ERROR_API_KEY_NOT_FOUND"),
        ("ada", "wrong", "ERROR_API_KEY_NOT_FOUND"),
        ("ada", API_KEY, "ERROR_API_KEY_NOT_FOUND"),
    ],
)
async def test_refusals_keep_their_codes(provider: Any, uid: str, key: str, code: str) -> None:
    """The service's code and words arrive as our own error."""
    with pytest.raises(LogInError) as caught:
        await provider.log_in(uid, key)
    assert caught.value.code == code


async def test_log_in_that_has_ended(provider: Any) -> None:
    """A log-in that is over is refused, here or by the service."""
    over = LogIn("ada", "Ada", tokens.mint_log_in(API_KEY, API_SECRET, "ada", ttl_s=-1).auth_token)
    with pytest.raises(AuthTokenError, match="expired"):
        await provider.call_token(over, "s")
    with pytest.raises(AuthTokenError, match="expired"):
        await provider.call_token(LogIn("ada", "Ada", "x", 1.0), "s")


async def test_participant_may_not_invite(provider: Any) -> None:
    """A refusal for want of rights is `NotAllowed`."""
    call_token = tokens.mint_call_token(API_KEY, API_SECRET, uid="b", name="", session_id="s").token
    with pytest.raises(NotAllowed):
        await provider.invite(LogIn("b", "b", call_token), "s")


async def test_pinned_certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The certificate of the fingerprint is trusted, and no other, and none without a fingerprint."""
    monkeypatch.setenv("JACKFIELD_STATE_DIR", str(tmp_path))
    kept = certificate.kept(["127.0.0.1"])
    wanted = service.settings(tls_cert=kept.cert, tls_key=kept.key, tls_fingerprint=kept.fingerprint)
    async with service.running(wanted) as server:
        assert server.url.startswith("https://")
        for fingerprint, works in ((kept.fingerprint, True), ("ab" * 32, False), (None, False)):
            opened = HttpTokens().open(place_of(server, fingerprint=fingerprint))
            try:
                if works:
                    assert (await opened.log_in("ada", None)).uid == "ada"
                else:
                    with pytest.raises(NetworkError, match="certificate"):
                        await opened.log_in("ada", None)
            finally:
                await opened.close()
        await asyncio.sleep(0.05)  # the refused connections' transports are closed on the next turns of the loop


# --- somebody else's service --------------------------------------------------------------------------------------
@pytest.fixture
async def endpoint() -> AsyncIterator[Callable[[Any], Any]]:
    """Starts an HTTP server that answers every POST as told, and keeps what it was asked."""
    runners: list[web.AppRunner] = []

    async def start(answer: Callable[[web.Request, Any], Any]) -> str:
        async def handle(request: web.Request) -> Any:
            return answer(request, await request.json())

        app = web.Application()
        app.add_routes([web.post("/{path:.*}", handle)])
        runner = web.AppRunner(app)
        runners.append(runner)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}/token"

    yield start
    for runner in runners:
        await runner.cleanup()


def livekit_answer(request: web.Request, asked: dict[str, Any]) -> web.Response:
    """As LiveKit documents its token endpoint."""
    assert request.headers["X-Own-Key"] == "of mine"
    grants = api.VideoGrants(room_join=True, room=asked["room_name"])
    secret = "secret-of-a-cluster-32-letters-long"
    token = api.AccessToken("APIx", secret).with_identity(asked["participant_identity"]).with_grants(grants)
    answer = {"server_url": "wss://cluster.example", "participant_token": token.to_jwt()}
    return web.json_response(answer, status=201)


async def in_pieces(body: bytes) -> AsyncIterator[bytes]:
    """The body as a slow server sends it."""
    for piece in (body[:20], body[20:]):
        yield piece
        await asyncio.sleep(0.05)


async def test_an_answer_may_come_in_pieces_and_not_without_end(endpoint: Any) -> None:
    """A chunked answer is read to its end; one that is longer than any token is refused."""

    def slowly(request: web.Request, asked: dict[str, Any]) -> web.Response:
        whole = b"x" * (2 * MAX_ANSWER) if asked["room_name"] == "endless" else livekit_answer(request, asked).body
        assert isinstance(whole, bytes)
        return web.Response(body=in_pieces(whole), content_type="application/json")

    options = Options(token_url=await endpoint(slowly), headers={"X-Own-Key": "of mine"})
    opened = HttpTokens(options).open(Place())
    log_in = await opened.log_in("ada", None, name="Ada")
    assert (await opened.call_token(log_in, "stand-up")).session_id == "stand-up"
    with pytest.raises(ResponseError, match="over 262144 bytes"):
        await opened.call_token(log_in, "endless")


async def test_livekits_token_endpoint(endpoint: Any) -> None:
    """With ``token_url`` alone, the standard endpoint of LiveKit's SDKs is enough for a call."""
    options = Options(token_url=await endpoint(livekit_answer), headers={"X-Own-Key": "of mine"})
    opened = HttpTokens(options).open(Place())
    token = await opened.call_token(await opened.log_in("ada", None, name="Ada"), "stand-up")
    await opened.close()
    assert (token.uid, token.session_id, token.role) == ("ada", "stand-up", "participant")
    assert token.url == "https://cluster.example"


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (lambda *_: web.Response(text="<html>"), ResponseError, "nothing that can be read"),
        (lambda *_: web.json_response([1]), ResponseError, "nothing that can be read"),
        (lambda *_: web.json_response({"ok": True}), ResponseError, "has no token"),
        (lambda *_: web.Response(status=404), ResponseError, "is it a token endpoint"),
        (lambda *_: web.Response(status=403), AuthTokenError, "refused"),
        (lambda *_: web.Response(status=502), NetworkError, "502"),
        (lambda *_: web.Response(status=307, headers={"Location": "/else"}), ResponseError, "307"),
        (lambda *_: web.json_response({"token": "garbage"}), CallError, "no call token"),
        (
            lambda *_: web.json_response(
                {"token": tokens.mint_call_token("k", "s", uid="eve", name="", session_id="s").token}
            ),
            ResponseError,
            "'eve'",
        ),
    ],
)
async def test_answers_that_make_no_sense(
    endpoint: Any, answer: Any, error: type[CallError], words: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever a service answers, the error is ours and says what was found."""
    caplog.set_level(logging.DEBUG)
    opened = HttpTokens(Options(token_url=await endpoint(answer))).open(Place())
    with pytest.raises(error, match=words):
        await opened.call_token(LogIn("ada", "Ada", "tell-nobody"), "s")
    await opened.close()
    assert "tell-nobody" not in caplog.text


@pytest.fixture
def closed_port() -> Iterator[int]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


async def test_nobody_there(closed_port: int) -> None:
    """A server that does not run is `NetworkError`, which may be tried again."""
    opened = HttpTokens().open(Place(f"http://127.0.0.1:{closed_port}", login_key="k"))
    with pytest.raises(NetworkError, match="cannot be reached") as caught:
        await opened.log_in("ada", None)
    await opened.close()
    assert caught.value.retryable


async def test_slow_server() -> None:
    """A server that does not answer in time is `NetworkError`."""
    waiting = asyncio.Event()

    async def never(request: web.Request) -> web.Response:
        await waiting.wait()
        return web.Response()

    app = web.Application()
    app.add_routes([web.post("/token", never)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    options = Options(token_url=f"http://127.0.0.1:{runner.addresses[0][1]}/token", timeout_s=0.1)
    opened = HttpTokens(options).open(Place())
    with pytest.raises(NetworkError, match=r"within 0\.1 s"):
        await opened.call_token(LogIn("ada", "Ada", "x"), "s")
    waiting.set()
    await opened.close()
    await runner.cleanup()


@pytest.mark.parametrize("url", ["nonsense", "ftp://h/x", "http://"])
async def test_no_address(url: str) -> None:
    """A URL that is none is an error of ours."""
    opened = HttpTokens().open(Place(url, login_key="k"))
    with pytest.raises(CallError):
        await opened.log_in("ada", None)
    await opened.close()
