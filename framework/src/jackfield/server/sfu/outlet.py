"""RTP towards one peer: written and sealed in its socket's outbox, from where it leaves with the rest of the drain."""

from __future__ import annotations

from jackfield.log_limit import limited_logger
from jackfield.rtc.aiortc_shim import SRTP_ERRORS
from jackfield.rtc.transport import Transport
from jackfield.server.sfu.link import IceLiteLink

logger = limited_logger(__name__)


class RtpOutlet:
    """The fast way past `Transport.send_rtp`; both may be used side by side."""

    __slots__ = ("_link", "_transport")

    def __init__(self, transport: Transport, link: IceLiteLink) -> None:
        self._transport = transport
        self._link = link

    def send(self, header: bytes, body: bytes) -> None:
        """Sends a packet; it is dropped while there is no path or no key."""
        transport, link = self._transport, self._link
        seal, outbox, to = transport.seal, link.outbox, link.destination
        if seal is None or outbox is None or to is None:
            return
        try:
            size = outbox.put(to, seal, header, body)
        except SRTP_ERRORS as exc:
            logger.info("a packet of %d bytes was not sent: %r", len(header) + len(body), exc)
            return
        transport.packets_sent += 1
        transport.bytes_sent += size
