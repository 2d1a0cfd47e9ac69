"""The wire to the kernel's virtual host controller: requests come in, and transfers are answered.

Source: Documentation/usb/usbip_protocol.rst; the port is attached with a socket, as usbip's own tool does.
"""

from __future__ import annotations

import socket
import struct
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from attrs import define, field, frozen

_CONTROLLER = Path("/sys/devices/platform/vhci_hcd.0")
_HIGH_SPEED = 3
_SUBMIT, _UNLINK, _SUBMITTED, _UNLINKED = 1, 2, 3, 4
_HEADER = struct.Struct(">IIIII")
_CONNRESET, _STALL = -104, -32
_MOST_PACKETS = 4096


@define
class Transfer:
    """One request of the host: to or from an endpoint, so many bytes, with a set-up packet on endpoint 0."""

    number: int
    endpoint: int
    is_in: bool
    length: int
    setup: bytes
    data: bytes = b""
    #: Where each isochronous packet belongs: offset and length.
    packets: tuple[tuple[int, int], ...] = ()


@frozen
class Reply:
    """What a transfer is answered with; isochronous ones say how long each packet is."""

    data: bytes = b""
    status: int = 0
    length: int | None = None
    packets: tuple[tuple[int, int, int], ...] = field(default=())


STALLED = Reply(status=_STALL)


class Link:
    """A plugged-in device as the host sees it. ``close`` pulls the plug."""

    def __init__(self, port: int, on_control: Callable[[Transfer], Reply | None]) -> None:
        self.over = False
        self.ready = threading.Condition()
        self._port = port
        self._on_control = on_control
        self._waiting: dict[int, deque[Transfer]] = {}
        self._socket, self._far = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self._incoming = self._socket.makefile("rb", 1 << 16)
        self._reader = threading.Thread(target=self._read, name=f"usbip {port}", daemon=True)

    def attach(self) -> None:
        """The host sees a new device at this port and begins to ask."""
        for end in (self._socket, self._far):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 << 20)
        self._reader.start()
        words = f"{self._port} {self._far.fileno()} {self._port + 1} {_HIGH_SPEED}"
        (_CONTROLLER / "attach").write_text(words)
        self._far.close()

    def close(self) -> None:
        """The device is gone from the host. From any thread; the reading thread ends by itself."""
        with self.ready:
            if self.over:
                return
            self.over = True
            self.ready.notify_all()
        with suppress(OSError):  # the kernel may have hung up meanwhile
            (_CONTROLLER / "detach").write_text(str(self._port))
            self._socket.shutdown(socket.SHUT_RDWR)

    def wait(self, endpoint: int, wanted: Callable[[], bool]) -> Transfer | None:
        """The next transfer from this endpoint, which stays where it is; None once it is not wanted any more."""
        with self.ready:
            while not self._waiting.get(endpoint):
                if self.over or not wanted():
                    return None
                self.ready.wait(0.5)
            return self._waiting[endpoint][0]

    def fill(self, endpoint: int, wanted: Callable[[], bool], make: Callable[[Transfer], Reply]) -> bool:
        """Answers the next transfer. Whether it did."""
        with self.ready:  # held until it is sent: the answer to an unlink must not overtake it
            if self.wait(endpoint, wanted) is None or not wanted():
                return False
            transfer = self._waiting[endpoint].popleft()
            self._send(_packed(transfer, make(transfer)))
            return True

    def fill_all(self, endpoint: int, make: Callable[[Transfer], Reply]) -> None:
        """Answers every transfer that waits there, at once."""
        with self.ready:
            waiting = self._waiting.get(endpoint, deque())
            answers = [_packed(transfer, make(transfer)) for transfer in waiting]
            waiting.clear()
            self._send(b"".join(answers))

    def _read(self) -> None:
        try:
            with self._socket, self._incoming:
                while True:
                    self._take()
        except (OSError, EOFError):
            with self.ready:
                self.over = True
                self.ready.notify_all()

    def _take(self) -> None:
        head = self._exactly(48)
        kind, number, _, direction, endpoint = _HEADER.unpack_from(head)
        if kind == _UNLINK:
            self._unlink(number, struct.unpack_from(">I", head, 20)[0])
            return
        _, length, _, count, _ = struct.unpack_from(">Iiiii", head, 20)
        is_in = direction == 1
        data = b"" if is_in or not length else self._exactly(length)
        rows = range(count) if endpoint and 0 < count < _MOST_PACKETS else ()
        packets = tuple(struct.unpack(">II8x", self._exactly(16)) for _ in rows)
        transfer = Transfer(number, endpoint, is_in, length, head[40:48], data, packets)
        if endpoint == 0:
            reply = self._on_control(transfer)
            if reply:
                with self.ready:
                    self._send(_packed(transfer, reply))
            return
        with self.ready:
            self._waiting.setdefault(endpoint, deque()).append(transfer)
            self.ready.notify_all()

    def _unlink(self, number: int, target: int) -> None:
        """The host takes a transfer back. Says whether it was still here."""
        with self.ready:
            found = False
            for waiting in self._waiting.values():
                for transfer in [each for each in waiting if each.number == target]:
                    waiting.remove(transfer)
                    found = True
            status = _CONNRESET if found else 0
            self._socket.sendall(_HEADER.pack(_UNLINKED, number, 0, 0, 0) + struct.pack(">i24x", status))

    def _send(self, answers: bytes) -> None:
        try:
            self._socket.sendall(answers)
        except OSError:
            self.over = True

    def _exactly(self, count: int) -> bytes:
        read: bytes = self._incoming.read(count)
        if len(read) < count:
            raise EOFError
        return read


def _packed(transfer: Transfer, reply: Reply) -> bytes:
    length = len(reply.data) if reply.length is None else reply.length
    fields = struct.pack(">iiiii8x", reply.status, length, 0, len(reply.packets), 0)
    head = _HEADER.pack(_SUBMITTED, transfer.number, 0, 0, 0)
    return head + fields + reply.data + b"".join(struct.pack(">IIII", *row, 0) for row in reply.packets)
