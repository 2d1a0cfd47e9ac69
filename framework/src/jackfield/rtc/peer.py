"""The two ends of a call as a client has them: one connection that we offer and publish on, one that we answer and
receive on. Neither knows LiveKit; each can be the other's peer."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Sequence
from typing import Any

from attrs import define

from jackfield.media.clock import Clock
from jackfield.rtc import negotiation, sdp
from jackfield.rtc.connection import Connection
from jackfield.rtc.layers import Layer
from jackfield.rtc.link import IceServer, ignore
from jackfield.rtc.payload import CODECS
from jackfield.rtc.receiver import RtpReceiver
from jackfield.rtc.sender import RtpSender
from jackfield.rtc.transport import Certificate, DataChannel
from jackfield.values.media import Kind


@define
class _Line:
    """One m-line of ours. Without a sender it is inactive and waits for the next track of its kind."""

    kind: Kind
    mid: str
    codec: str
    sender: RtpSender | None = None


class _Peer:
    """What both peers show of their connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._origin_id = secrets.randbits(62)
        self._version = 0

    @property
    def state(self) -> str:
        """``new``, ``connecting``, ``connected``, ``disconnected``, ``failed`` or ``closed``."""
        return self._connection.state

    def use_servers(self, ice_servers: Sequence[IceServer]) -> None:
        """The next restart asks these STUN and TURN servers."""
        self._connection.use_servers(ice_servers)

    @property
    def is_restarting(self) -> bool:
        """Whether an ICE restart is under way; what there was goes on meanwhile, if it can."""
        return self._connection.is_restarting

    @property
    def on_state(self) -> Callable[[str], None]:
        """Called at each change of `state`, and with ``connected`` after each ICE restart."""
        return self._connection.on_state

    @on_state.setter
    def on_state(self, callback: Callable[[str], None]) -> None:
        self._connection.on_state = callback

    @property
    def on_candidate(self) -> Callable[[str], None]:
        """Called with each candidate to trickle, as JSON of an RTCIceCandidateInit; the last one is empty."""
        return self._connection.on_candidate

    @on_candidate.setter
    def on_candidate(self, callback: Callable[[str], None]) -> None:
        self._connection.on_candidate = callback

    @property
    def on_channel(self) -> Callable[[DataChannel], None]:
        """Called with each data channel that the other end opens."""
        return self._connection.on_channel

    @on_channel.setter
    def on_channel(self, callback: Callable[[DataChannel], None]) -> None:
        self._connection.on_channel = callback

    @property
    def round_trip_s(self) -> float | None:
        """How long the last connectivity check took; None before one was answered."""
        found: float | None = self._connection.pair_stats().get("pair_rtt_s")
        return found

    async def add_remote_candidate(self, init: str) -> None:
        """A candidate of the other end's, as JSON of an RTCIceCandidateInit; garbage is left out."""
        await self._connection.add_remote_candidate(init)

    def _describe(
        self, sections: Sequence[sdp.MediaSection], local: negotiation.LocalTransport, setup: sdp.Setup
    ) -> str:
        self._version += 1
        return str(negotiation.describe(sections, local, setup, origin_id=self._origin_id, version=self._version))

    def _transport_stats(self) -> dict[str, Any]:
        transport = self._connection.transport
        if transport is None:
            return {"state": self.state}
        return {
            "state": self.state,
            "bytes_sent": transport.bytes_sent,
            "bytes_received": transport.bytes_received,
            "packets_sent": transport.packets_sent,
            "packets_received": transport.packets_received,
            "srtp_profile": transport.srtp_profile,
            **self._connection.pair_stats(),
        }


