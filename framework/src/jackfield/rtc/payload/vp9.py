"""VP9 (RFC 9628): as much as forwarding needs."""

from __future__ import annotations


def is_keyframe(payload: bytes) -> bool:
    """Whether a picture that is not inter-predicted begins here, in its lowest spatial layer (section 4.2)."""
    first = payload[0]
    has_id, predicted, has_layers, begins = first & 0x80, first & 0x40, first & 0x20, first & 0x08
    if predicted or not begins:
        return False
    position = 1
    if has_id and len(payload) > position:
        position += 2 if payload[position] & 0x80 else 1
    if not has_layers:
        return True
    return len(payload) > position and payload[position] >> 1 & 0x07 == 0
