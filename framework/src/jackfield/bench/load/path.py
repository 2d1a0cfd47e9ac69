"""One peer's path to a server on one socket: connectivity checks both ways, then datagrams. No gathering, no choice."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable, Iterable, Sequence

from aioice import stun

from jackfield.rtc import ice_lite
from jackfield.rtc.link import ignore

_CHECK_S, _KEEP_S = 0.1, 2.5
_DATAGRAM_MAX = 2048
_BUFFER_BYTES = 8 << 20
#: SO_TIMESTAMPNS of Linux: each datagram's arrival in the kernel, as a timespec of the wall clock.
_TIMESTAMPNS = 35
_TIMESPEC = struct.Struct("qq")


class LoadPath:
    """A `Link` that controls. With ``timed``, ``arrived_ns`` is when the kernel took the datagram in hand (wall clock).

    The queue in front of this process is then no part of a delay that is measured with it.
    """

    controlling = True

    def __init__(self, address: str, *, timed: bool = False) -> None:
        self.local_ufrag, self.local_pwd = ice_lite.local_credentials()
        self.on_datagram: Callable[[bytes], None] = ignore
        self.on_closed: Callable[[], None] = ignore
        self.arrived_ns = 0
        self._timed = timed
        self._remote_ufrag = self._remote_pwd = ""
        self._connected = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
        if timed:
            self._socket.setsockopt(socket.SOL_SOCKET, _TIMESTAMPNS, 1)
        self._socket.bind((address, 0))

    @property
    def place(self) -> tuple[str, int]:
        """The address and port on this side."""
        host, port = self._socket.getsockname()
        return host, port

    async def connect(self, ufrag: str, pwd: str, candidates: Iterable[str]) -> None:
        """Checked by the server's first UDP host candidate; `TimeoutError` when it does not answer."""
        self._remote_ufrag, self._remote_pwd = ufrag, pwd
        self._socket.connect(_place(candidates))
        loop = asyncio.get_running_loop()
        loop.add_reader(self._socket.fileno(), self._drain)
        self._task = loop.create_task(self._check())
        async with asyncio.timeout(10):
            await self._connected.wait()

    async def _check(self) -> None:
        while True:
            self._socket.send(self._request())
            await asyncio.sleep(_KEEP_S if self._connected.is_set() else _CHECK_S)

    def _request(self) -> bytes:
        message = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
        message.attributes["USERNAME"] = f"{self._remote_ufrag}:{self.local_ufrag}"
        message.attributes["PRIORITY"] = 1
        message.attributes["ICE-CONTROLLING"] = 1
        message.attributes["USE-CANDIDATE"] = None
        message.add_message_integrity(self._remote_pwd.encode())
        return bytes(message)

    def _drain(self) -> None:
        while True:
            try:
                if self._timed:
                    data, ancillary, _, _ = self._socket.recvmsg(_DATAGRAM_MAX, 64)
                    seconds, nanoseconds = _TIMESPEC.unpack(ancillary[0][2])
                    self.arrived_ns = seconds * 1_000_000_000 + nanoseconds
                else:
                    data = self._socket.recv(_DATAGRAM_MAX)
            except OSError:
                return
            if data and data[0] > 3:
                self.on_datagram(data)
            elif ice_lite.is_stun(data):
                self._stun(data)

    def _stun(self, data: bytes) -> None:
        response = ice_lite.answer(data, self._socket.getpeername(), ufrag=self.local_ufrag, pwd=self.local_pwd)
        if response is not None:
            self.send(response)
        elif data[0] == 1:  # a success response
            self._connected.set()

    def send(self, data: bytes) -> None:
        """Sends; what the socket does not take is lost, as on any path."""
        try:
            self._socket.send(data)
        except OSError:
            pass

    def send_all(self, datagrams: Sequence[bytes]) -> None:
        """One by one."""
        for data in datagrams:
            self.send(data)

    async def close(self) -> None:
        """The socket is gone."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
        asyncio.get_running_loop().remove_reader(self._socket.fileno())
        self._socket.close()


def _place(candidates: Iterable[str]) -> tuple[str, int]:
    """Host and port of the first IPv4 host candidate over UDP (RFC 8839 section 5.1)."""
    for line in candidates:
        fields = line.split()
        if len(fields) > 7 and fields[2].lower() == "udp" and fields[7] == "host" and ":" not in fields[4]:
            return fields[4], int(fields[5])
    raise ConnectionError("the server names no IPv4 host candidate over UDP")
