"""What a stream's process and its owner say to each other, over two pipes.

The process sends OPENED (what was opened), SOUND (a block that was recorded), WANTED (``count`` blocks are to be
played), ALIVE and FAILED; its owner sends START and SOUND. The end of the owner's pipe is the end of the process.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from typing import BinaryIO

OPENED, SOUND, WANTED, ALIVE, FAILED, START = range(6)
_HEADER = struct.Struct("<BqIII")


@dataclass(frozen=True, slots=True)
class Message:
    """One message. ``time_ns`` is of this machine's monotonic clock; ``troubles`` counts over- or underruns so far."""

    kind: int
    payload: bytes = b""
    time_ns: int = 0
    count: int = 0
    troubles: int = 0

    def packed(self) -> bytes:
        """As it goes over the pipe."""
        return _HEADER.pack(self.kind, self.time_ns, self.count, self.troubles, len(self.payload)) + self.payload


def received(pipe: BinaryIO) -> Message | None:
    """The next message, waited for; None at the end of the pipe."""
    header = pipe.read(_HEADER.size)
    if len(header) < _HEADER.size:
        return None
    kind, time_ns, count, troubles, size = _HEADER.unpack(header)
    payload = pipe.read(size)
    return None if len(payload) < size else Message(kind, payload, time_ns, count, troubles)


def send(descriptor: int, message: Message) -> None:
    """The message is in the pipe. ``OSError`` when nobody reads it."""
    left = message.packed()
    while left:
        left = left[os.write(descriptor, left) :]
