"""NAL units that share a packet, each behind its size in two bytes (RFC 6184 section 5.7.1, RFC 7798 section 4.4.2)."""

from __future__ import annotations

from collections.abc import Iterator


def aggregated(payload: bytes, header: int) -> Iterator[bytes]:
    """The units behind a payload header of so many bytes; ends before one that is empty or cut short."""
    at = header
    while at + 2 < len(payload):
        size = payload[at] << 8 | payload[at + 1]
        at += 2
        if size == 0 or at + size > len(payload):
            return
        yield payload[at : at + size]
        at += size
