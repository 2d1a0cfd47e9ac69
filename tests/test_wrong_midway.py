"""What goes wrong in a call that is under way: the program is told, and what can go on does; else it ends, cleanly."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from jackfield import CallError, Calls, CallSession, CallToken, Place, tokens
from jackfield.plugins import load, load_config
from jackfield.server.app import Server
from jackfield.testing import install
from tests.lab.embedded import KEY, SECRET, silent_server

QUIET = {"camera": "none", "microphone": "none", "speaker": "none"}
SMALL = {"video": {"width": 320, "height": 180, "fps": 15}}
LIMIT_S = 15.0
WATCHED = ("connection_lost", "connection_closed", "session_left", "device_lost", "encoder_changed", "error")

#: An encoder that comes first and breaks at every picture, with an error of ours or of anybody's.
BRITTLE = """
from attrs import frozen
from jackfield import EncoderError, hookimpl

@frozen
class Options:
    foreign: bool = False

class Encoder:
    def __init__(self, options):
        self.options = options
    def encode(self, media):
        if self.options.foreign:
            raise ZeroDivisionError("it was never tried")
        raise EncoderError("the wheel came off")
    def close(self):
        pass

class Factory:
    makes, name, codec, backend, rank = "encoder", "brittle-h264", "H264", "software", 90
    def __init__(self, options):
        self.options = options
    def probe(self):
        return None
    def open(self, encoding):
        return Encoder(self.options)

class Plugin:
    name, api_version, options = "brittle", (1, 0), Options
    @hookimpl
    def register_codecs(self, options):
        return [Factory(options)]

plugin = Plugin()
"""


class Told:
    """What a call's listeners heard."""

    def __init__(self, calls: Calls) -> None:
        self.events: list[Any] = []
        for name in WATCHED:
            calls.on(name, self.events.append)

    @property
    def names(self) -> list[str]:
        return [event.name for event in self.events]

    async def until(self, *names: str) -> None:
        """Waits until each of these was heard."""
        async with asyncio.timeout(LIMIT_S):
            while not set(names) <= set(self.names):
                await asyncio.sleep(0.01)


def minted(uid: str = "ada", **options: Any) -> CallToken:
    wanted: dict[str, Any] = {"session_id": "room", "role": "moderator", **options}
    return tokens.mint_call_token(KEY, SECRET, uid=uid, name="", **wanted)


@pytest.fixture
async def made(embedded: Server, own_state: Path) -> AsyncIterator[Callable[..., Calls]]:
    """Makes `Calls` at the embedded server, with what is configured."""
    opened: list[Calls] = []

    def make(configured: str = "", url: str = embedded.url) -> Calls:
        file = own_state / "this.toml"
        file.write_text(configured)
        opened.append(Calls(Place(url, KEY, SECRET), plugins=load(load_config(file)), remember=False))
        return opened[-1]

    yield make
    for calls in opened:
        await calls.close()


