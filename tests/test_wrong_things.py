"""Wrong things, one row for each way into the error table: reached for real, awaited and with `on_error`.

Every message says what was found and what to do, and none holds a secret. What ends a call that is under way, and what
the command line makes of it all, is in the two modules beside this one.
"""

from __future__ import annotations

import asyncio
import logging
import re
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from attrs import evolve, frozen

import jackfield
from jackfield import CallError, Calls, CallToken, Place, tokens
from jackfield.plugins import load, load_config
from jackfield.server.app import Server
from jackfield.testing import install
from jackfield.values import errors
from tests.lab.embedded import KEY, LOGIN_KEY, SECRET, silent_server

QUIET = {"camera": "none", "microphone": "none", "speaker": "none"}
OTHER_SECRET = "secret-of-another-server-32-letters"
LIMIT_S = 15.0

#: Answers with an awaitable; takes `on_success` and `on_error`.
Ask = Callable[..., Awaitable[Any]]

#: A camera whose driver fails as no driver should, and an encoder that does.
TIN_CAN = """
from jackfield import Device, hookimpl

class Cameras:
    name, kinds = "tin-can", frozenset({"camera"})
    def devices(self):
        return [Device("tin-can:lid", "camera", "Lid of a tin can")]
    def watch(self, changed):
        return lambda: None
    def open(self, device, format):
        raise ValueError("there is no lens")

class Tokens:
    name, rank = "tin-can", 1
    def unsuited(self, place):
        return None
    def open(self, place):
        return self
    async def log_in(self, uid, api_key, *, name=""):
        raise KeyError("string")
    async def log_in_with_token(self, auth_token):
        raise KeyError("string")
    async def close(self):
        pass

class Plugin:
    name, api_version = "tin-can", (1, 0)
    @hookimpl
    def register_captures(self):
        return [Cameras()]
    @hookimpl
    def register_token_providers(self):
        return [Tokens()]

plugin = Plugin()
"""


class World:
    """Where one row's mistake is made."""

    def __init__(self, url: str, folder: Path, site: Path, ends: AsyncExitStack) -> None:
        self.url, self.folder, self.site, self._ends = url, folder, site, ends

    def calls(self, place: Place | str | None = None, *, configured: str = "") -> Calls:
        """Calls at the embedded server with its keys, or at another place."""
        file = self.folder / "row.toml"
        file.write_text(configured)
        wanted = place if place is not None else Place(self.url, KEY, SECRET)
        calls = Calls(wanted, plugins=load(load_config(file)), remember=False)
        self._ends.push_async_callback(calls.close)
        return calls

    async def logged_in(self, uid: str = "ada", **options: Any) -> Calls:
        calls = self.calls(**options)
        await calls.login(uid)
        return calls

    async def serve(self, answer: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> str:
        """The address of a server that answers everything so."""
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", answer)
        runner = web.AppRunner(application)
        await runner.setup()
        self._ends.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}"

    async def silent(self) -> str:
        """The address of a server that takes connections and says nothing."""
        return (await self._ends.enter_async_context(silent_server()))[0]

    def meanwhile(self, job: Awaitable[Any]) -> None:
        """Under way while the mistake is made, and given up afterwards."""
        task = asyncio.ensure_future(job)

        async def end() -> None:
            task.cancel()
            with suppress(asyncio.CancelledError, CallError):
                await task

        self._ends.push_async_callback(end)


@pytest.fixture
async def world(embedded: Server, own_state: Path, site: Path) -> AsyncIterator[World]:
    async with AsyncExitStack() as ends:
        yield World(embedded.url, own_state, site, ends)


@frozen
class Row:
    """One way into the table: its code, what its message says, other names of the same condition."""

    reach: Callable[[World], Awaitable[Ask]]
    code: str
    says: tuple[str, ...]
    also: tuple[str, ...] = ()


ROWS: list[Row] = []


def row(code: str, *says: str, also: str = "") -> Callable[[Any], Any]:
    """A decorator: reaching this is a row, and each of ``says`` matches its message."""

    def add(reach: Any) -> Any:
        ROWS.append(Row(reach, code, says, tuple(also.split())))
        return reach

    return add


