"""What carries one peer's datagrams, and the servers that help to find a path."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from attrs import field, frozen


@frozen
class IceServer:
    """A STUN or TURN server: ``stun:host:port``, ``turn:host:port?transport=udp``, ``turns:host``."""

    urls: tuple[str, ...]
    username: str | None = None
    credential: str | None = field(default=None, repr=False)


class Link(Protocol):
    """Datagrams to and from one peer. ICE is its business: STUN never comes out of it."""

    #: Whether this end has the ICE controlling role.
    controlling: bool
    #: Called, synchronously, for each datagram that is not STUN.
    on_datagram: Callable[[bytes], None]
    #: Called once when the path is gone for good.
    on_closed: Callable[[], None]

    def send(self, data: bytes) -> None:
        """Sends without blocking; dropped while there is no path."""

    def send_all(self, datagrams: Sequence[bytes]) -> None:
        """The same for many, in order, and in few system calls where that can be."""

    async def close(self) -> None:
        """Sockets that are its own are closed."""


def ignore(*_: object) -> None:
    """A callback that nobody has set yet."""
