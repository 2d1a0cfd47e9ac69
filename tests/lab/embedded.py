"""Calls in the test's own process: the embedded server, a state directory and configuration of the test's own, and a
renderer that is installed for the test."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from jackfield.calls import default
from jackfield.server.app import Server
from jackfield.server.launch import make_sfu
from jackfield.server.settings import ServerSettings
from jackfield.testing import install

KEY, SECRET, LOGIN_KEY = "APIembedded", "secret-of-the-embedded-test-server", "log-in-key-of-the-tests"

#: Draws into whatever has ``children``; its view counts the frames of each participant.
EASEL = '''
from attrs import frozen
from jackfield import ContainerError, hookimpl

@frozen
class Options:
    container: bool = False
    breaks: bool = False

class Canvas:
    """What a program places: one tile for each participant, who have sent so many frames."""

    def __init__(self, call):
        self.call, self.tiles = call, {}

    def draw(self, track):
        self.tiles.setdefault(track.participant.uid, 0)
        track.take_encoded(lambda frame: self.add(track.participant.uid))

    def add(self, uid):
        self.tiles[uid] += 1

class Drawing:
    def __init__(self, call, container):
        self.view, self.container = Canvas(call), container
        self.unwatch = call.on("track_subscribed", lambda event: self.view.draw(event.track))
        for track in call.tracks():
            self.view.draw(track)
        if container is not None:
            container.children.append(self.view)

    async def close(self):
        self.unwatch()
        if self.container is not None:
            self.container.children.remove(self.view)

class Easel:
    name, rank = "easel", 10

    def __init__(self, options):
        self.options = options

    async def open(self, call, container):
        if self.options.breaks:
            raise OSError("it fell over")
        if container is None and self.options.container:
            raise ContainerError("an easel stands in a container and found none: give one to join_session")
        if container is not None and not hasattr(container, "children"):
            raise ContainerError(f"an easel stands in what has children, and found {container!r}: give an element")
        return Drawing(call, container)

class Plugin:
    name, api_version, options = "easel", (1, 0), Options

    @hookimpl
    def register_renderers(self, options):
        return [Easel(options)]

plugin = Plugin()
'''


@pytest.fixture
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that the test is in: no configuration, nobody logged in, nothing initialised, no variable set."""
    for name in [name for name in os.environ if name.startswith("JACKFIELD_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("JACKFIELD_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(default, "_default", None)
    return tmp_path


@pytest.fixture
def site(own_state: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder where a test installs plugins of its own; processes that it starts have them too."""
    folder = own_state / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH")])))
    return folder


@pytest.fixture
def easel(site: Path) -> str:
    """The name of a renderer that has a view and, with ``[easel] container``, wants a container."""
    install(site, "easel", EASEL)
    return "easel"


@pytest.fixture
async def embedded(own_state: Path) -> AsyncIterator[Server]:
    """The embedded server, with its log-ins and its SFU, over real sockets."""
    settings = ServerSettings(keys={KEY: SECRET}, login_key=LOGIN_KEY, port=0, udp_port=0)
    server = Server(settings, make_sfu)
    await server.start()
    yield server
    await server.close()


@asynccontextmanager
async def silent_server() -> AsyncIterator[tuple[str, asyncio.Event]]:
    """The address of a server that takes connections and says nothing, and whether one was made."""
    held: list[asyncio.StreamWriter] = []
    asked = asyncio.Event()

    def hold(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held.append(writer)
        asked.set()

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", asked
    finally:
        server.close()
        for writer in held:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