def secrets_in(text: str) -> list[str]:
    """Which keys and tokens somebody could read there; every token begins with the last."""
    return [secret for secret in (SECRET, OTHER_SECRET, LOGIN_KEY, "eyJ") if secret in text]


def at_work() -> set[Any]:
    """Tasks but those that wait for a kept connection's next request, and threads of calls."""
    tasks = {task for task in asyncio.all_tasks() if "RequestHandler" not in repr(task.get_coro())}
    return tasks | {thread for thread in threading.enumerate() if thread.name.startswith("jackfield ")}


async def settled() -> set[Any]:
    """What is at work once that has not changed for a while: the call that a row has under way connects meanwhile."""
    now, since = at_work(), 0
    while since < 5:
        await asyncio.sleep(0.01)
        before, now = now, at_work()
        since = since + 1 if now == before else 0
    return now


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.reach.__name__)
async def test_every_row_is_told_both_ways(world: World, row: Row, caplog: pytest.LogCaptureFixture) -> None:
    """Awaited it is raised; with `on_error` it is handed over, None is the answer, and nothing is raised or left.

    No secret is in the error or in any log, at any level.
    """
    caplog.set_level(logging.DEBUG)
    ask = await row.reach(world)
    before = await settled()
    with pytest.raises(CallError) as caught:
        async with asyncio.timeout(LIMIT_S):
            await ask()
    told: list[CallError] = []
    async with asyncio.timeout(LIMIT_S):
        assert await ask(on_success=pytest.fail, on_error=told.append) is None
    assert len(told) == 1
    for error in (caught.value, told[0]):
        assert error.code == row.code, error
        assert [name for name in (row.code, *row.also) if not error.matches(name)] == []
        assert not error.matches("ERROR_OF_ANOTHER_KIND")
        for words in row.says:
            assert re.search(words, error.message), error.message
        assert secrets_in(f"{error} {error!r} {error.message} {error.details}") == []
    assert secrets_in(caplog.text) == []
    until = time.monotonic() + LIMIT_S
    while (left := at_work() - before) and time.monotonic() < until:
        await asyncio.sleep(0.01)
    assert not left


def test_every_code_has_a_row() -> None:
    """No class of error and no other name of one is left out, but for those that actions in a call answer with."""
    kinds = list(CallError.__subclasses__())
    for kind in kinds:
        kinds += kind.__subclasses__()
    codes = {kind.code for kind in kinds} | {
        *("ERROR_INVALID_UID", "ERROR_UID_WITH_SPACE", "ERROR_API_KEY_NOT_FOUND", "ERROR_BLANK_AUTHTOKEN"),
        *("ERROR_AUTHTOKEN_WITH_SPACE", "ERROR_LOGIN_IN_PROGRESS", "ERROR_NO_USER_LOGGED_IN"),
    }
    assert codes - {row.code for row in ROWS} == {"ERROR_ENCRYPTION", "ERROR_PERMISSION", "ERROR_RPC", "ERROR_STREAM"}
    for code, names in errors.ALSO_MATCHES.items():
        assert set().union(*(row.also for row in ROWS if row.code == code)) == names


def minted(uid: str = "ada", session_id: str = "room", secret: str = SECRET, **options: Any) -> CallToken:
    return tokens.mint_call_token(KEY, secret, uid=uid, name="", session_id=session_id, role="moderator", **options)


def joining(calls: Calls, **given: Any) -> Ask:
    return lambda **told: calls.join_session(**{"settings": QUIET, **given}, **told)


# --- init() not called --------------------------------------------------------------------------------------------
@row("ERROR_SDK_NOT_INITIALIZED", "not initialised; call `await jackfield.init", also="ERROR_COMETCHAT_CALLS_SDK_INIT")
async def log_in_before_init(world: World) -> Ask:
    return lambda **told: jackfield.login("ada", **told)


@row("ERROR_SDK_NOT_INITIALIZED", "call `await jackfield.init", also="ERROR_COMETCHAT_CALLS_SDK_INIT")
async def log_out_before_init(world: World) -> Ask:
    return lambda **told: jackfield.logout(**told)


