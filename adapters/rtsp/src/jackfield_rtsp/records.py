"""What the client program prints: records of a kind, a length and content."""

from __future__ import annotations

import struct

HEADER, PACKET, ERROR = b"H", b"P", b"E"
#: No packet of a camera is longer.
LONGEST = 16 << 20
_HEAD = struct.Struct(">cI")

#: Why there is no media → in our words, of ``{place}`` and what was ``{said}``; and what to do.
KINDS = {
    "denied": ("it refuses the name and password{said}", "correct user and password"),
    "absent": ("there is a server at {place}, and no such stream on it{said}", "correct the path of url"),
    "trouble": (
        "{place} is there, and has trouble of its own{said}",
        "see to the camera: it may be busy, or want a restart",
    ),
    "unknown": ("there is no host of the name {host}{said}", "correct url"),
    "refused": ("{place} refuses the connection", "switch the camera on, or correct the port of url"),
    "silent": ("{place} does not answer within {timeout_s:g} s", "switch the camera on, or correct url"),
    "stalled": ("no packet came for {timeout_s:g} s, although it is connected", "see to the camera"),
    "ended": ("it ended the stream", "see to the camera"),
    "lost": ("the connection was lost{said}", "see to the network"),
    "nothing": ("it has no stream of this kind{said}", "look what it has in its own settings"),
    "codec": (
        "it sends what this FFmpeg cannot read{said}, where H.264 is sent on as it is, and H.265, JPEG, MPEG-4, VP8, "
        "VP9, AV1 are decoded (of sound G.711, G.722, AAC, Opus)",
        "choose one of these in its own settings",
    ),
    "foreign": ("what {place} answers is no camera's stream{said}", "correct url"),
    "moved": ("{place} sends us to another server{said}, where the password does not go", "correct url"),
    "circle": ("{place} sends us round in a circle", "see to the camera, or correct url"),
    "other": ("{place} cannot be used{said}", "correct url, or set transport to what the camera can do"),
}


class Garbled(ValueError):
    """These are no records."""


def record(kind: bytes, content: bytes) -> bytes:
    """One record."""
    return _HEAD.pack(kind, len(content)) + content


class Records:
    """Takes a row of records apart, in pieces of any size."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def push(self, data: bytes) -> list[tuple[bytes, bytes]]:
        """Kind and content of each record that these bytes complete; `Garbled` where there is none."""
        self._buffer += data
        found = []
        while len(self._buffer) >= _HEAD.size:
            kind, length = _HEAD.unpack_from(self._buffer)
            if kind not in (HEADER, PACKET, ERROR) or length > LONGEST:
                raise Garbled(f"{bytes(self._buffer[:8])!r} is no record")
            if len(self._buffer) < _HEAD.size + length:
                break
            found.append((kind, bytes(self._buffer[_HEAD.size : _HEAD.size + length])))
            del self._buffer[: _HEAD.size + length]
        return found