class PublisherPeer(_Peer):
    """We offer. Tracks are added and removed at any time; `create_offer` and `set_answer` make it so.

    One offer is under way at a time: the caller awaits the answer before the next one.
    """

    def __init__(
        self,
        *,
        certificate: Certificate | None = None,
        ice_servers: Sequence[IceServer] = (),
        loopback: bool = False,
        clock: Clock | None = None,
    ) -> None:
        super().__init__(Connection(certificate=certificate, ice_servers=ice_servers, loopback=loopback, clock=clock))
        self._lines: list[_Line] = []
        self._application: tuple[int, str] | None = None
        self._mids = 0
        self._offer: sdp.SessionDescription | None = None
        #: The text of the last offer, "" before there is one.
        self.last_offer = ""

    @property
    def senders(self) -> Sequence[RtpSender]:
        """The tracks that are published."""
        return tuple(line.sender for line in self._lines if line.sender is not None)

    def add_track(
        self, kind: Kind, *, cid: str, stream_id: str, codec: str, layers: Sequence[Layer] = (Layer(),)
    ) -> RtpSender:
        """A track that the next offer announces, on the m-line of a removed one where there is one; in several
        ``layers`` it is simulcast."""
        connection = self._connection
        sender = RtpSender(
            kind,
            cid=cid,
            stream_id=stream_id,
            codec=codec,
            clock=connection.clock,
            sink=connection,
            pacer=connection.pacer,
            layers=layers,
        )
        free = next((line for line in self._lines if line.kind == kind and line.sender is None), None)
        if free is None:
            free = _Line(kind, self._next_mid(), codec)
            self._lines.append(free)
        free.sender, free.codec = sender, codec
        connection.senders.append(sender)
        return sender

    def remove_track(self, sender: RtpSender) -> None:
        """It sends nothing more; the next offer says so."""
        sender.close()
        if sender in self._connection.senders:
            self._connection.senders.remove(sender)
        for line in self._lines:
            if line.sender is sender:
                line.sender = None

    def open_channel(self, label: str, *, ordered: bool = True, max_retransmits: int | None = None) -> DataChannel:
        """A data channel that opens once the connection is up."""
        channels = self._connection.channels(controlling=True)
        return channels.open(label, ordered=ordered, max_retransmits=max_retransmits)

    async def create_offer(self, *, restart_ice: bool = False) -> str:
        """An offer of the tracks as they are now, with data channels; ``restart_ice`` looks for another path, while the
        one there is goes on."""
        local = await self._connection.prepare(controlling=True, restart=restart_ice)
        sections = [self._section(line) for line in self._lines]
        if self._application is None:
            self._application = len(sections), self._next_mid()
        place, mid = self._application
        sections.insert(place, negotiation.application_section(mid))
        text = self._describe(sections, local, "actpass")
        self._offer, self.last_offer = sdp.parse(text), text
        return text

    async def set_answer(self, answer: str) -> None:
        """The other end's answer holds; `ValueError` when it does not fit the offer.

        Senders are ready, or `RtpSender.rejected`, when this returns; the connection comes up by itself.
        """
        offer, remote = self._offer, sdp.parse(answer)
        if offer is None:
            raise ValueError("an answer without an offer")
        if [section.mid for section in remote.media] != [section.mid for section in offer.media]:
            raise ValueError("the answer's sections are not the offer's")
        self._offer = None
        for line in self._lines:
            offered, answered = offer.section(line.mid), remote.section(line.mid)
            if offered is None or answered is None or line.sender is None or offered.direction == "inactive":
                continue
            if negotiation.is_of(offered, line.sender):
                line.sender.settle(negotiation.send_parameters(offered, answered, line.sender.codec))
        section = remote.transport_section
        setup = section.setup if section else None
        await self._connection.set_remote(remote, negotiation.dtls_role("actpass", setup))

    def stats(self) -> dict[str, Any]:
        """The connection's and each sender's, by cid."""
        tracks = {sender.cid: sender.stats() for sender in self.senders}
        return self._transport_stats() | {"estimate_bps": self._connection.estimator.target_bps, "tracks": tracks}

    async def close(self) -> None:
        """Everything is closed."""
        await self._connection.close()

    def _section(self, line: _Line) -> sdp.MediaSection:
        return negotiation.offer_section(line.kind, line.mid, line.sender, line.codec)

    def _next_mid(self) -> str:
        self._mids += 1
        return str(self._mids - 1)


