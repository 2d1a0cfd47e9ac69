"""The private names of aioice that Jackfield uses, and a full ICE agent over it. Read against aioice 0.10–0.13.

aioice never gathers 127.0.0.1, hands every datagram through a queue, reads one in a turn of the loop, notices that a
pair is nominated up to 20 ms late, when it looks at its check list again, asks ever more rarely where nobody answers,
and notices after half a minute that a path is lost; all six are mended here by its own methods.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import socket
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import MappingProxyType

from aioice import Candidate, Connection, stun
from aioice.ice import CandidatePair, StunProtocol, get_host_addresses, server_reflexive_candidate

from jackfield.log_limit import limited_logger
from jackfield.rtc import segments
from jackfield.rtc.drain import drain
from jackfield.rtc.link import IceServer, ignore

#: Each is checked from each of our addresses: whoever names thousands makes us send to thousands.
REMOTE_CANDIDATES_MAX = 64
CONNECT_TIMEOUT_S = 15.0
#: aioice asks one STUN and one TURN server, and waits for neither longer than this.
GATHER_TIMEOUT_S = 3
#: A check that is not answered is sent again this often, and not ever more rarely: a network that is back is found at
#: once (RFC 8445 section 14.3 asks for 500 ms at least).
RETRY_S = 0.5

_QUESTIONS_MAX = 8
#: A question of consent may be answered for so long (RFC 7675 section 5.1: consent lasts thirty seconds).
_CONSENT_S = 30.0

logger = limited_logger(__name__)


class _Connection(Connection):
    """A connection that hands datagrams on as they come, and gathers where it is told."""

    on_datagram: Callable[[bytes], None] = staticmethod(ignore)
    on_nominated: Callable[[], None] = staticmethod(ignore)
    #: Questions on the nominated pair that were answered; how long the last one took, and all of them together.
    answered = 0
    rtt_s: float | None = None
    rtt_total_s = 0.0
    _asked: dict[CandidatePair, stun.Message]
    #: A second hold on each socket of ours, to be closed with it.
    _drained: Mapping[StunProtocol, socket.socket] = MappingProxyType({})
    #: Whether the kernel cuts messages on the way to the peer.
    _cuts = True

    def build_request(self, pair: CandidatePair, nominate: bool) -> stun.Message:
        request = super().build_request(pair, nominate)
        if not self._nominated:
            self._asked[pair] = request
        return request

    def check_again(self) -> None:
        """Every check that waits for its answer is sent once more, in the same transaction."""
        for pair, request in self._asked.items():
            if pair.state == CandidatePair.State.IN_PROGRESS and pair.protocol.transport is not None:
                pair.protocol.send_stun(request, pair.remote_addr)

    async def query_consent(self) -> None:
        """Consent is `PathWatch`'s matter, which asks by `ask_consent`."""

    async def ask_consent(self) -> None:
        pair = self._nominated.get(1)
        if pair is None or self.remote_password is None:
            return
        request = self.build_request(pair, nominate=False)
        key = self.remote_password.encode()
        began = time.monotonic()
        try:
            await pair.protocol.request(request, pair.remote_addr, integrity_key=key, retransmissions=1)
        except stun.TransactionTimeout:
            if not await _answered_late(pair.protocol, request, key):
                return
        except stun.TransactionError:
            return
        self.answered += 1
        self.rtt_s = time.monotonic() - began
        self.rtt_total_s += self.rtt_s

    async def close(self) -> None:
        await super().close()
        for each in self._drained.values():
            each.close()
        self._drained = {}

    def check_complete(self, pair: CandidatePair) -> None:
        super().check_complete(pair)
        if self._nominated:
            self.on_nominated()

    def data_received(self, data: bytes, component: int) -> None:
        self.on_datagram(data)

    async def gather_on(self, addresses: list[str]) -> None:
        """Host candidates. aioice would wait for the servers too; they are asked by `ask`, while checks run."""
        self._local_candidates_start = True
        servers = self.stun_server, self.turn_server
        self.stun_server = self.turn_server = None
        try:
            self._local_candidates += await self.get_component_candidates(1, addresses)
            self._drained = {each: drained for each in self._protocols if (drained := drain(each))}
        finally:
            self.stun_server, self.turn_server = servers
        self._local_candidates_end = True

    async def ask(self, found: Callable[[Candidate], None]) -> None:
        """What a STUN server and a TURN server know of us, each as soon as it comes."""
        hosts = [each for each in self._protocols if ":" not in each.local_candidate.host]
        questions: list[Awaitable[list[Candidate]]] = []
        if self.stun_server:
            questions += [self._reflexive(host, self.stun_server) for host in hosts]
        if self.turn_server:
            questions.append(self._relayed())
        async with asyncio.TaskGroup() as asking:
            for question in questions:
                asking.create_task(self._answered(question, found))

    async def _answered(self, question: Awaitable[list[Candidate]], found: Callable[[Candidate], None]) -> None:
        try:
            candidates = await question
        except Exception as exc:
            logger.debug("no candidate: %r", exc)
            return
        self._local_candidates += candidates
        for candidate in candidates:
            found(candidate)

    async def _reflexive(self, host: StunProtocol, server: tuple[str, int]) -> list[Candidate]:
        async with asyncio.timeout(GATHER_TIMEOUT_S):
            return [(await server_reflexive_candidate(host, server))[0]]

    async def _relayed(self) -> list[Candidate]:
        known = set(self._protocols)
        asking = asyncio.ensure_future(self.get_component_candidates(1, [], timeout=GATHER_TIMEOUT_S))
        try:  # whoever cancels would leave a relay behind that renews itself for ever
            candidates = await asyncio.shield(asking)
        except asyncio.CancelledError:
            asking.add_done_callback(lambda _: self._close_all_but(known))
            raise
        for relay in set(self._protocols) - known:
            self._check(relay)
        return candidates

    def _close_all_but(self, known: set[StunProtocol]) -> None:
        for late in set(self._protocols) - known:
            late.transport.close()

    def _check(self, relay: StunProtocol) -> None:
        """A relay's pairs are checked, also where checks are under way."""
        for remote in self._remote_candidates:
            if relay.local_candidate.can_pair_with(remote) and not self._find_pair(relay, remote):
                self._check_list.append(CandidatePair(relay, remote))
        self.sort_check_list()
        if self._early_checks_done and not self._check_list_done:
            for pair in [pair for pair in self._check_list if pair.protocol is relay]:
                pair.task = asyncio.create_task(self.check_start(pair))

    def send_now(self, data: bytes) -> None:
        pair = self._nominated.get(1)
        if pair is not None and pair.protocol.transport is not None:
            pair.protocol.transport.sendto(data, pair.remote_addr)

    def send_all(self, datagrams: Sequence[bytes]) -> None:
        """The same for many, in order: in few system calls where the kernel cuts messages."""
        pair = self._nominated.get(1)
        transport = pair.protocol.transport if pair is not None else None
        if pair is None or transport is None:
            return
        for run in segments.runs(datagrams) if self._cuts else [datagrams]:
            if len(run) == 1 or not self._send_run(pair, run):
                for data in run:
                    transport.sendto(data, pair.remote_addr)

    def _send_run(self, pair: CandidatePair, run: Sequence[bytes]) -> bool:
        sock = self._drained.get(pair.protocol)  # none of a relay, which wraps each datagram
        if sock is None or not self._cuts or _waits(pair.protocol.transport):
            return False
        try:
            segments.send(sock, run, pair.remote_addr)
        except OSError as exc:  # one by one they go, wait in asyncio's buffer, or it says what is wrong
            self._cuts = exc.errno not in segments.NEVER_CUT
            return False
        return True

    def pair(self) -> tuple[str, str] | None:
        pair = self._nominated.get(1)
        return (pair.local_candidate.to_sdp(), pair.remote_candidate.to_sdp()) if pair else None

    def local_host(self) -> str | None:
        """The address of this machine that the nominated pair begins at; None where a relay stands between."""
        pair = self._nominated.get(1)
        return pair.local_candidate.host if pair is not None and pair.local_candidate.type == "host" else None