@row("ERROR_SDK_NOT_INITIALIZED", "call `await jackfield.init", also="ERROR_COMETCHAT_CALLS_SDK_INIT")
async def token_before_init(world: World) -> Ask:
    return lambda **told: jackfield.generate_token("room", **told)


@row("ERROR_SDK_NOT_INITIALIZED", "call `await jackfield.init", also="ERROR_COMETCHAT_CALLS_SDK_INIT")
async def join_before_init(world: World) -> Ask:
    return lambda **told: jackfield.join_session(session_id="room", **told)


@row("VALIDATION_ERROR", "found 'calls.example.org'; give an address such as", also="ERROR_JSON_EXCEPTION")
async def init_with_half_an_address(world: World) -> Ask:
    return lambda **told: jackfield.init("calls.example.org", **told)


@row(
    "VALIDATION_ERROR",
    "layuot: .*did you mean layout",
    "type: found 'TELEPATHY'",
    "port: found 'x'; allowed is a whole number",
    also="ERROR_JSON_EXCEPTION",
)
async def init_with_three_mistakes_in_its_file(world: World) -> Ask:
    file = world.folder / "wrong.toml"
    file.write_text('[call]\nlayuot = "TILE"\ntype = "TELEPATHY"\n[server]\nport = "x"\n')
    return lambda **told: jackfield.init(world.url, config=file, **told)


# --- not logged in, or the auth token does not hold -----------------------------------------------------------------
@row("ERROR_AUTH_TOKEN", "nobody is logged in; call login", also="ERROR_AUTH_TOKEN_MISSING")
async def token_without_log_in(world: World) -> Ask:
    calls = world.calls()
    return lambda **told: calls.generate_token("room", **told)


@row("ERROR_AUTH_TOKEN", "nobody is logged in; call login", also="ERROR_AUTH_TOKEN_MISSING")
async def join_without_log_in(world: World) -> Ask:
    return joining(world.calls(), session_id="room")


@row("ERROR_AUTH_TOKEN", "has expired.*call login", also="ERROR_AUTH_TOKEN_MISSING")
async def log_in_that_expired(world: World) -> Ask:
    calls = world.calls()
    await calls.login(auth_token=tokens.mint_log_in(KEY, SECRET, "ada", ttl_s=1.0).auth_token)
    assert calls._log_in
    calls._log_in = evolve(calls._log_in, expires_at=time.time() - 1)
    return lambda **told: calls.generate_token("room", **told)


@row("ERROR_AUTH_TOKEN", "this is no log-in; get a new one", also="ERROR_AUTH_TOKEN_MISSING")
async def auth_token_that_is_garbage(world: World) -> Ask:
    calls = world.calls(world.url)
    return lambda **told: calls.login(auth_token="garbage", **told)


@row("ERROR_AUTH_TOKEN", "the log-in has expired; get a new one", also="ERROR_AUTH_TOKEN_MISSING")
async def auth_token_that_expired(world: World) -> Ask:
    old = tokens.mint_log_in(KEY, SECRET, "ada", ttl_s=1, clock=lambda: time.time() - 100)
    calls = world.calls(world.url)
    return lambda **told: calls.login(auth_token=old.auth_token, **told)


@row("ERROR_AUTH_TOKEN", "not signed by this server's key; get one", also="ERROR_AUTH_TOKEN_MISSING")
async def auth_token_of_another_server(world: World) -> Ask:
    calls = world.calls(world.url)
    other = tokens.mint_log_in(KEY, OTHER_SECRET, "ada").auth_token
    return lambda **told: calls.login(auth_token=other, **told)


@row("ERROR_AUTH_TOKEN", "not signed by this server's key; get one", also="ERROR_AUTH_TOKEN_MISSING")
async def call_token_as_auth_token(world: World) -> Ask:
    calls = world.calls(world.url)
    return lambda **told: calls.login(auth_token=minted().token, **told)


