"""The UDP sockets that all media of all peers goes through: one for each local address, all on one port.

A datagram finds its peer by its source address; a connectivity check finds it by the user name fragment in it.
Sockets are drained, up to 64 datagrams a wake-up, with no task (one callback a datagram costs 18 µs); the RTP that goes
out for them is collected and leaves at the drain's end.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import time
from collections.abc import Callable, Sequence

from jackfield.log_limit import limited_logger
from jackfield.rtc import ice_lite
from jackfield.server.sfu.addresses import bound_addresses
from jackfield.server.sfu.limits import Limits
from jackfield.server.sfu.link import IceLiteLink
from jackfield.server.sfu.outbox import Address, Outbox, make_outbox
from jackfield.server.sfu.tally import Durations

logger = limited_logger(__name__)

_DRAIN = 64
_DATAGRAM_MAX = 2048
_BUFFER_BYTES = 4 << 20
_PORT_TRIES = 16
_USE_CANDIDATE = 0x0025


class MediaSockets:
    """Every peer's datagrams. ``host`` is bound as `bound_addresses` says; ``port`` 0 takes a free one."""

    def __init__(
        self,
        host: str,
        port: int = 0,
        *,
        announce: Sequence[str] = (),
        limits: Limits | None = None,
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self.host = host
        self.port = port
        self.addresses: list[str] = []
        self.datagrams_strange = 0
        #: From the first datagram of a drain read to the last that it caused sent: no packet takes longer here.
        self.forwarding = Durations()
        self._announce = tuple(announce)
        self._limits = limits or Limits()
        self._clock_ns = clock_ns
        self._sockets: list[socket.socket] = []
        self._by_ufrag: dict[str, IceLiteLink] = {}
        self._by_address: dict[socket.socket, dict[Address, IceLiteLink]] = {}
        self._outboxes: dict[socket.socket, Outbox] = {}
        self._draining = False

    def open(self) -> None:
        """Bound and read from by the running loop. `OSError` when the port is taken or the address is not ours."""
        self.addresses = bound_addresses(self.host)
        for attempt in range(_PORT_TRIES):
            try:
                self._sockets = bind_all(self.addresses, self.port)
                break
            except OSError:
                if self.port or attempt == _PORT_TRIES - 1:
                    raise
        self.port = self._sockets[0].getsockname()[1]
        self.addresses = [sock.getsockname()[0] for sock in self._sockets]
        loop = asyncio.get_running_loop()
        for sock in self._sockets:
            self._by_address[sock] = {}
            self._outboxes[sock] = make_outbox(sock, self._wake)
            loop.add_reader(sock.fileno(), self._drain, sock)

    def __len__(self) -> int:
        return len(self._sockets)

    def link(self) -> IceLiteLink:
        """A new peer's link, with credentials of its own."""
        link = IceLiteLink(self, *ice_lite.local_credentials(), datagrams_per_second=self._limits.datagrams_per_second)
        self._by_ufrag[link.ufrag] = link
        return link

    def renew(self, link: IceLiteLink) -> None:
        """The link has new credentials; the old ones hold no more."""
        self._by_ufrag.pop(link.ufrag, None)
        link.renew(*ice_lite.local_credentials())
        self._by_ufrag[link.ufrag] = link

    def candidates(self) -> list[str]:
        """Where peers reach us: announced addresses first, then our own."""
        return ice_lite.candidate_lines(dict.fromkeys((*self._announce, *self.addresses)), self.port)

    def outbox(self, sock: socket.socket) -> Outbox | None:
        """What collects the RTP that leaves through this socket; None once it is closed."""
        return self._outboxes.get(sock)

    def _wake(self) -> None:
        """RTP waits; outside a drain nobody else would send it."""
        if not self._draining:
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        for outbox in self._outboxes.values():
            outbox.flush()

    def _drain(self, sock: socket.socket) -> None:
        self._draining = True
        began_ns = time.perf_counter_ns()
        try:
            self._read(sock)
        finally:
            self._draining = False
            self._flush()
            self.forwarding.add(time.perf_counter_ns() - began_ns)

    def _read(self, sock: socket.socket) -> None:
        links = self._by_address[sock]
        now_ns = self._clock_ns()
        for _ in range(_DRAIN):
            try:
                data, address = sock.recvfrom(_DATAGRAM_MAX)
            except BlockingIOError:
                return
            except OSError as exc:
                # An earlier datagram of ours was refused (ICMP); it is nobody's fault here.
                logger.debug("media socket: %r", exc)
                continue
            try:
                self._receive(sock, links, data, address, now_ns)
            except Exception:
                logger.exception("a datagram of %d bytes could not be handled", len(data))

    def _receive(
        self, sock: socket.socket, links: dict[Address, IceLiteLink], data: bytes, address: Address, now_ns: int
    ) -> None:
        if data and data[0] > 3:
            link = links.get(address)
            if link is not None:
                link.receive(data, sock, address, now_ns)
                return
        elif ice_lite.is_stun(data):
            self._check(sock, links, data, address, now_ns)
            return
        self.datagrams_strange += 1

    def _check(
        self, sock: socket.socket, links: dict[Address, IceLiteLink], data: bytes, address: Address, now_ns: int
    ) -> None:
        link = self._by_ufrag.get(ice_lite.parse_username(data) or "")
        response = ice_lite.answer(data, address[:2], ufrag=link.ufrag, pwd=link.pwd) if link is not None else None
        if link is None or response is None:
            self.datagrams_strange += 1
            return
        self._learn(sock, links, address, link)
        link.checked(sock, address, _nominates(data), now_ns)
        try:
            sock.sendto(response, address)
        except OSError as exc:
            logger.debug("a check was not answered: %r", exc)

    def _learn(
        self, sock: socket.socket, links: dict[Address, IceLiteLink], address: Address, link: IceLiteLink
    ) -> None:
        known = links.get(address)
        if known is link:
            return
        if known is not None:
            known.known.pop((sock, address), None)
        links[address] = link
        link.known[sock, address] = None
        if len(link.known) > self._limits.addresses_per_link:
            oldest = next(pair for pair in link.known if pair[1] != link.address)
            del link.known[oldest]
            self._by_address[oldest[0]].pop(oldest[1], None)

    def forget(self, link: IceLiteLink) -> None:
        """This peer is gone."""
        self._by_ufrag.pop(link.ufrag, None)
        for sock, address in link.known:
            links = self._by_address.get(sock, {})
            if links.get(address) is link:
                del links[address]
        link.known.clear()

    def close(self) -> None:
        """The sockets are closed."""
        loop = asyncio.get_running_loop()
        for sock in self._sockets:
            loop.remove_reader(sock.fileno())
            sock.close()
        self._sockets.clear()
        self._by_address.clear()
        self._outboxes.clear()
        self._by_ufrag.clear()


def bind_all(addresses: Sequence[str], port: int) -> list[socket.socket]:
    """A socket on each address, all on the same port; none stays open when one cannot be bound.

    An address that has just gone, or is not ready yet, is passed over while there is another.
    """
    sockets: list[socket.socket] = []
    try:
        for address in addresses:
            try:
                sockets.append(_bind(address, port))
            except OSError as exc:
                if exc.errno != errno.EADDRNOTAVAIL or (address == addresses[-1] and not sockets):
                    raise
                logger.info("no media on %s: %s", address, exc)
                continue
            port = sockets[0].getsockname()[1]
    except OSError:
        for sock in sockets:
            sock.close()
        raise
    return sockets


def _bind(address: str, port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            sock.setsockopt(socket.SOL_SOCKET, option, _BUFFER_BYTES)
        sock.bind((address, port))
    except OSError:
        sock.close()
        raise
    return sock


def _nominates(data: bytes) -> bool:
    """Whether a connectivity check carries USE-CANDIDATE."""
    position = 20
    while position + 4 <= len(data):
        kind = data[position] << 8 | data[position + 1]
        if kind == _USE_CANDIDATE:
            return True
        length = data[position + 2] << 8 | data[position + 3]
        position += 4 + length + (-length % 4)
    return False
