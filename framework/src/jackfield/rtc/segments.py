"""Datagrams to one address in few system calls: UDP segmentation (UDP_SEGMENT, Linux 4.18, udp(7)).

The kernel cuts one large datagram into many of equal size, of which the last may be smaller, and goes through its
layers once for all of them.
"""

from __future__ import annotations

import errno
import socket
import struct
import sys
from collections.abc import Iterator, Sequence

SOL_UDP, UDP_SEGMENT = 17, 103
#: A message is cut into at most so many datagrams (UDP_MAX_SEGMENTS), of together at most so many bytes.
SEGMENTS_MAX, MESSAGE_BYTES_MAX = 64, 65507

#: The errors by which the kernel says that it will not cut messages on this way, now or later.
NEVER_CUT = (errno.EIO, errno.EOPNOTSUPP, errno.ENOPROTOOPT, errno.EINVAL, errno.EMSGSIZE)
_SIZE = struct.Struct("=H")


def segments(sock: socket.socket) -> bool:
    """Whether the kernel cuts messages of this socket."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        sock.getsockopt(SOL_UDP, UDP_SEGMENT)
    except OSError:
        return False
    return True


def runs(datagrams: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    """The datagrams, in order, as runs that one message carries each: all of a run have one size, its last may be
    smaller."""
    start = octets = 0
    for index, data in enumerate(datagrams):
        fits = index - start < SEGMENTS_MAX and octets + len(data) <= MESSAGE_BYTES_MAX
        if index > start and not (fits and len(datagrams[start]) == len(datagrams[index - 1]) >= len(data)):
            yield datagrams[start:index]
            start, octets = index, 0
        octets += len(data)
    if datagrams:
        yield datagrams[start:]


def send(sock: socket.socket, run: Sequence[bytes], address: tuple[str, int]) -> None:
    """Sends one of the `runs` through a socket that `segments`; `OSError` when none of it went."""
    size = _SIZE.pack(len(run[0]))
    sock.sendmsg(run, [(SOL_UDP, UDP_SEGMENT, size)], 0, address)
