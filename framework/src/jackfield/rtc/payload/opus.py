"""Opus (RFC 7587): one packet is one payload."""

from __future__ import annotations

from collections.abc import Sequence

from jackfield.values.media import EncodedFrame


def is_keyframe(payload: bytes) -> bool:
    """Every Opus packet stands alone."""
    return True


class Packetizer:
    """Passes packets through."""

    def __init__(self, max_payload: int) -> None:
        self._max_payload = max_payload

    def packetize(self, frame: EncodedFrame) -> list[bytes]:
        """The packet itself."""
        return [frame.data]


class Depacketizer:
    """Passes payloads through."""

    def starts_frame(self, payload: bytes) -> bool:
        """Always."""
        return True

    def assemble(self, payloads: Sequence[bytes]) -> bytes:
        """The one payload."""
        if len(payloads) != 1:
            raise ValueError(f"an Opus packet in {len(payloads)} payloads")
        return payloads[0]
