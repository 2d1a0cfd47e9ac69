"""One peer connection's path and the packets on it: ICE, then DTLS, then RTP out and in."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Literal, NamedTuple

from jackfield.media.clock import Clock, LoopClock
from jackfield.rtc import rtp
from jackfield.rtc.aioice_shim import IceAgent
from jackfield.rtc.bandwidth import BandwidthEstimator, QueueWatcher
from jackfield.rtc.candidates import candidate_init, candidate_line
from jackfield.rtc.link import IceServer, ignore
from jackfield.rtc.negotiation import LocalTransport
from jackfield.rtc.reports import Reports
from jackfield.rtc.router import Router
from jackfield.rtc.sdp import Fingerprint, SessionDescription
from jackfield.rtc.sender import RtpSender
from jackfield.rtc.transport import Certificate, DataChannel, DataChannels, Transport

logger = logging.getLogger(__name__)

#: How long an offer or answer waits for candidates; what comes later is trickled.
GATHER_WAIT_S = 0.1
_CLOSE_WAIT_S = 2.0
_CANCEL_ROUNDS, _CANCEL_WAIT_S = 20, 0.05
_EARLY_CANDIDATES_MAX = 64


class _Path(NamedTuple):
    agent: IceAgent
    gathering: asyncio.Task[list[str]]
    transport: Transport


class Connection:
    """The path to one peer. Everything runs on the event loop.

    ``on_candidate`` gets candidates that no description carries, as JSON of an RTCIceCandidateInit; the last one is
    empty. ``on_state`` gets ``connecting``, ``connected``, ``failed`` and ``closed``.
    """

    def __init__(
        self,
        *,
        certificate: Certificate | None,
        ice_servers: Sequence[IceServer],
        loopback: bool,
        clock: Clock | None,
        estimator: BandwidthEstimator | None = None,
    ) -> None:
        self.on_candidate: Callable[[str], None] = ignore
        self.on_state: Callable[[str], None] = ignore
        self.on_channel: Callable[[DataChannel], None] = ignore
        self.state = "new"
        self.clock = clock or LoopClock()
        self.estimator = estimator or QueueWatcher()
        self.router = Router()
        self.senders: list[RtpSender] = []
        self.reports = Reports(self.clock, self.estimator, self.senders, self.router, self._send_rtcp)
        #: The id of the transport-wide number in packets that come in.
        self.transport_cc_extension: int | None = None
        self._certificate = certificate or Certificate.generate()
        self._ice_servers = ice_servers
        self._loopback = loopback
        self._path: _Path | None = None
        self._remote: tuple[str, str] | None = None
        self._early: list[str] = []
        self._trickles_all = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._number = 0

    # --- the path ---------------------------------------------------------------------------------------------------
    async def prepare(self, *, controlling: bool) -> LocalTransport:
        """Our end of the path, with the candidates found within a tenth of a second."""
        agent, gathering, _ = self._path or self._open(controlling)
        await asyncio.wait([gathering], timeout=GATHER_WAIT_S)
        gathered = gathering.done()
        if not gathered and not self._trickles_all:
            self._trickles_all = True
            if not agent.has_servers:
                self._run(self._trickle(agent, gathering))
        candidates = tuple(gathering.result()) if gathered else ()
        fingerprints = tuple(self._certificate.fingerprints)
        complete = gathered and not agent.has_servers
        return LocalTransport(agent.local_ufrag, agent.local_pwd, fingerprints, candidates, complete)

    def channels(self, *, controlling: bool) -> DataChannels:
        """The data channels of the path, which is begun where it is not yet."""
        return (self._path or self._open(controlling)).transport.channels

    @property
    def transport(self) -> Transport | None:
        """The transport; None before `prepare`."""
        return self._path.transport if self._path else None

    @property
    def selected_pair(self) -> tuple[str, str] | None:
        """The candidates in use, ours and theirs; None while there is no path."""
        return self._path.agent.selected_pair if self._path else None

    def _open(self, controlling: bool) -> _Path:
        agent = IceAgent(controlling=controlling, ice_servers=self._ice_servers, loopback=self._loopback)
        transport = Transport(agent, self._certificate)
        transport.on_rtp = self._received
        transport.on_rtcp = self.reports.receive
        transport.on_state = self._transport_changed
        transport.channels.on_channel = lambda channel: self.on_channel(channel)
        gathering = asyncio.get_running_loop().create_task(_gather(agent))
        self._path = _Path(agent, gathering, transport)
        if agent.has_servers:
            self._run(self._trickle(agent, gathering))
        return self._path

    async def _trickle(self, agent: IceAgent, gathering: asyncio.Task[list[str]]) -> None:
        """Tells of the candidates that no description carries: what servers say, and all where gathering was slow."""
        lines = await gathering
        for line in lines if self._trickles_all else ():
            self._tell(line)
        await agent.ask_servers(self._tell)
        self._tell("")

    def _tell(self, line: str) -> None:
        self.on_candidate(candidate_init(line))

    async def set_remote(self, remote: SessionDescription, role: Literal["client", "server"]) -> None:
        """The peer's description: the first one makes the connection, later ones add channels."""
        section, path = remote.transport_section, self._path
        if section is None or path is None:
            return
        agent, _, transport = path
        for item in remote.media:
            if item.kind == "application" and not item.rejected:
                transport.channels.start(item.sctp_port or 5000, item.max_message_size or 65536)
        if self._remote is not None:
            await transport.channels.associate()
            return
        self._remote = (section.ice_ufrag, section.ice_pwd)
        agent.set_remote(section.ice_ufrag, section.ice_pwd, lite=remote.ice_lite)
        lines = dict.fromkeys(line for item in remote.media for line in item.candidates)
        for line in [*lines, *self._early]:
            await agent.add_remote_candidate(line)
        self._early.clear()
        if any(item.end_of_candidates for item in remote.media):
            await agent.add_remote_candidate(None)
        self._set_state("connecting")
        self._run(self._connect(path, section.fingerprints, role))

    async def _connect(
        self, path: _Path, fingerprints: Sequence[Fingerprint], role: Literal["client", "server"]
    ) -> None:
        try:
            await path.gathering
            await path.agent.connect()
            await path.transport.start(fingerprints, role)
        except (ConnectionError, OSError) as exc:
            logger.info("no connection to the peer: %s", exc)
            self._set_state("failed")
        except Exception:
            logger.exception("the connection to the peer failed")
            self._set_state("failed")

    async def add_remote_candidate(self, init: str) -> None:
        """A candidate of the peer's, as JSON of an RTCIceCandidateInit; kept until its description has come."""
        try:
            line = candidate_line(init)
        except ValueError:
            return
        if not line:
            return
        if self._remote is not None and self._path is not None:
            await self._path.agent.add_remote_candidate(line)
        elif len(self._early) < _EARLY_CANDIDATES_MAX:
            self._early.append(line)

    def _transport_changed(self, state: str) -> None:
        if state == "connected":
            self.reports.begin()
        if state != "connecting":
            self._set_state(state)

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
        self.reports.close()
        for sender in self.senders:
            sender.close()
        for receiver in self.router.receivers:
            receiver.close()
        if self._path is not None and not self._path.gathering.done():
            # Cancelled while it opens its sockets, aioice would lose those that are open.
            await asyncio.wait([self._path.gathering], timeout=_CLOSE_WAIT_S)
        work: list[asyncio.Task[Any]] = [*self._tasks, *([self._path.gathering] if self._path else [])]
        await _cancelled(work)
        if self._path is not None:
            await self._path.transport.close()
        self._set_state("closed")

    # --- packets ----------------------------------------------------------------------------------------------------
    def send_packet(self, packet: rtp.RtpPacket, transport_cc_extension: int | None) -> bool:
        """Sends, with the next transport-wide number where that was agreed on. Changes the packet's extensions."""
        if self._path is None:
            return False
        transport = self._path.transport
        if transport_cc_extension is None:
            return transport.send_rtp(rtp.serialise(packet))
        number = self._number = (self._number + 1) & 0xFFFF
        packet.extensions = packet.extensions | {transport_cc_extension: number.to_bytes(2, "big")}
        data = rtp.serialise(packet)
        self.estimator.sent(number, len(data), self.clock.now_ns())
        return transport.send_rtp(data)

    def _received(self, data: bytes, arrival_ns: int) -> None:
        try:
            packet = rtp.parse(data)
        except ValueError:
            return
        key = self.transport_cc_extension
        number = packet.extensions.get(key) if key is not None else None
        if number is not None and len(number) == 2:
            self.reports.arrived(int.from_bytes(number, "big"), packet.ssrc, arrival_ns)
        receiver = self.router.route(packet)
        if receiver is not None:
            receiver.receive(packet, arrival_ns)

    def _send_rtcp(self, data: bytes) -> None:
        if self._path is not None:
            self._path.transport.send_rtcp(data)


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