@asynccontextmanager
async def served(*options: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """A server in a process of its own, and its address."""
    command = [sys.executable, "-m", "jackfield", "serve", "--port", "0", "--udp-port", "0", "--json", *options]
    environment = {**os.environ, "JACKFIELD_KEYS": f"{KEY}: {SECRET}"}
    server = await asyncio.create_subprocess_exec(*command, env=environment, stdout=asyncio.subprocess.PIPE)
    try:
        assert server.stdout
        yield server, json.loads(await asyncio.wait_for(server.stdout.readline(), LIMIT_S))["url"]
    finally:
        if server.returncode is None:
            server.kill()
        await server.communicate()


def at_work() -> tuple[set[str], set[str], int]:
    """Names of tasks and threads, and how many descriptors are open. Threads of the loop's own pool are kept by it."""
    gc.collect()
    tasks = {task.get_name() for task in asyncio.all_tasks()}
    threads = {thread.name for thread in threading.enumerate() if not thread.name.startswith("asyncio_")}
    return tasks, threads, len(os.listdir("/proc/self/fd"))


# --- the server goes ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("how", "reason"), [(signal.SIGKILL, "network"), (signal.SIGTERM, "server")])
async def test_a_server_that_dies_ends_the_call_clearly(made: Callable[..., Calls], how: int, reason: str) -> None:
    """Where it is not to come back: lost, closed, left, with the reason, in seconds; iterators end, and no task,
    thread, socket or device is kept."""
    async with served("--drain-seconds", "0.2") as (server, url):
        before = at_work()
        async with made(url=url) as calls, made(url=url) as others:
            told = Told(calls)
            ends = {**SMALL, "reconnect_s": 0}
            ada = await calls.join_session(call_token=minted("ada"), settings=ends)
            bob = await others.join_session(call_token=minted("bob"), settings=ends)
            reading = asyncio.gather(*(_read_to_the_end(media) for media in _everything_of(ada, bob)))
            async with asyncio.timeout(LIMIT_S):
                while len(ada.tracks()) + len(bob.tracks()) < 4:
                    await asyncio.sleep(0.01)
            server.send_signal(how)
            assert await asyncio.wait_for(ada.until_left(), LIMIT_S) == reason
            await asyncio.wait_for(bob.until_left(), LIMIT_S)
            await asyncio.wait_for(reading, LIMIT_S)
            assert told.names == ["connection_lost", "connection_closed", "session_left"]
            assert told.events[-1].reason == reason
            assert told.events[-1].message
            assert not ada.is_active
            assert (ada.publications, ada.device("speaker")) == ((), None)
            with pytest.raises(CallError, match="the call is over; join again") as caught:
                await ada.send_data(b"too late")
            assert caught.value.code == "ERROR_NETWORK"
            await ada.leave()
            assert calls.session is None
            # A dead server is no obstacle to the next call; that it is dead is said.
            with pytest.raises(CallError, match="check the address, and that it runs"):
                await asyncio.wait_for(calls.join_session(call_token=minted(), settings=QUIET), LIMIT_S)
        async with asyncio.timeout(LIMIT_S):
            while [now - then for now, then in zip(at_work()[:2], before[:2], strict=True)] != [set(), set()]:
                await asyncio.sleep(0.05)
        assert at_work()[2] <= before[2] + 1  # the loop's own, made at first use


def _everything_of(ada: CallSession, bob: CallSession) -> list[Any]:
    """What a program may be reading when the call ends."""
    person = ada.participants["bob"]
    return [ada.events(), person.video.frames(), person.audio.blocks(), bob.events()]


async def _read_to_the_end(media: Any) -> None:
    async for _ in media:
        pass


@pytest.mark.soak
async def test_a_server_that_freezes_ends_the_call(made: Callable[..., Calls]) -> None:
    """Nothing is heard of it: what was asked of it fails in seconds, and the call ends when its patience does."""
    async with served() as (server, url), made(url=url) as calls:
        session = await calls.join_session(call_token=minted(), settings={**QUIET, "reconnect_s": 5})
        server.send_signal(signal.SIGSTOP)
        with pytest.raises(CallError, match=r"did not confirm the change in time|is being restored"):
            await asyncio.wait_for(session.set_metadata("here?"), LIMIT_S)
        assert await asyncio.wait_for(session.until_left(), 25) == "network"


async def test_a_server_that_says_nothing_is_not_waited_for_any_longer(made: Callable[..., Calls]) -> None:
    """It takes connections and is silent: a join gives up after ten seconds, and says so."""
    async with silent_server() as (url, _):
        with pytest.raises(CallError, match="did not answer in time; check the address") as caught:
            await asyncio.wait_for(made(url=url).join_session(call_token=minted(), settings=QUIET), LIMIT_S)
    assert caught.value.matches("ERROR_NETWORK")
    assert caught.value.retryable


# --- a device goes, an encoder breaks -------------------------------------------------------------------------------
async def test_a_device_that_goes_is_told_and_the_call_goes_on(made: Callable[..., Calls]) -> None:
    """Unplugged in mid-call: `device_lost` and `error`, and everything else goes on."""
    calls = made("[synthetic]\nerrors = true\ngone_after_s = 0.3\n")
    told = Told(calls)
    settings = {**QUIET, **SMALL, "camera": "synthetic:gone", "microphone": None}
    session = await calls.join_session(call_token=minted(), settings=settings)
    await told.until("error")
    assert told.names == ["device_lost", "error"]
    for event in told.events:
        assert event.error.matches("ERROR_DEVICE_GONE")
        assert event.error.retryable
        assert "synthetic:gone) was unplugged" in event.error.message
    assert session.is_active
    assert not session.is_audio_muted


@pytest.mark.parametrize(("foreign", "words"), [("false", "the wheel came off"), ("true", "it was never tried")])
async def test_an_encoder_that_breaks_is_replaced(
    made: Callable[..., Calls], site: Path, foreign: str, words: str
) -> None:
    """Whatever it raises: the next one takes over, `encoder_changed` says why, and pictures arrive."""
    install(site, "brittle", BRITTLE)
    calls, others = made(f"[brittle]\nforeign = {foreign}\n"), made()
    told = Told(calls)
    ada = await calls.join_session(call_token=minted("ada"), settings={**QUIET, **SMALL, "camera": None})
    assert ada.publications[0].encoder == "brittle-h264"
    bob = await others.join_session(call_token=minted("bob"), settings=QUIET)
    async with asyncio.timeout(LIMIT_S):
        frame = await anext(aiter(bob.participants["ada"].video.frames()))
    assert (frame.width, frame.height) == (320, 180)
    await told.until("encoder_changed")
    assert told.names == ["encoder_changed"]
    assert words in told.events[0].reason
    assert ada.publications[0].encoder not in ("", "brittle-h264")
    assert any("it failed in the call" in str(choice) for choice in ada.explain())


async def test_the_only_encoder_that_breaks_is_told(made: Callable[..., Calls], site: Path) -> None:
    """With no other, `error` says that none is left and why; sound goes on, and so does the call."""
    install(site, "brittle", BRITTLE)
    calls = made('[plugins]\ndisable = ["codecs"]\n')
    told = Told(calls)
    session = await calls.join_session(call_token=minted(), settings={**QUIET, **SMALL, "camera": None})
    await told.until("error")
    error = next(event.error for event in told.events if event.name == "error")
    assert error.matches("ERROR_ENCODER")
    assert "no encoder of H264 can be used: brittle-h264" in error.message
    assert "the wheel came off" in error.message
    assert session.is_active


# --- what a role may not do -----------------------------------------------------------------------------------------
async def test_what_a_role_may_not_do_is_refused(made: Callable[..., Calls]) -> None:
    """Every action of a moderator: `ERROR_PERMISSION`, with the role and what would help."""
    ada = await made().join_session(call_token=minted("ada"), settings=QUIET)
    bob = await made().join_session(call_token=minted("bob", role="participant"), settings=QUIET)
    refused = [
        bob.remove_participant("ada"),
        bob.mute_participant("ada"),
        bob.pause_participant_video("ada"),
        bob.end_for_all(),
    ]
    for action in refused:
        with pytest.raises(CallError, match="only a moderator may do this; ask for a token with that role") as caught:
            await action
        assert caught.value.matches("ERROR_PERMISSION")
        assert caught.value.details == {"role": "participant"}
    assert ada.is_active


# --- a program's own mistakes ---------------------------------------------------------------------------------------
async def test_callbacks_that_fail_are_logged_and_change_nothing(
    made: Callable[..., Calls], caplog: pytest.LogCaptureFixture
) -> None:
    """`on_success`, `on_error` and a listener that raise: each is named in the log, and the call goes on."""
    calls = made()

    def broken(answer: object) -> None:
        raise LookupError("my own mistake")

    calls.on("session_joined", broken)
    assert await calls.generate_token("room", on_error=broken) is None
    session = await calls.join_session(call_token=minted(), settings=QUIET, on_success=broken)
    assert session.is_active
    logged = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert len(logged) == 3
    assert all("broken" in record.getMessage() for record in logged)


async def test_on_success_alone_leaves_errors_to_be_raised(made: Callable[..., Calls]) -> None:
    """Only `on_error` takes the place of raising."""
    with pytest.raises(CallError, match="nobody is logged in"):
        await made().generate_token("room", on_success=pytest.fail)


async def test_what_nobody_expected_reaches_on_error_too(made: Callable[..., Calls]) -> None:
    """A program that waits for one of its callbacks gets one, whatever happened."""

    class Settings(dict[str, Any]):
        def items(self) -> Any:
            raise RuntimeError("no items today")

    told: list[CallError] = []
    joining = made().join_session(call_token=minted(), settings=Settings(title="x"), on_error=told.append)
    assert await joining is None
    assert (told[0].code, "no items today" in told[0].message) == ("ERROR_INTERNAL", True)


async def test_one_of_two_joins_at_once_gets_in(made: Callable[..., Calls]) -> None:
    """The other is refused, and after leaving the next one gets in."""
    calls = made()
    both = await asyncio.gather(
        calls.join_session(call_token=minted(), settings=QUIET),
        calls.join_session(call_token=minted(), settings=QUIET),
        return_exceptions=True,
    )
    assert sorted(getattr(each, "code", "joined") for each in both) == ["ERROR_SESSION_ACTIVE", "joined"]
    assert calls.session
    await calls.session.leave()
    assert (await calls.join_session(call_token=minted(), settings=QUIET)).is_active