@row("ERROR_AUTH_TOKEN", "does not know; get one", also="ERROR_AUTH_TOKEN_MISSING")
async def log_in_of_a_server_whose_keys_changed(world: World) -> Ask:
    calls = world.calls(world.url)
    await calls.login("ada", LOGIN_KEY)
    assert calls._log_in
    calls._log_in = tokens.mint_log_in("APIearlier", OTHER_SECRET, "ada")
    return joining(calls, session_id="room")


# --- the session id -------------------------------------------------------------------------------------------------
@row("ERROR_CALL_SESSION_ID", "empty; everyone who gives the same text", also="ERROR_SESSION_ID_MISSING")
async def no_session_id(world: World) -> Ask:
    return joining(await world.logged_in(), session_id=None)


@row("ERROR_CALL_SESSION_ID", "empty; everyone who gives the same text", also="ERROR_SESSION_ID_MISSING")
async def blank_session_id(world: World) -> Ask:
    return joining(await world.logged_in(), session_id="  ")


@row("ERROR_CALL_SESSION_ID", "has 257 characters; 256 are allowed", also="ERROR_SESSION_ID_MISSING")
async def long_session_id(world: World) -> Ask:
    return joining(await world.logged_in(), session_id="x" * 257)


@row("ERROR_CALL_SESSION_ID", "empty; everyone who gives the same text", also="ERROR_SESSION_ID_MISSING")
async def session_id_that_is_no_text(world: World) -> Ask:
    calls = await world.logged_in()
    wrong: Any = 7
    return lambda **told: calls.generate_token(wrong, **told)


# --- the call token -------------------------------------------------------------------------------------------------
@row("ERROR_CALL_TOKEN", "missing; get one with generate_token")
async def no_call_token(world: World) -> Ask:
    return joining(world.calls(), call_token="")


@row("ERROR_CALL_TOKEN", "this is no call token; get one with generate_token")
async def call_token_that_is_garbage(world: World) -> Ask:
    return joining(world.calls(), call_token="a.b.c")


@row("ERROR_CALL_TOKEN", "has expired; get a new one")
async def call_token_that_expired(world: World) -> Ask:
    return joining(world.calls(), call_token=minted(ttl_s=1, clock=lambda: time.time() - 100).token)


@row("ERROR_CALL_TOKEN", "server refused", "expired", "get a new one")
async def call_token_that_the_server_knows_expired(world: World) -> Ask:
    old = minted(ttl_s=1, clock=lambda: time.time() - 100)
    return joining(world.calls(), call_token=evolve(old, expires_at=0.0))


@row("ERROR_CALL_TOKEN", "for session 'other', not for 'room'; get one for this session")
async def call_token_of_another_session(world: World) -> Ask:
    return joining(world.calls(), call_token=minted(session_id="other"), session_id="room")


@row("ERROR_CALL_TOKEN", "for user 'ada', and 'bob' is logged in; get one for this user")
async def call_token_of_another_user(world: World) -> Ask:
    return joining(await world.logged_in("bob"), call_token=minted("ada"))


@row("ERROR_CALL_TOKEN", "server refused", "get a new one")
async def call_token_signed_with_another_key(world: World) -> Ask:
    return joining(world.calls(), call_token=minted(secret=OTHER_SECRET))


@row("ERROR_CALL_TOKEN", "for no session and user; get a call token")
async def log_in_as_call_token(world: World) -> Ask:
    return joining(world.calls(), call_token=tokens.mint_log_in(KEY, SECRET, "ada").auth_token)


@row("ERROR_CALL_TOKEN", "for no session and user; get a call token")
async def invite_as_call_token(world: World) -> Ask:
    return joining(world.calls(), call_token=tokens.mint_invite(KEY, SECRET, "room")[0])


# --- settings -------------------------------------------------------------------------------------------------------
@row(
    "VALIDATION_ERROR",
    "layuot: .*did you mean layout",
    "type: found 'TELEPATHY'; allowed is one of VIDEO, VOICE",
    "fps: found 0; allowed",
    also="ERROR_JSON_EXCEPTION",
)
async def three_wrong_settings(world: World) -> Ask:
    wrong = {"layuot": "TILE", "type": "TELEPATHY", "video": {"fps": 0}}
    return joining(await world.logged_in(), session_id="room", settings=wrong)


