"""ICE-lite links: one peer's path through the media sockets, learnt from its own authentic connectivity checks."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from jackfield.rtc.link import ignore
from jackfield.server.sfu.limits import Allowance
from jackfield.server.sfu.outbox import Address, Destination, Outbox

if TYPE_CHECKING:
    from jackfield.server.sfu.sockets import MediaSockets

logger = logging.getLogger(__name__)

#: A nominated check moves the path only when nothing but checks came over the old one for this long.
_SETTLED_NS = 500_000_000


class IceLiteLink:
    """A `Link` that answers checks and follows the peer to wherever it sends media from (RFC 8445 section 2.5).

    Every authentic check makes its source an address of this peer; what comes from there is handed to the transport,
    and the last address that media came from is where we send.
    """

    controlling = False

    def __init__(self, sockets: MediaSockets, ufrag: str, pwd: str, *, datagrams_per_second: int = 10_000) -> None:
        self.ufrag = ufrag
        self.pwd = pwd
        self.on_datagram: Callable[[bytes], None] = ignore
        self.on_closed: Callable[[], None] = ignore
        #: (socket, address) pairs that authentic checks came from, the oldest first.
        self.known: dict[tuple[socket.socket, Address], None] = {}
        self.address: Address | None = None
        #: Where RTP goes, and what it waits in; None while there is no path.
        self.destination: Destination | None = None
        self.outbox: Outbox | None = None
        self.heard_ns = 0
        self.checked_ns = 0
        self.datagrams_unsent = 0
        self._allowance = Allowance(datagrams_per_second)
        self._socket: socket.socket | None = None
        self._media_ns = 0
        self._is_renewed = False
        self._sockets = sockets

    def renew(self, ufrag: str, pwd: str) -> None:
        """The link has these credentials from now on; the peer may be elsewhere, its first nomination says where."""
        self.ufrag, self.pwd, self._is_renewed = ufrag, pwd, True

    def checked(self, sock: socket.socket, address: Address, nominated: bool, now_ns: int) -> None:
        """An authentic check came from ``address`` through ``sock``."""
        self.checked_ns = self.heard_ns = now_ns
        settled = self._is_renewed or now_ns - self._media_ns > _SETTLED_NS
        if self.address is None or (nominated and settled):
            self._is_renewed = False
            self.move(sock, address)

    def move(self, sock: socket.socket, address: Address) -> None:
        """We send there from now on."""
        self._socket, self.address = sock, address
        self.destination, self.outbox = Destination(address), self._sockets.outbox(sock)

    def receive(self, data: bytes, sock: socket.socket, address: Address, now_ns: int) -> None:
        """A datagram that is no STUN came from one of this peer's addresses; a flood of them is cut."""
        if not self._allowance.take(now_ns):
            return
        self.heard_ns = self._media_ns = now_ns
        if address != self.address or sock is not self._socket:
            self.move(sock, address)
        self.on_datagram(data)

    def send(self, data: bytes) -> None:
        """Sends without blocking; dropped while there is no path, or the socket's buffer is full."""
        if self._socket is None:
            return
        try:
            self._socket.sendto(data, self.address)  # type: ignore[arg-type]
        except OSError:
            self.datagrams_unsent += 1

    def send_all(self, datagrams: Sequence[bytes]) -> None:
        """One by one: what a peer is sent in numbers goes by the outbox."""
        for data in datagrams:
            self.send(data)

    async def close(self) -> None:
        """The sockets forget this peer; they are shared and stay open."""
        self._sockets.forget(self)
        self._socket = self.outbox = None
