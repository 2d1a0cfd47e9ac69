"""The private names of aiortc and pylibsrtp that Jackfield uses. Read against aiortc 1.16 and pylibsrtp 1.0.

Of aiortc we take DTLS with its SRTP keys (`RTCDtlsTransport`) and SCTP with data channels (`RTCSctpTransport`); its
peer connection, senders and receivers stay unused. `RTCDtlsTransport` accepts any object with ``_recv``, ``_send``,
``role`` and ``state`` for its ICE transport; SRTP never passes through its reading task.

Importing aiortc brings PyAV with every codec, which a server never opens. So its DTLS and SCTP modules are imported
under a package name of ours, without the package's own ``__init__``.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal

import pylibsrtp

from jackfield.log_limit import limited_logger
from jackfield.rtc import srtp_shim
from jackfield.rtc.link import ignore
from jackfield.rtc.reassembly import Reassembly
from jackfield.rtc.sdp import Fingerprint

#: aiortc versions this file was read against: at least the first, below the second.
AIORTC_WINDOW = ("1.16", "1.17")
_DTLS_QUEUE_MAX = 64
#: What may wait to be put together, in all streams: four messages of the largest size that a server takes.
SCTP_WINDOW = 256 << 10
_FRAGMENTS_MAX = 4096
_MISORDERED_MAX = 1024
_STREAMS_MAX = 256

logger = limited_logger(__name__)


class _NoRtp(ModuleType):
    """In the place of `aiortc.rtp`, which imports PyAV: every name in it is an empty class."""

    def __getattr__(self, name: str) -> type:
        if name.startswith("__"):
            raise AttributeError(name)
        found = type(name, (), {})
        setattr(self, name, found)
        return found


def _parts(*names: str) -> list[Any]:
    """These modules of aiortc, in a package of ours."""
    spec = find_spec("aiortc")
    if spec is None:
        raise ImportError("aiortc is not installed")
    package = ModuleType("jackfield_aiortc_parts")
    package.__path__ = list(spec.submodule_search_locations or ())
    sys.modules.setdefault(package.__name__, package)
    sys.modules.setdefault(f"{package.__name__}.rtp", _NoRtp(f"{package.__name__}.rtp"))
    return [import_module(f"{package.__name__}.{name}") for name in names]


if TYPE_CHECKING:
    from aiortc.rtcdatachannel import RTCDataChannel, RTCDataChannelParameters
    from aiortc.rtcdtlstransport import RTCCertificate, RTCDtlsFingerprint, RTCDtlsParameters, RTCDtlsTransport
    from aiortc.rtcsctptransport import RTCSctpCapabilities, RTCSctpTransport
else:
    _channels, _dtls, _sctp = _parts("rtcdatachannel", "rtcdtlstransport", "rtcsctptransport")
    RTCDataChannel, RTCDataChannelParameters = _channels.RTCDataChannel, _channels.RTCDataChannelParameters
    RTCCertificate, RTCDtlsFingerprint = _dtls.RTCCertificate, _dtls.RTCDtlsFingerprint
    RTCDtlsParameters, RTCDtlsTransport = _dtls.RTCDtlsParameters, _dtls.RTCDtlsTransport
    RTCSctpCapabilities, RTCSctpTransport = _sctp.RTCSctpCapabilities, _sctp.RTCSctpTransport


class Certificate:
    """A self-signed certificate for DTLS, new for each process or call."""

    def __init__(self, certificate: RTCCertificate) -> None:
        self.inner = certificate

    @classmethod
    def generate(cls) -> Certificate:
        """A fresh P-256 certificate, good for thirty days."""
        return cls(RTCCertificate.generateCertificate())

    @property
    def fingerprints(self) -> list[Fingerprint]:
        """Its sha-256 digest, as the SDP names it."""
        found = self.inner.getFingerprints()
        return [Fingerprint(item.algorithm, item.value) for item in found if item.algorithm == "sha-256"]


class _DatagramQueue:
    """The face of an ICE transport that aiortc's DTLS wants, fed with DTLS records alone."""

    state = "completed"

    def __init__(self, send: Callable[[bytes], None], controlling: bool) -> None:
        self.role = "controlling" if controlling else "controlled"
        self.out = send
        self._queue: asyncio.Queue[bytes | None] = asyncio.Queue(_DTLS_QUEUE_MAX)
        self._closed = False

    def feed(self, data: bytes) -> None:
        if not self._queue.full():
            self._queue.put_nowait(data)

    def close(self) -> None:
        self._closed = True
        if self._queue.full():
            self._queue.get_nowait()
        self._queue.put_nowait(None)

    async def _recv(self) -> bytes:
        data = None if self._closed else await self._queue.get()
        if data is None:
            raise ConnectionError("the path is closed")
        return data

    async def _send(self, data: bytes) -> None:
        self.out(data)