@row("VALIDATION_ERROR", "found str; give SessionSettings or a mapping", also="ERROR_JSON_EXCEPTION")
async def settings_that_are_none(world: World) -> Ask:
    return joining(await world.logged_in(), session_id="room", settings="TILE")


@row("VALIDATION_ERROR", "no renderer here is called 'hologram'; pip install", also="ERROR_JSON_EXCEPTION")
async def renderer_that_is_not_installed(world: World) -> Ask:
    return joining(await world.logged_in(), session_id="room", settings={"renderers": ["hologram"]})


@row("VALIDATION_ERROR", "'test card' matches 2 devices: .*name one of them", also="ERROR_JSON_EXCEPTION")
async def wish_for_a_camera_that_means_two(world: World) -> Ask:
    settings = {**QUIET, "camera": ["test card"]}
    return joining(await world.logged_in(), session_id="room", settings=settings)


# --- a server's answer ----------------------------------------------------------------------------------------------
async def a_page(request: web.Request) -> web.Response:
    return web.Response(text="<!doctype html><title>It works!</title>", content_type="text/html")


@row("ERROR_RESPONSE", "no LiveKit server at http", "HTTP 200", also="ERROR_JSON_EXCEPTION")
async def join_at_a_web_site(world: World) -> Ask:
    return joining(world.calls(await world.serve(a_page)), call_token=minted())


@row("ERROR_RESPONSE", "status 200 and nothing that can be read; is it a token endpoint", also="ERROR_JSON_EXCEPTION")
async def log_in_at_a_web_site(world: World) -> Ask:
    calls = world.calls(await world.serve(a_page))
    return lambda **told: calls.login("ada", LOGIN_KEY, **told)


@row("ERROR_RESPONSE", "has no auth_token", also="ERROR_JSON_EXCEPTION")
async def log_in_that_is_answered_with_less(world: World) -> Ask:
    async def half(request: web.Request) -> web.Response:
        return web.json_response({"uid": "ada"})

    calls = world.calls(await world.serve(half))
    return lambda **told: calls.login("ada", LOGIN_KEY, **told)


