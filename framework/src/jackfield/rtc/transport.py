"""One peer's transport: DTLS, SRTP and SCTP over one link, everything bundled on it (RFC 5764, RFC 9143)."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal

from jackfield.log_limit import limited_logger
from jackfield.rtc.aiortc_shim import SRTP_ERRORS, Certificate, DtlsSession, SctpAssociation
from jackfield.rtc.link import Link, ignore
from jackfield.rtc.rtp import is_rtcp
from jackfield.rtc.sdp import Fingerprint
from jackfield.rtc.srtp_shim import Seal

if TYPE_CHECKING:
    from aiortc.rtcdatachannel import RTCDataChannel

__all__ = ["Certificate", "DataChannel", "DataChannels", "Transport"]

HANDSHAKE_TIMEOUT_S = 15.0
#: A channel that the peer does not drain refuses more than this, rather than grow.
CHANNEL_BUFFER_MAX = 4 << 20
_EARLY_MAX = 32
_STUCK_S = 30.0

logger = limited_logger(__name__)


class Transport:
    """DTLS, SRTP and SCTP over one `Link`. Everything runs on the event loop; callbacks are synchronous.

    ``on_rtp`` gets each decrypted RTP packet and its arrival (monotonic ns), ``on_rtcp`` each decrypted compound
    datagram, ``on_state`` each of ``connecting``, ``connected``, ``failed`` and ``closed``.
    """

    def __init__(self, link: Link, certificate: Certificate) -> None:
        self.link = link
        self.state = "new"
        self.on_rtp: Callable[[bytes, int], None] = ignore
        self.on_rtcp: Callable[[bytes], None] = ignore
        self.on_state: Callable[[str], None] = ignore
        self.bytes_sent = self.bytes_received = self.packets_sent = self.packets_received = 0
        #: Packets that SRTP refused: forged, replayed or damaged.
        self.packets_refused = 0
        self._dtls = DtlsSession(link.send, certificate, controlling=link.controlling)
        self._dtls.on_state = self._changed
        self.channels = DataChannels(self._dtls)
        #: Seals RTP packets where they lie, for a caller that sends them itself; None before the handshake.
        self.seal: Seal | None = None
        self._early: deque[bytes] = deque(maxlen=_EARLY_MAX)
        link.on_datagram = self.receive
        link.on_closed = self._link_closed

    async def start(self, remote: Sequence[Fingerprint], role: Literal["client", "server"]) -> None:
        """Connected; `ConnectionError` when the handshake fails or takes over fifteen seconds."""
        try:
            async with asyncio.timeout(HANDSHAKE_TIMEOUT_S):
                await self._dtls.handshake(remote, role)
        except TimeoutError:
            self._changed("failed")
            raise ConnectionError(f"no DTLS handshake within {HANDSHAKE_TIMEOUT_S:g} s") from None
        while self._early:
            self._receive_media(self._early.popleft())
        await self.channels.associate()

    def receive(self, data: bytes) -> None:
        """One datagram from the link: DTLS 20–63, RTP and RTCP 128–191 (RFC 7983); the rest is dropped."""
        self.packets_received += 1
        self.bytes_received += len(data)
        first = data[0] if data else 0
        if 128 <= first <= 191:
            if self.state == "connected":
                self._receive_media(data)
            else:
                self._early.append(data)
        elif 20 <= first <= 63:
            self._dtls.feed(data)

    def _receive_media(self, data: bytes) -> None:
        try:
            if is_rtcp(data):
                self.on_rtcp(self._dtls.unprotect_rtcp(data))
                return
            packet = self._dtls.unprotect(data)
        except SRTP_ERRORS:
            self.packets_refused += 1
            return
        self.on_rtp(packet, time.monotonic_ns())

    def send_rtp(self, packet: bytes) -> bool:
        """Encrypts and sends an RTP packet; False when it could not go."""
        return self._send(packet, self._dtls.protect)

    def send_all_rtp(self, packets: Sequence[bytes]) -> int:
        """Encrypts and sends RTP packets, in order; how many, which is all or those before the first that could not
        go."""
        if self.state != "connected":
            return 0
        sealed: list[bytes] = []
        try:
            for packet in packets:
                sealed.append(self._dtls.protect(packet))
        except SRTP_ERRORS as exc:
            logger.info("a packet of %d bytes was not sent: %r", len(packets[len(sealed)]), exc)
        self.link.send_all(sealed)
        self.packets_sent += len(sealed)
        self.bytes_sent += sum([len(data) for data in sealed])
        return len(sealed)

    def send_rtcp(self, packet: bytes) -> bool:
        """Encrypts and sends a compound RTCP datagram; False when it could not go."""
        return self._send(packet, self._dtls.protect_rtcp)

    def _send(self, packet: bytes, protect: Callable[[bytes], bytes]) -> bool:
        if self.state != "connected":
            return False
        try:
            data = protect(packet)
        except SRTP_ERRORS as exc:
            logger.info("a packet of %d bytes was not sent: %r", len(packet), exc)
            return False
        self.link.send(data)
        self.packets_sent += 1
        self.bytes_sent += len(data)
        return True

    def protect(self, packet: bytes) -> bytes:
        """The packet as SRTP, for a caller that sends it itself."""
        return self._dtls.protect(packet)

    def unprotect(self, packet: bytes) -> bytes:
        """The RTP in an SRTP packet; one of `SRTP_ERRORS` when it does not hold."""
        return self._dtls.unprotect(packet)

    @property
    def srtp_profile(self) -> str:
        """The SRTP profile in use, "" before the handshake."""
        return self._dtls.srtp_profile

    def replace_link(self, link: Link) -> None:
        """Everything goes over another link from now on (an ICE restart). The old one is the caller's to close; what
        still comes over it is taken."""
        self.link.on_closed = ignore
        self.link = link
        link.on_datagram = self.receive
        link.on_closed = self._link_closed
        self._dtls.send_over(link.send)

    def _link_closed(self) -> None:
        self._changed("failed" if self.state != "closed" else "closed")

    def _changed(self, state: str) -> None:
        if state != self.state and self.state != "closed":
            self.state = state
            self.seal = self._dtls.seal if state == "connected" else None
            self.on_state(state)

    async def close(self) -> None:
        """Channels closed, the peer told, the link closed. May be called twice."""
        try:
            await self.channels.close()
            await self._dtls.close()
        finally:
            self._changed("closed")
            await self.link.close()


class DataChannels:
    """The data channels of a transport. Channels may be opened before there is an association."""

    def __init__(self, dtls: DtlsSession) -> None:
        self.on_channel: Callable[[DataChannel], None] = ignore
        self._association = SctpAssociation(dtls)
        self._association.on_channel = self._opened
        self._remote: tuple[int, int] | None = None
        self._dtls = dtls

    def start(self, remote_port: int = 5000, max_message_size: int = 65536) -> None:
        """The peer's description has an application section: associate once DTLS is connected."""
        self._remote = self._remote or (remote_port, max_message_size)

    async def associate(self) -> None:
        """Sets the association up where `start` was called and DTLS is connected; once."""
        if self._remote and self._dtls.state == "connected":
            await self._association.start(*self._remote)

    def open(self, label: str, *, ordered: bool = True, max_retransmits: int | None = None) -> DataChannel:
        """A channel that opens as soon as it can; ``on_open`` says when."""
        return DataChannel(self._association.open(label, ordered, max_retransmits), self._association)

    def _opened(self, channel: RTCDataChannel) -> None:
        self.on_channel(DataChannel(channel, self._association))

    async def close(self) -> None:
        """The association is gone."""
        await self._association.close()


