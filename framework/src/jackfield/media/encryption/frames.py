"""Frames sealed and opened: what a server needs stays in the clear and is authenticated, the rest is encrypted.

    in the clear | AES-128-GCM of the rest, with its tag | nonce (12 bytes) | 12 | index of the key

In the clear are a VP8 key frame's first 10 bytes and another's first 3 (RFC 6386 section 9.1), Opus's first (RFC 6716
section 3.1), and of H.264 all up to the second byte of the first slice, whose rest is escaped as NAL units are
(ITU-T H.264 section 7.4.1). Of VP9 nothing is: what the server needs is in its payload descriptor. AV1 has no such
form.
"""

from __future__ import annotations

import re

from attrs import evolve
from cryptography.exceptions import InvalidTag

from jackfield.media import vp9
from jackfield.media.encryption.keys import Key, KeyRing
from jackfield.media.encryption.nonces import NONCE_BYTES, Nonces
from jackfield.media.h264 import DELIMITER, IDR, SEI, SLICE, START_CODE, nal_units
from jackfield.values.media import EncodedFrame

#: Codecs whose frames can be sealed.
CODECS = ("VP8", "H264", "VP9", "opus")
_TAG_BYTES = 16
_TRAILER_BYTES = NONCE_BYTES + 2
_TO_ESCAPE = re.compile(b"\x00\x00(?=[\x00-\x03])")
_ESCAPED = b"\x00\x00\x03"
_SLICE_START = re.compile(b"\x00\x00\x01[\x00-\xff]")
_SLICES = (SLICE, IDR)
_LEFT_OUT = (DELIMITER, SEI)


class FrameSealer:
    """Seals the frames of one stream that we send. Used by one thread at a time."""

    def __init__(self, ring: KeyRing) -> None:
        self._ring, self._nonces = ring, Nonces()

    def seal(self, frame: EncodedFrame) -> EncodedFrame:
        """The frame as it is sent; ``ValueError`` for a codec that is not in `CODECS`."""
        if not frame.data:
            return frame
        data = canonical(frame.data) if frame.codec == "H264" else frame.data
        if frame.codec == "VP9" and frame.keyframe and not frame.width:  # its payload descriptor says them
            width, height = vp9.size_of(data) or (0, 0)
            frame = evolve(frame, width=width, height=height)
        clear = clear_bytes(frame.codec, data, keyframe=frame.keyframe)
        head, nonce = data[:clear], self._nonces.next()
        body = self._ring.key.cipher.encrypt(nonce, data[clear:], head)
        rest = body + nonce + bytes([NONCE_BYTES, self._ring.current])
        return evolve(frame, data=head + (escaped(rest) if frame.codec == "H264" else rest))


class Sealed(ValueError):
    """A frame that does not open. ``index`` is the key that it names, None where it names none of ours."""

    def __init__(self, why: str, index: int | None = None) -> None:
        super().__init__(why)
        self.index = index


def opened(frame: EncodedFrame, ring: KeyRing, key: Key | None = None) -> EncodedFrame:
    """The frame as it was before it was sealed, with ``key`` where one is given; `Sealed` when it does not open."""
    data = frame.data
    if not data:
        return frame
    clear = clear_bytes(frame.codec, data, keyframe=frame.keyframe)
    rest = unescaped(data[clear:]) if frame.codec == "H264" else data[clear:]
    if len(rest) < _TAG_BYTES + _TRAILER_BYTES or rest[-2] != NONCE_BYTES:
        raise Sealed("it is not encrypted as was announced")
    index = rest[-1]
    key = key or ring.get(index)
    if key is None:
        raise Sealed(f"it is encrypted with the key of index {index}, which is not known here")
    try:
        plain = key.cipher.decrypt(rest[-_TRAILER_BYTES:-2], rest[:-_TRAILER_BYTES], data[:clear])
    except InvalidTag:
        raise Sealed("it is encrypted with another key", index) from None
    return evolve(frame, data=data[:clear] + plain)


def clear_bytes(codec: str, data: bytes, *, keyframe: bool) -> int:
    """How many bytes of a frame stay in the clear; ``ValueError`` for a codec that cannot be sealed."""
    match codec:
        case "VP8":
            return 10 if keyframe else 3
        case "H264":
            return _after_slice_header(data)
        case "VP9":
            return 0
        case "opus":
            return 1
    raise ValueError(f"{codec} cannot be encrypted end to end: no other implementation would read it")


def _after_slice_header(data: bytes) -> int:
    for found in _SLICE_START.finditer(data):
        if data[found.end() - 1] & 0x1F in _SLICES:
            return found.end() + 1
    return 0


def canonical(data: bytes) -> bytes:
    """An access unit with four bytes in each start code, as receivers put it together again, without what is sent to
    nobody. Supplemental information goes too: libwebrtc counts what is in the clear in one byte."""
    units = [unit for unit in nal_units(data) if unit[0] & 0x1F not in _LEFT_OUT]
    return b"".join(START_CODE + unit for unit in units)


def escaped(data: bytes) -> bytes:
    """Bytes that contain no start code."""
    return _TO_ESCAPE.sub(_ESCAPED, data)


def unescaped(data: bytes) -> bytes:
    """What was escaped."""
    return data.replace(_ESCAPED, b"\x00\x00")
