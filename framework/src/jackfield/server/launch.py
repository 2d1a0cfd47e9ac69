"""A server in a process of its own: opened, made findable on this machine, ended by a signal or by idleness."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence

import attrs

from jackfield import runtime, state
from jackfield.rtc.link import ignore
from jackfield.server.app import MakeMedia, MediaServer, Server, run
from jackfield.server.collector import spared_collector
from jackfield.server.options import join_addresses
from jackfield.server.settings import ServerSettings
from jackfield.values.errors import SettingsError

logger = logging.getLogger("jackfield.server")

#: How long this machine's own server gets to end for another.
GIVE_WAY_S = 5.0


@attrs.frozen
class Started:
    """A server that listens. ``findable``: calls on this machine with no server named come here."""

    url: str
    port: int
    udp_port: int
    udp_ports: Sequence[int]
    pid: int
    findable: bool


def make_sfu(settings: ServerSettings, udp_port: int) -> MediaServer:
    """The SFU of these settings, not yet started; or what stands for several, or for a LiveKit server, in its place."""
    if settings.livekit is not None:
        from jackfield.server.livekit import LiveKitMedia

        return LiveKitMedia(settings.livekit, settings.signing_key)
    if settings.workers > 1:
        from jackfield.server.workers import WorkersMedia

        return WorkersMedia(settings, udp_port)
    from jackfield.server.sfu import Limits, Sfu

    return Sfu(
        keys=settings.keys,
        host=settings.host.strip("[]"),
        udp_port=udp_port,
        announce=settings.announce,
        ice_servers=settings.ice_servers,
        limits=Limits(cpu_share=settings.max_cpu / 100, last_n=settings.last_n),
    )


async def host(
    settings: ServerSettings,
    told: Callable[[Started], None],
    *,
    drains: Callable[[int], None] = ignore,
    make_media: MakeMedia = make_sfu,
    clock: Callable[[], float] = time.time,
    poll_s: float = 0.5,
) -> None:
    """Serves until SIGTERM, SIGINT, or idle where the settings say so.

    After SIGTERM calls go on for the settings' ``drain_s``, and ``drains`` gets how many are in them; SIGINT and a
    second signal end them at once.
    """
    if not settings.local:
        await _make_room()
    server = await _opened(settings, make_media, clock)
    stop, at_once = asyncio.Event(), asyncio.Event()
    try:
        with _signals(stop, at_once, lambda: drains(server.participant_count)), spared_collector():
            findable = await _register(server, clock)
            told(Started(server.url, server.port, server.udp_port, server.udp_ports, os.getpid(), findable))
            idle = asyncio.create_task(_stop_when_idle(server, stop, poll_s)) if settings.idle_s else None
            try:
                await run(server, stop, at_once=at_once)
            finally:
                if idle is not None:
                    idle.cancel()
                    await asyncio.gather(idle, return_exceptions=True)
    finally:
        runtime.remove(server.instance)
        await server.close()


async def _make_room() -> None:
    """This machine's own server, where nobody is in a call on it, ends for the one that somebody starts."""
    record = runtime.read()
    if record is None or not record.idle_s:
        return
    with state.try_lock(runtime.LOCK) as held:
        found = await runtime.health(record) if held else None
        if found is None or found.get("participants") != 0:
            return
        logger.info("this machine's own server (pid %d) was unused and gives way", record.pid)
        with contextlib.suppress(ProcessLookupError):
            os.kill(record.pid, signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GIVE_WAY_S):
                while await runtime.health(record) is not None:
                    await asyncio.sleep(0.05)


async def _opened(settings: ServerSettings, make_media: MakeMedia, clock: Callable[[], float]) -> Server:
    server = Server(settings, make_media, clock=clock)
    try:
        await server.start()
    except SettingsError as exc:
        if not settings.local or not any(finding.key == "port" for finding in exc.findings):
            raise
        server = Server(attrs.evolve(settings, port=0), make_media, clock=clock)
        await server.start()
    return server


async def _register(server: Server, clock: Callable[[], float]) -> bool:
    """Makes the server findable, unless another of this machine already is."""
    settings = server.settings
    if not settings.development:
        return False  # who looks for this machine's server holds the development keys alone
    record = runtime.RuntimeRecord(
        url=server.url,
        pid=os.getpid(),
        instance=server.instance,
        udp_port=server.udp_port,
        started_at=clock(),
        fingerprint=settings.tls_fingerprint,
        idle_s=settings.idle_s,
        join_url=join_addresses(settings, server.port)[0],
    )
    if settings.local:  # whoever started this process holds the lock and waits for the record
        runtime.write(record)
        return True
    with state.try_lock(runtime.LOCK) as held:
        there = runtime.read() if held else None
        if not held or (there is not None and await runtime.answers(there)):
            logger.info("another server of this machine stays the one that calls find by themselves")
            return False
        runtime.write(record)
        return True


async def _stop_when_idle(server: Server, stop: asyncio.Event, poll_s: float) -> None:
    """Sets ``stop`` when idle. Under the lock, so that nobody finds a server that is just ending."""
    while not stop.is_set():
        await asyncio.sleep(poll_s)
        if server.idle_for_s() < server.settings.idle_s:
            continue
        with state.try_lock(runtime.LOCK) as held:
            if held and server.idle_for_s() >= server.settings.idle_s:
                runtime.remove(server.instance)
                logger.info("nobody was in a call for %g s: ending", server.settings.idle_s)
                stop.set()


@contextlib.contextmanager
def _signals(stop: asyncio.Event, at_once: asyncio.Event, drains: Callable[[], None]) -> Iterator[None]:
    def ask(name: signal.Signals) -> None:
        if stop.is_set() or name == signal.SIGINT:  # who sits at a terminal does not wait for others
            at_once.set()
        else:
            drains()
        stop.set()

    loop = asyncio.get_running_loop()
    names = (signal.SIGTERM, signal.SIGINT)
    for name in names:
        try:
            loop.add_signal_handler(name, ask, name)
        except NotImplementedError:  # Windows
            signal.signal(name, lambda number, _: loop.call_soon_threadsafe(ask, signal.Signals(number)))
    try:
        yield
    finally:
        for name in names:
            with contextlib.suppress(NotImplementedError):
                loop.remove_signal_handler(name)
