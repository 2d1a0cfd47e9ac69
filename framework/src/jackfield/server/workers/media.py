"""Workers in the place of one SFU."""

from __future__ import annotations

import asyncio
import logging
import secrets
import shutil
import socket
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from aiohttp import web

from jackfield.server.happenings import Listener, Told
from jackfield.server.settings import ServerSettings
from jackfield.server.sfu.addresses import bound_addresses
from jackfield.server.sfu.limits import Limits
from jackfield.server.sfu.sockets import bind_all
from jackfield.server.sfu.tokens import Verifier
from jackfield.server.workers import loads, wire
from jackfield.server.workers.places import Places
from jackfield.server.workers.running import ANSWER_S, NotStarted
from jackfield.server.workers.service import HandedService
from jackfield.server.workers.signalling import HandedSignalling
from jackfield.server.workers.worker import Worker
from jackfield.values.errors import NetworkError

#: The address of a Unix socket may have about a hundred characters.
_PATH_MAX: Final = 100


class WorkersMedia:
    """The face of `jackfield.server.app.MediaServer` for as many SFUs as the settings say, each in its own process.

    Their UDP ports are ``udp_port`` and those after it; 0: free ones.
    """

    def __init__(self, settings: ServerSettings, udp_port: int) -> None:
        count = settings.workers
        self._settings = settings
        self._ports = [udp_port + index if udp_port else 0 for index in range(count)]
        self._secret = secrets.token_hex(32)
        self._folder = ""
        self._starts = 0
        self._told = Told()
        self.workers: list[Worker] = []
        self._places = Places(self.workers)
        for number in range(count):
            self.workers.append(
                Worker(number, self._order, self._told, looked=self._places.looked, lost=self._places.lost)
            )
        verifier = Verifier(settings.keys)
        self._signalling = HandedSignalling(verifier, self._places, Limits())
        self._service = HandedService(verifier, self._places)

    @property
    def udp_port(self) -> int:
        """The first worker's."""
        return self.udp_ports[0] if self.udp_ports else 0

    @property
    def udp_ports(self) -> Sequence[int]:
        """Those that media goes to now."""
        return [worker.running.udp_port for worker in self.workers if worker.running is not None]

    @property
    def participant_count(self) -> int:
        """How many take part, in all rooms; recorders and agents are not counted."""
        return sum(worker.people for worker in self.workers)

    def routes(self) -> Iterable[web.AbstractRouteDef]:
        """`/rtc…` and the RoomService under `/twirp`."""
        return [*self._signalling.routes(), *self._service.routes()]

    def listen(self, listener: Listener) -> None:
        """Hears who comes and goes, from now on."""
        self._told.listen(listener)

    async def mark(self, room: str, identity: str, attributes: Mapping[str, str]) -> bool:
        """Everybody sees these attributes on that participant. False: they are not there. `NetworkError` where nobody
        says so."""
        worker = self._places.of(room)
        if worker is None:
            return False
        said = await worker.ask("mark", {"room": room, "identity": identity, "attributes": dict(attributes)})
        if said is None:
            raise NetworkError("the part of this server that has the session does not answer; try again in a moment")
        return bool(said)

    async def remove(self, room: str, identity: str) -> None:
        """They are out of the room, if they were in it."""
        worker = self._places.of(room)
        if worker is not None:
            await worker.ask("remove", {"room": room, "identity": identity})

    def metrics(self) -> loads.WorkersLoad:
        """What all of them carried at the last look, a second ago at most."""
        each = {str(worker.number): worker.load for worker in self.workers}
        return loads.shown(loads.together(each.values()), each)

    # --- from start to end
    async def start(self) -> None:
        """Every worker listens. `OSError` where one cannot; `NotStarted` names the UDP port that is taken."""
        if any(self._ports):
            self._require_free()
        self._folder = tempfile.mkdtemp(prefix="jackfield-workers-")
        started = await asyncio.gather(*(worker.start() for worker in self.workers), return_exceptions=True)
        if failed := [each for each in started if isinstance(each, BaseException)]:
            await self.close()
            raise failed[0]

    def _require_free(self) -> None:
        """So that a port that is taken is found before any process is started."""
        held: list[socket.socket] = []
        addresses = bound_addresses(self._settings.host.strip("[]"))
        try:
            for port in self._ports:
                try:
                    held += bind_all(addresses, port)
                except OSError as exc:
                    raise NotStarted(exc.errno or 0, exc.strerror or str(exc), port) from exc
        finally:
            for each in held:
                each.close()

    def _order(self, number: int) -> wire.Order:
        settings = self._settings
        self._starts += 1
        for left in Path(self._folder).glob(f"{number}-*"):  # by one that was killed
            left.unlink(missing_ok=True)
        path = str(Path(self._folder) / f"{number}-{self._starts}")
        return wire.Order(
            number=number,
            keys=dict(settings.keys),
            secret=self._secret,
            path=path if hasattr(socket, "AF_UNIX") and len(path) < _PATH_MAX else "",
            host=settings.host.strip("[]"),
            udp_port=self._ports[number],
            announce=list(settings.announce),
            ice_servers=settings.ice_servers,
            cpu_share=settings.max_cpu / 100,
            last_n=settings.last_n,
            log_level=logging.getLogger().getEffectiveLevel(),
        )

    async def drain(self, timeout_s: float) -> None:
        """Nobody new is let in, and calls go on for ``timeout_s`` at most; whoever is still there is told to come
        back."""
        for worker in self.workers:
            worker.comes_back = False
        asked = (worker.ask("drain", {"timeout_s": timeout_s}, limit_s=timeout_s + ANSWER_S) for worker in self.workers)
        await asyncio.gather(*asked)

    async def close(self) -> None:
        """Everybody was told to leave, and every worker is gone."""
        await asyncio.gather(*(worker.close() for worker in self.workers))
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = ""
