"""SRTP in place: the private names of pylibsrtp that the forwarding path uses. Read against pylibsrtp 1.0.

`pylibsrtp.Session` copies each packet twice and makes a C object for its length. Here libsrtp works where the packet
already lies. With another pylibsrtp, `IN_PLACE` is False and the same functions go through the public ones.
RFC 3711, RFC 7714.
"""

from __future__ import annotations

import mmap
from collections.abc import Callable
from typing import Any

import pylibsrtp

#: pylibsrtp versions this file was read against: at least the first, below the second.
PYLIBSRTP_WINDOW = ("1.0", "1.1")
#: What sealing may add to a packet: the longest authentication tag and master key identifier.
TRAILER_MAX = 16 + 128
_PACKET_MAX = 2048


def _binding() -> tuple[Any, Any] | None:
    first, end = (tuple(map(int, text.split("."))) for text in PYLIBSRTP_WINDOW)
    found = tuple(int(part) for part in pylibsrtp.__version__.split(".")[:2] if part.isdigit())
    if not first <= found < end:
        return None
    try:
        from pylibsrtp._binding import ffi, lib

        probe = pylibsrtp.Session()
        needed = (lib.srtp_protect, lib.srtp_unprotect, probe._srtp[0], ffi.from_buffer)
    except (ImportError, AttributeError, TypeError):
        return None
    return (ffi, lib) if all(needed) else None


_BOUND = _binding()
#: Whether packets are sealed and opened where they lie.
IN_PLACE = _BOUND is not None
_FFI: Any
_LIB: Any
_FFI, _LIB = _BOUND or (None, None)


class Memory:
    """Memory that packets are written to and sealed in. ``bytes`` takes slices; it is never resized.

    Pages that were never written to take none of the machine's memory.
    """

    def __init__(self, size: int) -> None:
        self.bytes = mmap.mmap(-1, size)
        self.base: Any = _FFI.from_buffer(self.bytes) if _FFI is not None else None


#: Seals the RTP packet of ``size`` bytes at ``offset``; its sealed size. `pylibsrtp.Error` when it cannot be.
Seal = Callable[[Memory, int, int], int]
#: The sealed packet; `pylibsrtp.Error` or `ValueError` when it cannot be.
Protect = Callable[[bytes], bytes]
#: The packet in a sealed one; `pylibsrtp.Error` or `ValueError` when it does not hold.
Open = Callable[[bytes], bytes]


def sealer(session: pylibsrtp.Session) -> Seal:
    """Seals with this session, kept alive by what is returned. `TRAILER_MAX` bytes behind a packet must be free."""
    if not IN_PLACE:
        return _copying_sealer(session)
    length = _FFI.new("int *")

    def seal(
        memory: Memory,
        offset: int,
        size: int,
        *,
        _protect: Any = _LIB.srtp_protect,
        _srtp: Any = session._srtp[0],
        _owner: pylibsrtp.Session = session,
    ) -> int:
        length[0] = size
        status = _protect(_srtp, memory.base + offset, length)
        if status:
            raise pylibsrtp.Error(f"a packet was not sealed: {pylibsrtp.ERRORS[status]}")
        sealed: int = length[0]
        return sealed

    return seal


def protector(session: pylibsrtp.Session) -> Protect:
    """Seals copies of packets with this session, which stays alive as long as what is returned. For one thread."""
    if not IN_PLACE:
        return session.protect
    length = _FFI.new("int *")
    space = _FFI.new("char[]", _PACKET_MAX + TRAILER_MAX)
    buffer = _FFI.buffer(space)

    def protect(
        packet: bytes,
        *,
        _protect: Any = _LIB.srtp_protect,
        _srtp: Any = session._srtp[0],
        _owner: pylibsrtp.Session = session,
    ) -> bytes:
        size = len(packet)
        if size > _PACKET_MAX:
            raise ValueError(f"an RTP packet of {size} bytes; {_PACKET_MAX} at most")
        buffer[0:size] = packet
        length[0] = size
        status = _protect(_srtp, space, length)
        if status:
            raise pylibsrtp.Error(pylibsrtp.ERRORS[status])
        sealed: bytes = buffer[0 : length[0]]
        return sealed

    return protect


def _copying_sealer(session: pylibsrtp.Session) -> Seal:
    def seal(memory: Memory, offset: int, size: int) -> int:
        sealed = session.protect(memory.bytes[offset : offset + size])
        memory.bytes[offset : offset + len(sealed)] = sealed
        return len(sealed)

    return seal


def opener(session: pylibsrtp.Session) -> Open:
    """Opens with this session, which stays alive as long as what is returned."""
    if not IN_PLACE:
        return session.unprotect
    length = _FFI.new("int *")
    space = _FFI.new("char[]", _PACKET_MAX)
    buffer = _FFI.buffer(space)

    def unseal(
        data: bytes,
        *,
        _unprotect: Any = _LIB.srtp_unprotect,
        _srtp: Any = session._srtp[0],
        _owner: pylibsrtp.Session = session,
    ) -> bytes:
        size = len(data)
        if size > _PACKET_MAX:
            raise ValueError(f"an SRTP packet of {size} bytes; {_PACKET_MAX} at most")
        buffer[0:size] = data
        length[0] = size
        status = _unprotect(_srtp, space, length)
        if status:
            raise pylibsrtp.Error(pylibsrtp.ERRORS[status])
        opened: bytes = buffer[0 : length[0]]
        return opened

    return unseal
