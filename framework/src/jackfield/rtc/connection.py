"""One peer connection's path and what travels on it: ICE, then DTLS; packets out, packets in, reports both ways."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Literal, NamedTuple

from jackfield.media.clock import Alarm, Clock, LoopClock
from jackfield.rtc import rtcp, rtp
from jackfield.rtc.aioice_shim import IceAgent
from jackfield.rtc.bandwidth import BandwidthEstimator, QueueWatcher, share
from jackfield.rtc.link import IceServer, ignore
from jackfield.rtc.negotiation import LocalTransport
from jackfield.rtc.router import Router
from jackfield.rtc.sdp import Fingerprint, SessionDescription
from jackfield.rtc.send_stream import SendStream, new_ssrc
from jackfield.rtc.sender import RtpSender
from jackfield.rtc.timeline import ntp
from jackfield.rtc.transport import Certificate, DataChannel, DataChannels, Transport
from jackfield.rtc.twcc import ArrivalLog

logger = logging.getLogger(__name__)

REPORT_INTERVAL_S = 1.0
FEEDBACK_INTERVAL_S = 0.05
#: How long an offer or answer waits for candidates; what comes later is trickled.
GATHER_WAIT_S = 0.1
_AUDIO_BPS = 48_000
_REMB_HOLDS_NS = 5_000_000_000
_BLOCKS_MAX = 31
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
        self.cname = f"{new_ssrc():08x}"
        #: The id of the transport-wide number in packets that come in.
        self.transport_cc_extension: int | None = None
        self._certificate = certificate or Certificate.generate()
        self._ice_servers = ice_servers
        self._loopback = loopback
        self._path: _Path | None = None
        self._remote: tuple[str, str] | None = None
        self._early: list[str] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._ssrc = new_ssrc()
        self._number = 0
        self._arrivals = ArrivalLog()
        self._last_ssrc = 0
        self._remb: tuple[int, int] | None = None
        self._feedback_seen = False
        self._feedback_alarm = Alarm(self.clock, self._send_feedback)
        self._report_alarm = Alarm(self.clock, self._send_reports)

    # --- the path ---------------------------------------------------------------------------------------------------
    async def prepare(self, *, controlling: bool) -> LocalTransport:
        """Our end of the path, with the candidates found within a tenth of a second."""
        agent, gathering, _ = self._path or self._open(controlling)
        await asyncio.wait([gathering], timeout=GATHER_WAIT_S)
        gathered = gathering.done()
        if not gathered and not self._tasks:
            self._run(self._trickle(gathering))
        candidates = tuple(gathering.result()) if gathered else ()
        fingerprints = tuple(self._certificate.fingerprints)
        return LocalTransport(agent.local_ufrag, agent.local_pwd, fingerprints, candidates, gathered)

    def channels(self, *, controlling: bool) -> DataChannels:
        """The data channels of the path, which is begun where it is not yet."""
        return (self._path or self._open(controlling)).transport.channels

    @property
    def transport(self) -> Transport | None:
        """The transport; None before `prepare`."""
        return self._path.transport if self._path else None

    def _open(self, controlling: bool) -> _Path:
        agent = IceAgent(controlling=controlling, ice_servers=self._ice_servers, loopback=self._loopback)
        transport = Transport(agent, self._certificate)
        transport.on_rtp = self._received
        transport.on_rtcp = self._rtcp_received
        transport.on_state = self._transport_changed
        transport.channels.on_channel = lambda channel: self.on_channel(channel)
        gathering = asyncio.get_running_loop().create_task(_gather(agent))
        self._path = _Path(agent, gathering, transport)
        return self._path

    async def _trickle(self, gathering: asyncio.Task[list[str]]) -> None:
        for line in [*await gathering, ""]:
            self.on_candidate(json.dumps({"candidate": line, "sdpMid": "0", "sdpMLineIndex": 0}))

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

    async def add_remote_candidate(self, init: str) -> None:
        """A candidate of the peer's, as JSON of an RTCIceCandidateInit; kept until its description has come."""
        try:
            line = str(json.loads(init).get("candidate") or "")
        except (ValueError, AttributeError):
            return
        if not line:
            return
        if self._remote is not None and self._path is not None:
            await self._path.agent.add_remote_candidate(line)
        elif len(self._early) < _EARLY_CANDIDATES_MAX:
            self._early.append(line)

    def _transport_changed(self, state: str) -> None:
        if state == "connected":
            self._report_alarm.set(self.clock.now_ns() + 200_000_000)
        if state != "connecting":
            self._set_state(state)

    def _set_state(self, state: str) -> None:
        if state != self.state and self.state != "closed":
            self.state = state
            self.on_state(state)

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Everything is closed; no task, timer or socket is left. May be called twice."""
        self._report_alarm.cancel()
        self._feedback_alarm.cancel()
        for sender in self.senders:
            sender.close()
        for receiver in self.router.receivers:
            receiver.close()
        work: list[asyncio.Task[Any]] = [*self._tasks, *([self._path.gathering] if self._path else [])]
        pending = [task for task in work if not task.done()]
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
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
            self._arrivals.record(int.from_bytes(number, "big"), arrival_ns // 1000)
            self._last_ssrc = packet.ssrc
            self._feedback_alarm.due_by(arrival_ns + round(FEEDBACK_INTERVAL_S * 1e9))
        receiver = self.router.route(packet)
        if receiver is not None:
            receiver.receive(packet, arrival_ns)

    # --- feedback out -----------------------------------------------------------------------------------------------
    def send_nack(self, media_ssrc: int, lost: list[int]) -> None:
        """Asks for packets again."""
        self._send_rtcp(rtcp.Nack(self._ssrc, media_ssrc, tuple(number & 0xFFFF for number in lost)))

    def send_pli(self, media_ssrc: int) -> None:
        """Asks for a keyframe."""
        self._send_rtcp(rtcp.Pli(self._ssrc, media_ssrc))

    def _send_rtcp(self, *packets: rtcp.Rtcp) -> None:
        if self._path is not None:
            self._path.transport.send_rtcp(rtcp.serialise(*packets))

    def _send_feedback(self) -> None:
        for report in self._arrivals.feedback(self._ssrc, self._last_ssrc):
            self._send_rtcp(report)

    def _send_reports(self) -> None:
        now_ns, now_ntp = self.clock.now_ns(), ntp()
        streams = [stream for sender in self.senders for stream in sender.streams]
        sent = [report for stream in streams if (report := stream.report(now_ns, now_ntp)) is not None]
        blocks = [block for receiver in self.router.receivers if (block := receiver.report()) is not None]
        reports: list[rtcp.Rtcp] = [*sent]
        for first in range(0, len(blocks), _BLOCKS_MAX):
            reports.append(rtcp.ReceiverReport(self._ssrc, tuple(blocks[first : first + _BLOCKS_MAX])))
        if reports:
            sources = [(report.ssrc, self.cname) for report in sent] or [(self._ssrc, self.cname)]
            self._send_rtcp(*reports, rtcp.SourceDescription(tuple(sources[:_BLOCKS_MAX])))
        self._report_alarm.set(now_ns + round(REPORT_INTERVAL_S * 1e9))

    # --- feedback in ------------------------------------------------------------------------------------------------
    def _rtcp_received(self, data: bytes) -> None:
        for packet in rtcp.parse(data):
            match packet:
                case rtcp.SenderReport():
                    receiver = self.router.by_ssrc(packet.ssrc)
                    if receiver is not None and receiver.ssrc == packet.ssrc:
                        receiver.reported(packet)
                    self._reported(packet.reports)
                case rtcp.ReceiverReport():
                    self._reported(packet.reports)
                case rtcp.Nack():
                    for stream in self._streams(packet.media_ssrc):
                        stream.nacked(packet.lost)
                case rtcp.Pli():
                    for stream in self._streams(packet.media_ssrc):
                        stream.gate.request()
                case rtcp.Fir():
                    for ssrc, _ in packet.entries:
                        for stream in self._streams(ssrc):
                            stream.gate.request()
                case rtcp.Remb():
                    self._remb = (packet.bitrate_bps, self.clock.now_ns())
                    self._share_bandwidth()
                case rtcp.TransportFeedback():
                    self._feedback_seen = True
                    self.estimator.feedback(packet, self.clock.now_ns())
                    self._share_bandwidth()
                case _:
                    pass

    def _streams(self, ssrc: int) -> list[SendStream]:
        return [stream for sender in self.senders for stream in sender.streams if stream.ssrc == ssrc]

    def _reported(self, blocks: Sequence[rtcp.ReportBlock]) -> None:
        now_ntp = ntp()
        for block in blocks:
            for stream in self._streams(block.ssrc):
                stream.reported(block, now_ntp)

    def _share_bandwidth(self) -> None:
        budget = self.estimator.target_bps
        if self._remb is not None and self.clock.now_ns() - self._remb[1] < _REMB_HOLDS_NS:
            budget = min(budget, self._remb[0]) if self._feedback_seen else self._remb[0]
        active = [sender for sender in self.senders if sender.ready and not sender.muted]
        video = [sender for sender in active if sender.kind == "video"]
        budget = max(budget - _AUDIO_BPS * (len(active) - len(video)), 0)
        for sender, part in zip(video, share(budget, [sender.max_bitrate_bps for sender in video]), strict=True):
            sender.allow(max(part, 50_000))


async def _gather(agent: IceAgent) -> list[str]:
    try:
        return await agent.gather()
    except OSError as exc:
        logger.info("no candidates: %s", exc)
        return []
