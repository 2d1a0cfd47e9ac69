"""This machine's own server: found, started, met in by all who look at the same moment, and ended when idle."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from jackfield import local, runtime, state
from jackfield.testing import service
from jackfield.values.errors import NetworkError, SettingsError

LIMIT_S = 20.0
#: Serves as `jackfield serve --local` does, with an SFU that forwards nothing and on any port.
SERVES = """
import asyncio, sys
from jackfield.server import launch
from jackfield.server.options import server_settings
from jackfield.testing.service import SilentMedia
given = {"local": True, "port": 0, "idle_s": float(sys.argv[sys.argv.index("--idle-seconds") + 1])}
asyncio.run(launch.host(server_settings(given), lambda _: None, make_media=lambda *_: SilentMedia(), poll_s=0.02))
"""
PROGRAM = (sys.executable, "-c", SERVES)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("JACKFIELD_STATE_DIR", str(tmp_path))
    return tmp_path


def dead_pid() -> int:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    return pid


async def ended(pid: int) -> bool:
    """Whether the process ends within the limit; it is our child, and reaped here."""
    for _ in range(int(LIMIT_S / 0.05)):
        if any(child.pid == pid and child.poll() is not None for child in local._children):
            return True
        await asyncio.sleep(0.05)
    return False


async def test_nobody_there_and_none_wanted() -> None:
    """Without ``start`` a missing server is an error that says how to start one."""
    with pytest.raises(NetworkError, match="jackfield serve"):
        await local.local_place(start=False)


async def test_started_found_and_ended_when_idle(caplog: pytest.LogCaptureFixture) -> None:
    """The first look starts a server, the second finds it, both say so, and it ends by itself."""
    caplog.set_level(logging.INFO, "jackfield.local")
    first = await local.local_server(program=PROGRAM, idle_s=0.3)
    second = await local.local_server(program=PROGRAM)
    keys = state.development_keys()
    assert (first.started, second.started, first.pid) == (True, False, second.pid)
    assert (first.place.api_key, first.place.api_secret) == (keys.api_key, keys.api_secret)
    assert first.place.login_key == keys.login_key
    assert first.place == second.place
    assert "jackfield serve --lan" in first.said
    assert first.said in caplog.text
    assert second.said in caplog.text
    for secret in (keys.api_secret, keys.login_key):
        assert secret not in caplog.text
    assert await ended(first.pid)
    assert runtime.read() is None


#: Serves until SIGTERM, as `jackfield serve` does, with a call that goes on for a second after it.
BY_HAND = """
import asyncio
from jackfield.server import launch
from jackfield.server.options import server_settings
from jackfield.testing.service import SilentMedia
class Media(SilentMedia):
    async def drain(self, timeout_s):
        await asyncio.sleep(1.0)
told = lambda started: print(started.url, flush=True)
asyncio.run(launch.host(server_settings({"port": 0}), told, make_media=lambda *_: Media()))
"""


@asynccontextmanager
async def by_hand() -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """Such a server, which listens, and its address."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", BY_HAND, stdout=asyncio.subprocess.PIPE, cwd=state.directory()
    )
    assert process.stdout is not None
    try:
        yield process, (await asyncio.wait_for(process.stdout.readline(), LIMIT_S)).decode().strip()
    finally:
        if process.returncode is None:
            process.terminate()
        await asyncio.wait_for(process.communicate(), LIMIT_S)


async def test_a_server_that_is_started_again_is_waited_for() -> None:
    """Who comes while it drains meets the others on the next one, which finds its place free."""
    async with by_hand() as (first, url):
        assert (await local.local_server(program=PROGRAM)).place.url == url
        first.terminate()
        record = runtime.read()
        assert record is not None
        while not await runtime.drains(record):
            await asyncio.sleep(0.01)
        coming = asyncio.create_task(local.local_server(program=PROGRAM))
        await asyncio.wait_for(first.wait(), LIMIT_S)
        assert not coming.done()
        async with by_hand() as (_, again):
            found = await asyncio.wait_for(coming, LIMIT_S)
            assert (found.place.url, found.started, found.run_by_hand) == (again, False, True)