def _waits(transport: asyncio.DatagramTransport) -> bool:
    """Whether something was sent before and has not left: what is sent past it would overtake it."""
    return bool(transport.get_write_buffer_size())  # type: ignore[attr-defined]


class _Late:
    """Stands for a transaction that was given up, where its answer may still come."""

    def __init__(self, key: bytes) -> None:
        self.answered = asyncio.Event()
        self._key = key

    def response_received(self, message: stun.Message, address: tuple[str, int]) -> None:
        if message.message_class == stun.Class.RESPONSE and message.check_message_integrity(self._key):
            self.answered.set()


async def _answered_late(protocol: StunProtocol, request: stun.Message, key: bytes) -> bool:
    """Whether an answer comes after all. aioice gives up after a second and a half, but a path with full buffers, or a
    peer that is out of breath, may take longer and be a path all the same."""
    late = _Late(key)
    protocol.transactions[request.transaction_id] = late  # type: ignore[assignment]
    try:
        async with asyncio.timeout(_CONSENT_S):
            await late.answered.wait()
    except TimeoutError:
        return False
    finally:
        protocol.transactions.pop(request.transaction_id, None)
    return True


class IceAgent:
    """Full ICE for one peer (RFC 8445), trickling; a `Link`.

    ``loopback`` also gathers 127.0.0.1: right when the server is on this machine. Only the first STUN and the first
    TURN server are asked, which is what aioice can do.
    """

    def __init__(self, *, controlling: bool, ice_servers: Sequence[IceServer] = (), loopback: bool = False) -> None:
        self.controlling = controlling
        self.on_datagram: Callable[[bytes], None] = ignore
        self.on_closed: Callable[[], None] = ignore
        self._loopback = loopback
        self._connection = _Connection(ice_controlling=controlling, **_servers(ice_servers))  # type: ignore[arg-type]
        self._connection.on_datagram = self._received
        self._connection._asked = {}
        self._asking_consent: dict[asyncio.Task[None], None] = {}
        self._nominated = asyncio.Event()
        self._connection.on_nominated = self._nominated.set
        self._life: asyncio.Task[None] | None = None
        self._ended = False
        #: Whether there are STUN or TURN servers to be asked.
        self.has_servers = bool(self._connection.stun_server or self._connection.turn_server)
        self._asking, self._end_held = self.has_servers, False

    @property
    def local_ufrag(self) -> str:
        """Our user name fragment."""
        return self._connection.local_username

    @property
    def local_pwd(self) -> str:
        """Our password."""
        return self._connection.local_password

    @property
    def selected_pair(self) -> tuple[str, str] | None:
        """The candidates in use, ours and theirs, as the SDP writes them; None before there is a path."""
        return self._connection.pair()

    async def gather(self) -> list[str]:
        """Our own addresses as ``candidate:…`` lines: enough for checks to begin."""
        addresses = local_addresses()
        if self._loopback:
            addresses = ["127.0.0.1", *addresses]
        await self._connection.gather_on(addresses)
        return ["candidate:" + candidate.to_sdp() for candidate in self._connection.local_candidates]

    async def ask_servers(self, found: Callable[[str], None]) -> None:
        """After `gather`: what STUN and TURN servers know of us, as ``candidate:…`` lines, each as it comes."""
        try:
            await self._connection.ask(lambda candidate: found("candidate:" + candidate.to_sdp()))
        finally:
            self._asking = False
        if self._end_held:
            await self.add_remote_candidate(None)

    def set_remote(self, ufrag: str, pwd: str, *, lite: bool) -> None:
        """The peer's credentials, and whether it only answers checks (ICE-lite)."""
        self._connection.remote_username = ufrag
        self._connection.remote_password = pwd
        self._connection.remote_is_lite = lite

    async def add_remote_candidate(self, line: str | None) -> None:
        """A candidate of the peer's, None for the last. What cannot be used (TCP, mDNS, garbage) is left out."""
        candidate = None if line is None else _candidate(line)
        if line is not None and candidate is None:
            return
        if candidate is None and self._asking:  # a relay may still come: nothing has failed before
            self._end_held = True
            return
        if candidate is not None and len(self._connection.remote_candidates) >= REMOTE_CANDIDATES_MAX:
            logger.info("candidates of the peer beyond %d are left out", REMOTE_CANDIDATES_MAX)
            return
        try:
            await self._connection.add_remote_candidate(candidate)
        except ValueError as exc:
            logger.debug("candidate left out: %s", exc)

    async def connect(self) -> None:
        """A pair is nominated; `ConnectionError` when none works within fifteen seconds."""
        loop = asyncio.get_running_loop()
        self._life = loop.create_task(self._live())
        nominated, again = loop.create_task(self._nominated.wait()), loop.create_task(self._check_again())
        try:
            either = (self._life, nominated)
            done, _ = await asyncio.wait(either, timeout=CONNECT_TIMEOUT_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            nominated.cancel()
            again.cancel()
            self._connection._asked.clear()
        if not self._nominated.is_set():
            self._ended = True
            if self._life in done and (exc := self._life.exception()) is not None:
                raise ConnectionError(f"no candidate pair worked: {exc}")
            self._life.cancel()
            raise ConnectionError(f"no candidate pair worked within {CONNECT_TIMEOUT_S:g} s")

    async def _check_again(self) -> None:
        while True:
            await asyncio.sleep(RETRY_S)
            self._connection.check_again()

    async def _live(self) -> None:
        """From the first check until the agent is closed."""
        await self._connection.connect()
        await self._connection.get_event()
        if not self._ended:
            self.on_closed()

    @property
    def answered(self) -> int:
        """How often the peer has answered `ask`."""
        return self._connection.answered

    @property
    def round_trip(self) -> tuple[float | None, float]:
        """How long the last answer to `ask` took, and all of them together, in seconds."""
        return self._connection.rtt_s, self._connection.rtt_total_s

    def ask(self) -> None:
        """Asks the peer whether it is still there, and takes what we send (RFC 7675); does not block."""
        if len(self._asking_consent) >= _QUESTIONS_MAX:
            next(iter(self._asking_consent)).cancel()  # of those without an answer the oldest
        task = asyncio.get_running_loop().create_task(self._connection.ask_consent())
        self._asking_consent[task] = None
        task.add_done_callback(lambda done: self._asking_consent.pop(done, None))

    def address_gone(self) -> bool:
        """Whether the path begins at an address that is not this machine's any more."""
        host = self._connection.local_host()
        return host is not None and not is_ours(host)

    def _received(self, data: bytes) -> None:
        self.on_datagram(data)

    def send(self, data: bytes) -> None:
        """Sends over the nominated pair; dropped before there is one."""
        self._connection.send_now(data)

    def send_all(self, datagrams: Sequence[bytes]) -> None:
        """See `Link`."""
        self._connection.send_all(datagrams)

    async def close(self) -> None:
        """Its sockets are closed. May be called twice."""
        self._ended = True
        running = [*self._asking_consent, *([self._life] if self._life is not None else [])]
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running)
        await self._connection.close()


