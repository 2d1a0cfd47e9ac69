"""VP9 bitstreams as far as a call has to know them: a key frame's size, and superframes (VP9, section 6.2, annex B)."""

from __future__ import annotations

from collections.abc import Sequence

from jackfield.media.bits import Bits

_SYNC_CODE = 0x498342
_SRGB = 7
_FRAMES_MAX = 8
#: The uncompressed header of a key frame, up to its size.
_HEADER_BYTES = 12


def size_of(data: bytes) -> tuple[int, int] | None:
    """Width and height in a key frame's uncompressed header; None for other frames, and where it does not hold."""
    try:
        return _read(Bits(data[:_HEADER_BYTES]))
    except ValueError:
        return None


def _read(bits: Bits) -> tuple[int, int] | None:
    if bits.take(2) != 2:
        return None
    profile = bits.take(1) | bits.take(1) << 1
    if profile == 3:
        bits.take(1)
    shows_existing, is_inter = bits.take(1), bits.take(1)
    if shows_existing or is_inter:
        return None
    bits.take(2)
    if bits.take(24) != _SYNC_CODE:
        return None
    if profile >= 2:
        bits.take(1)
    samples_colour = profile in (1, 3)
    if bits.take(3) != _SRGB:
        bits.take(4 if samples_colour else 1)
    elif samples_colour:
        bits.take(1)
    return bits.take(16) + 1, bits.take(16) + 1


def superframe(frames: Sequence[bytes]) -> bytes:
    """Frames that belong to one picture, with the index that tells a decoder where each begins; one alone needs none.

    `ValueError` for none, and for more than eight.
    """
    if not 0 < len(frames) <= _FRAMES_MAX:
        raise ValueError(f"a VP9 picture of {len(frames)} frames")
    if len(frames) == 1:
        return frames[0]
    width = (max(map(len, frames)).bit_length() + 7) // 8
    marker = bytes([0xC0 | width - 1 << 3 | len(frames) - 1])
    sizes = b"".join(len(frame).to_bytes(width, "little") for frame in frames)
    return b"".join(frames) + marker + sizes + marker
