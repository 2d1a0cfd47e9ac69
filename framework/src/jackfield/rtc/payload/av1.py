"""AV1 (AOM "RTP Payload Format For AV1", version 1.0): as much as forwarding needs."""

from __future__ import annotations


def is_keyframe(payload: bytes) -> bool:
    """Whether a coded video sequence begins here: the N bit of the aggregation header (section 4.4)."""
    return bool(payload[0] & 0x08)