class SubscriberPeer(_Peer):
    """We answer. Remote tracks are told apart by their msid, so that an m-line may pass from one to another.

    ``on_track`` and ``on_track_ended`` are called while `answer` runs.
    """

    def __init__(
        self,
        *,
        certificate: Certificate | None = None,
        ice_servers: Sequence[IceServer] = (),
        loopback: bool = False,
        clock: Clock | None = None,
        receivable: Collection[str] = CODECS,
    ) -> None:
        super().__init__(Connection(certificate=certificate, ice_servers=ice_servers, loopback=loopback, clock=clock))
        self.on_track: Callable[[RtpReceiver], None] = ignore
        self.on_track_ended: Callable[[RtpReceiver], None] = ignore
        self._receivable = receivable
        self._receivers: dict[tuple[str, str], RtpReceiver] = {}
        #: The text of the last answer, "" before there is one.
        self.last_answer = ""

    @property
    def receivers(self) -> Sequence[RtpReceiver]:
        """The remote tracks there are now."""
        return tuple(self._receivers.values())

    async def answer(self, offer: str) -> str:
        """Our answer; `ValueError` when the offer is no SDP. The connection comes up by itself, and another path of it
        where the other end restarts ICE.

        Sections that we cannot use are answered as inactive; the offer as a whole never fails for them.
        """
        remote = sdp.parse(offer)
        # A peer that only answers checks leaves control to us (RFC 8445 section 6.1.1).
        local = await self._connection.prepare(controlling=remote.ice_lite, remote=remote)
        sections = [negotiation.answer_section(section, self._receivable) for section in remote.media]
        theirs = remote.transport_section
        setup = negotiation.answer_setup(theirs.setup if theirs else None)
        text = self.last_answer = self._describe(sections, local, setup)
        self._apply(remote, sections)
        await self._connection.set_remote(remote, negotiation.dtls_role(setup, None))
        return text

    def _apply(self, remote: sdp.SessionDescription, sections: Sequence[sdp.MediaSection]) -> None:
        wanted: dict[tuple[str, str], tuple[sdp.MediaSection, negotiation.Source]] = {}
        for offered, answered in zip(remote.media, sections, strict=True):
            if answered.direction == "recvonly":
                source = negotiation.source_of(offered)
                key = (source.stream_id, source.track_id) if source.stream_id else ("", offered.mid)
                wanted.setdefault(key, (answered, source))
        ended = [self._receivers.pop(key) for key in list(self._receivers) if key not in wanted]
        begun = [self._settle(key, *found) for key, found in wanted.items()]
        ids = [(key, uri) for section in sections for key, uri in section.header_extensions.items()]
        self._connection.transport_cc_extension = next((key for key, uri in ids if uri == sdp.TRANSPORT_CC), None)
        self._connection.send_time_extension = next((key for key, uri in ids if uri == sdp.ABS_SEND_TIME), None)
        mids = frozenset(key for key, uri in ids if uri == sdp.MID)
        self._connection.router.settle(list(self._receivers.values()), mids)
        for gone in ended:
            gone.close()
            self.on_track_ended(gone)
        for new in begun:
            if new is not None:
                self.on_track(new)

    def _settle(
        self, key: tuple[str, str], section: sdp.MediaSection, source: negotiation.Source
    ) -> RtpReceiver | None:
        known = self._receivers.get(key)
        receiver = known or self._receiver("audio" if section.kind == "audio" else "video", source)
        receiver.settle(section.mid, section.codecs)
        if source.ssrc is not None:
            receiver.use(source.ssrc, source.rtx_ssrc)
        self._receivers[key] = receiver
        return None if known else receiver

    def _receiver(self, kind: Kind, source: negotiation.Source) -> RtpReceiver:
        connection = self._connection
        return RtpReceiver(
            kind,
            stream_id=source.stream_id,
            track_id=source.track_id,
            clock=connection.clock,
            feedback=connection.reports,
        )

    def stats(self) -> dict[str, Any]:
        """The connection's and each receiver's, by track sid."""
        tracks = {receiver.track_sid or receiver.mid: receiver.stats() for receiver in self._receivers.values()}
        return self._transport_stats() | {"told_bps": self._connection.reports.told_bps, "tracks": tracks}

    async def close(self) -> None:
        """Everything is closed."""
        await self._connection.close()
