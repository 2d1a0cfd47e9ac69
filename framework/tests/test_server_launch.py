"""A server in a process of its own: findable, ended by a signal or by idleness."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from pathlib import Path
from typing import Any

import pytest

from jackfield import runtime, state
from jackfield.server import launch
from jackfield.server.launch import Started
from jackfield.server.options import server_settings
from jackfield.testing.service import SilentMedia
from jackfield.values.errors import SettingsError

LIMIT_S = 10.0


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("JACKFIELD_STATE_DIR", str(tmp_path))
    return tmp_path


class Hosted:
    """One `launch.host` under test."""

    def __init__(self, **given: Any) -> None:
        self.media = SilentMedia()
        self.started: asyncio.Future[Started] = asyncio.get_running_loop().create_future()
        wanted = server_settings({"port": 0, "udp_port": 0, "drain_s": 0.0} | given)
        hosted = launch.host(wanted, self.started.set_result, make_media=lambda *_: self.media, poll_s=0.01)
        self.task = asyncio.create_task(hosted)

    async def listens(self) -> Started:
        await asyncio.wait({self.task, self.started}, timeout=LIMIT_S, return_when=asyncio.FIRST_COMPLETED)
        if self.task.done():
            self.task.result()
        return self.started.result()

    async def ends(self) -> None:
        await asyncio.wait_for(self.task, LIMIT_S)


async def test_sigterm_drains_and_ends() -> None:
    """At SIGTERM who is in a call gets time, and afterwards nothing is left behind."""
    hosted = Hosted(drain_s=7.0)
    started = await hosted.listens()
    record = runtime.read()
    assert record is not None
    assert (record.url, record.pid, started.findable) == (started.url, os.getpid(), True)
    assert await runtime.answers(record)
    os.kill(os.getpid(), signal.SIGTERM)
    await hosted.ends()
    assert hosted.media.drained_for_s == 7.0
    assert hosted.media.closed
    assert runtime.read() is None
    assert not await runtime.answers(record)


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
async def test_second_signal_ends_a_long_drain(second: signal.Signals) -> None:
    """Who asks twice does not wait."""
    hosted = Hosted()
    draining = asyncio.Event()

    async def long_drain(timeout_s: float) -> None:
        draining.set()
        await asyncio.sleep(3600)

    hosted.media.drain = long_drain  # type: ignore[method-assign]
    await hosted.listens()
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait_for(draining.wait(), LIMIT_S)
    os.kill(os.getpid(), second)
    await hosted.ends()
    assert hosted.media.closed


async def test_ctrl_c_does_not_wait_for_calls() -> None:
    """At SIGINT everybody is told to leave at once."""
    hosted = Hosted(drain_s=3600)

    async def long_drain(timeout_s: float) -> None:
        await asyncio.sleep(timeout_s)

    hosted.media.drain = long_drain  # type: ignore[method-assign]
    await hosted.listens()
    os.kill(os.getpid(), signal.SIGINT)
    await hosted.ends()
    assert hosted.media.closed


async def test_idle_server_ends() -> None:
    """With nobody in a call it ends by itself, and is not found any more."""
    hosted = Hosted(idle_s=0.05)
    await hosted.listens()
    await hosted.ends()
    assert runtime.read() is None


async def test_participant_keeps_it_awake() -> None:
    """While somebody is in a call it does not end."""
    hosted = Hosted(idle_s=0.05)
    hosted.media.participant_count = 1
    await hosted.listens()
    await asyncio.sleep(0.2)
    assert not hosted.task.done()
    hosted.media.participant_count = 0
    await hosted.ends()


async def test_it_does_not_end_while_somebody_looks_for_it() -> None:
    """Whoever holds the lock is about to find it; it waits for them."""
    hosted = Hosted(idle_s=0.05)
    await hosted.listens()
    with state.try_lock(runtime.LOCK) as held:
        assert held
        await asyncio.sleep(0.2)
        assert not hosted.task.done()
    await hosted.ends()


async def test_second_server_leaves_the_first_findable() -> None:
    """Calls go on finding the server that was there first."""
    first = Hosted()
    there = await first.listens()
    second = Hosted()
    assert not (await second.listens()).findable
    record = runtime.read()
    assert record is not None
    assert record.url == there.url
    os.kill(os.getpid(), signal.SIGTERM)  # the second one has the handler
    await second.ends()
    assert runtime.read() == record
    first.task.cancel()
    await asyncio.wait({first.task}, timeout=LIMIT_S)
    assert first.media.closed
    assert runtime.read() is None


async def test_server_with_own_keys_is_not_found_by_itself() -> None:
    """Who looks for this machine's server has the development keys, which would not fit."""
    hosted = Hosted(keys="key: 0123456789abcdef0123456789abcdef")
    assert not (await hosted.listens()).findable
    assert runtime.read() is None
    os.kill(os.getpid(), signal.SIGTERM)
    await hosted.ends()


async def test_port_in_use() -> None:
    """A port that was asked for and is taken is an error; this machine's own server takes another."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError, match="in use"):
            await Hosted(port=port).listens()
        hosted = Hosted(port=port, local=True)
        own = await hosted.listens()
        assert own.port != port
        hosted.media.participant_count = 1
        with pytest.raises(SettingsError, match=f"this machine's own server, pid {os.getpid()}"):
            await Hosted(port=own.port).listens()
        os.kill(os.getpid(), signal.SIGTERM)
        await hosted.ends()


async def test_own_server_gives_way_when_unused() -> None:
    """Who starts a server gets its port, and is found, where nobody is in a call on this machine's own."""
    own = Hosted(local=True)
    port = (await own.listens()).port
    other = Hosted(port=port)
    started = await other.listens()
    assert (started.port, started.findable) == (port, True)
    await own.ends()
    record = runtime.read()
    assert record is not None
    assert record.idle_s == 0
    os.kill(os.getpid(), signal.SIGTERM)
    await other.ends()


async def test_ctrl_c_is_no_drain_however_short_that_is() -> None:
    """Who ends a server that drains for 0 seconds tells nobody to come back."""
    hosted = Hosted(drain_s=0)
    await hosted.listens()
    os.kill(os.getpid(), signal.SIGINT)
    await hosted.ends()
    assert hosted.media.drained_for_s is None
    assert hosted.media.closed