@row("ERROR_RESPONSE", "sent what is not a join answer", also="ERROR_JSON_EXCEPTION")
async def server_that_babbles(world: World) -> Ask:
    async def babble(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_bytes(b"\xff\xff\xff\xff")
        await socket.receive()
        return socket

    return joining(world.calls(await world.serve(babble)), call_token=minted())


# --- the container --------------------------------------------------------------------------------------------------
@row("ERROR_CONTAINER", "nothing draws into the container: name a renderer", also="ERROR_CALLING_VIEW_REF_NULL")
async def container_and_no_renderer(world: World) -> Ask:
    return joining(await world.logged_in(), session_id="room", container=object())


@row("ERROR_CONTAINER", "found none: give one to join_session", also="ERROR_CALLING_VIEW_REF_NULL")
async def container_that_is_missing(world: World) -> Ask:
    calls = await world.logged_in(configured='[call]\nrenderers = ["easel"]\n[easel]\ncontainer = true\n')
    return joining(calls, session_id="room")


@row("ERROR_CONTAINER", "found 'call-container': give an element", also="ERROR_CALLING_VIEW_REF_NULL")
async def container_of_the_wrong_kind(world: World) -> Ask:
    calls = await world.logged_in(configured='[call]\nrenderers = ["easel"]\n')
    return joining(calls, session_id="room", container="call-container")


# --- one call at a time ---------------------------------------------------------------------------------------------
@row("ERROR_SESSION_ACTIVE", "under way; leave it first")
async def second_call(world: World) -> Ask:
    calls = await world.logged_in()
    await calls.join_session(session_id="room", settings=QUIET)
    return joining(calls, session_id="other")


@row("ERROR_SESSION_ACTIVE", "under way; leave it first")
async def second_join_during_the_first(world: World) -> Ask:
    calls = world.calls(await world.silent())
    world.meanwhile(calls.join_session(call_token=minted(), settings=QUIET))
    await asyncio.sleep(0.05)
    return joining(calls, session_id="other")


# --- the network ----------------------------------------------------------------------------------------------------
@row("ERROR_NETWORK", r"reached at ws://127\.0\.0\.1:9: Connection refused; check the address, and that it runs")
async def join_where_nobody_listens(world: World) -> Ask:
    return joining(world.calls("ws://127.0.0.1:9"), call_token=minted())


@row("ERROR_NETWORK", r"127\.0\.0\.1:9/api/login cannot be reached: Connection refused; check the address")
async def log_in_where_nobody_listens(world: World) -> Ask:
    calls = world.calls("http://127.0.0.1:9")
    return lambda **told: calls.login("ada", LOGIN_KEY, **told)


@row("ERROR_NETWORK", r"nowhere\.invalid.*; check the address")
async def join_where_no_machine_is(world: World) -> Ask:
    return joining(world.calls("wss://nowhere.invalid"), call_token=minted())


@row("ERROR_NETWORK", "did not answer within 0.2 s")
async def log_in_at_a_server_that_is_silent(world: World) -> Ask:
    calls = world.calls(await world.silent(), configured="[tokens-http]\ntimeout_s = 0.2\n")
    return lambda **told: calls.login("ada", LOGIN_KEY, **told)


@row("ERROR_NETWORK", "failed with status 503; try again later")
async def server_that_is_overloaded(world: World) -> Ask:
    async def overloaded(request: web.Request) -> web.Response:
        return web.Response(status=503)

    calls = world.calls(await world.serve(overloaded))
    return lambda **told: calls.login("ada", LOGIN_KEY, **told)


@row("ERROR_NETWORK", "closed the connection before it let us in")
async def server_that_hangs_up(world: World) -> Ask:
    async def hang_up(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        return socket

    return joining(world.calls(await world.serve(hang_up)), call_token=minted())


# --- logging in -----------------------------------------------------------------------------------------------------
@row("ERROR_INVALID_UID", "empty; give a text")
async def uid_that_is_empty(world: World) -> Ask:
    calls = world.calls()
    return lambda **told: calls.login("", **told)


@row("ERROR_INVALID_UID", "over 256 characters, or not printable")
async def uid_that_is_not_printable(world: World) -> Ask:
    calls = world.calls()
    return lambda **told: calls.login("a\x00b", **told)


@row("ERROR_UID_WITH_SPACE", "has a space in it; use letters")
async def uid_with_a_space(world: World) -> Ask:
    calls = world.calls()
    return lambda **told: calls.login("a b", **told)


@row("ERROR_API_KEY_NOT_FOUND", "wants a log-in key: give it to login")
async def log_in_key_that_is_missing(world: World) -> Ask:
    calls = world.calls(world.url)
    return lambda **told: calls.login("ada", **told)


@row("ERROR_API_KEY_NOT_FOUND", "is empty; give the server's own")
async def log_in_key_that_is_empty(world: World) -> Ask:
    calls = world.calls(world.url)
    return lambda **told: calls.login("ada", " ", **told)


@row("ERROR_API_KEY_NOT_FOUND", "is wrong .it is the server's own")
async def log_in_key_that_is_the_issuer_of_a_token(world: World) -> Ask:
    calls = world.calls(world.url)
    return lambda **told: calls.login("mallory", KEY, **told)


@row("ERROR_API_KEY_NOT_FOUND", "is wrong for this place; give the right one")
async def log_in_key_that_is_wrong_where_tokens_are_minted(world: World) -> Ask:
    calls = world.calls()
    return lambda **told: calls.login("ada", "wrong", **told)


@row("ERROR_BLANK_AUTHTOKEN", "blank; give the one")
async def auth_token_that_is_blank(world: World) -> Ask:
    calls = world.calls()
    return lambda **told: calls.login(auth_token=" ", **told)


@row("ERROR_AUTHTOKEN_WITH_SPACE", "has a space in it; give it whole")
async def auth_token_with_a_space(world: World) -> Ask:
    calls = world.calls()
    return lambda **told: calls.login(auth_token="a b", **told)


@row("ERROR_LOGIN_IN_PROGRESS", "under way; await it first")
async def log_in_during_another(world: World) -> Ask:
    calls = world.calls(await world.silent())
    world.meanwhile(calls.login("ada", LOGIN_KEY))
    await asyncio.sleep(0.05)
    return lambda **told: calls.login("bob", LOGIN_KEY, **told)


@row("ERROR_NO_USER_LOGGED_IN", "nobody is logged in")
async def log_out_of_nobody(world: World) -> Ask:
    calls = world.calls()
    return lambda **told: calls.logout(**told)


# --- devices, encoders, plugins -------------------------------------------------------------------------------------
def with_camera(calls: Calls, camera: str | None) -> Ask:
    return joining(calls, call_token=minted(), settings={**QUIET, "camera": camera})


@row("ERROR_DEVICE_GONE", "no camera matches 'periscope'; there are .*synthetic:card-front")
async def camera_that_nobody_has(world: World) -> Ask:
    calls = world.calls()
    return lambda **told: calls.join_session(call_token=minted(), settings={**QUIET, "camera": "periscope"}, **told)


@row("ERROR_DEVICE_GONE", "plugin v9l2 is not installed: pip install jackfield-v9l2")
async def camera_of_a_plugin_that_is_not_installed(world: World) -> Ask:
    return with_camera(world.calls(), "v9l2:front")


@row("ERROR_DEVICE_BUSY", "in use by another program: close that, and try again")
async def camera_that_another_program_holds(world: World) -> Ask:
    return with_camera(world.calls(configured="[synthetic]\nerrors = true\n"), "synthetic:busy")


@row("ERROR_DEVICE_DENIED", "may not be opened by this user: allow it, and try again")
async def camera_that_is_not_ours_to_open(world: World) -> Ask:
    return with_camera(world.calls(configured="[synthetic]\nerrors = true\n"), "synthetic:denied")


@row("ERROR_ENCODER", "no encoder of H264 can be used: ")
async def no_encoder(world: World) -> Ask:
    return with_camera(world.calls(configured='[plugins]\ndisable = ["codecs"]\n'), None)


@row("ERROR_PLUGIN", "record_to is set, and no renderer that records works here; see `jackfield plugins`")
async def recorder_that_is_missing(world: World) -> Ask:
    calls = world.calls(configured='[plugins]\ndisable = ["render-record"]\n')
    return joining(calls, call_token=minted(), settings={**QUIET, "record_to": "call.mkv"})


@row("ERROR_PLUGIN", "renderer easel failed to open: OSError: it fell over; mend the plugin, or leave it out")
async def renderer_that_fails(world: World) -> Ask:
    calls = world.calls(configured='[call]\nrenderers = ["easel"]\n[easel]\nbreaks = true\n')
    return joining(calls, call_token=minted())


@row(
    "ERROR_PLUGIN", "Lid of a tin can .tin-can:lid. could not be opened: ValueError: there is no lens; mend the plugin"
)
async def camera_whose_driver_fails(world: World) -> Ask:
    install(world.site, "tin-can", TIN_CAN)
    return with_camera(world.calls(), "tin-can:lid")


@row("ERROR_PLUGIN", "source of tokens failed: KeyError: 'string'; mend that plugin, or put it into")
async def source_of_tokens_that_fails(world: World) -> Ask:
    install(world.site, "tin-can", TIN_CAN)
    calls = world.calls(configured='[plugins]\nprefer = ["tin-can"]\n')
    return lambda **told: calls.login("ada", **told)


@row("ERROR_PLUGIN", "no source of call tokens is installed; plugins that bring one are called jackfield-tokens-")
async def no_source_of_tokens(world: World) -> Ask:
    calls = world.calls(configured='[plugins]\ndisable = ["tokens-local", "tokens-http"]\n')
    return lambda **told: calls.login("ada", **told)


@pytest.fixture(autouse=True)
def installed_easel(easel: str) -> None:
    """The renderer that rows of the container need."""