class DataChannel:
    """One channel. ``on_message`` gets each message as bytes (text as UTF-8), ``on_open`` is called once."""

    def __init__(self, channel: RTCDataChannel, association: SctpAssociation) -> None:
        self._channel, self._association = channel, association
        self._low = asyncio.Event()
        self.on_low: Callable[[], None] = ignore
        self.on_message: Callable[[bytes], None] = ignore
        self.on_open: Callable[[], None] = ignore
        self.on_close: Callable[[], None] = ignore
        channel.on("message", self._message)
        channel.on("open", lambda: self.on_open())
        channel.on("close", self._closed)
        channel.on("bufferedamountlow", self._has_drained)

    @property
    def label(self) -> str:
        """Its name."""
        return self._channel.label

    @property
    def ordered(self) -> bool:
        """Whether messages arrive in the order they were sent."""
        return self._channel.ordered

    @property
    def max_retransmits(self) -> int | None:
        """How often a message is tried again; None: until it arrives."""
        return self._channel.maxRetransmits

    @property
    def state(self) -> str:
        """``connecting``, ``open``, ``closing`` or ``closed``."""
        return self._channel.readyState

    @property
    def buffered_amount(self) -> int:
        """Bytes that wait to be sent."""
        return self._channel.bufferedAmount

    def send(self, data: bytes) -> None:
        """Sends a message; `ConnectionError` when the channel is not open, or more than 4 MiB wait already."""
        if self.state != "open":
            raise ConnectionError(f"data channel {self.label} is {self.state}")
        if self.buffered_amount + len(data) > CHANNEL_BUFFER_MAX:
            raise ConnectionError(f"data channel {self.label} has {self.buffered_amount} bytes waiting")
        try:
            self._channel.send(data)
        except ValueError as exc:
            raise ConnectionError(str(exc)) from exc

    def low_at(self, size: int) -> None:
        """``on_low`` is called each time that as few bytes wait to be sent."""
        self._channel.bufferedAmountLowThreshold = size

    def pause(self) -> None:
        """No more messages come until `resume`: the peer is told to send none once our window is full."""
        self._association.hold(self._channel)

    def resume(self) -> None:
        """Messages come again, those that waited first."""
        self._association.release(self._channel)

    async def drained(self, below: int) -> None:
        """Returns once fewer than ``below`` bytes wait to be sent, or the channel is not open yet; `ConnectionError`
        when it is closed, or nothing has gone for half a minute."""
        self.low_at(max(0, below - 1))
        while self.state == "open" and (waiting := self.buffered_amount) >= below:
            self._low.clear()
            try:
                async with asyncio.timeout(_STUCK_S):
                    await self._low.wait()
            except TimeoutError:
                if self.buffered_amount >= waiting:
                    raise ConnectionError(f"data channel {self.label} has sent nothing for {_STUCK_S:g} s") from None
        if self.state in ("closing", "closed"):
            raise ConnectionError(f"data channel {self.label} is {self.state}")

    def close(self) -> None:
        """Closes it at both ends."""
        if self.state in ("connecting", "open"):
            self._channel.close()

    def _closed(self) -> None:
        self._low.set()
        self.on_close()

    def _has_drained(self) -> None:
        self._low.set()
        self.on_low()

    def _message(self, data: str | bytes) -> None:
        self.on_message(data.encode() if isinstance(data, str) else data)
