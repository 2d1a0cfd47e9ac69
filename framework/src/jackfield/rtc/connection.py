"""One peer connection: its path, and the packets on it: RTP and RTCP out and in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

from attrs import evolve

from jackfield.media.clock import Clock, LoopClock
from jackfield.rtc import rtp
from jackfield.rtc.bandwidth import BandwidthEstimator
from jackfield.rtc.congestion import GoogleCongestionControl
from jackfield.rtc.link import IceServer, ignore
from jackfield.rtc.negotiation import LocalTransport
from jackfield.rtc.pacer import Leaving, Pacer
from jackfield.rtc.path import Path, PathOptions
from jackfield.rtc.reports import Reports
from jackfield.rtc.router import Router
from jackfield.rtc.sdp import SessionDescription
from jackfield.rtc.sender import RtpSender
from jackfield.rtc.transport import Certificate, DataChannel, DataChannels, Transport

_EARLY_CANDIDATES_MAX = 64


class Connection:
    """The path to one peer. Everything runs on the event loop.

    ``on_candidate`` gets candidates that no description carries, as JSON of an RTCIceCandidateInit; the last one is
    empty. ``on_state`` gets the states of a `Path`: ``connected`` again after each ICE restart.
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
        self.estimator = estimator or GoogleCongestionControl()
        self.pacer = Pacer(self.clock, self.estimator, self._filler)
        self.router = Router()
        self.senders: list[RtpSender] = []
        self.reports = Reports(self.clock, self.estimator, self.senders, self.router, self._send_rtcp)
        #: The id of the transport-wide number in packets that come in.
        self.transport_cc_extension: int | None = None
        #: The id of the instant they were sent at, where that is taken instead.
        self.send_time_extension: int | None = None
        self._options = PathOptions(certificate or Certificate.generate(), ice_servers, loopback, self.clock)
        self._path: Path | None = None
        self._early: list[str] = []
        self._number = 0

    def use_servers(self, ice_servers: Sequence[IceServer]) -> None:
        """The next path, and the next restart of this one, ask these STUN and TURN servers."""
        self._options = evolve(self._options, ice_servers=ice_servers)
        if self._path is not None:
            self._path.use(self._options)

    # --- the path ---------------------------------------------------------------------------------------------------
    async def prepare(
        self, *, controlling: bool, restart: bool = False, remote: SessionDescription | None = None
    ) -> LocalTransport:
        """Our end of the path, with the candidates found within a tenth of a second.

        ``restart``, or other credentials in the peer's description ``remote``: with new credentials of ours.
        """
        path = self._path or self._open(controlling)
        if restart or (remote is not None and path.restarts(remote)):
            path.restart()
        return await path.prepare()

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
        return self._path.selected_pair if self._path else None

    def pair_stats(self) -> dict[str, Any]:
        """What is known of the pair in use; empty before there is a path."""
        return self._path.pair_stats() if self._path is not None else {}

    @property
    def is_restarting(self) -> bool:
        """Whether an ICE restart is under way."""
        return self._path is not None and self._path.is_restarting

    def _open(self, controlling: bool) -> Path:
        path = self._path = Path(controlling=controlling, options=self._options)
        path.on_candidate = lambda init: self.on_candidate(init)
        path.on_state = self._path_changed
        path.transport.on_rtp = self._received
        path.transport.on_rtcp = self.reports.receive
        path.transport.channels.on_channel = lambda channel: self.on_channel(channel)
        return path

    async def set_remote(self, remote: SessionDescription, role: Literal["client", "server"]) -> None:
        """The peer's description: the first one makes the connection, later ones add channels or begin ICE anew."""
        if self._path is not None:
            for init in self._early:
                await self._path.add_remote_candidate(init)
            self._early.clear()
            await self._path.set_remote(remote, role)

    async def add_remote_candidate(self, init: str) -> None:
        """A candidate of the peer's, as JSON of an RTCIceCandidateInit; kept until its description has come."""
        if self._path is not None:
            await self._path.add_remote_candidate(init)
        elif len(self._early) < _EARLY_CANDIDATES_MAX:
            self._early.append(init)

    def _path_changed(self, state: str) -> None:
        if state == "connected" and self.state in ("new", "connecting"):
            self.reports.begin()
        elif state == "connected":
            self.estimator.path_changed()
        if self.state != "closed":
            self.state = state
            self.on_state(state)

    async def close(self) -> None:
        """Everything is closed; no task, timer or socket is left. May be called twice."""
        self.reports.close()
        self.pacer.close()
        for sender in self.senders:
            sender.close()
        for receiver in self.router.receivers:
            receiver.close()
        if self._path is not None:
            await self._path.close()
        elif self.state != "closed":
            self._path_changed("closed")

    # --- packets ----------------------------------------------------------------------------------------------------
    def send_packets(
        self, packets: Sequence[rtp.RtpPacket], transport_cc_extension: int | None, probe: int | None = None
    ) -> int:
        """Sends, in order, with the next transport-wide numbers where that was agreed on; how many went."""
        if self._path is None:
            return 0
        transport = self._path.transport
        if transport_cc_extension is None:
            return transport.send_all_rtp([rtp.serialise(packet) for packet in packets])
        first = self._number
        data = list(rtp.numbered(packets, transport_cc_extension, first))
        count = transport.send_all_rtp(data)
        if count:
            self._number = (first + count) & 0xFFFF
            self.estimator.sent(first, [len(each) for each in data[:count]], self.clock.now_ns(), probe)
        return count

    def _filler(self, size: int) -> Leaving | None:
        """Something to fill a probe with: only where what was sent is told of."""
        streams = (stream for sender in self.senders for stream in sender.streams)
        return next((found for stream in streams if (found := stream.filler(size)) is not None), None)

    def _received(self, data: bytes, arrival_ns: int) -> None:
        try:
            packet = rtp.parse(data)
        except ValueError:
            return
        key = self.transport_cc_extension
        number = packet.extensions.get(key) if key is not None else None
        if number is not None and len(number) == 2:
            self.reports.arrived(int.from_bytes(number, "big"), packet.ssrc, arrival_ns)
        elif self.send_time_extension is not None and (at := packet.extensions.get(self.send_time_extension)):
            self.reports.arrived_at(at, len(data), arrival_ns)
        receiver = self.router.route(packet)
        if receiver is not None:
            receiver.receive(packet, arrival_ns)

    def _send_rtcp(self, data: bytes) -> None:
        if self._path is not None:
            self._path.transport.send_rtcp(data)
