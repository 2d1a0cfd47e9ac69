"""Datagrams of one drain, collected: many packets to one peer leave as one message, all peers' in one system call.

A packet is written and sealed where it is sent from. Two ways keep the same contract: `BatchOutbox` where the kernel
has sendmmsg, with UDP segmentation where it has that, and `PlainOutbox` anywhere.
"""

from __future__ import annotations

import errno
import logging
import socket
from collections.abc import Callable
from typing import Protocol

from jackfield.rtc.segments import SEGMENTS_MAX, segments
from jackfield.rtc.srtp_shim import TRAILER_MAX, Memory, Seal
from jackfield.server.sfu import sendmmsg_shim
from jackfield.server.sfu.sendmmsg_shim import Messages

logger = logging.getLogger(__name__)

#: An address as the socket gives it: (host, port) or (host, port, flow, scope).
Address = tuple[str, int] | tuple[str, int, int, int]
_TRAINS = 256
#: Memory of one train: some twenty-five packets of the usual size.
_TRAIN_BYTES = 1 << 15
_PLAIN_MAX = 256
#: The machine cuts no messages after all; packets of this size cannot be cut on the way to this peer.
_NEVER_CUT, _TOO_LARGE = (errno.EIO, errno.EOPNOTSUPP), (errno.EINVAL, errno.EMSGSIZE)


class Destination:
    """Where one peer's packets go. A new one for a new address."""

    __slots__ = ("address", "encoded", "segments", "train", "unsent")

    def __init__(self, address: Address) -> None:
        self.address = address
        self.encoded = sendmmsg_shim.encode_address(address)
        #: The train that takes this peer's next packet, while it is this peer's and the packet fits.
        self.train: Train | None = None
        #: Into so many packets a message may be cut, and how many messages were lost on the way into the socket.
        self.segments = SEGMENTS_MAX
        self.unsent = 0


class Outbox(Protocol):
    """Packets wait until `flush`; those to one destination leave in their order."""

    def put(self, to: Destination, seal: Seal, header: bytes, body: bytes) -> int:
        """The packet goes with the next flush; its sealed size. What ``seal`` raises when it cannot be sealed."""

    def flush(self) -> None:
        """What waited is sent, or dropped where the socket's buffer is full; never blocks and never raises."""


class Train:
    """Packets to one destination, one behind the other, all of the first one's size; the last may be smaller."""

    __slots__ = ("cut", "end", "limit", "room", "size", "start", "to")

    def __init__(self, start: int) -> None:
        self.start = self.end = start
        self.limit = start + _TRAIN_BYTES - TRAILER_MAX
        self.to: Destination | None = None
        #: The size before sealing and after it, and how many more packets may come.
        self.size = self.cut = self.room = 0


class BatchOutbox:
    """``wake`` is called when something waits; `flush` has to follow soon."""

    def __init__(self, sock: socket.socket, wake: Callable[[], object], *, segmenting: bool | None = None) -> None:
        self._segments = SEGMENTS_MAX if (segments(sock) if segmenting is None else segmenting) else 1
        self._wake = wake
        self._memory = Memory(_TRAINS * _TRAIN_BYTES)
        self._messages = Messages(sock, self._memory.bytes, _TRAINS, _TRAIN_BYTES)
        self._socket = sock
        self._trains = [Train(index * _TRAIN_BYTES) for index in range(_TRAINS)]
        self._used = 0

    def put(self, to: Destination, seal: Seal, header: bytes, body: bytes) -> int:
        """See `Outbox`."""
        length = len(header)
        size = length + len(body)
        train = to.train
        if train is None or train.to is not to or size > train.size or not train.room or train.end + size > train.limit:
            train = self._begin(to, size)
        memory, start = self._memory, train.end
        middle, end = start + length, start + size
        memory.bytes[start:middle] = header
        memory.bytes[middle:end] = body
        try:
            sealed = seal(memory, start, size)
        except Exception:
            self._give_back(train)
            raise
        train.end = start + sealed
        if not train.cut:
            train.cut = sealed
        train.room = train.room - 1 if size == train.size else 0
        return sealed

    def _begin(self, to: Destination, size: int) -> Train:
        if size > _TRAIN_BYTES - TRAILER_MAX:
            raise ValueError(f"a packet of {size} bytes")
        if self._used == _TRAINS:
            self.flush()
        elif not self._used:
            self._wake()
        train = self._trains[self._used]
        self._messages.address(self._used, to.encoded)
        self._used += 1
        train.to, to.train = to, train
        train.end, train.size, train.cut, train.room = train.start, size, 0, min(self._segments, to.segments)
        return train

    def _give_back(self, train: Train) -> None:
        if train.end == train.start:
            train.to = None
            self._used -= 1

    def flush(self) -> None:
        """See `Outbox`."""
        used = self._used
        if not used:
            return
        measure = self._messages.measure
        for index in range(used):
            train = self._trains[index]
            size = train.end - train.start
            measure(index, size, train.cut if size > train.cut else 0)
        sent = 0
        while sent < used:
            try:
                sent += self._messages.send(sent, used - sent)
            except BlockingIOError:
                break
            except OSError as exc:
                self._failed(self._trains[sent], exc)
                sent += 1
        for index in range(used):
            train = self._trains[index]
            if index >= sent and train.to is not None:
                train.to.unsent += 1
            train.to = None  # the destination may still point here
        self._used = 0

    def _failed(self, train: Train, exc: OSError) -> None:
        """One message was refused: cut by us where the kernel does not, else lost."""
        assert train.to is not None
        if exc.errno not in (*_NEVER_CUT, *_TOO_LARGE) or train.end - train.start <= train.cut:
            train.to.unsent += 1
            return
        logger.info("packets to %s are sent one by one: %r", train.to.address[0], exc)
        train.to.segments = 1
        if exc.errno in _NEVER_CUT:
            self._segments = 1
        for start in range(train.start, train.end, train.cut):
            try:
                self._socket.sendto(self._memory.bytes[start : min(start + train.cut, train.end)], train.to.address)
            except OSError:
                train.to.unsent += 1


class PlainOutbox:
    """One system call for each packet. ``wake`` is called when something waits; `flush` has to follow soon."""

    def __init__(self, sock: socket.socket, wake: Callable[[], object]) -> None:
        self._socket = sock
        self._wake = wake
        self._memory = Memory(_TRAIN_BYTES)
        self._waiting: list[tuple[Destination, bytes]] = []

    def put(self, to: Destination, seal: Seal, header: bytes, body: bytes) -> int:
        """See `Outbox`."""
        packet = header + body
        if len(packet) > _TRAIN_BYTES - TRAILER_MAX:
            raise ValueError(f"a packet of {len(packet)} bytes")
        self._memory.bytes[0 : len(packet)] = packet
        sealed = seal(self._memory, 0, len(packet))
        if not self._waiting:
            self._wake()
        self._waiting.append((to, self._memory.bytes[0:sealed]))
        if len(self._waiting) == _PLAIN_MAX:
            self.flush()
        return sealed

    def flush(self) -> None:
        """See `Outbox`."""
        waiting, self._waiting = self._waiting, []
        for to, packet in waiting:
            try:
                self._socket.sendto(packet, to.address)
            except OSError:
                to.unsent += 1


def make_outbox(sock: socket.socket, wake: Callable[[], object]) -> Outbox:
    """The fastest that this machine has."""
    return BatchOutbox(sock, wake) if sendmmsg_shim.SUPPORTED else PlainOutbox(sock, wake)