async def test_a_server_that_does_not_come_back_is_not_waited_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then this machine's own is started."""
    monkeypatch.setattr(local, "_RETURN_S", 0.2)
    async with by_hand() as (first, url):
        first.terminate()
        record = runtime.read()
        assert record is not None
        while not await runtime.drains(record):
            await asyncio.sleep(0.01)
        found = await local.local_server(program=PROGRAM, idle_s=0.3)
        assert found.started
        assert found.place.url != url
        assert await ended(found.pid)


async def test_two_who_look_at_the_same_moment_meet() -> None:
    """Several processes look at once with no server there: one starts it, and all have the same."""
    look = (
        "import asyncio, sys; from jackfield import local\n"
        f"program = (sys.executable, '-c', {SERVES!r})\n"
        "found = asyncio.run(local.local_server(program=program, idle_s=2.0))\n"
        "print(found.pid, found.place.url, found.started, flush=True)"
    )
    processes = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", look, stdout=asyncio.subprocess.PIPE)
        for _ in range(4)
    ]
    outputs = await asyncio.wait_for(asyncio.gather(*(process.communicate() for process in processes)), LIMIT_S)
    lines = [output.decode().split() for output, _ in outputs]
    assert len({(pid, url) for pid, url, _ in lines}) == 1
    assert [started for *_, started in lines].count("True") == 1


@pytest.mark.parametrize("port_answers", [False, True])
async def test_stale_record_is_passed_over(port_answers: bool) -> None:
    """A record whose server is gone misleads nobody, even where another server answers at its port."""
    async with service.running() as other:
        url = other.url if port_answers else "http://127.0.0.1:9"
        runtime.write(runtime.RuntimeRecord(url, dead_pid(), "instance-of-old"))
        with pytest.raises(NetworkError):
            await local.local_place(start=False)
        found = await local.local_server(program=PROGRAM, idle_s=0.1)
        assert found.started
        assert found.place.url != url
        assert await ended(found.pid)


async def test_record_whose_port_says_nothing() -> None:
    """A port that takes a connection and stays silent is given up after two seconds."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        record = runtime.RuntimeRecord(f"http://127.0.0.1:{silent.getsockname()[1]}", os.getpid(), "x")
        assert not await runtime.answers(record, timeout_s=0.1)


async def test_childs_error_is_shown_in_words() -> None:
    """When the server cannot start, its last words are the error's."""
    program = (sys.executable, "-c", "import sys; sys.exit('error: port: 7880 is in use; choose another')")
    with pytest.raises(NetworkError, match="7880 is in use") as caught:
        await local.local_server(program=program)
    assert caught.value.retryable


async def test_server_that_never_answers_is_given_up() -> None:
    """The wait is bounded, and the process is ended."""
    program = (sys.executable, "-c", "import time; time.sleep(3600)")
    with pytest.raises(NetworkError, match="did not answer in time"):
        await local.local_server(program=program, timeout_s=0.3)
    assert await ended(local._children[-1].pid)


async def test_server_of_who_gave_up_waiting_is_ended() -> None:
    """Whoever is interrupted leaves no server behind that would take the next one's place."""
    program = (sys.executable, "-c", "import time; time.sleep(3600)")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await local.local_server(program=program)
    assert await ended(local._children[-1].pid)


async def test_idle_time_that_is_no_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong variable is named, with what it holds."""
    monkeypatch.setenv("JACKFIELD_LOCAL_IDLE_S", "soon")
    with pytest.raises(SettingsError, match="JACKFIELD_LOCAL_IDLE_S: found 'soon'"):
        await local.local_server()


async def test_lock_that_is_never_given_back() -> None:
    """Waiting for another process is bounded too."""
    with state.try_lock(runtime.LOCK), pytest.raises(NetworkError, match="too long"):
        await local.local_server(timeout_s=0.1)
