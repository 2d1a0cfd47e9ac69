"""The tutorial, as it stands: each program in a process of its own, on this machine's own server, met by a participant
of the test."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from jackfield import Calls, CallSession, links, local, runtime, state
from jackfield.cli import main
from jackfield.plugins import Config, Plugins, load
from tests.test_docs import blocks
from tests.test_house_rules import ROOT

PAGE = ROOT / "docs" / "tutorial.md"
QUIET = {"camera": "none", "microphone": "none", "speaker": "none"}
LIMIT_S = 30.0

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A newcomer's folder with every program of the page, a state directory of its own, and nothing configured."""
    folder = tmp_path_factory.mktemp("newcomer")
    for block in blocks(PAGE, "python"):
        (folder / block.title).write_text(block.text, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        for variable in [name for name in os.environ if name.startswith("JACKFIELD_")]:
            patch.delenv(variable)
        patch.setenv("JACKFIELD_STATE_DIR", str(folder / "state"))
        patch.chdir(folder)
        yield folder
        record = runtime.read()
        if record is not None:
            os.kill(record.pid, signal.SIGTERM)


@pytest.fixture(scope="module")
def plugins() -> Plugins:
    """What is installed, with nothing configured."""
    return load(Config())


class Running:
    """One program, and what it has printed so far."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.printed = ""
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self.process.stdout is not None
        while chunk := await self.process.stdout.read(4096):
            self.printed += chunk.decode()

    async def ends(self) -> str:
        """What it printed, once it has ended well."""
        try:
            async with asyncio.timeout(LIMIT_S):
                await self._reading
                code = await self.process.wait()
        except TimeoutError:
            raise AssertionError(f"it did not end; it printed: {self.printed}") from None
        assert code == 0, self.printed
        return self.printed


@asynccontextmanager
async def running(*command: str, **environment: str) -> AsyncIterator[Running]:
    """A command of the newcomer's; gone afterwards."""
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, env={**os.environ, **environment}
    )
    program = Running(process)
    try:
        yield program
    finally:
        if process.returncode is None:
            process.kill()
        await asyncio.wait({program._reading}, timeout=LIMIT_S)
        await process.wait()


def program(title: str, **environment: str) -> Any:
    return running(sys.executable, "-u", title, **environment)


def jackfield(*arguments: str) -> Any:
    return running(sys.executable, "-m", "jackfield", *arguments)


@asynccontextmanager
async def in_the_call(plugins: Plugins, uid: str = "test") -> AsyncIterator[CallSession]:
    """The test itself, in the tutorial's session as a moderator."""
    async with Calls(await local.local_place(), plugins=plugins, remember=False) as calls:
        await calls.login(uid)
        yield await calls.join_session(session_id="stand-up", settings=QUIET)


async def until(condition: Callable[[], Any], program: Running) -> Any:
    """Waits for something to become true, while a program runs."""
    try:
        async with asyncio.timeout(LIMIT_S):
            while not (found := condition()):
                assert program.process.returncode in (None, 0), program.printed
                await asyncio.sleep(0.02)
            return found
    except TimeoutError:
        raise AssertionError(f"it did not happen; the program printed: {program.printed}") from None


def sends(call: CallSession, uid: str, sources: set[str]) -> bool:
    """Whether this participant's media arrives."""
    return {track.source for track in call.tracks() if track.participant.uid == uid} == sources


def test_every_program_is_run_here() -> None:
    """No block of Python stands on the page without a title, and each title is in one of these tests."""
    titles = [block.title for block in blocks(PAGE, "python")]
    tests = Path(__file__).read_text(encoding="utf-8")
    assert [title for title in titles if f'program("{title}"' not in tests] == []
    assert len(titles) >= 5


async def test_a_first_call(folder: Path, plugins: Plugins) -> None:
    """It starts this machine's server, sends picture and sound, and ends with the call; `invite` invites to it."""
    async with program("first.py") as first:
        await until(lambda: runtime.read() is not None, first)
        async with in_the_call(plugins) as call:
            await until(lambda: sends(call, "ada", {"camera", "microphone"}), first)
            async with jackfield("invite", "stand-up") as invite:
                link = links.parse((await invite.ends()).strip())
            assert link.session_id == "stand-up"
            assert link.invite
            await call.end_for_all()
        assert await first.ends() == "ended\n"


