"""Where FFmpeg's errors stop, and what FFmpeg itself says of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import av
import av.logging
from av.packet import Packet
from av.stream import Stream

from jackfield.values.errors import EncoderError

Opened = TypeVar("Opened")

#: What PyAV raises: FFmpeg's own errors, and Python's where it looks before it calls.
FOREIGN = (av.FFmpegError, ValueError, MemoryError, RuntimeError, NotImplementedError)


@contextmanager
def translated(library: str, doing: str) -> Iterator[None]:
    """Whatever PyAV raises inside leaves as ``EncoderError``, which says what ``library`` was doing."""
    try:
        yield
    except FOREIGN as error:
        raise EncoderError(f"{library} failed to {doing}: {error}", details={"library": library}) from error


def packet(data: bytes, library: str) -> Packet[Stream]:
    """The bytes as PyAV takes them; none at all would tell a decoder that the stream is over."""
    if not data:
        raise EncoderError(f"{library} was given an empty frame", details={"library": library})
    return Packet(data)


def opened(library: str, doing: str, open: Callable[[], Opened]) -> Opened:
    """What ``open`` makes, or ``EncoderError`` with FFmpeg's own words: its error numbers say little of a driver.

    PyAV hears FFmpeg only while somebody listens, and all of the process does. So it is opened again to listen, and
    only where it failed.
    """
    try:
        return open()
    except FOREIGN:
        with _listening() as lines:
            try:
                return open()
            except FOREIGN as error:
                said = "; ".join(dict.fromkeys(line.strip() for _, _, line in lines)) or str(error)
                raise EncoderError(f"{library} failed to {doing}: {said}", details={"library": library}) from error


@contextmanager
def _listening() -> Iterator[list[tuple[int, str, str]]]:
    """What FFmpeg calls an error on this thread: level, who says it, a line."""
    level = av.logging.get_level()
    av.logging.set_level(av.logging.ERROR)
    try:
        with av.logging.Capture() as lines:
            yield lines
    finally:
        av.logging.set_level(level)
