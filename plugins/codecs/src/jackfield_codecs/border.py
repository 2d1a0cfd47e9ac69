"""Where FFmpeg's errors stop."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import av
from av.packet import Packet
from av.stream import Stream

from jackfield.values.errors import EncoderError


@contextmanager
def translated(library: str, doing: str) -> Iterator[None]:
    """Whatever PyAV raises inside leaves as ``EncoderError``, which says what ``library`` was doing."""
    try:
        yield
    except (av.FFmpegError, ValueError, MemoryError, RuntimeError) as error:
        raise EncoderError(f"{library} failed to {doing}: {error}", details={"library": library}) from error


def packet(data: bytes, library: str) -> Packet[Stream]:
    """The bytes as PyAV takes them; none at all would tell a decoder that the stream is over."""
    if not data:
        raise EncoderError(f"{library} was given an empty frame", details={"library": library})
    return Packet(data)
