"""The server's end of one peer connection: an ICE-lite link and the transport over it. A participant has two."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence

from attrs import field, frozen

from jackfield.log_limit import limited_logger
from jackfield.media.clock import Clock
from jackfield.rtc.link import ignore
from jackfield.rtc.sdp import Fingerprint, MediaSection, SessionDescription, Setup
from jackfield.rtc.transport import Certificate, Transport
from jackfield.server.sfu.limits import Limits
from jackfield.server.sfu.link import IceLiteLink
from jackfield.server.sfu.resume import Departed
from jackfield.server.sfu.sockets import MediaSockets

logger = limited_logger(__name__)

_CLOSE_S = 2.0


@frozen
class Surroundings:
    """What every connection of a server shares."""

    sockets: MediaSockets
    certificate: Certificate
    clock: Clock
    limits: Limits
    departed: Departed = field(factory=Departed)


class Connection:
    """DTLS is started once, with the peer's first description; its part in the handshake is always the client's.

    ``over`` another connection, it shares that one's path, which stays the other's to start and to close.
    """

    def __init__(self, around: Surroundings, *, name: str, over: Connection | None = None) -> None:
        self.name = name
        self.link: IceLiteLink = over.link if over is not None else around.sockets.link()
        self.transport: Transport = over.transport if over is not None else Transport(self.link, around.certificate)
        self._sockets = around.sockets
        self._certificate = around.certificate
        self._clock = around.clock
        self._limits = around.limits
        self._starting: asyncio.Task[None] | None = None
        #: The handshake did not succeed; nothing will ever flow here.
        self.on_failed: Callable[[], object] = ignore
        self._remote_ufrag = ""

    def describe(self, setup: Setup) -> Callable[[MediaSection], MediaSection]:
        """Puts our ICE and DTLS into each section it is called with, the candidates into the first.

        Candidates in any other section of the bundle are ignored by the Rust SDK.
        """
        candidates = self._sockets.candidates()

        def apply(section: MediaSection) -> MediaSection:
            if section.port:
                section.ice_ufrag, section.ice_pwd = self.link.ufrag, self.link.pwd
                section.fingerprints = self._certificate.fingerprints
                section.setup = setup
                section.candidates, section.end_of_candidates = list(candidates), bool(candidates)
                candidates.clear()
            return section

        return apply

    def start(self, remote: SessionDescription) -> None:
        """DTLS goes ahead with the fingerprint, and SCTP with the port, that ``remote`` says."""
        section = remote.transport_section
        if section is None:
            return
        self._remote_ufrag = section.ice_ufrag
        for application in remote.media:
            if application.kind == "application" and not application.rejected:
                size = application.max_message_size or 65536
                self.transport.channels.start(application.sctp_port or 5000, size)
        if self._starting is None:
            job = self._connect(section.fingerprints)
        elif self.transport.state == "connected":
            job = self.transport.channels.associate()
        else:
            return
        self._starting = asyncio.get_running_loop().create_task(self._attempt(job))

    def restarts_ice(self, remote: SessionDescription) -> bool:
        """Whether ``remote`` brings new ICE credentials."""
        section = remote.transport_section
        return section is not None and self._remote_ufrag not in ("", section.ice_ufrag)

    def renew(self) -> None:
        """Our ICE credentials are new ones; the path stays until checks come with them."""
        self._sockets.renew(self.link)

    async def _connect(self, remote: Sequence[Fingerprint]) -> None:
        await self.transport.start(remote, "server")
        self.connected()

    async def _attempt(self, job: Coroutine[None, None, None]) -> None:
        try:
            await job
        except ConnectionError as exc:
            logger.info("%s: %s", self.name, exc)
            self.on_failed()
        except Exception:
            logger.exception("%s cannot be connected", self.name)
            self.on_failed()

    def connected(self) -> None:
        """Media can be sent from now on."""

    async def close(self) -> None:
        """The transport and the link are gone, within two seconds."""
        if self._starting is not None:
            self._starting.cancel()
            await asyncio.wait({self._starting}, timeout=_CLOSE_S)
        try:
            await asyncio.wait_for(self.transport.close(), _CLOSE_S)
        except TimeoutError:
            logger.info("%s: did not close in time", self.name)
        except Exception:
            logger.exception("%s did not close in order", self.name)
        finally:
            await self.link.close()
