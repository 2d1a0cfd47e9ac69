"""All that waits in a socket, in one turn of the loop: asyncio reads one datagram in each."""

from __future__ import annotations

import asyncio
import socket
from typing import Any, Protocol

#: So many datagrams are taken in one turn, beside the one that woke it: others want their turn too.
_MOST, _LONGEST = 31, 65_536


class Receiving(Protocol):
    """A protocol that asyncio has connected to a socket."""

    transport: asyncio.DatagramTransport

    def datagram_received(self, data: Any, address: Any, /) -> None: ...


def drain(protocol: Receiving) -> socket.socket | None:
    """From now on the protocol is given what waits in its socket, in order; the answer is to be closed with it.

    Where turns are fewer than datagrams, one in each leaves the buffer full for ever: all of it late by seconds, and
    whatever comes next is lost. None where the loop does not read sockets itself (Windows).
    """
    if not isinstance(asyncio.get_running_loop(), asyncio.SelectorEventLoop):
        return None
    waiting: socket.socket = protocol.transport.get_extra_info("socket").dup()
    take = protocol.datagram_received

    def take_all(data: Any, address: Any, /) -> None:
        take(data, address)
        for _ in range(_MOST):
            if protocol.transport.is_closing():
                return
            try:
                more, sender = waiting.recvfrom(_LONGEST)
            except OSError:  # nothing waits, or the next to read says what is wrong
                return
            take(more, sender)

    protocol.datagram_received = take_all  # type: ignore[method-assign]
    return waiting
