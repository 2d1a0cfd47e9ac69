"""Wrong things: every row of the error table is reached as a program reaches it, and nothing hangs."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

import jackfield
from jackfield import CallError, Calls, CallToken, Place, SessionSettings, SettingsError, tokens
from jackfield.calls import default
from jackfield.plugins import load, load_config
from jackfield.server.app import Server
from jackfield.server.launch import make_sfu
from jackfield.server.settings import ServerSettings

KEY, SECRET, LOGIN_KEY = "APIcalls", "secret-of-the-whole-call-tests-32", "log-in-key-of-the-tests"
QUIET = {"camera": "none", "microphone": "none", "speaker": "none"}
LIMIT_S = 10.0
CONFIGURATION = """
[synthetic]
errors = true
gone_after_s = 0.3
"""


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state directory and a configuration of the test's own, and nobody initialised."""
    for name in [name for name in os.environ if name.startswith("JACKFIELD_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("JACKFIELD_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(default, "_default", None)
    (tmp_path / "jackfield.toml").write_text(CONFIGURATION)
    return tmp_path


@pytest.fixture
async def url() -> AsyncIterator[str]:
    """The embedded server, in this process."""
    server = Server(ServerSettings(keys={KEY: SECRET}, login_key=LOGIN_KEY, port=0, udp_port=0), make_sfu)
    await server.start()
    yield server.url
    await server.close()


def minted(session_id: str = "room", uid: str = "ada", secret: str = SECRET, **options: Any) -> CallToken:
    return tokens.mint_call_token(
        KEY, secret, uid=uid, name="", session_id=session_id, **{"role": "moderator", **options}
    )


def calls_at(url: str | None, **options: Any) -> Calls:
    place = Place(url, KEY, SECRET) if url else None
    return Calls(place, remember=False, **options)


async def refused(awaitable: Any, code: str, *also: str) -> CallError:
    """The error, which has this code and matches the vendors' names of it."""
    with pytest.raises(CallError) as caught:
        async with asyncio.timeout(LIMIT_S):
            await awaitable
    assert caught.value.code == code, caught.value
    for name in (code, *also):
        assert caught.value.matches(name)
    assert caught.value.message
    return caught.value


async def test_nothing_works_before_init() -> None:
    """Every function says that `init` comes first."""
    for call in (
        jackfield.login("ada"),
        jackfield.logout(),
        jackfield.generate_token("room"),
        jackfield.join_session(session_id="room"),
    ):
        await refused(call, "ERROR_SDK_NOT_INITIALIZED", "ERROR_COMETCHAT_CALLS_SDK_INIT")
    assert jackfield.logged_in_user is None
    assert jackfield.auth_token is None


async def test_a_call_wants_a_log_in(url: str) -> None:
    """Not logged in, a wrong auth token, an expired one."""
    async with calls_at(url) as calls:
        await refused(calls.generate_token("room"), "ERROR_AUTH_TOKEN", "ERROR_AUTH_TOKEN_MISSING")
        await refused(calls.join_session(session_id="room"), "ERROR_AUTH_TOKEN", "ERROR_AUTH_TOKEN_MISSING")
        await refused(calls.login(auth_token="garbage"), "ERROR_AUTH_TOKEN")
        old = tokens.mint_log_in(KEY, SECRET, "ada", ttl_s=1, clock=lambda: time.time() - 100)
        await refused(calls.login(auth_token=old.auth_token), "ERROR_AUTH_TOKEN")


@pytest.mark.parametrize("session_id", [None, "", "   ", "x" * 257, 7])
async def test_a_session_has_an_id(url: str, session_id: Any) -> None:
    """Null, blank, too long or no text."""
    async with calls_at(url) as calls:
        await calls.login("ada")
        await refused(calls.join_session(session_id=session_id), "ERROR_CALL_SESSION_ID", "ERROR_SESSION_ID_MISSING")
        await refused(calls.generate_token(session_id), "ERROR_CALL_SESSION_ID")


async def test_a_call_token_must_hold(url: str) -> None:
    """Missing, garbage, expired, another session's, another user's, or signed with another key."""
    async with calls_at(url) as calls:
        for wrong in ("", "garbage", "a.b.c", 7, minted(ttl_s=1, clock=lambda: time.time() - 100)):
            await refused(calls.join_session(call_token=wrong, settings=QUIET), "ERROR_CALL_TOKEN")
        await refused(calls.join_session(call_token=minted("other"), session_id="room"), "ERROR_CALL_TOKEN")
        forged = minted(secret="another-secret-of-more-than-32-letters")
        error = await refused(calls.join_session(call_token=forged, settings=QUIET), "ERROR_CALL_TOKEN")
        assert forged.token not in str(error)
        assert "another-secret" not in str(error.details)
        await calls.login("bob")
        await refused(calls.join_session(call_token=minted(uid="ada"), settings=QUIET), "ERROR_CALL_TOKEN")


async def test_settings_show_every_mistake_at_once(url: str) -> None:
    """Three mistakes, three findings, each with its fix; something that is no settings at all."""
    async with calls_at(url) as calls:
        await calls.login("ada")
        wrong = {"layuot": "TILE", "type": "TELEPATHY", "video": {"fps": 0}}
        error = await refused(
            calls.join_session(session_id="room", settings=wrong), "VALIDATION_ERROR", "ERROR_JSON_EXCEPTION"
        )
        assert isinstance(error, SettingsError)
        assert sorted(finding.key.split(".")[0] for finding in error.findings) == ["layuot", "type", "video"]
        assert "layout" in error.message
        await refused(calls.join_session(session_id="room", settings="TILE"), "VALIDATION_ERROR")
        await refused(calls.join_session(session_id="room", settings={"renderers": ["hologram"]}), "VALIDATION_ERROR")
    with pytest.raises(SettingsError, match="server"):
        Calls("calls.example.org")


async def test_a_container_wants_something_that_draws(url: str) -> None:
    """A container without a renderer is an error, and the call is left again."""
    async with calls_at(url) as calls:
        await calls.login("ada")
        joining = calls.join_session(session_id="room", settings=QUIET, container=object())
        await refused(joining, "ERROR_CONTAINER", "ERROR_CALLING_VIEW_REF_NULL")
        session = await calls.join_session(session_id="room", settings=QUIET)
        assert session.is_active


async def test_one_call_at_a_time(url: str) -> None:
    """A second join is refused while one is active or under way, and works after leaving."""
    async with calls_at(url) as calls:
        await calls.login("ada")
        session = await calls.join_session(session_id="room", settings=QUIET)
        await refused(calls.join_session(session_id="other", settings=QUIET), "ERROR_SESSION_ACTIVE")
        await session.leave()
        both = await asyncio.gather(
            calls.join_session(session_id="room", settings=QUIET),
            calls.join_session(session_id="room", settings=QUIET),
            return_exceptions=True,
        )
        assert sorted(getattr(each, "code", "joined") for each in both) == ["ERROR_SESSION_ACTIVE", "joined"]


async def test_log_ins_are_checked_before_anybody_is_asked(url: str) -> None:
    """Each mistake has its code."""
    async with calls_at(url) as calls:
        await refused(calls.login(""), "ERROR_INVALID_UID")
        await refused(calls.login("a b"), "ERROR_UID_WITH_SPACE")
        await refused(calls.login("ada", " "), "ERROR_API_KEY_NOT_FOUND")
        await refused(calls.login("ada", "wrong"), "ERROR_API_KEY_NOT_FOUND")
        await refused(calls.login(auth_token=" "), "ERROR_BLANK_AUTHTOKEN")
        await refused(calls.login(auth_token="a b"), "ERROR_AUTHTOKEN_WITH_SPACE")
        await refused(calls.logout(), "ERROR_NO_USER_LOGGED_IN")
    async with Calls(url, remember=False) as calls:
        await refused(calls.login("ada"), "ERROR_API_KEY_NOT_FOUND")
        both = await asyncio.gather(
            calls.login("ada", LOGIN_KEY), calls.login("bob", LOGIN_KEY), return_exceptions=True
        )
        assert [getattr(each, "code", "in") for each in both] == ["in", "ERROR_LOGIN_IN_PROGRESS"]
        assert calls.logged_in_user.uid == "ada"
        session = await calls.join_session(session_id="room", settings=QUIET)
        assert session.uid == "ada"


async def test_no_server_is_said_so() -> None:
    """Nothing listens there; or something that does not answer, within the limit."""
    async with calls_at("ws://127.0.0.1:9") as calls:
        error = await refused(calls.join_session(call_token=minted(), settings=QUIET), "ERROR_NETWORK")
        assert error.retryable
        assert "127.0.0.1:9" in error.message


async def test_a_server_that_is_none_is_said_so() -> None:
    """A page instead of signalling; a WebSocket that speaks something else; one that hangs up."""

    async def babble(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        if request.path.startswith("/babble"):
            await socket.send_bytes(b"\xff\xff\xff\xff")
            await socket.receive()
        return socket

    application = web.Application()
    application.add_routes([web.get("/babble/rtc", babble), web.get("/hang-up/rtc", babble)])
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    base = f"http://127.0.0.1:{runner.addresses[0][1]}"
    for path, code in (("", "ERROR_RESPONSE"), ("/babble", "ERROR_RESPONSE"), ("/hang-up", "ERROR_NETWORK")):
        async with calls_at(base + path) as calls:
            await refused(calls.join_session(call_token=minted(), settings=QUIET), code)
    await runner.cleanup()


@pytest.mark.parametrize(
    ("camera", "code"),
    [
        ("synthetic:busy", "ERROR_DEVICE_BUSY"),
        ("synthetic:denied", "ERROR_DEVICE_DENIED"),
        ("a camera that nobody has", "ERROR_DEVICE_GONE"),
    ],
)
async def test_a_device_that_was_asked_for_must_open(url: str, camera: str, code: str) -> None:
    """Busy, denied, not there: the join fails with the device's own error, and leaves nothing behind."""
    async with calls_at(url) as calls:
        joining = calls.join_session(call_token=minted(), settings={**QUIET, "camera": camera})
        await refused(joining, code)
        session = await calls.join_session(call_token=minted(), settings=QUIET)
        assert session.participants == {}


async def test_a_device_that_goes_is_told_and_the_call_goes_on(url: str) -> None:
    """Unplugged in mid-call: `device_lost` and `error`, and nothing else happens."""
    async with calls_at(url) as calls:
        told: list[Any] = []
        calls.on("device_lost", told.append)
        calls.on("error", told.append)
        session = await calls.join_session(call_token=minted(), settings={**QUIET, "camera": "synthetic:gone"})
        async with asyncio.timeout(LIMIT_S):
            while len(told) < 2:
                await asyncio.sleep(0.05)
        assert [event.name for event in told] == ["device_lost", "error"]
        assert told[0].error.code == "ERROR_DEVICE_GONE"
        assert session.is_active


async def test_no_encoder_and_a_missing_plugin_are_said_so(url: str, alone: Path) -> None:
    """With the codecs disabled nothing encodes; with the recorder disabled nothing records."""
    file = alone / "few.toml"
    file.write_text('[plugins]\ndisable = ["codecs", "render-record"]\n')
    async with calls_at(url, plugins=load(load_config(file))) as calls:
        joining = calls.join_session(call_token=minted(), settings={**QUIET, "camera": None})
        await refused(joining, "ERROR_ENCODER")
        joining = calls.join_session(call_token=minted(), settings={**QUIET, "record_to": "call.mkv"})
        await refused(joining, "ERROR_PLUGIN")


async def test_callbacks_take_the_place_of_await(url: str) -> None:
    """With callbacks a call runs unawaited; with `on_error` it gives None and raises nothing."""
    answers: list[Any] = []
    errors: list[CallError] = []
    async with calls_at(url) as calls:
        assert await calls.generate_token("room", on_success=answers.append, on_error=errors.append) is None
        assert await calls.login("ada", on_success=answers.append) == calls.logged_in_user
        calls.join_session(session_id="room", settings=QUIET, on_success=answers.append, on_error=errors.append)
        async with asyncio.timeout(LIMIT_S):
            while len(answers) < 2:
                await asyncio.sleep(0.01)
        assert [error.code for error in errors] == ["ERROR_AUTH_TOKEN"]
        assert answers[1].session_id == "room"
        with pytest.raises(CallError):
            await calls.generate_token("", on_success=answers.append)


async def test_a_log_in_is_remembered_until_logout(url: str, alone: Path) -> None:
    """Another `Calls`, as another process has, finds it with no network; logout ends it; another user ends it."""
    async with Calls(Place(url, login_key=LOGIN_KEY)) as calls:
        first = await calls.login("ada", LOGIN_KEY)
        kept = alone / "state" / "login.json"
        assert kept.stat().st_mode & 0o777 == 0o600
    async with Calls(url) as calls:
        assert calls.logged_in_user == first
        assert await calls.login("ada") == first  # asked of nobody: there is no key
        second = await calls.login("bob", LOGIN_KEY)
        assert calls.auth_token == second.auth_token != first.auth_token
    async with Calls(url) as calls:
        assert calls.logged_in_user.uid == "bob"
        await calls.logout()
        assert calls.logged_in_user is None
    async with Calls(url) as calls:
        assert calls.logged_in_user is None
        assert (await calls.login(auth_token=first.auth_token)).uid == "ada"


async def test_tokens_are_kept_until_they_expire(url: str) -> None:
    """The same session: the same token; another session or user: another."""
    async with calls_at(url) as calls:
        await calls.login("ada")
        one, again, other = [await calls.generate_token(session) for session in ("room", "room", "other")]
        assert one is again
        assert one.token != other.token
        assert (one.session_id, one.uid) == ("room", "ada")
        await calls.login("bob")
        assert (await calls.generate_token("room")).uid == "bob"


@pytest.mark.parametrize(("how", "reasons"), [(signal.SIGKILL, {"network"}), (signal.SIGTERM, {"server"})])
async def test_a_server_that_dies_ends_the_call_clearly(alone: Path, how: int, reasons: set[str]) -> None:
    """Killed or stopped in mid-call: lost, closed, left, with the reason, in seconds; the camera is given back."""
    environment = {**os.environ, "JACKFIELD_KEYS": f"{KEY}: {SECRET}"}
    command = ["serve", "--port", "0", "--udp-port", "0", "--json", "--drain-seconds", "0.2"]
    server = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "jackfield", *command, env=environment, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert server.stdout
        url = json.loads(await asyncio.wait_for(server.stdout.readline(), LIMIT_S))["url"]
        async with calls_at(url) as calls:
            told: list[str] = []
            for name in ("connection_lost", "connection_closed", "session_left"):
                calls.on(name, lambda event: told.append(event.name))
            session = await calls.join_session(call_token=minted(), settings={**QUIET, "camera": None})
            server.send_signal(how)
            assert await asyncio.wait_for(session.until_left(), LIMIT_S) in reasons
            assert told == ["connection_lost", "connection_closed", "session_left"]
            assert not session.is_active
            assert session.publications == ()
    finally:
        if server.returncode is None:
            server.kill()
        await server.communicate()


async def test_settings_can_be_a_value_or_a_mapping(url: str) -> None:
    """SessionSettings, snake_case, and the vendor's camelCase keys."""
    async with calls_at(url) as calls:
        for given in (
            SessionSettings(start_audio_muted=True, **QUIET),
            {"start_audio_muted": True, **QUIET},
            {"startAudioMuted": True, **QUIET},
        ):
            session = await calls.join_session(call_token=minted(), settings=given)
            assert session.settings.start_audio_muted
            await session.leave()
