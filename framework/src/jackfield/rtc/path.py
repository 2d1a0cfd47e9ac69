"""One peer connection's path: ICE, DTLS over it, and an ICE restart under DTLS that runs on (RFC 8445 section 9)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Literal

from attrs import frozen

from jackfield.log_limit import limited_logger
from jackfield.media.clock import Clock
from jackfield.rtc.aioice_shim import IceAgent
from jackfield.rtc.candidates import candidate_init, candidate_line
from jackfield.rtc.link import IceServer, ignore
from jackfield.rtc.negotiation import LocalTransport
from jackfield.rtc.path_watch import PathWatch
from jackfield.rtc.sdp import Fingerprint, SessionDescription
from jackfield.rtc.transport import Certificate, Transport

logger = limited_logger(__name__)

#: How long an offer or answer waits for candidates; what comes later is trickled.
GATHER_WAIT_S = 0.1
#: What is still on its way over the former path is taken for this long.
LINGER_S = 1.0
_CLOSE_WAIT_S = 2.0
_CANCEL_ROUNDS, _CANCEL_WAIT_S = 20, 0.05
_EARLY_CANDIDATES_MAX = 64


@frozen
class PathOptions:
    """What every agent of a path is made with."""

    certificate: Certificate
    ice_servers: Sequence[IceServer]
    loopback: bool
    clock: Clock


class _Way:
    """One agent, and the search for its candidates."""

    def __init__(self, controlling: bool, options: PathOptions) -> None:
        self.agent = IceAgent(controlling=controlling, ice_servers=options.ice_servers, loopback=options.loopback)
        self.gathering = asyncio.get_running_loop().create_task(_gather(self.agent))
        self.trickles_all = False
        #: The peer's credentials that it works with; None while it has none.
        self.remote: tuple[str, str] | None = None

    async def close(self) -> None:
        if not self.gathering.done():
            await asyncio.wait([self.gathering], timeout=_CLOSE_WAIT_S)
        await self.agent.close()


class Path:
    """The way to one peer. Everything runs on the event loop.

    ``on_candidate`` gets candidates that no description carries, as JSON of an RTCIceCandidateInit; the last one is
    empty. ``on_state`` gets ``connecting``, ``connected``, ``disconnected`` (nothing comes any more; it may come back,
    by itself or by `restart`), ``failed`` and ``closed``; and ``connected`` again after each restart.
    """

    def __init__(self, *, controlling: bool, options: PathOptions) -> None:
        self.on_candidate: Callable[[str], None] = ignore
        self.on_state: Callable[[str], None] = ignore
        self.state = "new"
        self._controlling, self._options = controlling, options
        self._tasks: set[asyncio.Task[None]] = set()
        self._former: set[_Way] = set()
        self._closing: set[asyncio.Task[None]] = set()
        #: The newest agent, whose credentials we tell; and the one in use, which is another during a restart.
        self._newest = self._used = self._begin()
        self.transport = Transport(self._used.agent, options.certificate)
        self.transport.on_state = self._transport_changed
        self._watch = PathWatch(options.clock, _Liveness(self))
        self._watch.on_change, self._watch.on_expired = self._watched, lambda: self._set_state("failed")
        self._remote: tuple[str, str] | None = None
        self._early: list[str] = []
        self._dtls: tuple[Sequence[Fingerprint], Literal["client", "server"]] | None = None

    @property
    def selected_pair(self) -> tuple[str, str] | None:
        """The candidates in use, ours and theirs; None while there is no path."""
        return self._used.agent.selected_pair

    def pair_stats(self) -> dict[str, Any]:
        """What is known of the pair in use: its candidates, questions that were answered, and their round trip."""
        agent = self._used.agent
        rtt_s, total_s = agent.round_trip
        return {
            "path": agent.selected_pair,
            "pair_rtt_s": rtt_s,
            "pair_rtt_total_s": total_s,
            "answered": agent.answered,
        }

    @property
    def is_restarting(self) -> bool:
        """Whether new credentials were made, and no pair was found with them yet."""
        return self._newest is not self._used

    def use(self, options: PathOptions) -> None:
        """The next agent is made with these."""
        self._options = options

    # --- ours ---------------------------------------------------------------------------------------------------------
    def _begin(self) -> _Way:
        way = _Way(self._controlling, self._options)
        if way.agent.has_servers:
            self._run(self._trickle(way))
        return way

    def restart(self) -> None:
        """The next description has new credentials. What there is goes on until a pair is found with them."""
        if self.is_restarting:
            self._run(self._retire(self._newest))
        elif self._remote is None:
            return  # nothing was agreed on that could be begun anew
        self._early.clear()
        self._newest = self._begin()

    def restarts(self, remote: SessionDescription) -> bool:
        """Whether the peer's description has other credentials than its last one."""
        section = remote.transport_section
        return section is not None and self._remote is not None and self._remote != (section.ice_ufrag, section.ice_pwd)

    async def prepare(self) -> LocalTransport:
        """Our end of the path, with the candidates found within a tenth of a second."""
        way = self._newest
        await asyncio.wait([way.gathering], timeout=GATHER_WAIT_S)
        gathered = way.gathering.done()
        if not gathered and not way.trickles_all:
            way.trickles_all = True
            if not way.agent.has_servers:
                self._run(self._trickle(way))
        candidates = tuple(way.gathering.result()) if gathered else ()
        fingerprints = tuple(self._options.certificate.fingerprints)
        complete = gathered and not way.agent.has_servers
        return LocalTransport(way.agent.local_ufrag, way.agent.local_pwd, fingerprints, candidates, complete)

    async def _trickle(self, way: _Way) -> None:
        """Tells of the candidates that no description carries: what servers say, and all where gathering was slow."""
        lines = await way.gathering
        for line in lines if way.trickles_all else ():
            self._told(way, line)
        await way.agent.ask_servers(lambda line: self._told(way, line))
        self._told(way, "")

    def _told(self, way: _Way, line: str) -> None:
        if way is self._newest:
            self.on_candidate(candidate_init(line))

    # --- theirs -------------------------------------------------------------------------------------------------------
    async def set_remote(self, remote: SessionDescription, role: Literal["client", "server"]) -> None:
        """The peer's description: the first one makes the connection, other credentials begin it anew; the rest adds
        channels."""
        section = remote.transport_section
        if section is None:
            return
        for item in remote.media:
            if item.kind == "application" and not item.rejected:
                self.transport.channels.start(item.sctp_port or 5000, item.max_message_size or 65536)
        credentials = (section.ice_ufrag, section.ice_pwd)
        if credentials == self._remote:
            if self._newest.remote != credentials:  # else it is their restart, which is under way
                self._give_up_restart()
            await self.transport.channels.associate()
            return
        if self._remote is None:
            self._dtls = (section.fingerprints, role)
            self._set_state("connecting")
        self._remote = credentials
        await self._take(self._newest, remote)
        self._run(self._connect(self._newest))

    async def _take(self, way: _Way, remote: SessionDescription) -> None:
        assert self._remote is not None
        way.remote = self._remote
        way.agent.set_remote(*self._remote, lite=remote.ice_lite)
        lines = dict.fromkeys(line for item in remote.media for line in item.candidates)
        for line in [*lines, *self._early]:
            await way.agent.add_remote_candidate(line)
        self._early.clear()
        if any(item.end_of_candidates for item in remote.media):
            await way.agent.add_remote_candidate(None)

    def _give_up_restart(self) -> None:
        """The peer keeps its credentials: it does not restart, and what there is stays."""
        if self.is_restarting:
            logger.info("the peer does not take part in an ICE restart")
            former, self._newest = self._newest, self._used
            self._run(self._retire(former))

    async def add_remote_candidate(self, init: str) -> None:
        """A candidate of the peer's, as JSON of an RTCIceCandidateInit; kept until its description has come."""
        try:
            line = candidate_line(init)
        except ValueError:
            return
        if not line:
            return
        if self._remote is not None:
            await self._newest.agent.add_remote_candidate(line)
        if self._remote is None or self.is_restarting:  # its description may be on its way
            self._early = [*self._early, line][-_EARLY_CANDIDATES_MAX:]

    async def _connect(self, way: _Way) -> None:
        try:
            await way.gathering
            await way.agent.connect()
            if way is not self._newest:
                return
            self._use(way)
            if self.transport.state == "new" and self._dtls is not None:
                await self.transport.start(*self._dtls)
            elif self.transport.state == "connected":
                self._watch.begin()
                self.on_state("connected")
        except (ConnectionError, OSError) as exc:
            logger.info("no connection to the peer: %s", exc)
            self._not_connected(way)
        except Exception:
            logger.exception("the connection to the peer failed")
            self._not_connected(way)

    def _not_connected(self, way: _Way) -> None:
        """The first way's failure is the path's; of a restart there may be another."""
        if way is self._newest and self.transport.state in ("new", "connecting", "failed"):
            self._set_state("failed")

    def _use(self, way: _Way) -> None:
        former, self._used = self._used, way
        if former is not way:
            self.transport.replace_link(way.agent)
            self._run(self._retire(former, LINGER_S))

    async def _retire(self, former: _Way, after_s: float = 0.0) -> None:
        self._former.add(former)
        await asyncio.sleep(after_s)
        self._former.discard(former)
        closing = asyncio.get_running_loop().create_task(former.close())  # cancelled, it would keep its sockets
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)

    # --- how it is ----------------------------------------------------------------------------------------------------
    def _transport_changed(self, state: str) -> None:
        if state == "connected":
            self._watch.begin()
        elif state in ("failed", "closed"):
            self._watch.stop()
        if state != "connecting":
            self._set_state(state)

    def _watched(self, is_lost: bool) -> None:
        if self.transport.state == "connected":
            self._set_state("disconnected" if is_lost else "connected")

    def _set_state(self, state: str) -> None:
        if state != self.state and self.state != "closed":
            self.state = state
            self.on_state(state)

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (exc := task.exception()):
            logger.error("a part of the connection failed", exc_info=exc)

    async def close(self) -> None:
        """Everything is closed; no task, timer or socket is left. May be called twice."""
        self._watch.stop()
        ways = {self._used, self._newest, *self._former}
        gathering = [way.gathering for way in ways if not way.gathering.done()]
        if gathering:
            # Cancelled while it opens its sockets, aioice would lose those that are open.
            await asyncio.wait(gathering, timeout=_CLOSE_WAIT_S)
        await _cancelled([*self._tasks, *(way.gathering for way in ways)])
        await self.transport.close()
        for way in ways:
            await way.agent.close()
        if self._closing:
            await asyncio.wait(self._closing, timeout=_CLOSE_WAIT_S)
        self._set_state("closed")


class _Liveness:
    """What is watched of a path: all that comes over the agent in use."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def received(self) -> int:
        return self._path.transport.packets_received

    @property
    def answered(self) -> int:
        return self._path._used.agent.answered

    def ask(self) -> None:
        self._path._used.agent.ask()

    def address_gone(self) -> bool:
        return self._path._used.agent.address_gone()


async def _gather(agent: IceAgent) -> list[str]:
    try:
        return await agent.gather()
    except OSError as exc:
        logger.info("no candidates: %s", exc)
        return []


async def _cancelled(work: Sequence[asyncio.Task[Any]]) -> None:
    """None of these runs any more. Until Python 3.12, ``wait_for`` loses a cancellation that comes together with its
    result, as in aiortc's handshake: whoever goes on is cancelled again."""
    for _ in range(_CANCEL_ROUNDS):
        pending = [task for task in work if not task.done()]
        if not pending:
            return
        for task in pending:
            task.cancel()
        await asyncio.wait(pending, timeout=_CANCEL_WAIT_S)