def local_addresses() -> list[str]:
    """This machine's addresses on all its networks, loopback left out."""
    return get_host_addresses(use_ipv4=True, use_ipv6=True)


def is_ours(address: str) -> bool:
    """Whether this machine has this address now: a socket can be bound to it, which is known in microseconds, where a
    list of all addresses takes a millisecond. What cannot be told is taken for ours."""
    try:
        with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind((address, 0))
    except OSError as exc:
        return exc.errno != errno.EADDRNOTAVAIL
    return True


def _candidate(line: str) -> Candidate | None:
    try:
        candidate = Candidate.from_sdp(line.removeprefix("a=").removeprefix("candidate:"))
        ipaddress.ip_address(candidate.host)
    except ValueError:
        return None
    return candidate if candidate.transport.lower() == "udp" and candidate.component == 1 else None


def _servers(servers: Sequence[IceServer]) -> dict[str, object]:
    found: dict[str, object] = {"stun_server": None, "turn_server": None}
    for server in servers:
        for url in server.urls:
            scheme, _, rest = url.partition(":")
            address, _, query = rest.partition("?")
            host, port = _host_port(address, 5349 if scheme.endswith("s") and scheme != "stun" else 3478)
            if scheme == "stun" and found["stun_server"] is None:
                found["stun_server"] = (host, port)
            elif scheme in ("turn", "turns") and found["turn_server"] is None:
                found |= {
                    "turn_server": (host, port),
                    "turn_username": server.username,
                    "turn_password": server.credential,
                    "turn_ssl": scheme == "turns",
                    "turn_transport": "tcp" if scheme == "turns" or "transport=tcp" in query else "udp",
                }
    return found


def _host_port(address: str, default: int) -> tuple[str, int]:
    if address.startswith("["):
        host, _, rest = address[1:].partition("]")
        return host, int(rest[1:]) if rest[1:].isdigit() else default
    host, _, port = address.partition(":")
    return host, int(port) if port.isdigit() else default
