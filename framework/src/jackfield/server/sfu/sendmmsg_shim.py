"""Many datagrams to many addresses in one system call: Linux's sendmmsg(2) with UDP segmentation, through ctypes.

The structures are those of 64-bit Linux (``struct msghdr``, ``mmsghdr``, ``iovec``, ``cmsghdr``); anywhere else
`SUPPORTED` is False.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import socket
import struct
import sys

from jackfield.rtc.segments import SOL_UDP, UDP_SEGMENT

_ADDRESS_BYTES = 32
_MMSGHDR = struct.Struct("=QIxxxxQQQQixxxxIxxxx")
_IOVEC = struct.Struct("=QQ")
_CMSG = struct.Struct("=QiiHxxxxxx")
_SOCKADDR_IN = struct.Struct("=HH4s8x")
_CMSG_LENGTH = 16 + 2
_CONTROL_AT = 40 // 8
_HEADER_WORDS = _MMSGHDR.size // 8


def _bound() -> ctypes._NamedFuncPointer | None:
    if not sys.platform.startswith("linux") or struct.calcsize("P") != 8 or sys.byteorder != "little":
        return None
    try:
        function = ctypes.CDLL(None, use_errno=True).sendmmsg
    except (OSError, AttributeError):
        return None
    function.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int)
    function.restype = ctypes.c_int
    return function


_SENDMMSG = _bound()
#: Whether this machine has the call and the structures.
SUPPORTED = _SENDMMSG is not None


def encode_address(address: tuple[str, int] | tuple[str, int, int, int]) -> bytes:
    """The ``sockaddr`` of an address as the socket gives it."""
    port = socket.htons(address[1])
    if len(address) == 2:
        return _SOCKADDR_IN.pack(socket.AF_INET, port, socket.inet_pton(socket.AF_INET, address[0]))
    host = socket.inet_pton(socket.AF_INET6, address[0].partition("%")[0])
    return struct.pack("=HHI16sI", socket.AF_INET6, port, socket.htonl(address[2]), host, address[3])


class Messages:
    """``count`` messages to be sent through one socket, the n-th of which lies at ``n * spacing`` in ``memory``."""

    def __init__(self, sock: socket.socket, memory: mmap.mmap, count: int, spacing: int) -> None:
        self._descriptor = sock.fileno()
        self._memory = memory
        self._names = bytearray(count * _ADDRESS_BYTES)
        self._vectors = bytearray(count * _IOVEC.size)
        self._controls = bytearray(count * _CMSG.size)
        self._headers = bytearray(count * _MMSGHDR.size)
        name_size = 16 if sock.family == socket.AF_INET else 28
        data, names, vectors, controls, self._start = (
            ctypes.addressof(ctypes.c_char.from_buffer(buffer))
            for buffer in (memory, self._names, self._vectors, self._controls, self._headers)
        )
        for index in range(count):
            _IOVEC.pack_into(self._vectors, index * _IOVEC.size, data + index * spacing, 0)
            _CMSG.pack_into(self._controls, index * _CMSG.size, _CMSG_LENGTH, SOL_UDP, UDP_SEGMENT, 0)
            header = (names + index * _ADDRESS_BYTES, name_size, vectors + index * _IOVEC.size, 1)
            _MMSGHDR.pack_into(self._headers, index * _MMSGHDR.size, *header, controls + index * _CMSG.size, 0, 0, 0)
        self._lengths = memoryview(self._vectors).cast("Q")
        self._words = memoryview(self._headers).cast("Q")
        self._cuts = memoryview(self._controls).cast("H")

    def address(self, index: int, encoded: bytes) -> None:
        """Where a message goes, as `encode_address` says it."""
        start = index * _ADDRESS_BYTES
        self._names[start : start + len(encoded)] = encoded

    def measure(self, index: int, size: int, segment: int) -> None:
        """How long a message is, and into pieces of what size it is cut; 0: it is sent whole."""
        self._lengths[2 * index + 1] = size
        self._words[_HEADER_WORDS * index + _CONTROL_AT] = _CMSG.size if segment else 0
        self._cuts[index * 12 + 8] = segment

    def send(self, first: int, count: int) -> int:
        """Sends ``count`` messages from ``first`` on; how many went. `OSError` when the first of them did not."""
        assert _SENDMMSG is not None
        sent: int = _SENDMMSG(self._descriptor, self._start + first * _MMSGHDR.size, count, 0)
        if sent < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        return sent