class DtlsSession:
    """DTLS over datagrams that are fed in, and the SRTP sessions keyed by it (RFC 5764)."""

    def __init__(self, send: Callable[[bytes], None], certificate: Certificate, *, controlling: bool) -> None:
        self._queue = _DatagramQueue(send, controlling)
        self._dtls = RTCDtlsTransport(self._queue, [certificate.inner])  # type: ignore[arg-type]
        self._dtls._srtp_profiles = sorted(self._dtls._srtp_profiles, key=_preference)
        self._dtls.on("statechange", self._changed)
        self.on_state: Callable[[str], None] = ignore
        #: Seals packets where they lie; None before the handshake.
        self.seal: srtp_shim.Seal | None = None
        self.protect: Callable[[bytes], bytes] = _not_connected
        self.unprotect: Callable[[bytes], bytes] = _not_connected
        self.protect_rtcp: Callable[[bytes], bytes] = _not_connected
        self.unprotect_rtcp: Callable[[bytes], bytes] = _not_connected

    @property
    def inner(self) -> RTCDtlsTransport:
        """What SCTP is built on."""
        return self._dtls

    @property
    def state(self) -> str:
        """``new``, ``connecting``, ``connected``, ``closed`` or ``failed``."""
        return self._dtls.state

    @property
    def srtp_profile(self) -> str:
        """The SRTP profile agreed on, "" before."""
        ssl = self._dtls._ssl
        name = ssl.get_selected_srtp_profile() if ssl else b""
        return name.decode()

    def send_over(self, send: Callable[[bytes], None]) -> None:
        """Records go out here from now on."""
        self._queue.out = send

    def feed(self, data: bytes) -> None:
        """One datagram with DTLS records from the peer; dropped when too many wait."""
        self._queue.feed(data)

    async def handshake(self, remote: Sequence[Fingerprint], role: Literal["client", "server"]) -> None:
        """Connected, and the peer's certificate has the promised fingerprint; else `ConnectionError`."""
        self._dtls._set_role(role)
        parameters = [RTCDtlsFingerprint(item.algorithm, item.value) for item in remote]
        if not parameters:
            raise ConnectionError("the peer's description has no DTLS fingerprint")
        await self._dtls.start(RTCDtlsParameters(parameters))
        if self._dtls.state != "connected":
            raise ConnectionError(f"DTLS is {self._dtls.state} after the handshake")
        if self._dtls._task is not None:
            self._dtls._task.add_done_callback(_retrieve)

    def _changed(self) -> None:
        if self._dtls.state == "connected":
            sending, receiving = self._dtls._tx_srtp, self._dtls._rx_srtp
            self.protect, self.protect_rtcp = srtp_shim.protector(sending), sending.protect_rtcp
            self.unprotect, self.unprotect_rtcp = srtp_shim.opener(receiving), receiving.unprotect_rtcp
            self.seal = srtp_shim.sealer(sending)
        self.on_state(self._dtls.state)

    async def close(self) -> None:
        """Says goodbye to the peer and ends."""
        await self._dtls.stop()
        self._queue.close()


def _preference(profile: Any) -> bool:
    """The fastest first: AES-GCM with 128 bits (RFC 7714); the rest in aiortc's order."""
    return bool(profile.openssl_profile != b"SRTP_AEAD_AES_128_GCM")


def _not_connected(data: bytes) -> bytes:
    raise ConnectionError("DTLS is not connected")


def _retrieve(task: asyncio.Future[Any]) -> None:
    if not task.cancelled() and task.exception() is not None:
        logger.info("DTLS ended: %r", task.exception())


#: What SRTP raises for a packet that is forged, replayed, too long or no RTP at all.
SRTP_ERRORS: tuple[type[Exception], ...] = (pylibsrtp.Error, ValueError, ConnectionError)