def test_devices_are_chosen_by_the_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With the page's jackfield.toml, doctor takes what it names; without it, all is well too."""
    assert main(["doctor"]) == 0
    capsys.readouterr()
    [block] = blocks(PAGE, "toml")
    (folder / block.title).write_text(block.text, encoding="utf-8")
    try:
        assert main(["doctor", "--json"]) == 0
    finally:
        (folder / block.title).unlink()
    found = {check["what"]: check for check in json.loads(capsys.readouterr().out)}
    assert found["camera"]["found"] == "synthetic:card-rear"
    assert any("C920" in str(other) for other in found["camera"]["choice"]["passed_over"])
    assert found["microphone"]["found"] == "synthetic:tone-high"


def test_devices_are_listed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The commands of the page that only look end well, and show what the page says."""
    [block] = [block for block in blocks(PAGE, "sh") if "jackfield devices" in block.text]
    for line, shown in zip(
        block.text.strip().splitlines(),
        ("synthetic:card-front", "1280x720@30", "a part of its id was asked for"),
        strict=True,
    ):
        assert main(line.split()[1:]) == 0
        assert shown in capsys.readouterr().out


async def test_own_pictures_are_sent_seen_and_recorded(folder: Path, plugins: Plugins) -> None:
    """One program paints, another prints what it sees, the page's command records; all end well."""
    import av

    [block] = [block for block in blocks(PAGE, "sh") if "jackfield record" in block.text]
    record_it = [*block.text.split()[1:], "--seconds", "1.5"]
    async with in_the_call(plugins) as call, program("paint.py") as paint, program("look.py") as look:
        await until(lambda: sends(call, "painter", {"camera"}), paint)
        async with jackfield(*record_it) as record:
            seen = (await look.ends()).splitlines()
            assert "recorded 1 track" in await record.ends()
        await call.end_for_all()
        assert await paint.ends() == ""
    assert len(seen) == 5
    assert all(re.fullmatch(r"640x360, mean \d+", line) for line in seen)
    assert len(set(seen)) > 1, "the shade changes"
    [file] = (folder / "recordings").iterdir()
    with av.open(str(file)) as recording:
        assert sum(1 for _ in recording.decode(video=0)) >= 10


async def test_events_are_heard(folder: Path, plugins: Plugins) -> None:
    """The greeter names who is there, greets who comes, and prints what happens until the end."""
    async with in_the_call(plugins) as call, program("listen.py") as listen:
        await until(lambda: "here is test" in listen.printed, listen)
        async with in_the_call(plugins, "guest") as guest:
            heard: list[Any] = []
            guest.on("data", heard.append)
            await until(lambda: heard, listen)
            assert heard[0].payload == b"hello guest"
        await until(lambda: "participant_left" in listen.printed, listen)
        await call.end_for_all()
        assert (await listen.ends()).split()[-1] == "session_left"


async def test_mistakes_are_told_as_the_page_says(folder: Path, plugins: Plugins) -> None:
    """The program prints what stands below it."""
    [said] = [block for block in blocks(PAGE, "text") if block.title == "errors.py"]
    async with program("errors.py") as errors:
        assert await errors.ends() == said.text


async def test_only_address_and_keys_change(folder: Path, plugins: Plugins) -> None:
    """With the variables of the page, the first program joins a server that is not this machine's own."""
    place = await local.local_place()
    keys = state.development_keys()
    [block] = [block for block in blocks(PAGE, "sh") if "JACKFIELD_URL" in block.text]
    shown = dict(re.findall(r"export (\w+)=(\S+)", block.text))
    environment = {"JACKFIELD_URL": str(place.url).replace("http", "ws")}
    environment |= {"JACKFIELD_API_KEY": keys.api_key, "JACKFIELD_API_SECRET": keys.api_secret}
    assert set(shown) == set(environment)
    environment["JACKFIELD_STATE_DIR"] = str(folder / "elsewhere")
    async with in_the_call(plugins) as call, program("first.py", **environment) as first:
        await until(lambda: sends(call, "ada", {"camera", "microphone"}), first)
        await call.end_for_all()
        assert await first.ends() == "ended\n"
    assert not (folder / "elsewhere" / "server.json").exists(), "no server was started here"
