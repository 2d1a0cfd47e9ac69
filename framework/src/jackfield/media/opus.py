"""What an Opus packet says of itself (RFC 6716 section 3)."""

from __future__ import annotations

_SILK_MS = (10.0, 20.0, 40.0, 60.0)
_HYBRID_MS = (10.0, 20.0)
_CELT_MS = (2.5, 5.0, 10.0, 20.0)


def duration_ns(packet: bytes) -> int:
    """How long the packet sounds; 0 when it holds no frame."""
    if not packet:
        return 0
    configuration, code = packet[0] >> 3, packet[0] & 3
    if configuration < 12:
        frame_ms = _SILK_MS[configuration & 3]
    elif configuration < 16:
        frame_ms = _HYBRID_MS[configuration & 1]
    else:
        frame_ms = _CELT_MS[configuration & 3]
    frames = (1, 2, 2)[code] if code < 3 else (packet[1] & 0x3F if len(packet) > 1 else 0)
    return min(round(frame_ms * frames * 1_000_000), 120_000_000)