class _Sctp(RTCSctpTransport):
    """SCTP that survives whatever chunk the peer sends, and holds no more of it than the window that it announces.

    aiortc counts the window down and never looks at it, and its reassembly reads all that waits at each chunk.
    """

    def __init__(self, transport: RTCDtlsTransport) -> None:
        super().__init__(transport)
        self._advertised_rwnd = SCTP_WINDOW
        self._given_up = False
        #: Streams whose messages are held back, and how much more the peer says that it takes.
        self._on_hold: set[int] = set()
        self._peer_window: int | None = None

    async def _handle_data(self, data: bytes) -> None:
        if self._given_up:
            return
        try:
            await super()._handle_data(data)
        except ConnectionError:
            raise
        except Exception as exc:
            logger.info("an SCTP packet was dropped: %r", exc)

    def _get_inbound_stream(self, stream_id: int) -> Any:
        return self._inbound_streams.setdefault(stream_id, Reassembly())  # type: ignore[arg-type]

    def _held(self) -> tuple[int, int]:
        streams: list[Any] = list(self._inbound_streams.values())
        return sum(each.waiting_bytes for each in streams), sum(each.waiting_count for each in streams)

    async def _receive_data_chunk(self, chunk: Any) -> None:
        """As aiortc's. What is out of order and has no room is not acknowledged, so that an honest peer sends it again;
        what waits in order beyond the window is a message without end."""
        if self._given_up:
            return
        self._sack_needed = True
        if self._on_hold or chunk.tsn != ((self._last_received_tsn or 0) + 1) % (1 << 32):
            size, count = self._held()
            if size + len(chunk.user_data) > SCTP_WINDOW or max(count, len(self._sack_misordered)) >= _MISORDERED_MAX:
                return
        if self._mark_received(chunk.tsn):
            return
        stream = self._get_inbound_stream(chunk.stream_id)
        stream.add_chunk(chunk)
        if chunk.stream_id not in self._on_hold:
            await self._hand_over(stream)
        size, count = self._held()
        if size > SCTP_WINDOW or count > _FRAGMENTS_MAX or len(self._inbound_streams) > _STREAMS_MAX:
            await self._give_up()
            return
        await self._reset_deferred_streams()

    async def _hand_over(self, stream: Reassembly) -> None:
        for message in stream.pop_messages():
            await self._receive(*message)
            if message[0] in self._on_hold:
                return

    def hold(self, stream_id: int) -> None:
        """Messages of this stream wait, and our window closes as they do."""
        self._on_hold.add(stream_id)

    async def release(self, stream_id: int) -> None:
        """Messages that waited are handed over, and the peer hears that there is room."""
        self._on_hold.discard(stream_id)
        if stream_id in self._inbound_streams and not self._given_up:
            await self._hand_over(self._get_inbound_stream(stream_id))
            await self._send_sack()

    async def _receive_sack_chunk(self, chunk: Any) -> None:
        self._peer_window = chunk.advertised_rwnd
        await super()._receive_sack_chunk(chunk)

    async def _transmit(self) -> None:
        """As aiortc's, and no more than the peer has room for, save one chunk that asks (RFC 9260 section 6.1)."""
        congestion_window = self._cwnd
        if self._peer_window is not None:
            self._cwnd = min(congestion_window, max(self._peer_window, 1))
        try:
            await super()._transmit()
        finally:
            self._cwnd = congestion_window

    async def _give_up(self) -> None:
        logger.warning("data channels are closed: the peer sends a message that does not end")
        self._given_up, self._sack_needed = True, False
        self._inbound_streams.clear()
        await self._abort()
        self._set_state(self.State.CLOSED)

    def _mark_received(self, tsn: int) -> bool:
        """As aiortc's, which sorts and filters all that is out of order at each chunk."""
        if (tsn - (self._last_received_tsn or 0) - 1) % (1 << 32) >= 1 << 31 or tsn in self._sack_misordered:
            self._sack_duplicates.append(tsn)
            return True
        self._sack_misordered.add(tsn)
        while (following := ((self._last_received_tsn or 0) + 1) % (1 << 32)) in self._sack_misordered:
            self._sack_misordered.remove(following)
            self._last_received_tsn = following
        return False

    async def _send_sack(self) -> None:
        self._advertised_rwnd = SCTP_WINDOW - self._held()[0]
        await super()._send_sack()


class SctpAssociation:
    """An SCTP association over DTLS (RFC 8261), with data channels opened in band (RFC 8832)."""

    def __init__(self, session: DtlsSession) -> None:
        self._sctp = _Sctp(session.inner)
        self._sctp.on("datachannel", self._opened)
        self._releases: set[asyncio.Future[None]] = set()
        self.on_channel: Callable[[RTCDataChannel], None] = ignore

    async def start(self, remote_port: int, max_message_size: int) -> None:
        """The association is being set up; DTLS has to be connected."""
        try:
            await self._sctp.start(RTCSctpCapabilities(maxMessageSize=max_message_size), remote_port)
        except ConnectionError as exc:
            logger.info("no data channels: %s", exc)

    def hold(self, channel: RTCDataChannel) -> None:
        """Messages of this channel wait here until `release`, and the peer sends no more than our window holds."""
        if channel.id is not None:
            self._sctp.hold(channel.id)

    def release(self, channel: RTCDataChannel) -> None:
        """They come again."""
        if channel.id is not None:
            task = asyncio.ensure_future(self._release(channel.id))
            self._releases.add(task)
            task.add_done_callback(self._releases.discard)

    async def _release(self, stream_id: int) -> None:
        try:
            await self._sctp.release(stream_id)
        except ConnectionError as exc:
            logger.info("data that waited was not taken: %s", exc)

    def open(self, label: str, ordered: bool, max_retransmits: int | None) -> RTCDataChannel:
        """A channel that is announced to the peer as soon as the association is up."""
        parameters = RTCDataChannelParameters(label=label, ordered=ordered, maxRetransmits=max_retransmits)
        return RTCDataChannel(self._sctp, parameters)

    def _opened(self, channel: RTCDataChannel) -> None:
        self.on_channel(channel)

    async def close(self) -> None:
        """The association is ended and its timers are gone."""
        await self._sctp.stop()
