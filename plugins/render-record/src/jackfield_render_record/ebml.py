"""EBML elements as bytes (RFC 8794)."""

from __future__ import annotations

import struct

_UNKNOWN_SIZE = b"\x01\xff\xff\xff\xff\xff\xff\xff"


def size(length: int, width: int = 0) -> bytes:
    """A length as a variable-size integer, in ``width`` bytes or the fewest that hold it."""
    width = width or next(width for width in range(1, 9) if length < (1 << 7 * width) - 1)
    return (length | 1 << 7 * width).to_bytes(width, "big")


def element(identifier: int, *content: bytes) -> bytes:
    """An element of known size."""
    body = b"".join(content)
    return _id(identifier) + size(len(body)) + body


def endless(identifier: int) -> bytes:
    """The head of an element that goes on to the end of the file."""
    return _id(identifier) + _UNKNOWN_SIZE


def unsigned(identifier: int, value: int) -> bytes:
    """An unsigned integer."""
    return element(identifier, value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big"))


def real(identifier: int, value: float) -> bytes:
    """A float of eight bytes."""
    return element(identifier, struct.pack(">d", value))


def text(identifier: int, value: str) -> bytes:
    """A string in UTF-8."""
    return element(identifier, value.encode())


def void(total: int) -> bytes:
    """So many bytes that mean nothing: room for what comes later."""
    width = 1 if total < 100 else 8
    return b"\xec" + size(total - 1 - width, width) + bytes(total - 1 - width)


def padded(content: bytes, total: int) -> bytes:
    """The content, and room up to so many bytes."""
    return content + void(total - len(content))


def _id(identifier: int) -> bytes:
    return identifier.to_bytes((identifier.bit_length() + 7) // 8, "big")
